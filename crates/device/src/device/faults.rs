//! What goes wrong with a device: where its faults reach into it, and what it does when they begin and end.

mod course;
mod power;
mod spoil;

use super::{Device, Session};
use crate::{
    agent::Agent,
    commissioning::gatt::{Characteristic, Peripheral},
    definition::Definition,
    fault::{Fault, Kind, link::Cut},
    faults::{Active, BOOT},
    io::{Event, FailureKind, FaultId, Input, Output},
    time::Instant,
};
use core::{mem::take, ops::Deref, time::Duration};

/// What no server takes for a stanza.
const NO_STANZA: &str = "<fault xmlns='urn:thingfleet:fault'/>";
/// What no parser takes for XML.
const NO_XML: &str = "<message></presence>";

impl<D: Deref<Target = Definition>> Device<D> {
    /// What is wrong with it, in the order of beginning.
    pub fn faults(&self) -> &[Active] {
        self.faults.active()
    }

    /// Takes what happened, as far as nothing keeps it from the device.
    pub(super) fn take(&mut self, input: Input) {
        if self.is_sound() {
            return self.react(input);
        }
        match &input {
            Input::GattWrite(write) => self.writing = Some(write.characteristic),
            Input::StreamDown(_) => self.faults.late.forget_stanzas(),
            Input::ClientGone => self.faults.late.forget_writes(),
            _ => {}
        }
        self.follow_plan();
        if let Some(input) = self.spoil(input) {
            self.react(input);
        }
    }

    /// Does what has become due with what is wrong, and spoils what the device has just said.
    pub(super) fn suffer(&mut self) {
        if self.is_sound() {
            return;
        }
        self.boot();
        loop {
            self.follow_plan();
            if let Some(active) = self.faults.again(self.now) {
                self.do_again(&active);
            } else if let Some(id) = self.faults.ended(self.now) {
                self.end(id);
            } else if let Some(thing) = self.faults.late.take(self.now) {
                self.arrives(thing);
            } else {
                break;
            }
        }
        self.spoil_outputs();
        self.tell_link();
    }

    /// Whether nothing is wrong, and nothing will be.
    fn is_sound(&self) -> bool {
        self.faults.is_idle() && self.faults.schedule.is_empty() && self.session != Session::Off
    }

    /// When [`Device::suffer`] has something to do.
    pub(super) fn fault_deadline(&self) -> Option<Instant> {
        self.faults.deadline().into_iter().chain(self.boot_at).min()
    }

    /// Whether it does nothing but let time pass.
    pub(super) fn is_out(&self) -> bool {
        self.session == Session::Off || self.faults.has(Kind::Hang)
    }

    /// What a radio is to be, with what is wrong about it.
    pub(super) fn spoil_peripheral(&self, peripheral: &mut Peripheral) {
        if let Some(version) = self.faults.firmware() {
            peripheral.claim(Characteristic::SoftwareRevision, version);
        }
        if let Some(fault) = self.faults.get(Kind::WrongInformation) {
            for characteristic in Characteristic::INFORMATION {
                if characteristic != Characteristic::Language {
                    peripheral.claim(characteristic, fault.text());
                }
            }
        }
    }

    /// Lets something go wrong.
    pub(super) fn begin_fault(&mut self, fault: &Fault, lasts: Option<Duration>, planned: Option<usize>) {
        let Some(id) = self.faults.add(self.now, fault.clone(), lasts, planned) else { return };
        self.outputs.push_back(Output::Event(Event::FaultBegan(id, fault.clone().into())));
        self.renew_readings(|id| fault.concerns(id));
        self.tell_link();
        match fault.kind() {
            Kind::Reboot => self.lose_power(Some(fault.delay())),
            Kind::BrownOut => self.lose_power(None),
            Kind::FactoryReset if self.journey.is_some() => self.reset(),
            Kind::CrashLoop | Kind::FirmwareVersion | Kind::FactoryReset => self.lose_power(Some(BOOT)),
            Kind::Offline | Kind::Flapping | Kind::HalfOpen => self.cut(Cut::Silent),
            Kind::ConnectionReset
            | Kind::NotResumed
            | Kind::SlowStart
            | Kind::DnsFailure
            | Kind::TlsFailure => self.cut(Cut::Reset),
            Kind::StreamError => self.say_raw(NO_STANZA),
            Kind::InvalidXml => self.say_raw(NO_XML),
            Kind::LowBattery => self.with_agent(Agent::announce),
            Kind::NodeDeleted => self.with_agent(|agent, cx| agent.delete_node(cx, fault.text())),
            Kind::NotAdvertising if self.session == Session::Commissioning => {
                self.outputs.push_back(Output::StopPeripheral);
            }
            Kind::WrongInformation => self.show_peripheral_anew(),
            _ => {}
        }
    }

    /// Ends what is wrong, and puts right what it left behind.
    pub(super) fn end(&mut self, id: FaultId) {
        let Some(Active { fault, .. }) = self.faults.remove(id) else { return };
        self.outputs.push_back(Output::Event(Event::FaultEnded(id)));
        self.renew_readings(|id| fault.concerns(id));
        self.tell_link();
        let kind = fault.kind();
        match kind {
            Kind::BrownOut => self.boot_at = Some(self.now),
            Kind::FirmwareVersion => self.lose_power(Some(BOOT)),
            Kind::Offline | Kind::Flapping | Kind::DnsFailure | Kind::TlsFailure => self.come_back(),
            Kind::Hang if !self.faults.has(Kind::Hang) => {
                for input in take(&mut self.unheard) {
                    self.react(input);
                }
            }
            Kind::Conflict => {
                if let Session::Failed(failure) = &self.session
                    && failure.kind == FailureKind::Conflict
                {
                    self.go_online();
                }
            }
            Kind::LowBattery => {
                self.with_agent(Agent::announce);
                self.agent.repeat(&self.definition, |_| true);
            }
            Kind::SensorDropout
            | Kind::WrongUnit
            | Kind::WrongType
            | Kind::MalformedPayload
            | Kind::StaleTimestamp
            | Kind::Oversize
            | Kind::ActuatorIgnored
            | Kind::ActuatorStuck
            | Kind::ActuatorDelayed => self.agent.repeat(&self.definition, |id| fault.concerns(id)),
            Kind::ActuatorHollow => {
                for id in self.world.confess(|id| fault.concerns(id)) {
                    self.agent.value_due(&self.definition, id);
                }
            }
            Kind::FrozenForm => self.agent.repeat_form(),
            // What came in meanwhile may have been an actuator's new value.
            Kind::StanzaLost | Kind::StanzaReordered | Kind::BlackHole => {
                self.with_agent(Agent::look_again);
            }
            Kind::NotAdvertising if self.session == Session::Commissioning => {
                self.outputs.push_back(Output::StartPeripheral);
            }
            Kind::WrongInformation => self.show_peripheral_anew(),
            _ => {}
        }
        self.with_agent(Agent::flush);
    }

    /// Ends this one, or all.
    pub(super) fn clear_faults(&mut self, only: Option<FaultId>) {
        match only {
            Some(id) => self.end(id),
            None => {
                while let Some(id) = self.faults.active().first().map(|active| active.id) {
                    self.end(id);
                }
            }
        }
    }
}
