//! What of a source is computed once, when it takes over, so that a tick needs no `exp` and no division of times.

use super::replay;
use crate::definition::Source;
use core::time::Duration;

/// The constants of a source for one size of tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Share of the distance or of the rate that one tick covers, for sources that have one.
    pub(super) factor: f64,
    /// Deviation of one tick's random step, for sources that have one.
    pub(super) spread: f64,
    /// Length of a ramp or a wave in microseconds, at least 1, for sources that have one.
    pub(super) span: u64,
    /// Microseconds after which the source's clock starts again at zero, at least 1.
    pub(super) period: u64,
}

impl Pace {
    /// A source without constants.
    pub(super) const STILL: Self = Self { factor: 0.0, spread: 0.0, span: 1, period: u64::MAX };

    /// The constants of `source` where a tick takes so many seconds.
    pub(super) fn of(source: &Source, seconds: f64) -> Self {
        match source {
            Source::Lag { toward: _, over } => {
                Self { factor: -libm::expm1(-seconds / over.as_secs_f64()), ..Self::STILL }
            }
            Source::OrnsteinUhlenbeck { mean: _, deviation, over } => {
                let decay = -seconds / over.as_secs_f64();
                let spread = deviation * libm::sqrt(-libm::expm1(2.0 * decay));
                Self { factor: libm::exp(decay), spread, ..Self::STILL }
            }
            Source::RandomWalk { step } => Self { spread: step * libm::sqrt(seconds), ..Self::STILL },
            Source::Counter { per_hour: _ } => Self { factor: seconds / 3600.0, ..Self::STILL },
            Source::Integral { of: _, per, scale } => {
                Self { factor: scale * seconds / per.as_secs_f64(), ..Self::STILL }
            }
            Source::Ramp { from: _, to: _, over: span, repeat: true }
            | Source::Sine { mean: _, amplitude: _, period: span, phase: _ }
            | Source::Square { low: _, high: _, period: span, duty: _ } => {
                Self { span: micros(*span).max(1), period: micros(*span).max(1), ..Self::STILL }
            }
            Source::Ramp { from: _, to: _, over, repeat: false } => {
                Self { span: micros(*over).max(1), ..Self::STILL }
            }
            Source::Replay { samples, interpolate: _, repeat: true } => {
                Self { period: replay::cycle(samples), ..Self::STILL }
            }
            Source::Hold
            | Source::Constant(_)
            | Source::Daily(_)
            | Source::Markov(_)
            | Source::Replay { samples: _, interpolate: _, repeat: false } => Self::STILL,
        }
    }

    /// Where a source's clock stands when it takes over.
    pub(super) fn starts_at(&self, source: &Source) -> u64 {
        if let Source::Sine { phase, .. } = source { micros(*phase) % self.period } else { 0 }
    }

    /// Where it stands `passed` microseconds later.
    pub(super) fn later(&self, elapsed: u64, passed: u64) -> u64 {
        let elapsed = elapsed.saturating_add(passed);
        if elapsed < self.period { elapsed } else { elapsed % self.period }
    }
}

/// Whole microseconds, which is as fine as device time is. Saturates.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
