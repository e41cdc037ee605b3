//! How a new device comes to its owner over Bluetooth (thesis 4.1 to 4.3).
//!
//! The GATT table, what may be written into it, what a sealed value is, the QR code, and the journey from an
//! unprovisioned device to `Setup done!`. Radios are outside: a body serves the [`gatt::Peripheral`] and hands each
//! write in.

pub mod advertisement;
pub mod credentials;
pub mod gatt;
pub mod journey;
pub mod pairing;
pub mod qr;
pub mod seal;
