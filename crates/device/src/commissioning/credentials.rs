//! What a client writes, checked piece by piece, and what comes of it: credentials that are complete or do not exist.

use super::{
    gatt::{AttError, Characteristic, MAX_VALUE},
    seal::DeviceKey,
};
use crate::{
    jid::{BareJid, JidError},
    value::Secret,
};
use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Longest SSID, in bytes (IEEE 802.11, 9.4.2.2).
pub const MAX_SSID: usize = 32;
/// Longest network password, in bytes: a passphrase has up to 63, a key in hexadecimal has 64.
pub const MAX_NETWORK_PASSWORD: usize = 64;

/// A wireless network and the way into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its name, 1 to 32 bytes.
    pub ssid: String,
    /// Its password; empty where it has none.
    pub password: Secret,
}

/// Everything a device has to know to reach its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The network to join.
    pub network: Network,
    /// The account to sign in with.
    pub jid: BareJid,
    /// The password of that account.
    pub password: Secret,
    /// Whom to greet, and from whom alone the mirror is taken.
    pub owner: BareJid,
}

/// What a device keeps in its non-volatile memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// What it was given.
    pub credentials: Credentials,
    /// Whether its owner has answered. Until then it goes back to commissioning if joining fails for good.
    pub is_done: bool,
}

/// Why a written value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is longer than this many bytes.
    TooLong(usize),
    /// Something has to stand there.
    Empty,
    /// It is no UTF-8.
    NotUtf8,
    /// It is no bare JID.
    NotJid(JidError),
    /// It is no sealed box for this device, or one for another characteristic.
    NotSealed,
    /// Setup Done takes the byte 1 and nothing else.
    NotOne,
    /// The link is not encrypted.
    NotEncrypted,
    /// The device takes no values in this state, or not in this characteristic.
    NotNow,
}

impl Rejection {
    /// How it is told over the air.
    pub const fn att_error(self) -> AttError {
        match self {
            Self::TooLong(_) | Self::Empty => AttError::InvalidLength,
            Self::NotUtf8 | Self::NotJid(_) | Self::NotOne => AttError::ValueNotAllowed,
            Self::NotSealed => AttError::NotSealed,
            Self::NotEncrypted => AttError::InsufficientEncryption,
            Self::NotNow => AttError::WriteNotPermitted,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(most) => write!(f, "it is longer than {most} bytes"),
            Self::Empty => f.write_str("it is empty"),
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
            Self::NotJid(error) => error.fmt(f),
            Self::NotSealed => f.write_str("it is not sealed to this device's key"),
            Self::NotOne => f.write_str("it has to be the byte 1"),
            Self::NotEncrypted => f.write_str("the link is not encrypted"),
            Self::NotNow => f.write_str("the device takes no credentials now"),
        }
    }
}

/// The values written so far.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    ssid: Option<String>,
    network_password: Option<Secret>,
    jid: Option<BareJid>,
    jid_password: Option<Secret>,
    jid_sender: Option<BareJid>,
}

impl Collector {
    /// Takes the value of a credential; a later one replaces an earlier one, and a refused one leaves it. With a `key`
    /// the value has to be sealed to it.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn write(
        &mut self,
        characteristic: Characteristic,
        value: &[u8],
        key: Option<&DeviceKey>,
    ) -> Result<(), Rejection> {
        if value.len() > MAX_VALUE {
            return Err(Rejection::TooLong(MAX_VALUE));
        }
        let value = match key {
            Some(key) => Cow::Owned(key.open(characteristic, value).ok_or(Rejection::NotSealed)?),
            None => Cow::Borrowed(value),
        };
        let text = core::str::from_utf8(&value).map_err(|_| Rejection::NotUtf8)?;
        match characteristic {
            Characteristic::Ssid => self.ssid = Some(filled(text, MAX_SSID)?.into()),
            Characteristic::NetworkPassword => {
                if text.len() > MAX_NETWORK_PASSWORD {
                    return Err(Rejection::TooLong(MAX_NETWORK_PASSWORD));
                }
                self.network_password = Some(Secret::new(text));
            }
            Characteristic::Jid => self.jid = Some(jid(text)?),
            Characteristic::JidPassword => {
                self.jid_password = Some(Secret::new(filled(text, MAX_VALUE)?));
            }
            Characteristic::JidSender => self.jid_sender = Some(jid(text)?),
            Characteristic::Language
            | Characteristic::HardwareRevision
            | Characteristic::SoftwareRevision
            | Characteristic::SerialNumber
            | Characteristic::ManufacturerName
            | Characteristic::SetupDone => return Err(Rejection::NotNow),
        }
        Ok(())
    }

    /// What has to be written yet. The network's password need not be: then it has none.
    pub fn missing(&self) -> Vec<Characteristic> {
        let needed = [
            (Characteristic::Ssid, self.ssid.is_some()),
            (Characteristic::Jid, self.jid.is_some()),
            (Characteristic::JidPassword, self.jid_password.is_some()),
            (Characteristic::JidSender, self.jid_sender.is_some()),
        ];
        needed
            .into_iter()
            .filter_map(|(characteristic, is_there)| (!is_there).then_some(characteristic))
            .collect()
    }

    /// The credentials, if nothing is missing.
    pub fn credentials(&self) -> Option<Credentials> {
        Some(Credentials {
            network: Network {
                ssid: self.ssid.clone()?,
                password: self.network_password.clone().unwrap_or_else(|| Secret::new("")),
            },
            jid: self.jid.clone()?,
            password: self.jid_password.clone()?,
            owner: self.jid_sender.clone()?,
        })
    }
}

fn filled(text: &str, most: usize) -> Result<&str, Rejection> {
    match text.len() {
        0 => Err(Rejection::Empty),
        length if length > most => Err(Rejection::TooLong(most)),
        _ => Ok(text),
    }
}

fn jid(text: &str) -> Result<BareJid, Rejection> {
    BareJid::parse(filled(text, MAX_VALUE)?).map_err(Rejection::NotJid)
}
