//! `cargo fuzz run gatt --features libfuzzer`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thingfleet_fuzz::gatt(data));
