//! What a fleet is doing: a state for each device, counters for all, and a stream of events for whoever watches.
//!
//! Drivers report here and nowhere else. Reporting never waits: counters are atomic, and a watcher that is too slow
//! loses the oldest events, which are counted.

mod reporter;
mod snapshot;

pub(crate) use reporter::Reporter;
pub use snapshot::{Counts, Snapshot, Standing, Trouble};

use super::{
    crew::Pace,
    history::History,
    tap::{Listener, Tap},
};
use crate::ble;
use futures::FutureExt as _;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use thingfleet_control::command::Command;
use thingfleet_device::{
    io::{Colour, Event, FaultId, Session},
    time::Instant,
};
use tokio::sync::broadcast;

/// Events kept for a slow watcher.
const KEPT: usize = 4096;

/// The health of one fleet; shared by its drivers and its watchers.
#[derive(Debug)]
pub struct Health {
    /// By place; that of a device that was removed stays, so that places do not move.
    devices: RwLock<Vec<Arc<Slot>>>,
    missed_events: AtomicU64,
    events: broadcast::Sender<Arc<Notice>>,
    history: History,
}

#[derive(Debug)]
struct Slot {
    name: Arc<str>,
    state: Mutex<State>,
    counters: Counters,
    tap: Tap,
}

#[derive(Debug, Default)]
struct State {
    condition: Condition,
    was_online: bool,
    setup_failure: Option<(String, &'static str)>,
    /// Where its peripheral stands, while it waits to be commissioned.
    radio: Option<ble::State>,
    /// Why it is not in its network, while it joins.
    network_failure: Option<String>,
    /// Whether its world cannot keep its speed.
    is_lagging: bool,
    /// What goes wrong with it, in the order of beginning.
    faults: Vec<FaultId>,
}

/// Where a device stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Condition {
    /// Not switched on yet.
    #[default]
    Off,
    /// Switched on, in this session state.
    On(Session),
    /// Its task failed, and it is switched on again soon.
    Restarting,
    /// It does not belong to the fleet any more.
    Removed,
}

#[derive(Debug, Default)]
struct Counters {
    events: AtomicU64,
    published: AtomicU64,
    publish_failures: AtomicU64,
    setup_failures: AtomicU64,
    actuations: AtomicU64,
    refusals: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    restarts: AtomicU64,
}

/// Something a device told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Place of the device in its fleet; none for what is about the fleet.
    pub device: Option<usize>,
    /// Its name, if it is about one.
    pub name: Arc<str>,
    /// Its own time.
    pub at: Instant,
    /// What it told.
    pub what: What,
}

/// What a device tells.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// An event.
    Event(Event),
    /// Its light changed.
    Led(Colour),
    /// Its Bluetooth peripheral stands here now.
    Bluetooth(ble::State),
    /// It was told to do this, by way of the control interface.
    Steered(Command),
    /// Time passes at this pace in the worlds of all devices.
    Paced(Pace),
    /// It joined the fleet.
    Added,
    /// It was removed from the fleet.
    Removed,
}

/// A watcher's end of the event stream.
#[derive(Debug)]
pub struct Events {
    health: Arc<Health>,
    receiver: broadcast::Receiver<Arc<Notice>>,
}

impl Health {
    /// The health of a fleet of devices with these names, none of them switched on.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Arc<Self> {
        Arc::new(Self {
            devices: RwLock::new(names.into_iter().map(Slot::new).collect()),
            missed_events: AtomicU64::new(0),
            events: broadcast::channel(KEPT).0,
            history: History::new(),
        })
    }

    /// Makes a place for a device that joins the fleet, after all others.
    pub(super) fn add(&self, name: &str) {
        self.devices.write().unwrap_or_else(PoisonError::into_inner).push(Slot::new(name));
    }

    /// Counts the device at this place no longer.
    pub(super) fn remove(&self, device: usize) {
        let slot = Arc::clone(&self.devices()[device]);
        slot.lock().condition = Condition::Removed;
        slot.tap.close();
    }

    /// Listens to what the device at this place exchanges from now on.
    pub(crate) fn listen(&self, device: usize) -> Listener {
        self.devices()[device].tap.listen()
    }

    /// The latest events.
    pub fn history(&self) -> &History {
        &self.history
    }

    fn devices(&self) -> RwLockReadGuard<'_, Vec<Arc<Slot>>> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to watch what devices tell from now on.
    pub fn watch(self: &Arc<Self>) -> Events {
        Events { health: Arc::clone(self), receiver: self.events.subscribe() }
    }

    /// Tells something about the fleet.
    pub(super) fn tell(&self, what: What) {
        self.spread(None, || "".into(), Instant::START, what);
    }

    fn spread(&self, device: Option<usize>, name: impl FnOnce() -> Arc<str>, at: Instant, what: What) {
        // Nobody pays for an event that nobody watches.
        let (is_watched, is_kept) = (self.events.receiver_count() > 0, self.history.is_on());
        if is_watched || is_kept {
            let notice = Arc::new(Notice { device, name: name(), at, what });
            if is_kept {
                self.history.keep(Arc::clone(&notice));
            }
            // It fails only if the last watcher has just left.
            _ = self.events.send(notice);
        }
    }

    /// The way to report for the device at this place.
    pub(crate) fn reporter(self: &Arc<Self>, device: usize) -> Reporter {
        Reporter { health: Arc::clone(self), device, slot: Arc::clone(&self.devices()[device]) }
    }
}

