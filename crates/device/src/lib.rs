//! One device as a sans-IO state machine.
//!
//! There is no clock, socket, radio or unseeded randomness in this crate. A body (the host's driver, the firmware,
//! a test) hands in what happens and carries out what comes back; see [`device::Device`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod agent;
mod backoff;
mod behaviour;
pub mod binding;
mod channel;
pub mod commissioning;
pub mod condition;
pub mod definition;
pub mod device;
pub mod fault;
mod faults;
pub mod instance;
pub mod io;
pub mod jid;
pub mod model;
pub mod ns;
pub mod pattern;
pub mod publish;
pub mod random;
pub mod stream_management;
#[cfg(test)]
mod testing;
pub mod time;
pub mod trace;
pub mod unit;
pub mod value;
mod world;
pub mod xml;

pub use agent::wire;
