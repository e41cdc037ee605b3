//! XMPP on the host: connecting, signing on, and one [`session::Session`] for each device.
//!
//! tokio-xmpp negotiates the stream up to the bound identity. From there on a session reads and writes
//! [`thingfleet_device::xml::Element`]s itself; docs/decisions/0002-own-stanza-stream.md says why.

pub mod client;
pub mod connect;
mod dns;
pub mod failure;
pub mod impaired;
pub mod link;
mod negotiate;
mod pipe;
pub mod register;
pub mod session;
pub mod tls;