impl Counters {
    fn read(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        Counts {
            events: count(&self.events),
            published: count(&self.published),
            publish_failures: count(&self.publish_failures),
            setup_failures: count(&self.setup_failures),
            actuations: count(&self.actuations),
            refusals: count(&self.refusals),
            sent: count(&self.sent),
            received: count(&self.received),
            restarts: count(&self.restarts),
        }
    }
}

impl Slot {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            state: Mutex::default(),
            counters: Counters::default(),
            tap: Tap::default(),
        })
    }

    /// Every change of a state is one assignment, so a panic cannot leave it half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    /// An event that is there already, without waiting.
    pub fn ready(&mut self) -> Option<Arc<Notice>> {
        self.next().now_or_never().flatten()
    }

    /// Waits for the next event; what this watcher was too slow for is counted and skipped. `None` when the fleet is
    /// gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<Arc<Notice>> {
        loop {
            match self.receiver.recv().await {
                Ok(notice) => return Some(notice),
                Err(broadcast::error::RecvError::Closed) => return None,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    self.health.missed_events.fetch_add(missed, Relaxed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use thingfleet_device::{
        commissioning::journey::{NetworkFailure, Step},
        definition::ChannelId,
        fault::{Fault, Kind},
        io::{FailureKind, StreamFailure},
    };

    fn failure(kind: FailureKind) -> StreamFailure {
        StreamFailure { kind, text: "not-authorized".into() }
    }

    #[test]
    fn devices_are_counted_where_they_stand() {
        let health = Health::new(["kettle", "lamp", "fridge", "fan"]);
        let online = health.reporter(0);
        online.event(Instant::START, Event::Session(Session::Online));
        let failed = health.reporter(1);
        failed.event(Instant::START, Event::Session(Session::Failed(failure(FailureKind::Authentication))));
        health.reporter(2).switched_on();

        let snapshot = health.snapshot();

        assert_eq!((snapshot.online, snapshot.connecting, snapshot.off), (1, 1, 1));
        assert_eq!(snapshot.failed, BTreeMap::from([("authentication", 1)]));
        assert_eq!(snapshot.ever_online, 1);
        assert!(!snapshot.is_hopeless());
        let troubles = health.troubles();
        assert_eq!(troubles.len(), 1);
        assert_eq!(&*troubles[0].device, "lamp");
        assert_eq!(troubles[0].next_step, FailureKind::Authentication.next_step());
    }

    #[test]
    fn a_device_that_cannot_be_found_is_a_trouble_until_it_can() {
        let health = Health::new(["lamp", "door", "fan"]);
        for device in 0..3 {
            health.reporter(device).event(Instant::START, Event::Session(Session::Commissioning));
        }
        let kind = ble::TroubleKind::NoDaemon;
        let down = ble::State::Down(ble::Trouble { kind, text: "no bluetoothd".into() });
        health.reporter(0).bluetooth(Instant::START, down);
        health.reporter(1).bluetooth(Instant::START, ble::State::Queued { ahead: 0 });

        let snapshot = health.snapshot();
        assert_eq!((snapshot.commissioning, snapshot.advertising, snapshot.queued), (3, 0, 1));
        assert_eq!(snapshot.off_the_air, BTreeMap::from([("no-daemon", 1)]));
        assert_eq!(health.troubles()[0].next_step, kind.next_step());

        health.reporter(0).event(Instant::START, Event::Session(Session::Joining));
        assert!(health.snapshot().off_the_air.is_empty());
        let step = Step::NetworkFailed { ssid: "Home".into(), why: NetworkFailure::NotFound };
        health.reporter(0).event(Instant::START, Event::Commissioning(step));
        assert_eq!(health.troubles()[0].kind, "network");
        health.reporter(0).event(Instant::START, Event::Session(Session::Connecting));
        assert!(health.troubles().is_empty());
    }

    #[test]
    fn what_goes_wrong_is_known_until_it_ends_or_the_device_begins_anew() {
        let health = Health::new(["kettle"]);
        let kettle = health.reporter(0);
        let fault = Fault::of(Kind::SensorStuck);
        let begin = |id| kettle.event(Instant::START, Event::FaultBegan(FaultId(id), fault.clone().into()));
        begin(1);
        begin(2);
        kettle.event(Instant::START, Event::FaultEnded(FaultId(1)));
        assert_eq!(health.standing(0).faults, [FaultId(2)]);
        kettle.event(Instant::START, Event::Session(Session::Off));
        assert_eq!(health.standing(0).faults, [FaultId(2)], "a power cut mends nothing");
        kettle.switched_on();
        assert_eq!(health.standing(0).faults, []);
    }

    #[tokio::test]
    async fn a_slow_watcher_loses_the_oldest_events_and_they_are_counted() {
        let health = Health::new(["kettle"]);
        let mut events = health.watch();
        let reporter = health.reporter(0);
        let extra = 10;
        for micros in 0..KEPT as u64 + extra {
            reporter.event(Instant::from_micros(micros), Event::Published(ChannelId(0)));
        }
        let first = events.next().await.unwrap();
        assert_eq!(first.at, Instant::from_micros(extra));
        assert_eq!(health.snapshot().missed_events, extra);
    }
}
