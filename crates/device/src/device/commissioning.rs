//! The device on its way from an empty memory to its owner: what it does in each [`Stage`].

use super::Device;
use crate::{
    agent::Agent,
    backoff::Backoff,
    commissioning::{
        credentials::{Collector, Credentials, Rejection, Stored},
        gatt::{AttError, Characteristic, Write},
        journey::{Happening, NetworkFailure, Stage, Step},
        pairing::PairingFailure,
    },
    definition::{Definition, Security},
    instance::Account,
    io::{Event, FailureKind, Output, Session, StreamFailure},
    jid::BareJid,
    time::Instant,
};
use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::{mem::take, ops::Deref, time::Duration};

/// How long the button has to be held for a reset to factory settings.
const HOLD: Duration = Duration::from_secs(5);

/// Where a device that is commissioned over Bluetooth stands.
#[derive(Debug)]
pub(super) struct Journey {
    stage: Stage,
    collected: Collector,
    /// What it was given; from Setup Done on.
    stored: Option<Stored>,
    /// The owners of its profile, who are there whoever commissions it.
    others: Vec<BareJid>,
    is_joined: bool,
    /// Attempts to join that have failed in a row.
    failed_joins: u8,
    /// When to try the network again.
    rejoin_at: Option<Instant>,
    /// When the stage, or the client's idleness, has lasted too long.
    too_late_at: Option<Instant>,
    /// When the button will have been held long enough.
    reset_at: Option<Instant>,
}

impl Journey {
    /// When [`Device::travel`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.rejoin_at, self.too_late_at, self.reset_at].into_iter().flatten().min()
    }
}

impl<D: Deref<Target = Definition>> Device<D> {
    /// The stage of a device that is commissioned over Bluetooth.
    pub fn stage(&self) -> Option<Stage> {
        self.journey.as_ref().map(|journey| journey.stage)
    }

    /// Is as before [`Device::set_out`], with what the memory holds.
    pub(super) fn unset_out(&mut self) {
        if let Some(journey) = self.journey.take() {
            self.instance.stored = journey.stored;
            self.instance.account = None;
            self.instance.owners = journey.others;
        }
    }

    /// Begins with what the memory holds.
    pub(super) fn set_out(&mut self) {
        self.journey = Some(Journey {
            stage: Stage::Unprovisioned,
            collected: Collector::default(),
            stored: None,
            others: take(&mut self.instance.owners),
            is_joined: false,
            failed_joins: 0,
            rejoin_at: None,
            too_late_at: None,
            reset_at: None,
        });
        match self.instance.stored.take() {
            Some(stored) => {
                let stage = if stored.is_done { Stage::Done } else { Stage::JoiningNetwork };
                self.equip(stored);
                self.arrive(stage);
                self.join();
            }
            None => self.wait_for_client(),
        }
    }
}

/// What comes in.
impl<D: Deref<Target = Definition>> Device<D> {
    pub(super) fn client_connected(&mut self) {
        let idle = self.now.plus(self.definition.bluetooth.idle);
        let is_waiting = self.session == Session::Commissioning;
        let Some(journey) = self.journey.as_mut().filter(|_| is_waiting) else {
            return;
        };
        journey.too_late_at = Some(idle);
        self.tell(Step::ClientConnected);
    }

    /// Forgets what a client wrote that did not come to its end: the next one may be another.
    pub(super) fn client_gone(&mut self) {
        let Some(journey) = self.journey.as_mut().filter(|journey| journey.stage.takes_writes()) else {
            return;
        };
        journey.collected = Collector::default();
        journey.too_late_at = None;
        self.tell(Step::ClientGone);
        self.step(Happening::ClientGone);
    }

    pub(super) fn pairing_failed(&mut self, why: PairingFailure) {
        if self.stage().is_some_and(Stage::takes_writes) {
            self.tell(Step::PairingFailed(why));
        }
    }

