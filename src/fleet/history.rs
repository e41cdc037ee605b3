//! The latest events of a fleet, numbered from 1, for watchers that come and go.
//!
//! Nothing is kept, and nothing is paid, before the first watcher asks for it.

use super::health::Notice;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use tokio::sync::watch;

/// Events that are kept; a watcher that is farther behind is told of a gap.
const KEPT: usize = 16_384;

/// The latest events.
#[derive(Debug)]
pub struct History {
    is_on: AtomicBool,
    kept: Mutex<VecDeque<Arc<Notice>>>,
    /// Sequence number of the latest event; changed only while `kept` is locked.
    latest: watch::Sender<u64>,
}

/// Events in order, as far as they are kept.
#[derive(Debug)]
pub struct Excerpt {
    /// Sequence numbers of the first and the last event that should come first and are not kept any more.
    pub missing: Option<(u64, u64)>,
    /// The events with their sequence numbers.
    pub events: Vec<(u64, Arc<Notice>)>,
}

impl History {
    pub(super) fn new() -> Self {
        Self { is_on: AtomicBool::new(false), kept: Mutex::default(), latest: watch::Sender::new(0) }
    }

    /// Keeps events from now on.
    pub fn begin(&self) {
        self.is_on.store(true, Relaxed);
    }

    /// Sequence number of the latest event that was kept; 0 before the first one.
    pub fn latest(&self) -> u64 {
        *self.latest.borrow()
    }

    /// Changes with every event.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// The events after the one with this sequence number, at most `most` of them.
    pub fn after(&self, seq: u64, most: usize) -> Excerpt {
        let kept = self.lock();
        let latest = self.latest();
        let first = latest - kept.len() as u64 + 1;
        let from = seq.saturating_add(1).max(first);
        let missing = (seq.saturating_add(1) < first).then(|| (seq + 1, first - 1));
        let skipped = usize::try_from(from - first).unwrap_or(usize::MAX);
        let events = (from..).zip(kept.iter().skip(skipped).take(most).cloned());
        Excerpt { missing, events: events.collect() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    pub(super) fn keep(&self, notice: Arc<Notice>) {
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(notice);
        self.latest.send_modify(|latest| *latest += 1);
    }

    /// A panic cannot leave it half changed: nothing in between can panic.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Notice>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::health::What;
    use thingfleet_device::{io::Colour, time::Instant};

    fn history(events: u64) -> History {
        let history = History::new();
        for micros in 1..=events {
            let (name, what) = ("kettle".into(), What::Led(Colour::Red));
            history.keep(Arc::new(Notice { device: Some(0), name, at: Instant::from_micros(micros), what }));
        }
        history
    }

    fn numbers(excerpt: &Excerpt) -> Vec<u64> {
        assert!(excerpt.events.iter().all(|(seq, notice)| notice.at == Instant::from_micros(*seq)));
        excerpt.events.iter().map(|(seq, _)| *seq).collect()
    }

    #[test]
    fn a_watcher_goes_on_where_it_was() {
        let history = history(5);
        assert_eq!(history.latest(), 5);
        assert_eq!(numbers(&history.after(0, 100)), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(&history.after(3, 100)), [4, 5]);
        assert_eq!(numbers(&history.after(1, 2)), [2, 3]);
        assert_eq!(numbers(&history.after(5, 100)), [0; 0]);
        assert_eq!(numbers(&history.after(u64::MAX, 100)), [0; 0], "of another run");
    }

    #[test]
    fn what_is_not_kept_any_more_is_a_gap() {
        let history = history(KEPT as u64 + 10);
        let excerpt = history.after(4, 3);
        assert_eq!(excerpt.missing, Some((5, 10)));
        assert_eq!(numbers(&excerpt), [11, 12, 13]);
        assert_eq!(history.after(10, 1).missing, None);
    }
}
