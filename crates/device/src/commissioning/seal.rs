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
    is_credential.then(|| (characteristic.uuid().0 >> 96) as u8)
}
