//! SCRAM as a client (RFC 5802, RFC 7677), without channel binding.
//!
//! The server has to show that it knows the password too. What it asks for is bounded, and the long computation is done
//! in pieces, so that a radio on the same core is not kept waiting.

use super::{
    salted::{Derivation, Rounds, Salted},
    sasl::{Mechanism, Reply, SaslError},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use core::{fmt, mem, slice};
use hmac::{
    Hmac, Mac,
    digest::{Digest, KeyInit},
};
use thingfleet_device::value::Secret;
use zeroize::Zeroize;

/// Fewest and most iterations. RFC 7677 section 4 wants 4,096 at least; more than a few 10,000 take a microcontroller
/// longer than it has for signing on.
const ITERATIONS: core::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// Iterations between two breaths: about ten milliseconds on a microcontroller.
const PIECE: u32 = 128;

/// No channel binding and no other identity (RFC 5802 section 7, `gs2-header`).
const GS2_HEADER: &str = "n,,";

/// One of the hash functions SCRAM is used with.
pub(super) trait Hash: Sized {
    /// Its HMAC.
    type Mac: Mac + KeyInit + Clone + Send;
    /// Itself.
    type Digest: Digest;
    /// Its words while it goes through blocks; all of them are its result.
    type State: AsRef<[u32]> + AsMut<[u32]> + Copy + Send;
    /// Those it begins with.
    const START: Self::State;
    /// Name of the mechanism.
    const MECHANISM: &'static str;

    /// Goes through one block.
    fn compress(state: &mut Self::State, block: &[u8; 64]);
}

/// SCRAM-SHA-256.
#[derive(Clone)]
pub(super) struct Sha256;

impl Hash for Sha256 {
    type Mac = Hmac<sha2::Sha256>;
    type Digest = sha2::Sha256;
    type State = [u32; 8];
    /// FIPS 180-4 section 5.3.3.
    const START: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    const MECHANISM: &'static str = "SCRAM-SHA-256";

    #[inline]
    fn compress(state: &mut [u32; 8], block: &[u8; 64]) {
        sha2::compress256(state, slice::from_ref(block.into()));
    }
}

/// SCRAM-SHA-1.
#[derive(Clone)]
pub(super) struct Sha1;

impl Hash for Sha1 {
    type Mac = Hmac<sha1::Sha1>;
    type Digest = sha1::Sha1;
    type State = [u32; 5];
    /// FIPS 180-4 section 5.3.1.
    const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    const MECHANISM: &'static str = "SCRAM-SHA-1";

    #[inline]
    fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
        sha1::compress(state, slice::from_ref(block.into()));
    }
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
    /// The key of an exchange before, or of this one.
    salted: Option<Salted>,
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
    Deriving { derivation: Derivation, salt: Vec<u8>, rounds: u32, messages: Messages },
    Proven { server_signature: H::Mac },
    Verified,
}

/// What was said, as it is signed.
struct Messages {
    all: String,
    without_proof: String,
}

