//! What a device says on the air and to its server, on any body: GATT by trouble-host over whatever carries HCI, XMPP
//! over whatever carries bytes.
//!
//! The host brings a TCP connection or a serial line, the firmware its radio; both hand in a transport and get the same
//! peripheral. What may be written and how it is answered is the device's business ([`thingfleet_device`]), not decided
//! here.

#![no_std]

extern crate alloc;

#[cfg(feature = "central")]
pub mod central;
mod client;
pub mod clock;
mod controller;
mod guard;
mod h4;
mod packet;
mod peripheral;
mod pool;
mod prepared;
mod table;
pub mod xmpp;

pub use controller::ControllerError;
pub use h4::{H4, H4Error};
pub use peripheral::{Body, Failure, Happening, Order, serve};
