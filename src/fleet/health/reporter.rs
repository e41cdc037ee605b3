//! One device's way to report: what it tells becomes its state, its counters, the log and an event.

use super::{Condition, Health, Slot, What};
use crate::{ble, fleet::tap::exchange};
use std::sync::{Arc, atomic::Ordering::Relaxed};
use thingfleet_control::{
    command::Command,
    traffic::{self, Direction},
};
use thingfleet_device::{
    commissioning::journey::Step,
    io::{Colour, Event, Session},
    time::Instant,
    xml::Element,
};

/// One device's way to report.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    pub(super) health: Arc<Health>,
    pub(super) device: usize,
    pub(super) slot: Arc<Slot>,
}

impl Reporter {
    /// The device is switched on.
    pub(crate) fn switched_on(&self) {
        let mut state = self.slot.lock();
        state.is_lagging = false;
        state.faults.clear();
        drop(state);
        self.stand(Condition::On(Session::Connecting));
    }

    /// The device's task failed and is started again.
    pub(crate) fn restarting(&self) {
        self.stand(Condition::Restarting);
        self.slot.counters.restarts.fetch_add(1, Relaxed);
    }

    /// A stanza is sent.
    pub(crate) fn sent(&self, at: Instant, stanza: &Element) {
        self.slot.counters.sent.fetch_add(1, Relaxed);
        self.exchanged(at, || exchange::stanza(Direction::Sent, stanza));
    }

    /// A stanza was received.
    pub(crate) fn received(&self, at: Instant, stanza: &Element) {
        self.slot.counters.received.fetch_add(1, Relaxed);
        self.exchanged(at, || exchange::stanza(Direction::Received, stanza));
    }

    /// Whether somebody listens to what the device exchanges.
    pub(crate) fn is_heard(&self) -> bool {
        self.slot.tap.is_on()
    }

    /// The device exchanged something, which is made only if somebody listens.
    pub(crate) fn exchanged(&self, at: Instant, what: impl FnOnce() -> traffic::What) {
        if self.is_heard() {
            self.slot.tap.tell(at, what());
        }
    }

    /// The device is told to do something.
    pub(crate) fn steered(&self, at: Instant, command: Command) {
        self.tell(at, What::Steered(command));
    }

    /// The device joined the fleet.
    pub(in crate::fleet) fn added(&self) {
        self.tell(Instant::START, What::Added);
    }

    /// The device was removed from the fleet.
    pub(in crate::fleet) fn removed(&self, at: Instant) {
        self.tell(at, What::Removed);
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
            Event::Lagging(is_lagging) => self.lagging(*is_lagging),
            Event::FaultBegan(id, fault) => {
                let (device, fault) = (&*self.slot.name, fault.kind().id());
                tracing::info!(device, id = id.0, fault, "something goes wrong, as it was told to");
                self.slot.lock().faults.push(*id);
            }
            Event::FaultEnded(id) => self.slot.lock().faults.retain(|fault| fault != id),
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

    fn lagging(&self, is_lagging: bool) {
        let device = &*self.slot.name;
        tracing::info!(device, is_lagging, "the world against its speed");
        self.slot.lock().is_lagging = is_lagging;
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
            | Session::Off
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
        if *session == Session::Stopped {
            state.faults.clear();
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
        self.health.spread(Some(self.device), || Arc::clone(&self.slot.name), at, what);
    }
}
