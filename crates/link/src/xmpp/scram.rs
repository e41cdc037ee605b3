//! SCRAM as a client (RFC 5802, RFC 7677), without channel binding.
//!
//! The server has to show that it knows the password too. What it asks for is bounded, and the long computation is done
//! in pieces, so that a radio on the same core is not kept waiting.

use super::sasl::{Mechanism, Reply, SaslError};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use core::{fmt, mem};
use hmac::{
    Hmac, Mac,
    digest::{Digest, KeyInit, Output},
};
use thingfleet_device::value::Secret;

/// Fewest and most iterations. RFC 7677 section 4 wants 4,096 at least; the most takes a microcontroller some seconds.
const ITERATIONS: core::ops::RangeInclusive<u32> = 4096..=100_000;

/// Iterations between two breaths: about ten milliseconds on a microcontroller.
const PIECE: u32 = 128;

/// No channel binding and no other identity (RFC 5802 section 7, `gs2-header`).
const GS2_HEADER: &str = "n,,";

/// One of the hash functions SCRAM is used with.
pub(super) trait Hash {
    /// Its HMAC.
    type Mac: Mac + KeyInit + Clone;
    /// Itself.
    type Digest: Digest;
    /// Name of the mechanism.
    const MECHANISM: &'static str;
}

/// SCRAM-SHA-256.
pub(super) struct Sha256;

impl Hash for Sha256 {
    type Mac = Hmac<sha2::Sha256>;
    type Digest = sha2::Sha256;
    const MECHANISM: &'static str = "SCRAM-SHA-256";
}

/// SCRAM-SHA-1.
pub(super) struct Sha1;

impl Hash for Sha1 {
    type Mac = Hmac<sha1::Sha1>;
    type Digest = sha1::Sha1;
    const MECHANISM: &'static str = "SCRAM-SHA-1";
}

/// Why an exchange cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScramError {
    /// A message of the server's is not as RFC 5802 section 7 writes it.
    Malformed,
    /// Its nonce does not begin with ours, or adds nothing to it.
    Nonce,
    /// Its number of iterations is too small to protect the password, or too large to be computed.
    Iterations(u32),
    /// It refused, in its own words.
    Refused(String),
    /// It does not know the password.
    Signature,
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("its message is no message of SCRAM"),
            Self::Nonce => f.write_str("its nonce does not begin with ours"),
            Self::Iterations(count) => {
                let (least, most) = (ITERATIONS.start(), ITERATIONS.end());
                write!(f, "it wants {count} iterations, and {least} to {most} are taken")
            }
            Self::Refused(why) => write!(f, "it refused: {why}"),
            Self::Signature => f.write_str("it did not show that it knows the password"),
        }
    }
}

impl core::error::Error for ScramError {}

/// An exchange.
pub(super) struct Scram<H: Hash> {
    password: Secret,
    nonce: String,
    /// `client-first-message-bare`.
    first: String,
    stage: Stage<H>,
}

/// ```text
///  First ── server's first ──► Deriving ── computed ──► Proven ── server's signature ──► Verified
/// ```
enum Stage<H: Hash> {
    First,
    Deriving { derivation: Derivation<H>, auth_message: String, without_proof: String },
    Proven { server_signature: H::Mac },
    Verified,
}

impl<H: Hash> Scram<H> {
    /// Begins for a user; `nonce` has to be new and unpredictable.
    pub(super) fn new(user: &str, password: &Secret, nonce: &[u8]) -> Self {
        // RFC 5802 section 5.1: `=` and `,` are written so.
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let nonce = BASE64.encode(nonce);
        let first = format!("n={user},r={nonce}");
        Self { password: password.clone(), nonce, first, stage: Stage::First }
    }

    fn server_first(&mut self, message: &str) -> Result<(), ScramError> {
        let mut parts = message.split(',');
        let mut part =
            |name| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(ScramError::Malformed);
        // A mandatory extension, `m=`, would stand here in place of the nonce.
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        let added = nonce.strip_prefix(self.nonce.as_str()).ok_or(ScramError::Nonce)?;
        if added.is_empty() {
            return Err(ScramError::Nonce);
        }
        let salt = BASE64.decode(salt).map_err(|_| ScramError::Malformed)?;
        let iterations = iterations.parse().map_err(|_| ScramError::Malformed)?;
        if !ITERATIONS.contains(&iterations) {
            return Err(ScramError::Iterations(iterations));
        }
        let without_proof = format!("c={},r={nonce}", BASE64.encode(GS2_HEADER));
        let auth_message = format!("{},{message},{without_proof}", self.first);
        let derivation = Derivation::new(self.password.reveal().as_bytes(), &salt, iterations);
        self.stage = Stage::Deriving { derivation, auth_message, without_proof };
        Ok(())
    }

