//! Prints one hour of every device of the catalogue as the firmware's body lives it (`crates/bodies`).
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt::Write;
use thingfleet_bodies::board;
use thingfleet_device::definition::Definition;
use thingfleet_virt::{Serial, exit, init, standstill};

static CATALOGUE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/catalogue.bin"));

#[riscv_rt::entry]
fn main() -> ! {
    init();
    let catalogue: Vec<Definition> = match postcard::from_bytes(CATALOGUE) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            let _ = writeln!(Serial, "the definitions cannot be read: {error}");
            exit(1)
        }
    };
    for definition in &catalogue {
        if standstill::run(board::write(&mut Serial, definition)).is_err() {
            exit(1);
        }
    }
    exit(0)
}
