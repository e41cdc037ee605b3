//! Turns definitions into the bytes that images carry, and points the linker to the memory map.
//!
//! The image `device` is of the definition that `THINGFLEET_DEVICE` names, or a kettle.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

const GOLDEN: &str = "../../crates/device/tests/golden";
/// Every shipped definition.
const DEVICES: &str = "../../devices";
const KETTLE: &str = "../../devices/kettle.yaml";

fn main() {
    lower(&Path::new(GOLDEN).join("golden.yaml"), "definition.bin");
    catalogue("catalogue.bin");
    let device = env::var_os("THINGFLEET_DEVICE").map_or_else(|| PathBuf::from(KETTLE), PathBuf::from);
    lower(&device, "device.bin");
    fs::write(out().join("built"), built().to_string()).expect("OUT_DIR can be written");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed={DEVICES}");
    println!("cargo:rerun-if-changed={GOLDEN}");
    println!("cargo:rerun-if-changed={}", device.display());
    println!("cargo:rerun-if-env-changed=THINGFLEET_DEVICE");
    println!("cargo:rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    // What TLS does without, in the image that has it.
    for symbol in env::var("DEP_THINGFLEET_TLS_REPLACED").iter().flat_map(|symbols| symbols.split(' ')) {
        println!("cargo:rustc-link-arg-bin=device=--wrap={symbol}");
    }
}

/// Writes all shipped definitions as bytes, in the order of their names.
fn catalogue(to: &str) {
    let all: Vec<_> = thingfleet_schema::catalogue::all().iter().map(|entry| entry.definition()).collect();
    let bytes = postcard::to_allocvec(&all).expect("definitions can be written as bytes");
    fs::write(out().join(to), bytes).expect("OUT_DIR can be written");
}

/// Milliseconds since 1970 that an image is not older than: now, or what whoever builds reproducibly says.
fn built() -> u128 {
    let said = env::var("SOURCE_DATE_EPOCH").ok().and_then(|said| said.parse::<u128>().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    said.map_or_else(now, |seconds| seconds * 1000)
}

fn out() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"))
}

/// Reads a definition and writes it as bytes.
fn lower(from: &Path, to: &str) {
    let definition = match thingfleet_schema::definition::read_file(from) {
        Ok(definition) => definition,
        Err(mistakes) => panic!("{}", mistakes.render(false, 100)),
    };
    let bytes = postcard::to_allocvec(&definition).expect("a definition can be written as bytes");
    fs::write(out().join(to), bytes).expect("OUT_DIR can be written");
}
