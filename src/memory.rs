//! A device's non-volatile memory: what it keeps over a restart of the program.

use thingfleet_device::commissioning::credentials::Stored;

/// The memory of one device.
#[derive(Debug, Clone)]
pub struct Memory {}

impl Memory {
    /// One that forgets with the program, for devices on a private server, which forgets as well.
    pub const fn volatile() -> Self {
        Self {}
    }

    /// Keeps this instead of what was kept before.
    pub fn store(&self, _stored: &Stored) {}

    /// Forgets what was kept.
    pub fn erase(&self) {}
}
