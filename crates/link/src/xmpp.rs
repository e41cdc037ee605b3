//! A client's XMPP stream (RFC 6120) without an operating system.
//!
//! Start at [`client::Client`], which is sans-IO, and [`line::Line`], which runs it over bytes. The host shares what signs
//! on and reads stanzas, and has a stream of its own under it.

pub mod client;
pub mod establish;
pub mod failure;
pub mod frame;
pub mod line;
mod prepare;
pub mod receive;
pub mod salted;
mod sasl;
mod scram;
pub mod signing_on;

pub use prepare::Unprepared;
pub use sasl::SaslError;
pub use scram::ScramError;
