//! What one device exchanges with its surroundings: stanzas, and GATT operations while it is commissioned.
//!
//! It is recorded only while somebody listens, bounded in size, and without secrets: passwords, whatever authenticates,
//! and what a client writes as one never come as far as here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most of one stanza or value that is told, in bytes.
pub const LONGEST: usize = 4096;
/// Stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// One thing that a device exchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// Its place in the order of what the device exchanged while anybody listened, from 1. Whoever listens too slowly
    /// misses some, and is told so by a gap.
    pub seq: u64,
    /// The device's own time: seconds since it was switched on.
    pub device_seconds: f64,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// What a device exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "exchange", rename_all = "kebab-case")]
pub enum What {
    /// A stanza with its server.
    Stanza(Stanza),
    /// An operation of a client on its peripheral.
    Gatt(Gatt),
}

/// A stanza.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stanza {
    /// Which way it went.
    pub direction: Direction,
    /// Its XML, on one line; only the beginning of one that is longer than 4096 bytes, which is no XML any more.
    pub xml: String,
    /// Length of the whole XML, in bytes.
    pub length: u64,
}

/// Which way a stanza went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the device to the server.
    Sent,
    /// From the server to the device.
    Received,
}

/// An operation on a device's peripheral.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gatt {
    /// What the client did.
    pub operation: Operation,
    /// The characteristic it did it to: `Wi-Fi SSID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characteristic: Option<String>,
    /// The UUID of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Length of the value, in bytes, as it went over the air.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// The value, unless it is or may be a secret: as text if it is one, else in hexadecimal after `0x`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The error with which the device answered, if it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// What a client did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// It connected.
    Connect,
    /// It went, or was sent away.
    Disconnect,
    /// It read a characteristic.
    Read,
    /// It wrote a whole value, and had its answer.
    Write,
}

/// An ATT error (Bluetooth Core 5.4, Vol 3, Part F, 3.4.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// Its code.
    pub code: u8,
    /// The same in words.
    pub text: String,
}

impl What {
    /// The short name: `stanza`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stanza(_) => "stanza",
            Self::Gatt(_) => "gatt",
        }
    }
}

impl Stanza {
    /// A stanza of this XML, of which no more is kept than may be told.
    pub fn new(direction: Direction, mut xml: String) -> Self {
        let length = xml.len() as u64;
        if xml.len() > LONGEST {
            xml.truncate(xml.floor_char_boundary(LONGEST));
        }
        Self { direction, xml, length }
    }

    /// Whether all of it is there.
    pub fn is_whole(&self) -> bool {
        self.length == self.xml.len() as u64
    }
}

impl Gatt {
    /// An operation that concerns no characteristic.
    pub const fn new(operation: Operation) -> Self {
        Self { operation, characteristic: None, uuid: None, length: None, value: None, refused: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_exchange_is_one_flat_object_and_comes_back_the_same() {
        let stanza = Stanza::new(Direction::Sent, "<presence xmlns='jabber:client'/>".into());
        let exchange = Exchange { seq: 3, device_seconds: 1.5, what: What::Stanza(stanza) };
        let flat = json!({
            "seq": 3, "device_seconds": 1.5, "exchange": "stanza", "direction": "sent",
            "xml": "<presence xmlns='jabber:client'/>", "length": 33,
        });
        assert_eq!(serde_json::to_value(&exchange).unwrap(), flat);
        assert_eq!(serde_json::from_value::<Exchange>(flat).unwrap(), exchange);
        let gone =
            Exchange { seq: 4, device_seconds: 0.0, what: What::Gatt(Gatt::new(Operation::Disconnect)) };
        let flat = json!({ "seq": 4, "device_seconds": 0.0, "exchange": "gatt", "operation": "disconnect" });
        assert_eq!(serde_json::to_value(&gone).unwrap(), flat);
        assert_eq!(serde_json::from_value::<Exchange>(flat).unwrap(), gone);
    }

    #[test]
    fn a_long_stanza_is_cut_between_characters() {
        let stanza = Stanza::new(Direction::Received, "ü".repeat(3000));
        assert_eq!((stanza.length, stanza.xml.len(), stanza.is_whole()), (6000, LONGEST, false));
        let odd = Stanza::new(Direction::Received, format!("x{}", "ü".repeat(3000)));
        assert_eq!(odd.xml.len(), LONGEST - 1);
    }
}
