//! Values that only one device can read: sealed boxes for the key in its QR code.
//!
//! The thesis wants payloads encrypted to the ed25519 key of the QR code. A signature key cannot decrypt; here it is
//! converted to X25519 (as libsodium's `crypto_sign_ed25519_pk_to_curve25519` does), and a value travels as libsodium's
//! `crypto_box_seal` of one byte, the number of the characteristic (1 for the SSID to 5 for the JID sender), and the
//! value. The number keeps somebody in between from exchanging two values they cannot read.
//!
//! ```text
//!  ephemeral X25519 key (32) ‖ Poly1305 tag (16) ‖ XSalsa20 of: number (1) ‖ value (0 to 463)
//! ```

use super::gatt::{Characteristic, MAX_VALUE};
use alloc::{vec, vec::Vec};
use core::fmt;
use crypto_box::{SecretKey, aead::rand_core::CryptoRngCore};
use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};

/// Bytes a sealed box is longer than the value in it.
pub const OVERHEAD: usize = 32 + 16 + 1;
/// Longest value that can be sealed, in bytes.
pub const MAX_SEALED: usize = MAX_VALUE - OVERHEAD;

/// The ed25519 key pair of a device, as its seed of 32 bytes (RFC 8032 section 5.1.5).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceKey([u8; 32]);

impl DeviceKey {
    /// The key with this seed, which must come from a good source of randomness.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(self.scalar())).compress().0)
    }

    /// Opens a value that was sealed for this device and this characteristic.
    pub fn open(&self, characteristic: Characteristic, sealed: &[u8]) -> Option<Vec<u8>> {
        // X25519 clamps for itself, so the scalar is the clamped first half of the hash for both.
        let mut opened = SecretKey::from_bytes(self.scalar()).unseal(sealed).ok()?;
        if opened.first().copied() != number(characteristic) {
            return None;
        }
        opened.remove(0);
        Some(opened)
    }

    fn scalar(&self) -> [u8; 32] {
        let hash = Sha512::digest(self.0);
        let mut scalar = [0; 32];
        scalar.copy_from_slice(&hash[..32]);
        curve25519_dalek::scalar::clamp_integer(scalar)
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The public half of a device's key, as in its QR code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key with these bytes, if they are a point of the curve.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        CompressedEdwardsY(bytes).decompress().map(|_| Self(bytes))
    }

    /// Its bytes (RFC 8032 section 5.1.2).
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals a value of at most [`MAX_SEALED`] bytes for one characteristic of the device; `None` if it is longer, or
    /// if that characteristic carries no credential.
    pub fn seal(
        &self,
        characteristic: Characteristic,
        value: &[u8],
        random: &mut impl CryptoRngCore,
    ) -> Option<Vec<u8>> {
        if value.len() > MAX_SEALED {
            return None;
        }
        let mut content = vec![number(characteristic)?];
        content.extend_from_slice(value);
        let point = CompressedEdwardsY(self.0).decompress()?;
        crypto_box::PublicKey::from_bytes(point.to_montgomery().to_bytes()).seal(random, &content).ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The number of a credential's characteristic: the first part of its UUID.
fn number(characteristic: Characteristic) -> Option<u8> {
    let is_credential = Characteristic::CREDENTIALS.contains(&characteristic);
    u8::try_from(characteristic.uuid().0 >> 96).ok().filter(|_| is_credential)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    fn bytes(hex: &str) -> Vec<u8> {
        let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    /// Made with libsodium (`PyNaCl` 1.6): `SealedBox(key.to_curve25519_public_key()).encrypt(…)`.
    const SEALED: [(Characteristic, &str, &str); 3] = [
        (
            Characteristic::Ssid,
            "home",
            "d98b8f74f65b889cb4fe8b6014bce983045aac726daa7f305c0af43db959db02\
             4d3bee438bea406707b253766e99e31541eb91a818",
        ),
        (
            Characteristic::NetworkPassword,
            "",
            "edd30f96f32547856b7716003537bca4b20ce26a8e98e405d73ee4cefcf0d165\
             ce79c14095598a29b3deed1f4b436dde29",
        ),
        (
            Characteristic::Jid,
            "kettle-1@example.org",
            "d705f65e6692be631efa69ef0fb2d37d22e53cc701612457d8b77faec49e7939\
             b66e75064e77407a465424f2e8339f02e7def26de3eb8f9639adf3058ef4a5d205aeb5b559",
        ),
    ];

    #[test]
    fn another_implementation_derives_the_same_public_key() {
        let public = format!("{:?}", DeviceKey::from_seed([7; 32]).public());
        assert_eq!(public, "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c");
    }

    #[test]
    fn what_another_implementation_sealed_can_be_opened_in_its_place_only() {
        let key = DeviceKey::from_seed([7; 32]);
        for (characteristic, text, sealed) in SEALED {
            let sealed = bytes(sealed);
            assert_eq!(sealed.len(), text.len() + OVERHEAD);
            assert_eq!(key.open(characteristic, &sealed).as_deref(), Some(text.as_bytes()));
            assert_eq!(key.open(Characteristic::JidSender, &sealed), None);
            assert_eq!(DeviceKey::from_seed([8; 32]).open(characteristic, &sealed), None);
        }
    }

    #[test]
    fn a_key_never_prints_itself() {
        let key = DeviceKey::from_seed([7; 32]);
        assert_eq!(format!("{key:?}"), String::from("[redacted]"));
    }
}
