//! What goes wrong with a device: where its faults reach into it, and what it does when they begin and end.

use super::{Device, Session};
use crate::{
    agent::Agent,
    backoff::Backoff,
    commissioning::gatt::{AttError, Characteristic, Peripheral, Write},
    condition::Condition,
    definition::{ChannelId, Definition, Role},
    fault::{Fault, Kind, link::Cut, plan::Phase},
    faults::{Active, BOOT, Incoming, Lately, Moment, Parties, Situation},
    io::{Event, FaultId, Input, Output},
    random::Stream,
    time::Instant,
    world::World,
};
use core::{mem::take, ops::Deref, time::Duration};

/// What no server takes for a stanza.
const NO_STANZA: &str = "<fault xmlns='urn:thingfleet:fault'/>";
/// What no parser takes for XML.
const NO_XML: &str = "<message></presence>";
/// How soon a device comes back once the network does; a random part of it is taken off.
const BACK: Duration = Duration::from_secs(2);

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
            Kind::Conflict => {
                if let Session::Failed(failure) = &self.session
                    && failure.kind == crate::io::FailureKind::Conflict
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

/// The plan, and what recurs.
impl<D: Deref<Target = Definition>> Device<D> {
    fn follow_plan(&mut self) {
        if self.faults.schedule.is_empty() {
            return;
        }
        loop {
            let situation = Now {
                session: &self.session,
                stage: self.stage(),
                writing: self.writing,
                world: &self.world,
            };
            match self.faults.schedule.next(self.now, &situation) {
                Some(Moment::Begins(place, fault, lasts)) => self.begin_fault(&fault, lasts, Some(place)),
                Some(Moment::Ends(place)) => {
                    let of_it = |active: &&Active| active.planned == Some(place);
                    let id = self.faults.active().iter().find(of_it).map(|active| active.id);
                    if let Some(id) = id {
                        self.end(id);
                    }
                }
                None => return,
            }
        }
    }

    fn do_again(&mut self, active: &Active) {
        match active.fault.kind() {
            Kind::PresenceFlood => self.with_agent(Agent::announce),
            Kind::PublishFlood => {
                let definition = &self.definition;
                self.agent.repeat(definition, |id| {
                    active.fault.concerns(id) && definition.channel(id).role == Role::Sensor
                });
                self.with_agent(Agent::flush);
            }
            Kind::CrashLoop if self.session != Session::Off => self.lose_power(Some(BOOT)),
            // Begun without a network: with every second turn it has one.
            Kind::Flapping if active.count % 2 == 1 => {
                self.tell_link();
                self.come_back();
            }
            Kind::Flapping => {
                self.tell_link();
                self.cut(Cut::Silent);
            }
            _ => {}
        }
    }

    fn arrives(&mut self, thing: Lately) {
        match thing {
            Lately::Input(input) => self.react(input),
            Lately::Output(output) => self.on_time.push(output),
            Lately::Actuate { channel, value, by } => {
                self.with_agent(|agent, cx| agent.apply(cx, channel, &value, by));
                self.with_agent(Agent::flush);
            }
        }
    }

    /// Lets these sensors show what they show with the faults there are now.
    fn renew_readings(&mut self, concerned: impl Fn(ChannelId) -> bool) {
        let Self { definition, instance, world, faults, .. } = self;
        for (id, channel) in definition.channels() {
            if channel.role == Role::Sensor && concerned(id) {
                let stream = || Stream::new(instance.seed, &instance.name, &channel.name, "fault");
                world.distort(self.now, id, &faults.distortions(id), stream);
            }
        }
    }
}

/// Power and link.
impl<D: Deref<Target = Definition>> Device<D> {
    /// Is gone at once, and comes back after so long, or when the fault ends.
    fn lose_power(&mut self, boots_in: Option<Duration>) {
        if self.session == Session::Stopped {
            return;
        }
        self.boot_at = boots_in.map(|span| self.now.plus(span));
        if self.session == Session::Off {
            return;
        }
        let was_advertising = self.session == Session::Commissioning;
        self.with_agent(Agent::stream_down);
        self.enter(Session::Off);
        self.tell_link();
        self.outputs.push_back(Output::CutStream(Cut::Silent));
        if was_advertising {
            self.outputs.push_back(Output::StopPeripheral);
        } else if self.journey.is_some() {
            self.outputs.push_back(Output::LeaveNetwork);
        }
        self.forget_in_ram();
    }

    /// What is not in its non-volatile memory is gone.
    fn forget_in_ram(&mut self) {
        self.reconnect_at = None;
        self.backoff = Backoff::default();
        self.faults.late.clear();
        self.agent = Agent::new(&self.definition);
        self.unset_out();
    }

    /// Starts from scratch, once there is power again.
    fn boot(&mut self) {
        if self.boot_at.take_if(|at| *at <= self.now).is_none() || self.session != Session::Off {
            return;
        }
        if self.faults.has(Kind::BrownOut) {
            return;
        }
        self.world = self.world.restarted(&self.definition, &self.instance, self.now);
        self.renew_readings(|_| true);
        self.tell_link();
        self.switch_on();
    }

    fn cut(&mut self, how: Cut) {
        if matches!(self.session, Session::Connecting | Session::SettingUp | Session::Online) {
            self.outputs.push_back(Output::CutStream(how));
        }
    }

    fn say_raw(&mut self, what: &'static str) {
        if self.has_stream() {
            self.outputs.push_back(Output::SendRaw(what));
        }
    }

    /// Tries again soon: what kept it away is over.
    fn come_back(&mut self) {
        self.backoff = Backoff::default();
        if matches!(self.session, Session::Waiting { .. }) {
            self.reconnect_at = Some(self.now.plus(BACK.mul_f64(self.random.uniform())));
        }
    }

    fn tell_link(&mut self) {
        if let Some(link) = self.faults.link(self.session == Session::Off) {
            self.outputs.push_back(Output::Impair(link));
        }
    }

    fn show_peripheral_anew(&mut self) {
        if self.session == Session::Commissioning {
            self.outputs.extend([Output::StopPeripheral, Output::StartPeripheral]);
        }
    }
}

/// What is kept from the device, and what is made of what it says.
impl<D: Deref<Target = Definition>> Device<D> {
    fn spoil(&mut self, input: Input) -> Option<Input> {
        if self.is_out() {
            return match input {
                Input::Stop | Input::Fault(..) | Input::ClearFault(_) | Input::Pace(_) => Some(input),
                // A device that is out has no say in it; what it is told then is lost.
                Input::StreamDown(_) if self.session != Session::Off => Some(input),
                _ => None,
            };
        }
        match input {
            Input::Stanza(stanza) => {
                let parties = parties(&self.instance, &self.definition, &self.agent);
                match self.faults.spoil_incoming(self.now, stanza, &parties) {
                    Incoming::Take(stanza) => Some(Input::Stanza(stanza)),
                    Incoming::Drop => None,
                    Incoming::Answer(answer) => {
                        self.outputs.push_back(Output::Send(answer));
                        None
                    }
                }
            }
            Input::ClientConnected if self.faults.has(Kind::ConnectionRefused) => {
                self.outputs.push_back(Output::DisconnectClient);
                None
            }
            Input::GattWrite(write) => self.spoil_write(write),
            other => Some(other),
        }
    }

    fn spoil_write(&mut self, write: Write) -> Option<Input> {
        let at = |kind| self.faults.get(kind).filter(|fault| fault.at(write.characteristic));
        let is_dropped = at(Kind::DropsDuringWrite).is_some();
        let refused = at(Kind::AttError)
            .map(|fault| AttError::with_name(fault.text()).unwrap_or(AttError::WriteNotPermitted));
        let slow = at(Kind::SlowGatt).map(Fault::delay);
        if is_dropped {
            self.outputs.push_back(Output::DisconnectClient);
            self.outputs.push_back(Output::GattAnswer(Err(AttError::WriteNotPermitted)));
            return None;
        }
        if let Some(error) = refused {
            self.outputs.push_back(Output::GattAnswer(Err(error)));
            return None;
        }
        match slow {
            Some(delay) => {
                let late = Lately::Input(Input::GattWrite(write));
                match self.faults.late.hold(self.now.plus(delay), late) {
                    Some(Lately::Input(input)) => Some(input),
                    _ => None,
                }
            }
            None => Some(Input::GattWrite(write)),
        }
    }

    fn spoil_outputs(&mut self) {
        let parties = parties(&self.instance, &self.definition, &self.agent);
        for output in take(&mut self.outputs) {
            match output {
                // What was held back once has its time behind it.
                Output::Send(_) if self.faults.has(Kind::Hang) => {}
                Output::Send(stanza) => {
                    let sent = self.faults.spoil_outgoing(self.now, stanza, &parties);
                    self.outputs.extend(sent.into_iter().map(Output::Send));
                }
                Output::StartPeripheral if self.faults.has(Kind::NotAdvertising) => {}
                Output::JoinNetwork(mut network) => {
                    if let Some(fault) = self.faults.get(Kind::WrongNetwork) {
                        network.ssid = fault.text().into();
                    }
                    self.outputs.push_back(Output::JoinNetwork(network));
                }
                Output::GattAnswer(answer) => {
                    self.writing = None;
                    self.outputs.push_back(Output::GattAnswer(answer));
                }
                other => self.outputs.push_back(other),
            }
        }
        self.outputs.extend(take(&mut self.on_time));
    }
}

/// What the device is like now.
struct Now<'a> {
    session: &'a Session,
    stage: Option<crate::commissioning::journey::Stage>,
    writing: Option<Characteristic>,
    world: &'a World,
}

impl Situation for Now<'_> {
    fn is_in(&self, phase: Phase) -> bool {
        match phase {
            Phase::Commissioning => *self.session == Session::Commissioning,
            Phase::Joining => *self.session == Session::Joining,
            Phase::Connecting => *self.session == Session::Connecting,
            Phase::SettingUp => *self.session == Session::SettingUp,
            Phase::Online => *self.session == Session::Online,
            Phase::Waiting => matches!(self.session, Session::Waiting { .. }),
            Phase::Stage(stage) => self.stage == Some(stage),
            Phase::Writing(characteristic) => self.writing == Some(characteristic),
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        condition.holds(|id: ChannelId| self.world.value(id))
    }
}

fn parties<'a>(
    instance: &'a crate::instance::Instance,
    definition: &'a Definition,
    agent: &Agent,
) -> Parties<'a> {
    Parties {
        own: instance.account.as_ref().map(|account| &account.jid),
        hello: &definition.hello,
        is_mirroring: agent.is_mirroring(),
    }
}
