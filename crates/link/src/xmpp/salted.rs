//! The key that SCRAM makes of a password (RFC 5802 section 3, `SaltedPassword`): in pieces, or two at a time, and kept
//! for whoever signs on again.
//!
//! HMAC of a message as long as its hash is one compression from each of two states that stay the same (RFC 2104
//! section 4), so a round is two compressions and nothing else. Each waits for the one before; those of two keys in
//! turn fill the time that a processor with instructions for SHA has to wait.

use super::scram::{Hash, Sha1, Sha256, keyed};
use alloc::{boxed::Box, vec::Vec};
use core::{array, fmt, mem::size_of};
use hmac::{Mac, digest::Digest};
use zeroize::Zeroize;

/// Bytes of a block of SHA-1 and SHA-256 (FIPS 180-4 section 5.2.1).
const BLOCK: usize = 64;
/// Bytes of the longest key.
const KEY: usize = 32;

/// A key that was derived, and from what.
#[derive(Clone)]
pub struct Salted {
    mechanism: &'static str,
    salt: Vec<u8>,
    rounds: u32,
    key: [u8; KEY],
}

impl Salted {
    /// Keeps the key of a derivation that is done.
    pub(super) fn new<H: Hash>(salt: Vec<u8>, rounds: u32, key: &[u8]) -> Self {
        let key = array::from_fn(|place| key.get(place).copied().unwrap_or_default());
        Self { mechanism: H::MECHANISM, salt, rounds, key }
    }

    /// The key, if it is the one that this mechanism makes with this salt in so many rounds.
    pub(super) fn key<H: Hash>(&self, salt: &[u8], rounds: u32) -> Option<&[u8]> {
        let is_it = self.mechanism == H::MECHANISM && self.salt == salt && self.rounds == rounds;
        is_it.then(|| &self.key[..size_of::<H::State>()])
    }
}

impl fmt::Debug for Salted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for Salted {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// A key in the making. Boxed, so that no traces stay where it was moved from.
#[derive(Clone)]
pub struct Derivation(Box<Chain>);

#[derive(Clone)]
enum Chain {
    Sha1(Rounds<Sha1>),
    Sha256(Rounds<Sha256>),
}

impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted], {} rounds left", self.left())
    }
}

impl Derivation {
    /// Rounds that are left.
    pub fn left(&self) -> u32 {
        match &*self.0 {
            Chain::Sha1(rounds) => rounds.left,
            Chain::Sha256(rounds) => rounds.left,
        }
    }

    /// Does up to so many rounds; tells whether all are done.
    pub fn go_on(&mut self, most: u32) -> bool {
        match &mut *self.0 {
            Chain::Sha1(rounds) => Rounds::go_on([rounds], most),
            Chain::Sha256(rounds) => Rounds::go_on([rounds], most),
        }
        self.left() == 0
    }

    /// Does all rounds of two keys, in turn as long as both have some.
    pub fn finish_both(one: &mut Self, other: &mut Self) {
        match (&mut *one.0, &mut *other.0) {
            (Chain::Sha1(one), Chain::Sha1(other)) => Rounds::go_on([one, other], u32::MAX),
            (Chain::Sha256(one), Chain::Sha256(other)) => Rounds::go_on([one, other], u32::MAX),
            (Chain::Sha1(_), Chain::Sha256(_)) | (Chain::Sha256(_), Chain::Sha1(_)) => {}
        }
        one.go_on(u32::MAX);
        other.go_on(u32::MAX);
    }

    /// The key as far as it is made.
    pub(super) fn key(&self) -> Vec<u8> {
        match &*self.0 {
            Chain::Sha1(rounds) => bytes(&rounds.result),
            Chain::Sha256(rounds) => bytes(&rounds.result),
        }
    }
}

impl From<Rounds<Sha1>> for Derivation {
    fn from(rounds: Rounds<Sha1>) -> Self {
        Self(Box::new(Chain::Sha1(rounds)))
    }
}

impl From<Rounds<Sha256>> for Derivation {
    fn from(rounds: Rounds<Sha256>) -> Self {
        Self(Box::new(Chain::Sha256(rounds)))
    }
}

/// `Hi` of RFC 5802 section 2.2 in the making.
#[derive(Clone)]
pub(super) struct Rounds<H: Hash> {
    /// The state after the key's block inside.
    inner: H::State,
    /// The same outside.
    outer: H::State,
    /// What the last round came to, padded to a block (FIPS 180-4 section 5.1.1).
    block: [u8; BLOCK],
    result: H::State,
    left: u32,
}