    fn server_final(&mut self, message: &str) -> Result<(), ScramError> {
        let signature = match message.split(',').next().and_then(|part| part.split_once('=')) {
            Some(("v", signature)) => BASE64.decode(signature).map_err(|_| ScramError::Malformed)?,
            Some(("e", why)) => return Err(ScramError::Refused(why.to_string())),
            Some(_) | None => return Err(ScramError::Malformed),
        };
        let Stage::Proven { server_signature } = mem::replace(&mut self.stage, Stage::First) else {
            return Err(ScramError::Malformed);
        };
        server_signature.verify_slice(&signature).map_err(|_| ScramError::Signature)?;
        self.stage = Stage::Verified;
        Ok(())
    }
}

impl<H: Hash> Mechanism for Scram<H> {
    fn name(&self) -> &'static str {
        H::MECHANISM
    }

    fn initial(&mut self) -> Vec<u8> {
        format!("{GS2_HEADER}{}", self.first).into_bytes()
    }

    fn challenge(&mut self, data: &[u8]) -> Result<Reply, SaslError> {
        let message = core::str::from_utf8(data).map_err(|_| ScramError::Malformed)?;
        match self.stage {
            Stage::First => {
                self.server_first(message)?;
                Ok(Reply::Later)
            }
            // Servers may send their signature so, and success without data after it.
            Stage::Proven { .. } => {
                self.server_final(message)?;
                Ok(Reply::Response(Vec::new()))
            }
            Stage::Deriving { .. } | Stage::Verified => Err(ScramError::Malformed.into()),
        }
    }

    fn is_computing(&self) -> bool {
        matches!(self.stage, Stage::Deriving { .. })
    }

    fn work(&mut self) -> Option<Vec<u8>> {
        let Stage::Deriving { derivation, auth_message, without_proof } = &mut self.stage else {
            return None;
        };
        if !derivation.go_on(PIECE) {
            return None;
        }
        let sign = |key: &[u8], text: &[u8]| keyed::<H>(key).chain_update(text);
        let salted = &derivation.result;
        let client_key = sign(salted, b"Client Key").finalize().into_bytes();
        let stored_key = H::Digest::digest(&client_key);
        let mut proof = sign(&stored_key, auth_message.as_bytes()).finalize().into_bytes();
        proof.iter_mut().zip(client_key).for_each(|(byte, key)| *byte ^= key);
        let server_key = sign(salted, b"Server Key").finalize().into_bytes();
        let server_signature = sign(&server_key, auth_message.as_bytes());
        let message = format!("{without_proof},p={}", BASE64.encode(proof));
        self.stage = Stage::Proven { server_signature };
        Some(message.into_bytes())
    }

    fn success(&mut self, data: &[u8]) -> Result<(), SaslError> {
        if let (Stage::Verified, []) = (&self.stage, data) {
            return Ok(());
        }
        let message = core::str::from_utf8(data).map_err(|_| ScramError::Malformed)?;
        Ok(self.server_final(message)?)
    }
}

/// `Hi` of RFC 5802 section 2.2 in the making.
struct Derivation<H: Hash> {
    mac: H::Mac,
    last: Output<H::Mac>,
    result: Output<H::Mac>,
    left: u32,
}

impl<H: Hash> Derivation<H> {
    fn new(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let mac = keyed::<H>(password);
        let first = mac.clone().chain_update(salt).chain_update(1u32.to_be_bytes()).finalize().into_bytes();
        Self { mac, last: first.clone(), result: first, left: iterations.saturating_sub(1) }
    }

    /// Does up to so many iterations; tells whether all are done.
    fn go_on(&mut self, most: u32) -> bool {
        let count = self.left.min(most);
        for _ in 0..count {
            self.last = self.mac.clone().chain_update(&self.last).finalize().into_bytes();
            self.result.iter_mut().zip(&self.last).for_each(|(byte, more)| *byte ^= more);
        }
        self.left -= count;
        self.left == 0
    }
}