    pub(super) fn gatt_write(&mut self, write: &Write) {
        let characteristic = write.characteristic;
        let answer = self.take_write(write);
        let told = answer.as_ref().map(|_| ()).map_err(Refusal::att_error);
        self.outputs.push_back(Output::GattAnswer(told));
        match answer {
            Ok(None) => self.tell(Step::Written(characteristic)),
            Ok(Some(credentials)) => {
                self.tell(Step::Written(characteristic));
                self.begin(credentials);
            }
            Err(Refusal::Rejected(why)) => self.tell(Step::Rejected { characteristic, why }),
            Err(Refusal::Incomplete(missing)) => self.tell(Step::Incomplete(missing)),
        }
    }

    /// Credentials come of Setup Done, nothing of another value yet.
    fn take_write(&mut self, write: &Write) -> Result<Option<Credentials>, Refusal> {
        let (security, idle) = (self.definition.bluetooth.security, self.definition.bluetooth.idle);
        let key = self.instance.key.as_ref();
        let is_waiting = self.session == Session::Commissioning;
        let journey = self.journey.as_mut().filter(|_| is_waiting);
        let journey = journey.ok_or(Refusal::Rejected(Rejection::NotNow))?;
        journey.too_late_at = Some(self.now.plus(idle));
        let key = match security {
            Security::Open => None,
            Security::Encrypted if write.encrypted => None,
            Security::Encrypted => return Err(Refusal::Rejected(Rejection::NotEncrypted)),
            Security::Sealed => Some(key.ok_or(Refusal::Rejected(Rejection::NotSealed))?),
        };
        if write.characteristic == Characteristic::SetupDone {
            return match *write.value {
                [1] => {
                    let missing = || Refusal::Incomplete(journey.collected.missing());
                    journey.collected.credentials().ok_or_else(missing).map(Some)
                }
                [] => Err(Refusal::Rejected(Rejection::Empty)),
                [_] => Err(Refusal::Rejected(Rejection::NotOne)),
                _ => Err(Refusal::Rejected(Rejection::TooLong(1))),
            };
        }
        journey.collected.write(write.characteristic, &write.value, key).map_err(Refusal::Rejected)?;
        self.step(Happening::Written);
        Ok(None)
    }

    pub(super) fn network_up(&mut self) {
        let Some(journey) = &mut self.journey else { return };
        if self.session != Session::Joining || journey.rejoin_at.is_some() {
            return;
        }
        (journey.is_joined, journey.failed_joins, journey.too_late_at) = (true, 0, None);
        self.step(Happening::NetworkUp);
        self.connect();
    }

    pub(super) fn network_down(&mut self, failure: NetworkFailure) {
        let Some(journey) = &mut self.journey else { return };
        if self.session == Session::Joining && journey.rejoin_at.is_none() {
            self.join_failed(failure);
        } else if take(&mut journey.is_joined) {
            self.with_agent(Agent::stream_down);
            self.outputs.push_back(Output::CloseStream);
            self.reconnect_at = None;
            self.step(Happening::NetworkDown);
            self.enter(Session::Joining);
            self.rejoin_later(failure);
        }
    }

    pub(super) fn button(&mut self, is_down: bool) {
        let at = is_down.then(|| self.now.plus(HOLD));
        if let Some(journey) = &mut self.journey {
            journey.reset_at = if is_down { journey.reset_at.or(at) } else { None };
        }
    }

    /// Forgets that it was in a network, and what it waited for there.
    pub(super) fn lose_network(&mut self) {
        let Some(journey) = &mut self.journey else { return };
        (journey.is_joined, journey.rejoin_at, journey.too_late_at) = (false, None, None);
        self.step(Happening::NetworkDown);
    }

    /// Joins the network it was given, or waits for a client that gives it one.
    pub(super) fn return_to_network(&mut self) {
        if self.journey.as_ref().is_some_and(|journey| journey.stored.is_some()) {
            self.join();
        } else {
            self.wait_for_client();
        }
    }

