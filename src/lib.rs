//! The host: what a fleet of devices needs around it to run on a real XMPP server.

pub mod xmpp;
