//! The radio of a commissioner: what finds a device, connects to it, reads it and writes to it.
//!
//! What is done with it, in which order and for how long is the flow's business; here is no timeout. Every call may be
//! given up, after which only [`Central::disconnect`] is called.

use super::sighting::Sighting;
use crate::ble::Trouble;
use futures::future::BoxFuture;
use thingfleet_device::commissioning::{gatt::Uuid, qr::Address};

/// A Bluetooth stack that can be a client.
pub trait Central: Send {
    /// Waits for the next advertisement; scans from the first call on until it connects. What a device says in two
    /// packets may come in two sightings. Cancel-safe.
    fn sighting(&mut self) -> BoxFuture<'_, Result<Sighting, AirError>>;

    /// Connects to a device that was seen.
    fn connect(&mut self, peer: Peer) -> BoxFuture<'_, Result<(), AirError>>;

    /// Encrypts the connection: LE Secure Connections, Just Works.
    fn pair(&mut self) -> BoxFuture<'_, Result<(), AirError>>;

    /// All characteristics of all services the device has; of Generic Access (0x1800) and Generic Attribute (0x1801)
    /// only what the stack lets through.
    fn table(&mut self) -> BoxFuture<'_, Result<Vec<Found>, AirError>>;

    /// Reads Device Name (0x2A00).
    fn name(&mut self) -> BoxFuture<'_, Result<String, AirError>>;

    /// Reads a value of any length.
    fn read(&mut self, handle: Handle) -> BoxFuture<'_, Result<Vec<u8>, AirError>>;

    /// Writes a value of any length, and waits for the response.
    fn write<'a>(&'a mut self, handle: Handle, value: &'a [u8]) -> BoxFuture<'a, Result<(), AirError>>;

    /// Waits until the device has ended the connection. Cancel-safe.
    fn gone(&mut self) -> BoxFuture<'_, ()>;

    /// Ends the connection, and whatever else goes on.
    fn disconnect(&mut self) -> BoxFuture<'_, ()>;
}

/// Whom to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address in the advertisement.
    pub address: Address,
    /// Whether that is a random address (Core 5.4, Vol 6, Part B, 1.3.2) and none the manufacturer bought.
    pub is_random: bool,
}

/// How a [`Central`] finds a characteristic again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u16);

/// A characteristic that a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The service it is in.
    pub service: Uuid,
    /// Its own UUID.
    pub uuid: Uuid,
    /// What may be done with it.
    pub properties: Properties,
    /// Where it is.
    pub handle: Handle,
}

/// What may be done with a characteristic (Core 5.4, Vol 3, Part G, 3.3.1.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties(pub u8);

impl Properties {
    /// It can be read.
    pub const READ: Self = Self(0x02);
    /// It can be written without a response.
    pub const WRITE_WITHOUT_RESPONSE: Self = Self(0x04);
    /// It can be written.
    pub const WRITE: Self = Self(0x08);
    /// It can be subscribed to.
    pub const NOTIFY: Self = Self(0x10);

    /// Whether all of `others` are among them.
    pub const fn have(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

/// Why something did not work over the air.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AirError {
    /// The commissioner's own adapter is in trouble.
    #[error("{}", .0.text)]
    Trouble(Trouble),
    /// No connection came about.
    #[error("no connection came about: {0}")]
    NoConnection(String),
    /// The connection broke, or the device ended it.
    #[error("the device is not connected any more")]
    Lost,
    /// Pairing failed.
    #[error("pairing failed: {0}")]
    Pairing(String),
    /// The device refused, with the code of an ATT Error Response.
    #[error("the device answered with ATT error {code:#04x}, {}", super::att::meaning(*.0), code = .0)]
    Att(u8),
    /// The stack failed at something it does not explain in terms of the protocol.
    #[error("{0}")]
    Stack(String),
}
