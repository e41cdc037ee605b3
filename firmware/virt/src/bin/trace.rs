//! Prints the golden trace: a day of the device of `crates/device/tests/golden`.
#![no_std]
#![no_main]

use core::time::Duration;
use thingfleet_device::{
    time::UnixMillis,
    trace::{self, Format, Trace},
};
use thingfleet_virt::{Serial, exit, given, init};

#[riscv_rt::entry]
fn main() -> ! {
    init();
    let day = Duration::from_hours(24);
    for definition in &given::definitions() {
        let mut trace = Trace::new(definition, "golden-1", 7, UnixMillis(1_790_000_000_000));
        if trace::write(&mut Serial, &mut trace, day, Format::Csv).is_err() {
            exit(1);
        }
    }
    exit(0)
}
