//! A bound on answers that nobody asked for twice: errors to strangers, replies to chatter. Two devices that
//! misunderstand each other must not talk for ever.

use crate::time::Instant;
use core::time::Duration;

/// Answers at once before the bound bites.
const BURST: u8 = 20;

/// Time in which one more answer is allowed.
const REFILL: Duration = Duration::from_secs(1);

/// A token bucket.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u8,
    refilled: Instant,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: BURST, refilled: Instant::START }
    }
}

impl Allowance {
    /// Whether one more answer may be sent now; counts it.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        while self.left < BURST && now.since(self.refilled) >= REFILL {
            self.left += 1;
            self.refilled = self.refilled.plus(REFILL);
        }
        if self.left == BURST {
            self.refilled = now;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_answered_and_then_one_a_second() {
        let mut allowance = Allowance::default();
        let now = Instant::START.plus(Duration::from_secs(1000));
        let answered = (0..100).filter(|_| allowance.take(now)).count();
        assert_eq!(answered, usize::from(BURST));
        let later = now.plus(Duration::from_secs(3));
        assert_eq!((0..100).filter(|_| allowance.take(later)).count(), 3);
        let much_later = later.plus(Duration::from_secs(1_000_000));
        assert_eq!((0..100).filter(|_| allowance.take(much_later)).count(), usize::from(BURST));
    }
}
