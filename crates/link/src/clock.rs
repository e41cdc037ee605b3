//! A device's time from embassy's, which every body has.

use embassy_time::Duration;
use thingfleet_device::time::Instant;

/// Turns embassy's time into a device's and back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: embassy_time::Instant,
}

impl Clock {
    /// A clock that begins now with [`Instant::START`].
    pub fn start() -> Self {
        Self { start: embassy_time::Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros())
    }

    /// That moment in embassy's time; the end of its time for moments beyond.
    pub fn at(&self, moment: Instant) -> embassy_time::Instant {
        let since = Duration::try_from_micros(moment.as_micros());
        since.and_then(|since| self.start.checked_add(since)).unwrap_or(embassy_time::Instant::MAX)
    }
}
