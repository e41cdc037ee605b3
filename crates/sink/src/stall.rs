//! A server that stops answering for a while, on purpose.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// When the sink may write again. Every stream asks before it writes.
#[derive(Debug)]
pub(crate) struct Stall {
    start: Instant,
    /// Microseconds after `start` until which nothing is written.
    until: AtomicU64,
}

impl Default for Stall {
    fn default() -> Self {
        Self { start: Instant::now(), until: AtomicU64::new(0) }
    }
}

impl Stall {
    /// Begins now; a stall that would end later goes on.
    pub(crate) fn begin(&self, duration: Duration) -> Instant {
        let end = u64::try_from((self.start.elapsed() + duration).as_micros()).unwrap_or(u64::MAX);
        let before = self.until.fetch_max(end, Relaxed);
        self.start + Duration::from_micros(before.max(end))
    }

    /// Waits until nothing is in the way of writing.
    pub(crate) async fn over(&self) {
        loop {
            let until = self.until.load(Relaxed);
            if until == 0 {
                return;
            }
            let end = self.start + Duration::from_micros(until);
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep_until(end.into()).await;
        }
    }
}
