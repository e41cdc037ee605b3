//! `cargo fuzz run item --features libfuzzer`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thingfleet_fuzz::item(data));
