//! Prints one hour of every device of the catalogue as the firmware's body lives it (`crates/bodies`).
#![no_std]
#![no_main]

use thingfleet_bodies::board;
use thingfleet_virt::{Serial, exit, given, init, standstill};

#[riscv_rt::entry]
fn main() -> ! {
    init();
    for definition in &given::definitions() {
        if standstill::run(board::write(&mut Serial, definition)).is_err() {
            exit(1);
        }
    }
    exit(0)
}
