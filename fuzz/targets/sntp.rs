//! `cargo fuzz run sntp --features libfuzzer`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thingfleet_fuzz::sntp(data));