fn keyed<H: Hash>(key: &[u8]) -> H::Mac {
    <H::Mac as Mac>::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "user";

    /// An exchange that has begun with the nonce of an RFC's example.
    fn begun<H: Hash>(nonce: &str) -> Scram<H> {
        let mut scram = Scram::<H>::new(USER, &Secret::new("pencil"), &[]);
        scram.nonce = nonce.to_string();
        scram.first = format!("n={USER},r={nonce}");
        scram
    }

    fn computed<H: Hash>(scram: &mut Scram<H>) -> String {
        let message = core::iter::repeat_with(|| scram.work()).take(2000).flatten().next();
        String::from_utf8(message.expect("a message after some pieces")).unwrap()
    }

    #[test]
    fn the_example_of_rfc_5802_comes_out() {
        let mut scram = begun::<Sha1>("fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(scram.initial(), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        assert_eq!(scram.challenge(first), Ok(Reply::Later));
        assert_eq!(
            computed(&mut scram),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert_eq!(scram.success(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), Ok(()));
    }

    /// An exchange of RFC 7677 section 3 at the server's turn to show what it knows.
    fn proven() -> Scram<Sha256> {
        let mut scram = begun::<Sha256>("rOprNGfwEbeRWgbNEkqO");
        let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(scram.challenge(first), Ok(Reply::Later));
        assert_eq!(
            computed(&mut scram),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        scram
    }

    const SIGNATURE: &[u8] = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn the_example_of_rfc_7677_comes_out() {
        assert_eq!(proven().success(SIGNATURE), Ok(()));
    }

    #[test]
    fn a_server_may_show_what_it_knows_in_a_challenge() {
        let mut scram = proven();
        assert_eq!(scram.challenge(SIGNATURE), Ok(Reply::Response(Vec::new())));
        assert_eq!(scram.success(b""), Ok(()));
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_refused() {
        let wrong = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=";
        for (data, error) in [
            (&wrong[..], None),
            (b"v=AAAA", Some(ScramError::Signature)),
            (b"v=", Some(ScramError::Signature)),
            (b"", Some(ScramError::Malformed)),
            (b"e=other-error", Some(ScramError::Refused("other-error".into()))),
            (b"x=1", Some(ScramError::Malformed)),
        ] {
            let refused = proven().success(data).unwrap_err();
            if let Some(error) = error {
                assert_eq!(refused, error.into());
            }
        }
        // Success before the exchange is over shows nothing.
        let mut scram = begun::<Sha256>("abc");
        assert_eq!(scram.success(b""), Err(ScramError::Malformed.into()));
        assert_eq!(scram.success(SIGNATURE), Err(ScramError::Malformed.into()));
    }

    #[test]
    fn what_a_server_asks_for_has_bounds() {
        for (first, error) in [
            ("r=abcd,s=QSXCR+Q6sek8bf92,i=1", ScramError::Iterations(1)),
            ("r=abcd,s=QSXCR+Q6sek8bf92,i=4294967295", ScramError::Iterations(u32::MAX)),
            ("r=abcd,s=QSXCR+Q6sek8bf92,i=99999999999", ScramError::Malformed),
            ("r=abcd,s=QSXCR+Q6sek8bf92,i=-1", ScramError::Malformed),
            ("r=abc,s=QSXCR+Q6sek8bf92,i=4096", ScramError::Nonce),
            ("r=ab,s=QSXCR+Q6sek8bf92,i=4096", ScramError::Nonce),
            ("r=xabc1,s=QSXCR+Q6sek8bf92,i=4096", ScramError::Nonce),
            ("r=abcd,s=***,i=4096", ScramError::Malformed),
            ("m=x,r=abcd,s=QSXCR+Q6sek8bf92,i=4096", ScramError::Malformed),
            ("r=abcd,s=QSXCR+Q6sek8bf92", ScramError::Malformed),
            ("", ScramError::Malformed),
        ] {
            assert_eq!(begun::<Sha1>("abc").challenge(first.as_bytes()), Err(error.into()), "{first}");
        }
    }

    #[test]
    fn names_are_escaped_inside_messages() {
        let mut scram = Scram::<Sha1>::new("a=b,c", &Secret::new(""), b"1");
        assert_eq!(scram.initial(), b"n,,n=a=3Db=2Cc,r=MQ==");
    }
}
