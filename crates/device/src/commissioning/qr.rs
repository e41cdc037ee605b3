//! The text of the QR code on a device (thesis 4.1): where it is and which key it has.
//!
//! `xmpp:iot-register?mac=AA:BB:CC:DD:EE:FF&algo=ed25519&key=…`, in this order. The key is the base64 of an OpenSSH
//! public-key blob (RFC 8709 section 4), percent-encoded, because the reference client reads it as a web form, in
//! which `+` is a space.

use super::seal::PublicKey;
use alloc::{string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use core::{fmt, str::FromStr};

/// A Bluetooth device address, most significant byte first, as people write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 6]);

/// What the code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QrCode {
    /// The address the device advertises with.
    pub address: Address,
    /// Its key.
    pub key: PublicKey,
}

/// Why a text is no QR code of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrError {
    /// It does not begin with `xmpp:iot-register?`.
    NotRegistration,
    /// This parameter is missing, empty or not in its place.
    Parameter(&'static str),
    /// The address is not six bytes.
    Address,
    /// The algorithm is not `ed25519`.
    Algorithm,
    /// The key is not an ed25519 public key.
    Key,
}

impl fmt::Display for QrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegistration => f.write_str("it does not begin with xmpp:iot-register?"),
            Self::Parameter(name) => write!(f, "{name}= is missing or not in its place"),
            Self::Address => f.write_str("mac is not an address like AA:BB:CC:DD:EE:FF"),
            Self::Algorithm => f.write_str("algo is not ed25519"),
            Self::Key => f.write_str("key is not an ed25519 public key"),
        }
    }
}

impl core::error::Error for QrError {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if place == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = QrError;

    fn from_str(text: &str) -> Result<Self, QrError> {
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part =
                parts.next().filter(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
            *byte = u8::from_str_radix(part.ok_or(QrError::Address)?, 16).map_err(|_| QrError::Address)?;
        }
        if parts.next().is_some() { Err(QrError::Address) } else { Ok(Self(bytes)) }
    }
}

const SCHEME: &str = "xmpp:iot-register?";
const ALGORITHM: &str = "ed25519";
/// Name of the key's type in an OpenSSH blob, before the key; each has its length in four bytes before it.
const BLOB: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20";

impl fmt::Display for QrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = [BLOB, self.key.as_bytes()].concat();
        let key = STANDARD.encode(blob).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        write!(f, "{SCHEME}mac={}&algo={ALGORITHM}&key={key}", self.address)
    }
}

impl FromStr for QrCode {
    type Err = QrError;

    fn from_str(text: &str) -> Result<Self, QrError> {
        let rest = text.trim().strip_prefix(SCHEME).ok_or(QrError::NotRegistration)?;
        let mut parameters = rest.splitn(3, '&');
        let mut next = |name: &'static str| {
            let parameter = parameters.next().and_then(|p| p.strip_prefix(name)?.strip_prefix('='));
            parameter.filter(|value| !value.is_empty()).ok_or(QrError::Parameter(name))
        };
        let (address, algorithm, key) = (next("mac")?, next("algo")?, next("key")?);
        if algorithm != ALGORITHM {
            return Err(QrError::Algorithm);
        }
        let blob = STANDARD.decode(form_decoded(key)).map_err(|_| QrError::Key)?;
        let key = blob.strip_prefix(BLOB).and_then(|key| key.try_into().ok()).and_then(PublicKey::from_bytes);
        Ok(Self { address: address.parse()?, key: key.ok_or(QrError::Key)? })
    }
}

/// Percent-decoded, and with the spaces that a `+` became put right again: base64 has none.
fn form_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let code: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&code, 16).unwrap_or(b'%')
            }
            b' ' => b'+',
            byte => byte,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commissioning::seal::DeviceKey;
    use alloc::format;

    fn code() -> QrCode {
        let key = DeviceKey::from_seed([7; 32]).public();
        QrCode { address: Address([0xC0, 0xFF, 0xEE, 0, 0, 1]), key }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = format!("{}", code());
        assert!(
            text.starts_with(
                "xmpp:iot-register?mac=C0:FF:EE:00:00:01&algo=ed25519&key=AAAAC3NzaC1lZDI1NTE5AAAAI"
            ),
            "{text}"
        );
        assert_eq!(text.parse(), Ok(code()));
    }

    #[test]
    fn each_mistake_has_its_name() {
        let text = format!("{}", code());
        let read = |text: &str| text.parse::<QrCode>().unwrap_err();
        assert_eq!(read("xmpp:juliet@example.org"), QrError::NotRegistration);
        assert_eq!(read(&text.replace("mac=", "MAC=")), QrError::Parameter("mac"));
        assert_eq!(read(&text.replace("C0:", "")), QrError::Address);
        assert_eq!(read(&text.replace("ed25519&", "rsa&")), QrError::Algorithm);
        assert_eq!(read(&text[..text.len() - 9]), QrError::Key);
    }
}
