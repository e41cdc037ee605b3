//! The vocabulary between a fleet and whoever watches or steers it: [`snapshot`], [`event`], [`command`], [`traffic`],
//! [`load`].
//!
//! The types are the JSON of the control interface (docs/CONTROL.md) and carry its schema. The crate knows names and
//! values of devices and nothing of how they run; [`client`] is the way to a fleet of another process.

pub mod client;
pub mod command;
pub mod event;
pub mod fault;
pub mod load;
pub mod problem;
pub mod snapshot;
pub mod traffic;
pub mod value;
