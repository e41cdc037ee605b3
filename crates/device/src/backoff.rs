//! How long a device waits before it opens its stream again.

use crate::random::Stream;
use core::time::Duration;

/// The first pause, before jitter.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause, before jitter.
const LONGEST: Duration = Duration::from_mins(1);

/// Jittered exponential backoff: the pause doubles with each failure in a row, and a random half of it is taken off,
/// so that a fleet that lost its server together does not return together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure.
    pub(crate) fn next(&mut self, random: &mut Stream) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures += 1;
        full.mul_f64(0.5 + random.uniform() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_differ_between_devices() {
        let pauses = |name: &str| {
            let (mut backoff, mut random) = (Backoff::default(), Stream::new(1, name, "", "device"));
            core::array::from_fn::<_, 12, _>(|_| backoff.next(&mut random))
        };
        let (a, b) = (pauses("a"), pauses("b"));
        assert!(a[0] >= Duration::from_millis(250) && a[0] <= Duration::from_millis(500));
        assert!(a[11] >= Duration::from_secs(30) && a[11] <= Duration::from_mins(1));
        assert_ne!(a, b);
    }
}
