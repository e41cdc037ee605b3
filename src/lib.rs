//! The host: runs a fleet of devices against a real XMPP server.
//!
//! The device itself is in `thingfleet-device` and its YAML in `thingfleet-schema`; here are the bodies around it:
//! streams, the private server, supervision. The program `thingfleet` is a thin command line over this library.

pub mod ble;
pub mod commission;
pub mod control;
pub mod driver;
pub mod fleet;
pub mod label;
pub mod load;
pub mod memory;
mod metrics;
pub mod network;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod server;
pub mod state;
pub mod xmpp;
