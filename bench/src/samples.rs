//! Exact samples of a duration; there are few enough to keep them all.

use std::time::Duration;

/// Durations in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// All but the first few, taken while caches filled.
    pub(crate) fn without_first(mut self, count: usize) -> Self {
        self.0.drain(..count.min(self.0.len()));
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest sample, in ms, that at least this share of all samples does not exceed (nearest rank).
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank within the samples"
        )]
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).map_or(f64::NAN, |sample| milliseconds(*sample))
    }

    /// Mean in ms.
    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().copied().map(milliseconds).sum::<f64>() / self.0.len() as f64
    }

    /// Standard deviation of the samples in ms.
    pub(crate) fn deviation(&self) -> f64 {
        let mean = self.mean();
        let squares = self.0.iter().map(|sample| (milliseconds(*sample) - mean).powi(2)).sum::<f64>();
        (squares / (self.0.len() as f64 - 1.0)).sqrt()
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_samples() {
        let mut samples = Samples::default();
        (1..=100).rev().for_each(|n| samples.push(Duration::from_millis(n)));
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| samples.quantile(share)), [1.0, 50.0, 99.0, 100.0]);
        assert_eq!(samples.mean(), 50.5);
        assert!((samples.deviation() - 29.011).abs() < 1e-3);
        assert!(Samples::default().quantile(0.5).is_nan());
    }
}
