//! The device's GATT table on the air, on any body: trouble-host over whatever carries HCI.
//!
//! The host brings a TCP connection or a serial line, the firmware its radio; both hand in a transport and get the same
//! peripheral. What may be written and how it is answered is the device's business ([`thingfleet_device`]), not decided
//! here.

#![no_std]

extern crate alloc;

pub mod central;
mod client;
mod controller;
mod guard;
mod h4;
mod long;
mod packet;
mod peripheral;
mod pool;
mod prepared;
mod table;

pub use controller::ControllerError;
pub use h4::{H4, H4Error};
pub use peripheral::{Body, Failure, Happening, Order, serve};
