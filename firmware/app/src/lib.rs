//! The body of a device on a microcontroller: what the host's driver is there, as one loop without an operating system.
//!
//! Start at [`body::run`]. A board brings a [`platform::Radio`], a [`platform::Network`], a flash and a
//! [`platform::Panel`], and decides nothing; everything a device does is in `thingfleet-device`.

#![no_std]

extern crate alloc;

mod air;
pub mod body;
pub mod carried;
pub mod last_words;
pub mod light;
pub mod platform;
pub mod sntp;
mod station;
pub mod store;
mod stream;
pub mod time;
pub mod wall;
