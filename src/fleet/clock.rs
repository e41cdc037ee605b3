//! A device's clock: real time since it was switched on.
//!
//! The fleet's speed is not in here; a device's world runs faster inside the device, while its talk with the server
//! stays in real time. The clock stands on tokio's time, so that a test with paused time pauses devices too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thingfleet_device::time::{Instant, UnixMillis};
use tokio::time::Instant as RealInstant;

/// Farthest a sleep reaches ahead; whoever wakes up early just sleeps again.
const FARTHEST: Duration = Duration::from_hours(24);

/// The clock of one device.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    switched_on: RealInstant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { switched_on: RealInstant::now() }
    }

    /// The device's time now.
    pub fn now(&self) -> Instant {
        Instant::START.plus(self.switched_on.elapsed())
    }

    /// When the device's time will be `moment`, or a day from now if that is later still.
    pub fn real(&self, moment: Instant) -> RealInstant {
        let farthest = RealInstant::now() + FARTHEST;
        let real = self.switched_on.checked_add(Duration::from_micros(moment.as_micros()));
        real.map_or(farthest, |real| real.min(farthest))
    }
}

/// The wall clock.
pub fn wall_clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_at_its_moment_and_not_before() {
        let clock = Clock::start();
        for micros in [1, 999, 1_000_001, 86_399_000_001] {
            let moment = Instant::from_micros(micros);
            tokio::time::sleep_until(clock.real(moment)).await;
            assert!(clock.now() >= moment, "{micros}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_time_is_a_day_away() {
        let clock = Clock::start();
        assert_eq!(clock.real(Instant::from_micros(u64::MAX)), RealInstant::now() + FARTHEST);
    }
}
