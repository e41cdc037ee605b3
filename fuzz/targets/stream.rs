//! `cargo fuzz run stream --features libfuzzer`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thingfleet_fuzz::stream(data));
