//! Turns definitions into the bytes that images carry, and points the linker to the memory map.
//!
//! The image `device` is of the definition that `THINGFLEET_DEVICE` names, or a kettle.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

const GOLDEN: &str = "../../crates/device/tests/golden";
const KETTLE: &str = "../../devices/kettle.yaml";

fn main() {
    lower(&Path::new(GOLDEN).join("golden.yaml"), "definition.bin");
    let device = env::var_os("THINGFLEET_DEVICE").map_or_else(|| PathBuf::from(KETTLE), PathBuf::from);
    lower(&device, "device.bin");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed={GOLDEN}");
    println!("cargo:rerun-if-changed={}", device.display());
    println!("cargo:rerun-if-env-changed=THINGFLEET_DEVICE");
    println!("cargo:rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}

/// Reads a definition and writes it as bytes.
fn lower(from: &Path, to: &str) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let definition = match thingfleet_schema::definition::read_file(from) {
        Ok(definition) => definition,
        Err(mistakes) => panic!("{}", mistakes.render(false, 100)),
    };
    let bytes = postcard::to_allocvec(&definition).expect("a definition can be written as bytes");
    fs::write(out.join(to), bytes).expect("OUT_DIR can be written");
}
