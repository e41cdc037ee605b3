//! Points the linker to the memory map, and to what TLS does without.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    // Only the image that has TLS is built with it.
    for symbol in env::var("DEP_THINGFLEET_TLS_REPLACED").iter().flat_map(|symbols| symbols.split(' ')) {
        println!("cargo::rustc-link-arg-bin=device=--wrap={symbol}");
    }
}
