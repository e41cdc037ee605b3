//! What the machine is given when it is started: device definitions that QEMU's loader leaves in memory, beyond what the
//! image uses (`-device loader,file=DEFINITIONS,addr=0x80800000,force-raw=on`).
//!
//! Their length in four bytes, least significant first, and then a list of them as postcard
//! (`crates/bodies/examples/definitions.rs`).

use crate::{Serial, exit, read};
use alloc::vec::Vec;
use core::fmt::Write as _;
use thingfleet_device::definition::Definition;

/// Where they lie; `memory.x` ends before.
const LENGTH: usize = 0x8080_0000;
const DEFINITIONS: usize = LENGTH + 4;
/// Longest they may be, in bytes.
const LONGEST: usize = 1 << 20;

/// Reads them, or ends the emulation.
pub fn definitions() -> Vec<Definition> {
    let length = (read::<u32>(LENGTH) as usize).min(LONGEST);
    let bytes: Vec<u8> = (DEFINITIONS..DEFINITIONS + length).map(read::<u8>).collect();
    match postcard::from_bytes(&bytes) {
        Ok(definitions) => definitions,
        Err(error) => {
            _ = writeln!(Serial, "the definitions cannot be read: {error}");
            exit(1)
        }
    }
}
