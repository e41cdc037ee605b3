//! What a fleet is doing: a state for each device, counters for all, and a stream of events for whoever watches.
//!
//! Drivers report here and nowhere else. Reporting never waits: counters are atomic, and a watcher that is too slow
//! loses the oldest events, which are counted.

use super::history::History;
use crate::ble;
use futures::FutureExt as _;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use thingfleet_device::{
    commissioning::journey::Step,
    io::{Colour, Event, Session, StreamFailure},
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
    /// Place of the device in its fleet.
    pub device: usize,
    /// Its name.
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
}

/// A fleet's health at one moment. Counters count from the start of the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Devices in the fleet.
    pub devices: usize,
    /// Not switched on yet.
    pub off: usize,
    /// Waiting to be commissioned over Bluetooth.
    pub commissioning: usize,
    /// Of those that wait to be commissioned, how many can be found now.
    pub advertising: usize,
    /// Of those, how many wait for an adapter.
    pub queued: usize,
    /// Of those, how many cannot be found, by what is in the way.
    pub off_the_air: BTreeMap<&'static str, usize>,
    /// Joining the network.
    pub joining: usize,
    /// Opening a stream.
    pub connecting: usize,
    /// Signed on, setting up roster and nodes.
    pub setting_up: usize,
    /// Online.
    pub online: usize,
    /// Waiting to connect again, by kind of failure.
    pub waiting: BTreeMap<&'static str, usize>,
    /// Given up until a person does something, by kind of failure.
    pub failed: BTreeMap<&'static str, usize>,
    /// About to be restarted after a failure of their task.
    pub restarting: usize,
    /// Cut off on request.
    pub offline: usize,
    /// Stopped.
    pub stopped: usize,
    /// Were online at least once.
    pub ever_online: usize,
    /// What all of them did.
    pub counts: Counts,
    /// Events that watchers were too slow for.
    pub missed_events: u64,
}

/// What a device, or a whole fleet, did since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Publishes the server has acknowledged.
    pub published: u64,
    /// Publishes the server has refused.
    pub publish_failures: u64,
    /// Times that nodes could not be set up.
    pub setup_failures: u64,
    /// Actuators set by contacts or at the device.
    pub actuations: u64,
    /// Requests that were refused.
    pub refusals: u64,
    /// Stanzas sent.
    pub sent: u64,
    /// Stanzas received.
    pub received: u64,
    /// Device tasks restarted.
    pub restarts: u64,
}

/// Where one device stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its session, while it is switched on.
    pub session: Option<Session>,
    /// Whether its task failed and is started again.
    pub is_restarting: bool,
    /// Why its nodes could not be set up, and what a person can do about it.
    pub setup_failure: Option<(String, &'static str)>,
    /// What it did.
    pub counts: Counts,
}

impl Snapshot {
    /// Whether every device has given up, so that nothing will happen any more unless a person does something.
    pub fn is_hopeless(&self) -> bool {
        self.devices > 0 && self.failed.values().sum::<usize>() == self.devices
    }
}

/// What is wrong with one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its name.
    pub device: Arc<str>,
    /// Short name of the kind of failure.
    pub kind: &'static str,
    /// What happened.
    pub text: String,
    /// What a person can do about it.
    pub next_step: &'static str,
}

