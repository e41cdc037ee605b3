//! A fleet's health at one moment: how many devices stand where, what is wrong with which, what all of them did.

use super::{Condition, Health};
use crate::ble;
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use thingfleet_device::io::{FaultId, Session, StreamFailure};

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
    /// Have worlds that cannot keep their speed.
    pub lagging: usize,
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
    /// What goes wrong with it, in the order of beginning.
    pub faults: Vec<FaultId>,
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

impl Health {
    /// Where the device at this place stands.
    pub fn standing(&self, device: usize) -> Standing {
        let slot = Arc::clone(&self.devices()[device]);
        let state = slot.lock();
        let (session, is_restarting) = match &state.condition {
            Condition::On(session) => (Some(session.clone()), false),
            Condition::Restarting => (None, true),
            Condition::Off | Condition::Removed => (None, false),
        };
        let (setup_failure, faults) = (state.setup_failure.clone(), state.faults.clone());
        Standing { session, is_restarting, setup_failure, faults, counts: slot.counters.read() }
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
            snapshot.lagging += usize::from(state.is_lagging);
            match &state.condition {
                Condition::Off | Condition::On(Session::Off) => snapshot.off += 1,
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
                    | Session::Off
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
