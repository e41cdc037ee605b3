//! Prints the golden trace: a day of the device of `crates/device/tests/golden`.
#![no_std]
#![no_main]

use core::{fmt::Write, time::Duration};
use thingfleet_device::{
    definition::Definition,
    time::UnixMillis,
    trace::{self, Format, Trace},
};
use thingfleet_virt::{Serial, exit, init};

static DEFINITION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/definition.bin"));

#[riscv_rt::entry]
fn main() -> ! {
    init();
    let definition: Definition = match postcard::from_bytes(DEFINITION) {
        Ok(definition) => definition,
        Err(error) => {
            let _ = writeln!(Serial, "the definition cannot be read: {error}");
            exit(1)
        }
    };
    let mut trace = Trace::new(&definition, "golden-1", 7, UnixMillis(1_790_000_000_000));
    let day = Duration::from_secs(86_400);
    match trace::write(&mut Serial, &mut trace, day, Format::Csv) {
        Ok(()) => exit(0),
        Err(_) => exit(1),
    }
}
