//! Device time: a count of microseconds since the device was switched on.
//!
//! The core never reads a clock. Whoever drives it passes an [`Instant`] in, and the body decides whether that is
//! a real clock, a faster one, or a loop that jumps from deadline to deadline.

use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A moment of a device's life, in microseconds since it was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(u64);

impl Instant {
    /// The moment the device was switched on.
    pub const START: Self = Self(0);

    /// The moment `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Seconds since the start.
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The time since `earlier`, or zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This moment moved by `span`; saturates at the end of time (584,000 years).
    #[must_use]
    pub const fn plus(self, span: Duration) -> Self {
        let micros = span.as_secs().saturating_mul(1_000_000).saturating_add(span.subsec_micros() as u64);
        Self(self.0.saturating_add(micros))
    }
}

/// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The wall-clock time `now` is, for a device that was switched on at `self`.
    #[must_use]
    pub const fn at(self, now: Instant) -> Self {
        Self(self.0.saturating_add(now.as_micros() / 1000))
    }

    /// Seconds since midnight UTC, 0.0 to 86,400.0.
    pub const fn second_of_day(self) -> f64 {
        (self.0 % 86_400_000) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_saturate_at_both_ends() {
        let late = Instant::from_micros(u64::MAX).plus(Duration::MAX);
        assert_eq!(late.as_micros(), u64::MAX);
        assert_eq!(Instant::START.since(late), Duration::ZERO);
    }

    #[test]
    fn wall_time_counts_on_from_the_epoch() {
        let noon = UnixMillis(12 * 3_600_000);
        assert_eq!(noon.at(Instant::from_micros(90_000_000)).second_of_day(), 43_290.0);
    }
}
