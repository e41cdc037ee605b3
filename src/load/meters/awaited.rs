//! Devices that a phase waits for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::sync::Notify;

/// How many of a phase's devices are still to come online. One waits for it.
#[derive(Debug, Default)]
pub(in super::super) struct Awaited {
    count: AtomicUsize,
    changed: Notify,
}

/// One of them, until it is online or has given up.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Awaited>);

impl Awaited {
    /// Waits until fewer than that many are to come.
    pub(in super::super) async fn fewer_than(&self, count: usize) {
        while self.count.load(Relaxed) >= count {
            self.changed.notified().await;
        }
    }
}

impl Ticket {
    pub(super) fn new(awaited: &Arc<Awaited>) -> Self {
        awaited.count.fetch_add(1, Relaxed);
        Self(Arc::clone(awaited))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Relaxed);
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn whoever_waits_goes_on_when_enough_have_come() {
        let awaited = Arc::default();
        let mut tickets: Vec<_> = (0..3).map(|_| Ticket::new(&awaited)).collect();
        tickets.pop();
        assert!(awaited.fewer_than(2).now_or_never().is_none());
        tickets.pop();
        awaited.fewer_than(2).await;
        tickets.clear();
        awaited.fewer_than(1).await;
    }
}