    /// Takes a stream failure. Returns whether it ended the journey.
    pub(super) fn journey_ends_with(&mut self, failure: &StreamFailure) -> bool {
        let owner_has_it = self.stage().is_none_or(|stage| stage >= Stage::OwnerInRoster);
        if owner_has_it {
            return false;
        }
        if failure.kind.is_transient() {
            self.step(Happening::StreamDown);
            return false;
        }
        self.give_up(failure.text.clone(), failure.kind.next_step());
        true
    }
}

/// What is done about it.
impl<D: Deref<Target = Definition>> Device<D> {
    /// Does what has become due, and follows the agent.
    pub(super) fn travel(&mut self) {
        let Some(journey) = &mut self.journey else { return };
        let now = self.now;
        let due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        let (reset, rejoin) = (due(&mut journey.reset_at), due(&mut journey.rejoin_at));
        let too_late = due(&mut journey.too_late_at);
        if reset {
            return self.reset();
        }
        if rejoin {
            self.join();
        }
        if too_late {
            self.too_late();
        }
        if let Some(reached) =
            self.agent.stage().filter(|reached| self.stage().is_some_and(|at| at != *reached))
        {
            self.step(Happening::Reached(reached));
        }
    }

    fn begin(&mut self, credentials: Credentials) {
        let stored = Stored { credentials, is_done: false };
        self.outputs.push_back(Output::StopPeripheral);
        self.outputs.push_back(Output::Store(stored.clone()));
        self.equip(stored);
        self.step(Happening::SetupDone);
        self.join();
    }

    /// Takes account and owner from what is stored.
    fn equip(&mut self, stored: Stored) {
        let Some(journey) = &mut self.journey else { return };
        let Credentials { jid, password, owner, .. } = stored.credentials.clone();
        let resource = self.definition.kind.clone();
        self.instance.account = Some(Account { jid, password, resource });
        let others = journey.others.iter().filter(|other| **other != owner).cloned();
        self.instance.owners = vec![owner.clone()].into_iter().chain(others).collect();
        journey.stored = Some(stored);
    }

    fn join(&mut self) {
        let patience = self.now.plus(self.definition.bluetooth.join);
        let Some(journey) = &mut self.journey else { return };
        let Some(stored) = &journey.stored else { return };
        (journey.is_joined, journey.too_late_at) = (false, Some(patience));
        self.outputs.push_back(Output::JoinNetwork(stored.credentials.network.clone()));
        if self.session != Session::Joining {
            self.enter(Session::Joining);
        }
    }

    fn join_failed(&mut self, failure: NetworkFailure) {
        let attempts = self.definition.bluetooth.join_attempts;
        let Some(journey) = &mut self.journey else { return };
        journey.failed_joins = journey.failed_joins.saturating_add(1);
        if journey.stage == Stage::JoiningNetwork && journey.failed_joins >= attempts {
            self.tell_network(failure);
            return self.give_up(failure.describe().to_owned(), failure.next_step());
        }
        self.rejoin_later(failure);
    }

    fn rejoin_later(&mut self, failure: NetworkFailure) {
        let at = self.now.plus(self.backoff.next(&mut self.random));
        if let Some(journey) = &mut self.journey {
            (journey.rejoin_at, journey.too_late_at) = (Some(at), None);
        }
        self.tell_network(failure);
    }

    fn too_late(&mut self) {
        let Some(stage) = self.stage() else { return };
        if self.session == Session::Joining {
            self.outputs.push_back(Output::LeaveNetwork);
            return self.join_failed(NetworkFailure::TimedOut);
        }
        match stage {
            Stage::Unprovisioned | Stage::Collecting => {
                self.outputs.push_back(Output::DisconnectClient);
                self.client_gone();
            }
            Stage::OpeningSession => {
                let (last, next_step) = match &self.session {
                    Session::Waiting { failure, .. } => (failure.text.as_str(), failure.kind.next_step()),
                    _ => ("it did not answer", FailureKind::Unreachable.next_step()),
                };
                let why = alloc::format!("the server did not let it in in time: {last}");
                self.give_up(why, next_step);
            }
            Stage::HelloSent | Stage::Mirrored => {
                self.give_up(
                    "the owner did not send the greeting back in time".to_string(),
                    "be online as the JID sender that is written, and send the greeting back as it is",
                );
            }
            // These have no deadline but the network's.
            Stage::JoiningNetwork | Stage::OwnerInRoster | Stage::Done => {}
        }
    }

