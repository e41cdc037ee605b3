//! A device's random numbers: one stream for each purpose, all of them determined by the fleet's seed and names.
//!
//! A stream is xoshiro256++ seeded (through `SplitMix64`, as its authors advise) with the 64-bit FNV-1a hash of the
//! fleet seed (eight bytes, little-endian), the device name, the channel name and the purpose, each name followed by
//! the byte 0xFF, which no UTF-8 text contains. A new sensor therefore leaves the streams of the others alone.

use core::f64::consts::TAU;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// One stream of random numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    generator: Xoshiro256PlusPlus,
    /// Box–Muller makes two Gaussian numbers at once; this is the second.
    spare: Option<f64>,
}

impl Stream {
    /// The stream for `purpose` on `channel` of `device` in the fleet with this seed.
    pub fn new(seed: u64, device: &str, channel: &str, purpose: &str) -> Self {
        let mut hash = fnv1a(FNV_OFFSET, &seed.to_le_bytes());
        for name in [device, channel, purpose] {
            hash = fnv1a(fnv1a(hash, name.as_bytes()), &[0xFF]);
        }
        Self { generator: Xoshiro256PlusPlus::seed_from_u64(hash), spare: None }
    }

    /// A number from 0 (included) to 1 (excluded), on a grid of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        const GRID: f64 = 1.0 / (1u64 << 53) as f64;
        (self.generator.next_u64() >> 11) as f64 * GRID
    }

    /// A whole number from 0 (included) to `end` (excluded); 0 where `end` is 0.
    pub fn below(&mut self, end: u32) -> u32 {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 0 and below `end`"
        )]
        let number = (self.uniform() * f64::from(end)) as u32;
        number
    }

    /// A Gaussian number of mean 0 and deviation 1, never further out than 8.6.
    pub fn gaussian(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        let (sine, cosine) = libm::sincos(TAU * self.uniform());
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// An exponentially distributed number of mean 1, at most 36.8.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.uniform())
    }
}

const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01B3;

fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn stream(device: &str, channel: &str, purpose: &str) -> Stream {
        Stream::new(7, device, channel, purpose)
    }

    fn moments(draw: impl FnMut() -> f64) -> (f64, f64) {
        let numbers: Vec<f64> = core::iter::repeat_with(draw).take(100_000).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e5;
        (mean, variance)
    }

    #[test]
    fn every_name_gives_a_stream_of_its_own() {
        let first = |mut stream: Stream| stream.generator.next_u64();
        let mut seen = [
            first(stream("kettle", "temp", "noise")),
            first(stream("kettle", "temp", "source")),
            first(stream("kettle", "tempn", "oise")),
            first(stream("kettl", "etemp", "noise")),
            first(Stream::new(8, "kettle", "temp", "noise")),
        ];
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_stream_is_the_same_for_ever() {
        // Computed apart from this code, from the definitions of FNV-1a, SplitMix64, xoshiro256++ and Box–Muller.
        let mut stream = stream("kettle-1", "temp", "noise");
        let drawn: Vec<u64> = (0..3).map(|_| stream.gaussian().to_bits()).collect();
        assert_eq!(
            drawn,
            [13_831_621_000_449_728_872, 13_828_704_221_896_392_969, 4_604_963_828_681_653_771]
        );
    }

    #[test]
    fn uniform_numbers_fill_their_interval_evenly() {
        let mut stream = stream("a", "b", "c");
        let (mean, variance) = moments(|| stream.uniform());
        assert!((mean - 0.5).abs() < 0.005 && (variance - 1.0 / 12.0).abs() < 0.001, "{mean} {variance}");
    }

    #[test]
    fn gaussian_numbers_have_mean_0_and_deviation_1() {
        let mut stream = stream("a", "b", "c");
        let (mean, variance) = moments(|| stream.gaussian());
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn exponential_numbers_have_mean_1_and_deviation_1() {
        let mut stream = stream("a", "b", "c");
        let (mean, variance) = moments(|| stream.exponential());
        assert!((mean - 1.0).abs() < 0.01 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }
}