/// One device's way to report.
#[derive(Debug, Clone)]
pub struct Reporter {
    health: Arc<Health>,
    device: usize,
    slot: Arc<Slot>,
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
        self.devices()[device].lock().condition = Condition::Removed;
    }

    /// Where the device at this place stands.
    pub fn standing(&self, device: usize) -> Standing {
        let slot = Arc::clone(&self.devices()[device]);
        let state = slot.lock();
        let (session, is_restarting) = match &state.condition {
            Condition::On(session) => (Some(session.clone()), false),
            Condition::Restarting => (None, true),
            Condition::Off | Condition::Removed => (None, false),
        };
        let setup_failure = state.setup_failure.clone();
        Standing { session, is_restarting, setup_failure, counts: slot.counters.read() }
    }

    /// The latest events.
    pub fn history(&self) -> &History {
        &self.history
    }

    fn devices(&self) -> RwLockReadGuard<'_, Vec<Arc<Slot>>> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How things are now.
    pub fn snapshot(&self) -> Snapshot {
        let missed_events = self.missed_events.load(Relaxed);
        let mut snapshot = Snapshot { missed_events, ..Snapshot::default() };
        for slot in &*self.devices() {
            snapshot.counts.add(&slot.counters.read());
            let state = slot.lock();
            if state.condition == Condition::Removed {
                continue;
            }
            snapshot.devices += 1;
            snapshot.ever_online += usize::from(state.was_online);
            match &state.condition {
                Condition::Off => snapshot.off += 1,
                Condition::Removed => {}
                Condition::Restarting => snapshot.restarting += 1,
                Condition::On(Session::Commissioning) => {
                    snapshot.commissioning += 1;
                    match &state.radio {
                        Some(ble::State::Advertising { .. }) => snapshot.advertising += 1,
                        Some(ble::State::Queued { .. }) => snapshot.queued += 1,
                        Some(ble::State::Down(trouble)) => {
                            *snapshot.off_the_air.entry(trouble.kind.name()).or_default() += 1;
                        }
                        None => {}
                    }
                }
                Condition::On(Session::Joining) => snapshot.joining += 1,
                Condition::On(Session::Connecting) => snapshot.connecting += 1,
                Condition::On(Session::SettingUp) => snapshot.setting_up += 1,
                Condition::On(Session::Online) => snapshot.online += 1,
                Condition::On(Session::Offline) => snapshot.offline += 1,
                Condition::On(Session::Stopped) => snapshot.stopped += 1,
                Condition::On(Session::Waiting { failure, .. }) => {
                    *snapshot.waiting.entry(failure.kind.name()).or_default() += 1;
                }
                Condition::On(Session::Failed(failure)) => {
                    *snapshot.failed.entry(failure.kind.name()).or_default() += 1;
                }
            }
        }
        snapshot
    }

    /// The devices that need a look, in the order of the fleet, failed ones first.
    pub fn troubles(&self) -> Vec<Trouble> {
        let (mut failed, mut others) = (Vec::new(), Vec::new());
        for slot in &*self.devices() {
            let state = slot.lock();
            let of = |failure: &StreamFailure| Trouble {
                device: Arc::clone(&slot.name),
                kind: failure.kind.name(),
                text: failure.text.clone(),
                next_step: failure.kind.next_step(),
            };
            match &state.condition {
                Condition::On(Session::Failed(failure)) => failed.push(of(failure)),
                Condition::On(Session::Waiting { failure, .. }) => others.push(of(failure)),
                Condition::Removed => continue,
                Condition::Off
                | Condition::Restarting
                | Condition::On(
                    Session::Commissioning
                    | Session::Joining
                    | Session::Connecting
                    | Session::SettingUp
                    | Session::Online
                    | Session::Offline
                    | Session::Stopped,
                ) => {}
            }
            if let Some(ble::State::Down(trouble)) = &state.radio {
                others.push(Trouble {
                    device: Arc::clone(&slot.name),
                    kind: trouble.kind.name(),
                    text: trouble.text.clone(),
                    next_step: trouble.kind.next_step(),
                });
            }
            if let Some(why) = &state.network_failure {
                others.push(Trouble {
                    device: Arc::clone(&slot.name),
                    kind: "network",
                    text: why.clone(),
                    next_step: "see `networks` in the profile, or reset the device and commission it anew",
                });
            }
            if let Some((why, next_step)) = &state.setup_failure {
                others.push(Trouble {
                    device: Arc::clone(&slot.name),
                    kind: "setup",
                    text: why.clone(),
                    next_step,
                });
            }
        }
        failed.append(&mut others);
        failed
    }

    /// Starts to watch what devices tell from now on.
    pub fn watch(self: &Arc<Self>) -> Events {
        Events { health: Arc::clone(self), receiver: self.events.subscribe() }
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

impl Counts {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.published += other.published;
        self.publish_failures += other.publish_failures;
        self.setup_failures += other.setup_failures;
        self.actuations += other.actuations;
        self.refusals += other.refusals;
        self.sent += other.sent;
        self.received += other.received;
        self.restarts += other.restarts;
    }
}