impl<H: Hash> Scram<H>
where
    Derivation: From<Rounds<H>>,
{
    /// Begins for a user; `nonce` has to be new and unpredictable, and `salted` is what an earlier exchange left.
    pub(super) fn new(user: &str, password: &Secret, nonce: &[u8], salted: Option<Salted>) -> Self {
        // RFC 5802 section 5.1: `=` and `,` are written so.
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let nonce = BASE64.encode(nonce);
        let first = format!("n={user},r={nonce}");
        Self { password: password.clone(), salted, nonce, first, stage: Stage::First }
    }

    fn server_first(&mut self, message: &str) -> Result<Reply, ScramError> {
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
        let messages = Messages { all: format!("{},{message},{without_proof}", self.first), without_proof };
        if let Some(key) = self.salted.as_ref().and_then(|salted| salted.key::<H>(&salt, iterations)) {
            let (response, server_signature) = prove::<H>(key, &messages);
            self.stage = Stage::Proven { server_signature };
            return Ok(Reply::Response(response));
        }
        let derivation = Rounds::<H>::new(self.password.reveal().as_bytes(), &salt, iterations).into();
        self.stage = Stage::Deriving { derivation, salt, rounds: iterations, messages };
        Ok(Reply::Later)
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

impl<H: Hash> Mechanism for Scram<H>
where
    Derivation: From<Rounds<H>>,
{
    fn name(&self) -> &'static str {
        H::MECHANISM
    }

    fn initial(&mut self) -> Vec<u8> {
        format!("{GS2_HEADER}{}", self.first).into_bytes()
    }

    fn challenge(&mut self, data: &[u8]) -> Result<Reply, SaslError> {
        let message = core::str::from_utf8(data).map_err(|_| ScramError::Malformed)?;
        match self.stage {
            Stage::First => Ok(self.server_first(message)?),
            // Servers may send their signature so, and success without data after it.
            Stage::Proven { .. } => {
                self.server_final(message)?;
                Ok(Reply::Response(Vec::new()))
            }
            Stage::Deriving { .. } | Stage::Verified => Err(ScramError::Malformed.into()),
        }
    }

    fn derivation(&mut self) -> Option<&mut Derivation> {
        match &mut self.stage {
            Stage::Deriving { derivation, .. } => Some(derivation),
            Stage::First | Stage::Proven { .. } | Stage::Verified => None,
        }
    }

    fn is_computing(&self) -> bool {
        matches!(self.stage, Stage::Deriving { .. })
    }

    fn work(&mut self) -> Option<Vec<u8>> {
        let Stage::Deriving { derivation, salt, rounds, messages } = &mut self.stage else { return None };
        if !derivation.go_on(PIECE) {
            return None;
        }
        let mut key = derivation.key();
        let (response, server_signature) = prove::<H>(&key, messages);
        self.salted = Some(Salted::new::<H>(mem::take(salt), *rounds, &key));
        key.zeroize();
        self.stage = Stage::Proven { server_signature };
        Some(response)
    }

    fn take_salted(&mut self) -> Option<Salted> {
        self.salted.take()
    }

    fn success(&mut self, data: &[u8]) -> Result<(), SaslError> {
        if let (Stage::Verified, []) = (&self.stage, data) {
            return Ok(());
        }
        let message = core::str::from_utf8(data).map_err(|_| ScramError::Malformed)?;
        Ok(self.server_final(message)?)
    }
}

/// The client's last message, and what the server has to sign (RFC 5802 section 3).
fn prove<H: Hash>(salted: &[u8], messages: &Messages) -> (Vec<u8>, H::Mac) {
    let sign = |key: &[u8], text: &[u8]| keyed::<H>(key).chain_update(text);
    let client_key = sign(salted, b"Client Key").finalize().into_bytes();
    let stored_key = H::Digest::digest(&client_key);
    let mut proof = sign(&stored_key, messages.all.as_bytes()).finalize().into_bytes();
    proof.iter_mut().zip(client_key).for_each(|(byte, key)| *byte ^= key);
    let server_key = sign(salted, b"Server Key").finalize().into_bytes();
    let server_signature = sign(&server_key, messages.all.as_bytes());
    let response = format!("{},p={}", messages.without_proof, BASE64.encode(proof));
    (response.into_bytes(), server_signature)
}

pub(super) fn keyed<H: Hash>(key: &[u8]) -> H::Mac {
    <H::Mac as Mac>::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "user";

    /// An exchange that has begun with the nonce of an RFC's example.
    fn begun<H: Hash>(nonce: &str) -> Scram<H>
    where
        Derivation: From<Rounds<H>>,
    {
        let mut scram = Scram::<H>::new(USER, &Secret::new("pencil"), &[], None);
        scram.nonce = nonce.to_string();
        scram.first = format!("n={USER},r={nonce}");
        scram
    }

    fn computed(scram: &mut impl Mechanism) -> String {
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
    fn whoever_returns_to_the_same_salt_computes_nothing() {
        let mut before = proven();
        let mut again = begun::<Sha256>("rOprNGfwEbeRWgbNEkqO");
        again.salted = before.take_salted();
        let first = |salt: &str| format!("r=rOprNGfwEbeRWgbNEkqOx,s={salt},i=4096");
        let Ok(Reply::Response(_)) = again.challenge(first("W22ZaJ0SNY7soEsUEjb6gQ==").as_bytes()) else {
            panic!("it was computed again");
        };
        let mut elsewhere = begun::<Sha256>("rOprNGfwEbeRWgbNEkqO");
        elsewhere.salted = again.take_salted();
        assert_eq!(elsewhere.challenge(first("QSXCR+Q6sek8bf92").as_bytes()), Ok(Reply::Later));
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
        let mut scram = Scram::<Sha1>::new("a=b,c", &Secret::new(""), b"1", None);
        assert_eq!(scram.initial(), b"n,,n=a=3Db=2Cc,r=MQ==");
    }
}
