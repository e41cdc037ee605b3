//! Points the linker to the memory map of the chip, and to what TLS does without.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-Tlinkall.x");
    // The linker of the ESP32's compiler is reached through gcc.
    let is_xtensa = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "xtensa");
    let option = if is_xtensa { "-Wl,--wrap=" } else { "--wrap=" };
    for symbol in env::var("DEP_THINGFLEET_TLS_REPLACED").iter().flat_map(|symbols| symbols.split(' ')) {
        println!("cargo::rustc-link-arg-bins={option}{symbol}");
    }
}
