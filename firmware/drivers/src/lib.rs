//! What is soldered to a board, between embedded-hal and a device's channels: the same on every chip.
//!
//! Pure where it can be: a board reads and sets pins, and asks here what that means. Which driver there is for which
//! channel is in the definition (`thingfleet_device::binding`).

#![no_std]

#[cfg(test)]
extern crate alloc;

pub mod barometer;
mod contact;
mod meaning;

pub use contact::Contact;
pub use meaning::{colour, input, is_on, level, measured, pitch};
