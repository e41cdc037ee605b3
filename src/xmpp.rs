//! XMPP on the host: connecting, signing on, and one [`session::Session`] for each device.
//!
//! Streams are our own, read and written as [`thingfleet_device::xml::Element`]s; docs/decisions/0002-own-stanza-stream.md
//! says why. How one signs on is `crates/link`'s, as on firmware.

pub mod client;
pub mod connect;
mod deriving;
mod dns;
pub mod failure;
pub mod impaired;
pub mod link;
mod negotiate;
mod pipe;
pub mod register;
pub mod session;
pub mod tls;
