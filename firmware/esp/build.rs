//! Points the linker to the memory map of the chip.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
}
