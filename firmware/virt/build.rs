//! Turns the golden definition into the bytes the image carries, and points the linker to the memory map.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

const GOLDEN: &str = "../../crates/device/tests/golden";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let definition = match thingfleet_schema::definition::read_file(&Path::new(GOLDEN).join("golden.yaml")) {
        Ok(definition) => definition,
        Err(mistakes) => panic!("{}", mistakes.render(false, 100)),
    };
    let bytes = postcard::to_allocvec(&definition).expect("a definition can be written as bytes");
    fs::write(out.join("definition.bin"), bytes).expect("OUT_DIR can be written");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed={GOLDEN}");
    println!("cargo:rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