    fn give_up(&mut self, why: String, next_step: &'static str) {
        self.tell(Step::GaveUp { why, next_step });
        self.forget();
        self.step(Happening::GaveUp);
        self.wait_for_client();
    }

    pub(super) fn reset(&mut self) {
        if self.journey.is_none() || self.session == Session::Stopped {
            return;
        }
        self.tell(Step::Reset);
        if self.session == Session::Commissioning {
            self.outputs.push_back(Output::DisconnectClient);
        } else {
            self.forget();
        }
        self.step(Happening::Reset);
        self.wait_for_client();
    }

    /// Leaves server and network, and forgets the way there.
    fn forget(&mut self) {
        if self.session != Session::Joining {
            self.hang_up();
        }
        self.outputs.push_back(Output::LeaveNetwork);
        self.outputs.push_back(Output::Erase);
        self.agent = Agent::new(&self.definition);
        self.instance.account = None;
        self.instance.owners.clear();
    }

    fn wait_for_client(&mut self) {
        self.backoff = Backoff::default();
        let Some(journey) = &mut self.journey else { return };
        journey.collected = Collector::default();
        (journey.stored, journey.is_joined, journey.failed_joins) = (None, false, 0);
        (journey.rejoin_at, journey.too_late_at) = (None, None);
        if self.session != Session::Commissioning {
            self.outputs.push_back(Output::StartPeripheral);
            self.enter(Session::Commissioning);
        }
    }

    /// Takes a step, if it is one. A body may be late with what it tells (a network that comes up after the device has
    /// given up on it), so a step that does not exist changes nothing.
    fn step(&mut self, happening: Happening) {
        let Some(stage) = self.stage() else { return };
        if let Ok(next) = stage.next(happening)
            && next != stage
        {
            self.arrive(next);
        }
    }

    fn arrive(&mut self, stage: Stage) {
        let Some(journey) = &mut self.journey else { return };
        let from = core::mem::replace(&mut journey.stage, stage);
        let bluetooth = &self.definition.bluetooth;
        match stage {
            Stage::OpeningSession => journey.too_late_at = Some(self.now.plus(bluetooth.session)),
            Stage::HelloSent if from != Stage::Mirrored => {
                journey.too_late_at = Some(self.now.plus(bluetooth.mirror));
            }
            Stage::OwnerInRoster | Stage::Done => {
                journey.too_late_at = None;
                if let Some(stored) = journey.stored.as_mut().filter(|stored| !stored.is_done) {
                    stored.is_done = true;
                    self.outputs.push_back(Output::Store(stored.clone()));
                }
            }
            // The deadlines of these are set where their time begins: with a client, with an attempt to join, with
            // the greeting.
            Stage::Unprovisioned
            | Stage::Collecting
            | Stage::JoiningNetwork
            | Stage::HelloSent
            | Stage::Mirrored => {}
        }
        self.tell(Step::Entered(stage));
    }

    fn tell_network(&mut self, why: NetworkFailure) {
        let stored = self.journey.as_ref().and_then(|journey| journey.stored.as_ref());
        if let Some(stored) = stored {
            let ssid = stored.credentials.network.ssid.clone();
            self.tell(Step::NetworkFailed { ssid, why });
        }
    }

    fn tell(&mut self, step: Step) {
        self.outputs.push_back(Output::Event(Event::Commissioning(step)));
    }
}

/// Why a write came to nothing.
enum Refusal {
    Rejected(Rejection),
    Incomplete(Vec<Characteristic>),
}

impl Refusal {
    fn att_error(&self) -> AttError {
        match self {
            Self::Rejected(why) => why.att_error(),
            Self::Incomplete(_) => AttError::Incomplete,
        }
    }
}