impl Slot {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self { name: name.into(), state: Mutex::default(), counters: Counters::default() })
    }

    /// Every change of a state is one assignment, so a panic cannot leave it half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter {
    /// The device is switched on.
    pub(crate) fn switched_on(&self) {
        self.stand(Condition::On(Session::Connecting));
    }

    /// The device's task failed and is started again.
    pub(crate) fn restarting(&self) {
        self.stand(Condition::Restarting);
        self.slot.counters.restarts.fetch_add(1, Relaxed);
    }

    /// A stanza was sent.
    pub(crate) fn sent(&self) {
        self.slot.counters.sent.fetch_add(1, Relaxed);
    }

    /// A stanza was received.
    pub(crate) fn received(&self) {
        self.slot.counters.received.fetch_add(1, Relaxed);
    }

    /// The device's light changed.
    pub(crate) fn led(&self, at: Instant, colour: Colour) {
        self.tell(at, What::Led(colour));
    }

    /// The device's peripheral changed its state.
    pub(crate) fn bluetooth(&self, at: Instant, state: ble::State) {
        self.slot.lock().radio = Some(state.clone());
        self.tell(at, What::Bluetooth(state));
    }

    /// The device told an event.
    pub(crate) fn event(&self, at: Instant, event: Event) {
        let counters = &self.slot.counters;
        counters.events.fetch_add(1, Relaxed);
        match &event {
            Event::Session(session) => self.session(session),
            Event::Published(_) => _ = counters.published.fetch_add(1, Relaxed),
            Event::PublishFailed { what, why } => {
                counters.publish_failures.fetch_add(1, Relaxed);
                tracing::info!(device = %self.slot.name, what, why, "a publish was refused");
            }
            Event::Actuated { .. } => _ = counters.actuations.fetch_add(1, Relaxed),
            Event::Refused { what, by, why } => {
                counters.refusals.fetch_add(1, Relaxed);
                tracing::info!(device = %self.slot.name, what, by, why, "refused");
            }
            Event::NodesReady { .. } => self.slot.lock().setup_failure = None,
            Event::SetupFailed { why, next_step } => {
                counters.setup_failures.fetch_add(1, Relaxed);
                tracing::warn!(device = %self.slot.name, why, next_step, "the nodes cannot be set up");
                self.slot.lock().setup_failure = Some((why.clone(), next_step));
            }
            Event::Commissioning(step) => self.step(step),
            Event::Reading(..) | Event::Rule(_) | Event::Handshake(_) => {}
        }
        self.tell(at, What::Event(event));
    }

    /// Says in the log what a person with a phone in the hand wants to know.
    fn step(&self, step: &Step) {
        let device = &*self.slot.name;
        match step {
            Step::Entered(stage) => tracing::info!(device, stage = stage.name(), "commissioning"),
            Step::Rejected { characteristic, why } => {
                tracing::warn!(device, characteristic = characteristic.name(), %why, "a value was refused");
            }
            Step::Incomplete(missing) => {
                let missing: Vec<_> = missing.iter().map(|characteristic| characteristic.name()).collect();
                tracing::warn!(device, missing = missing.join(", "), "Setup Done came too early");
            }
            Step::PairingFailed(why) => {
                tracing::warn!(device, %why, next_step = why.next_step(), "a client could not pair");
            }
            Step::NetworkFailed { ssid, why } => {
                let next_step = why.next_step();
                tracing::warn!(
                    device,
                    ssid,
                    why = why.describe(),
                    next_step,
                    "the device is not in its network"
                );
                self.slot.lock().network_failure = Some(format!("{}: {ssid}", why.describe()));
            }
            Step::GaveUp { why, next_step } => {
                tracing::warn!(device, why, next_step, "the device gave up and waits for a client again");
            }
            Step::Reset => tracing::info!(device, "reset to factory settings"),
            Step::ClientConnected | Step::ClientGone | Step::Written(_) => {
                tracing::debug!(device, ?step, "commissioning");
            }
        }
    }

    fn session(&self, session: &Session) {
        let name = &self.slot.name;
        match session {
            Session::Failed(failure) => {
                tracing::error!(device = %name, kind = failure.kind.name(), text = failure.text,
                    next_step = failure.kind.next_step(), "the device has given up");
            }
            Session::Waiting { failure, retry_in_ms } => {
                tracing::warn!(device = %name, kind = failure.kind.name(), text = failure.text, retry_in_ms,
                    "the stream is down");
            }
            Session::Commissioning
            | Session::Joining
            | Session::Connecting
            | Session::SettingUp
            | Session::Online
            | Session::Offline
            | Session::Stopped => {
                tracing::debug!(device = %name, ?session, "session");
            }
        }
        let mut state = self.slot.lock();
        state.was_online |= *session == Session::Online;
        if *session != Session::Commissioning {
            state.radio = None;
        }
        if *session != Session::Joining {
            state.network_failure = None;
        }
        drop(state);
        self.stand(Condition::On(session.clone()));
    }

    fn stand(&self, condition: Condition) {
        let mut state = self.slot.lock();
        // A device that was removed still says goodbye.
        if state.condition != Condition::Removed {
            state.condition = condition;
        }
    }

    fn tell(&self, at: Instant, what: What) {
        // Nobody pays for an event that nobody watches.
        let (is_watched, is_kept) = (self.health.events.receiver_count() > 0, self.health.history.is_on());
        if is_watched || is_kept {
            let name = Arc::clone(&self.slot.name);
            let notice = Arc::new(Notice { device: self.device, name, at, what });
            if is_kept {
                self.health.history.keep(Arc::clone(&notice));
            }
            // It fails only if the last watcher has just left.
            _ = self.health.events.send(notice);
        }
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
    use thingfleet_device::{commissioning::journey::NetworkFailure, definition::ChannelId, io::FailureKind};

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
