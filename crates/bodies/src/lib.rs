//! One hour of a device's life that every body has to live alike.
//!
//! [`script`] says what happens to the device, [`wire`] is its server as far as bytes go, and [`trace`] how what it says is
//! written down, with the time. [`simulated`] lives that hour in simulated time; the host's driver does so in
//! `src/driver/bodies.rs`, and the firmware's body by `board` in an image of `firmware/virt`. The three traces have to be
//! the same to the byte.
//!
//! Time goes by in whole milliseconds, which is as finely as the host's timers know it.

#![no_std]

extern crate alloc;

#[cfg(feature = "board")]
pub mod board;
pub mod script;
pub mod simulated;
pub mod trace;
pub mod wire;
