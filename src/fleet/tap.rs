//! What one device exchanges, for whoever listens. While nobody does, nothing is made or kept, and all it costs is a
//! look at a flag.

pub(crate) mod exchange;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use thingfleet_control::traffic::{Exchange, What};
use thingfleet_device::time::Instant;
use tokio::sync::mpsc::{self, error::TrySendError};

/// Exchanges that a listener has not got round to; what is more it misses. Each is some kilobytes at most.
const WAITING: usize = 256;

/// The end of a device.
#[derive(Debug, Default)]
pub(super) struct Tap {
    /// Whether there are listeners; still set for one exchange more after the last one has gone.
    is_on: AtomicBool,
    ears: Mutex<Ears>,
}

#[derive(Debug, Default)]
struct Ears {
    /// Number of the latest exchange.
    seq: u64,
    listeners: Vec<mpsc::Sender<Arc<Exchange>>>,
    is_closed: bool,
}

/// The end of a listener.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Number of the exchange before the first one that it hears.
    pub(crate) before: u64,
    /// Ends when the device is removed.
    pub(crate) exchanges: mpsc::Receiver<Arc<Exchange>>,
}

impl Tap {
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    pub(super) fn listen(&self) -> Listener {
        let (listener, exchanges) = mpsc::channel(WAITING);
        let mut ears = self.lock();
        if !ears.is_closed {
            ears.listeners.push(listener);
            self.is_on.store(true, Relaxed);
        }
        Listener { before: ears.seq, exchanges }
    }

    /// Tells all listeners, none of whom is waited for.
    pub(super) fn tell(&self, at: Instant, what: What) {
        let mut ears = self.lock();
        ears.seq += 1;
        let exchange = Arc::new(Exchange { seq: ears.seq, device_seconds: at.as_secs_f64(), what });
        let is_there = |listener: &mpsc::Sender<_>| {
            !matches!(listener.try_send(Arc::clone(&exchange)), Err(TrySendError::Closed(_)))
        };
        ears.listeners.retain(is_there);
        self.is_on.store(!ears.listeners.is_empty(), Relaxed);
    }

    /// Lets all listeners go, and those who come later.
    pub(super) fn close(&self) {
        let mut ears = self.lock();
        ears.is_closed = true;
        ears.listeners.clear();
        self.is_on.store(false, Relaxed);
    }

    /// A panic cannot leave it half changed: nothing in between can panic.
    fn lock(&self) -> MutexGuard<'_, Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_control::traffic::{Gatt, Operation};

    fn tell(tap: &Tap) {
        tap.tell(Instant::START, What::Gatt(Gatt::new(Operation::Connect)));
    }

    #[test]
    fn a_tap_is_on_while_somebody_listens() {
        let tap = Tap::default();
        assert!(!tap.is_on());
        let (first, mut second) = (tap.listen(), tap.listen());
        tell(&tap);
        drop(first);
        tell(&tap);
        assert_eq!(second.exchanges.try_recv().unwrap().seq, 1);
        assert_eq!(second.exchanges.try_recv().unwrap().seq, 2);
        assert!(tap.is_on());
        drop(second);
        tell(&tap);
        assert!(!tap.is_on());
    }

    #[test]
    fn a_listener_that_is_too_slow_misses_some_and_costs_no_more() {
        let tap = Tap::default();
        let mut slow = tap.listen();
        for _ in 0..WAITING + 5 {
            tell(&tap);
        }
        for seq in 1..=WAITING as u64 {
            assert_eq!(slow.exchanges.try_recv().unwrap().seq, seq);
        }
        assert!(slow.exchanges.try_recv().is_err());
        tell(&tap);
        assert_eq!(slow.exchanges.try_recv().unwrap().seq, WAITING as u64 + 6);
        assert_eq!(tap.listen().before, WAITING as u64 + 6);
    }

    #[test]
    fn listening_to_a_device_that_was_removed_ends() {
        let tap = Tap::default();
        let mut early = tap.listen();
        tap.close();
        let mut late = tap.listen();
        for listener in [&mut early, &mut late] {
            assert_eq!(listener.exchanges.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        }
        assert!(!tap.is_on());
    }
}