impl<H: Hash> Rounds<H> {
    pub(super) fn new(password: &[u8], salt: &[u8], rounds: u32) -> Self {
        let mut key = [0; BLOCK];
        if password.len() > BLOCK {
            let hashed = H::Digest::digest(password);
            key[..hashed.len()].copy_from_slice(&hashed);
        } else {
            key[..password.len()].copy_from_slice(password);
        }
        let after = |pad| {
            let mut state = H::START;
            H::compress(&mut state, &key.map(|byte| byte ^ pad));
            state
        };
        let (inner, outer) = (after(0x36), after(0x5c));
        key.zeroize();
        let first = keyed::<H>(password).chain_update(salt).chain_update(1u32.to_be_bytes()).finalize();
        let first = first.into_bytes();
        let mut block = [0; BLOCK];
        block[..first.len()].copy_from_slice(&first);
        block[first.len()] = 0x80;
        let bits = u16::try_from((BLOCK + first.len()) * 8).unwrap_or_default();
        block[BLOCK - 2..].copy_from_slice(&bits.to_be_bytes());
        let mut result = H::START;
        for (word, bytes) in result.as_mut().iter_mut().zip(first.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        Self { inner, outer, block, result, left: rounds.saturating_sub(1) }
    }

    /// Does up to so many rounds of each, as many of one as of the other.
    fn go_on<const N: usize>(mut chains: [&mut Self; N], most: u32) {
        let count = chains.iter().map(|chain| chain.left).min().unwrap_or_default().min(most);
        // Apart from each other's bookkeeping, so that nothing but compressions is between two compressions.
        let inner = chains.each_ref().map(|chain| chain.inner);
        let outer = chains.each_ref().map(|chain| chain.outer);
        let mut blocks = chains.each_ref().map(|chain| chain.block);
        let mut results = chains.each_ref().map(|chain| chain.result);
        for _ in 0..count {
            let mut states = inner;
            compress_each::<H, N>(&mut states, &mut blocks);
            states = outer;
            compress_each::<H, N>(&mut states, &mut blocks);
            for (result, state) in results.iter_mut().zip(&states) {
                result.as_mut().iter_mut().zip(state.as_ref()).for_each(|(all, word)| *all ^= word);
            }
        }
        for (chain, (block, result)) in chains.iter_mut().zip(blocks.iter_mut().zip(&mut results)) {
            (chain.block, chain.result) = (*block, *result);
            chain.left -= count;
            block.zeroize();
            result.as_mut().zeroize();
        }
    }
}

impl<H: Hash> Drop for Rounds<H> {
    fn drop(&mut self) {
        for state in [&mut self.inner, &mut self.outer, &mut self.result] {
            state.as_mut().zeroize();
        }
        self.block.zeroize();
    }
}

/// Compresses each block into its state, which then begins the block.
#[inline]
fn compress_each<H: Hash, const N: usize>(states: &mut [H::State; N], blocks: &mut [[u8; BLOCK]; N]) {
    for (state, block) in states.iter_mut().zip(blocks.iter()) {
        H::compress(state, block);
    }
    for (state, block) in states.iter().zip(blocks) {
        for (bytes, word) in block.chunks_exact_mut(4).zip(state.as_ref()) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
    }
}

fn bytes<State: AsRef<[u32]>>(state: &State) -> Vec<u8> {
    state.as_ref().iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    fn derived<H: Hash>(password: &str, salt: &[u8], rounds: u32) -> Derivation
    where
        Derivation: From<Rounds<H>>,
    {
        Rounds::<H>::new(password.as_bytes(), salt, rounds).into()
    }

    fn hex(derivation: &Derivation) -> String {
        derivation.key().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    #[test]
    fn the_examples_of_rfc_6070_and_rfc_7914_come_out() {
        let mut sha1 = derived::<Sha1>("password", b"salt", 4096);
        assert!(sha1.go_on(u32::MAX));
        assert_eq!(hex(&sha1), "4b007901b765489abead49d926f721d065a429c1");
        let mut sha256 = derived::<Sha256>("passwd", b"salt", 1);
        assert!(sha256.go_on(1));
        assert_eq!(hex(&sha256), "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    }

    #[test]
    fn two_in_turn_come_to_what_each_comes_to_alone() {
        let make = || {
            let long =
                "a password that is longer than a block of the hash, and so is hashed before it is a key";
            [
                derived::<Sha256>(long, b"one salt", 4096),
                derived::<Sha256>("short", b"another", 5000),
                derived::<Sha1>("short", b"another", 4096),
            ]
        };
        let alone = make().map(|mut one| {
            while !one.go_on(100) {}
            hex(&one)
        });
        for (one, other) in [(0, 1), (1, 0), (1, 2), (2, 2)] {
            let (mut first, mut second) = (make()[one].clone(), make()[other].clone());
            Derivation::finish_both(&mut first, &mut second);
            assert_eq!((hex(&first), hex(&second)), (alone[one].clone(), alone[other].clone()));
        }
    }

    #[test]
    fn a_key_is_for_its_salt_and_rounds_and_does_not_print_itself() {
        let salted = Salted::new::<Sha1>(b"salt".to_vec(), 4096, &[7; 20]);
        assert_eq!(salted.key::<Sha1>(b"salt", 4096), Some(&[7; 20][..]));
        assert_eq!(salted.key::<Sha1>(b"salt", 4097), None);
        assert_eq!(salted.key::<Sha1>(b"pepper", 4096), None);
        assert_eq!(salted.key::<Sha256>(b"salt", 4096), None);
        assert_eq!(format!("{salted:?}"), "[redacted]");
    }
}
