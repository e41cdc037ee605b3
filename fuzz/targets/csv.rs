//! `cargo fuzz run csv --features libfuzzer`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thingfleet_fuzz::csv(data));
