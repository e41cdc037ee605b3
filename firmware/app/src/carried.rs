//! Which device a board is: what lies beside the program in a part of the flash of its own, so that one program is every
//! device, and a newer program leaves it alone.
//!
//! Twelve bytes of header (a mark, a length, and the first bytes of a SHA-256), and then the values as postcard.

use alloc::{string::String, vec, vec::Vec};
use core::{fmt, net::SocketAddrV4, ops::Range};
use embedded_storage_async::nor_flash::ReadNorFlash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thingfleet_device::{
    commissioning::{qr::Address, seal::DeviceKey},
    definition::{ActuatorMode, Definition},
    instance::{Access, Addressing, Commissioning, Instance},
    time::UnixMillis,
};

/// Begins what is carried; its last byte counts up whenever the values change.
const MARK: [u8; 4] = *b"TFD1";
/// Bytes before the values.
const HEADER: usize = 12;
/// What is read at a time is whole words of this many bytes, on every chip.
const WORD: usize = 4;

/// Which device a board is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// What kind of thing.
    pub definition: Definition,
    /// Its name.
    pub name: String,
    /// Its serial number (0x2A25).
    pub serial: String,
    /// With its name, what its behaviours begin from.
    pub seed: u64,
    /// Its random static address on the air, most significant byte first.
    pub address: [u8; 6],
    /// Its key, whose public half is in its QR code.
    pub key: DeviceKey,
    /// When the image was built, which is a date that it cannot be before.
    pub built: UnixMillis,
    /// The authorities it believes, in PEM.
    pub roots: String,
    /// Where the XMPP server is, if that is not where its domain is.
    pub server: Option<SocketAddrV4>,
    /// Who is asked for the time, if not the usual server.
    pub time_server: Option<String>,
    /// What shows its state and takes a person's finger.
    pub front: Front,
}

/// The pins of the status light and the button.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Front {
    /// Red, green and blue of the light, or its one colour; none without a light.
    pub light: Vec<u8>,
    /// Whether the light shines while its pins are low.
    pub light_is_low: bool,
    /// The button, which is pressed while its pin is low.
    pub button: Option<u8>,
}

/// Why a board does not know which device it is.
#[derive(Debug, PartialEq, Eq)]
pub enum CarriedError<E> {
    /// The flash failed.
    Flash(E),
    /// Nothing is there, or it is not whole.
    Nothing,
    /// It was written for another program.
    Encoding,
}

impl<E: fmt::Debug> fmt::Display for CarriedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Nothing => f.write_str("no device is written to this board"),
            Self::Encoding => f.write_str("the device on this board is for another program"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for CarriedError<E> {}

impl Carried {
    /// As it lies in the flash, or nothing if it cannot be written as bytes.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let values = postcard::to_allocvec(self).ok()?;
        let length = u32::try_from(values.len()).ok()?;
        let mut bytes = [MARK, length.to_le_bytes(), check(&values)].concat();
        bytes.extend(values);
        bytes.resize(bytes.len().next_multiple_of(WORD), 0xFF);
        Some(bytes)
    }

    /// Reads it from this part of a flash.
    ///
    /// # Errors
    /// [`CarriedError`].
    pub async fn read<F: ReadNorFlash>(
        flash: &mut F,
        range: Range<u32>,
    ) -> Result<Self, CarriedError<F::Error>> {
        let mut header = [0; HEADER];
        flash.read(range.start, &mut header).await.map_err(CarriedError::Flash)?;
        let [mark, length, expected] = [0, 4, 8].map(|at| [0, 1, 2, 3].map(|byte| header[at + byte]));
        let length = u32::from_le_bytes(length) as usize;
        if mark != MARK || length > range.len().saturating_sub(HEADER) {
            return Err(CarriedError::Nothing);
        }
        let mut values = vec![0; length.next_multiple_of(WORD)];
        flash.read(range.start + 12, &mut values).await.map_err(CarriedError::Flash)?;
        values.truncate(length);
        if check(&values) != expected {
            return Err(CarriedError::Nothing);
        }
        postcard::from_bytes(&values).map_err(|_| CarriedError::Encoding)
    }

    /// Its address as links want it.
    pub fn address(&self) -> Address {
        Address(self.address)
    }

    /// The device, switched on at this date.
    pub fn instance(&self, epoch: UnixMillis) -> Instance {
        Instance {
            name: self.name.clone(),
            seed: self.seed,
            serial: self.serial.clone(),
            epoch,
            speed: 1.0,
            starts: Vec::new(),
            account: None,
            owners: Vec::new(),
            commissioning: Commissioning::Bluetooth,
            key: Some(self.key.clone()),
            stored: None,
            access: Access::default(),
            addressing: Addressing::default(),
            actuators: ActuatorMode::Auto,
            faults: Vec::new(),
            last_reset: None,
        }
    }
}

fn check(values: &[u8]) -> [u8; 4] {
    let hash = Sha256::digest(values);
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
#[path = "carried/tests.rs"]
mod tests;
