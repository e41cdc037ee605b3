//! A client's XMPP stream (RFC 6120) without an operating system.
//!
//! Start at [`client::Client`], which is sans-IO, and [`line::Line`], which runs it over bytes. The host shares what reads
//! stanzas and establishes sessions; signing on it leaves to tokio-xmpp.

pub mod client;
pub mod establish;
pub mod failure;
pub mod frame;
pub mod line;
pub mod receive;
mod sasl;
mod scram;
mod signing_on;

pub use sasl::SaslError;
pub use scram::ScramError;
