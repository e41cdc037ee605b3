//! Bounds on answers: errors to strangers, replies to contacts. Two devices that misunderstand each other must not
//! keep a server busy, and strangers who flood one must not use up what its contacts may say.

use crate::time::Instant;
use core::time::Duration;

/// A token bucket.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// Answers at once before the bound bites.
    burst: u8,
    /// Time in which one more answer is allowed.
    refill: Duration,
    left: u8,
    refilled: Instant,
}

impl Allowance {
    /// For errors to strangers: twenty at once, then one a second.
    pub(crate) const fn for_strangers() -> Self {
        Self::new(20, Duration::from_secs(1))
    }

    /// For commands of contacts, who may be programs: a hundred at once, then five a second.
    pub(crate) const fn for_contacts() -> Self {
        Self::new(100, Duration::from_millis(200))
    }

    const fn new(burst: u8, refill: Duration) -> Self {
        Self { burst, refill, left: burst, refilled: Instant::START }
    }

    /// Whether one more answer may be sent now; counts it.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        while self.left < self.burst && now.since(self.refilled) >= self.refill {
            self.left += 1;
            self.refilled = self.refilled.plus(self.refill);
        }
        if self.left == self.burst {
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
    fn a_burst_is_answered_and_then_one_after_the_other() {
        let mut allowance = Allowance::new(20, Duration::from_secs(1));
        let now = Instant::START.plus(Duration::from_secs(1000));
        assert_eq!((0..100).filter(|_| allowance.take(now)).count(), 20);
        let later = now.plus(Duration::from_secs(3));
        assert_eq!((0..100).filter(|_| allowance.take(later)).count(), 3);
        let much_later = later.plus(Duration::from_secs(1_000_000));
        assert_eq!((0..100).filter(|_| allowance.take(much_later)).count(), 20);
    }
}
