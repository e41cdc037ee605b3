//! The device: everything one thing does, as one state machine.
//!
//! The contract: call [`Device::handle_input`] when something happens, then [`Device::poll_output`] until it answers
//! [`Output::WaitUntil`]; carry out each output as it comes. Come back when the next thing happens, or at that
//! moment with [`Input::Timeout`]. Time never runs backwards; a call with an earlier `now` is taken as the latest one.
//!
//! ```text
//!            ┌────────────── pause over ──────────────┐
//!            ▼                                        │
//!  new ─► Connecting ─ up ─► SettingUp ─ nodes ─► Online ─┐
//!            │                  │                     │   │ down, transient
//!            │ down, transient  └───── down ─► Waiting ◄──┘
//!            └────────────────────────────────►   │
//!  any ─ down, needs a person ─► Failed           └─ up again, resumed ─► where it was
//!  any ─ Offline ─► Offline ─ Online ─► where it would begin
//!  any ─ Stop ─► Stopped
//! ```
//!
//! A device that is commissioned over Bluetooth begins in Commissioning, or in Joining with what its memory holds, and
//! comes to Connecting with its network; that part stands in `device/commissioning.rs` and follows
//! [`crate::commissioning::journey`].

mod commissioning;
mod faults;
mod steering;

use crate::{
    agent::{Agent, Context},
    backoff::Backoff,
    commissioning::gatt::{Characteristic, Peripheral},
    definition::{ChannelId, Definition},
    faults::Faults,
    instance::{Commissioning, Instance},
    io::{Colour, Event, Input, Output, Session, StreamFailure},
    model::Origin,
    random::Stream,
    time::Instant,
    value::Value,
    world::{World, WorldEvent},
};
use alloc::{collections::VecDeque, vec::Vec};
use commissioning::Journey;
use core::{ops::Deref, time::Duration};

/// One device. `D` is however the body shares definitions: `Arc`, a plain reference, a box.
#[derive(Debug)]
pub struct Device<D> {
    definition: D,
    instance: Instance,
    now: Instant,
    world: World,
    agent: Agent,
    random: Stream,
    session: Session,
    /// Its way to an owner; only with [`Commissioning::Bluetooth`].
    journey: Option<Journey>,
    /// When to open the stream again; only in [`Session::Waiting`].
    reconnect_at: Option<Instant>,
    backoff: Backoff,
    led: Option<Colour>,
    outputs: VecDeque<Output>,
    faults: Faults,
    /// The characteristic that a client writes, until that is answered.
    writing: Option<Characteristic>,
    /// What was held back and goes out now.
    on_time: Vec<Output>,
    /// When it starts; only in [`Session::Off`].
    boot_at: Option<Instant>,
    /// What it was told while it hung, and finds when it goes on.
    unheard: Vec<Input>,
}

impl<D: Deref<Target = Definition>> Device<D> {
    /// Switches a device on, at [`Instant::START`].
    pub fn new(definition: D, instance: Instance) -> Self {
        let mut device = Self {
            world: World::of(&definition, &instance),
            agent: Agent::new(&definition),
            random: Stream::new(instance.seed, &instance.name, "", "device"),
            definition,
            now: Instant::START,
            session: Session::Stopped,
            journey: None,
            reconnect_at: None,
            backoff: Backoff::default(),
            led: None,
            outputs: VecDeque::new(),
            faults: Faults::new(&instance),
            writing: None,
            on_time: Vec::new(),
            boot_at: None,
            unheard: Vec::new(),
            instance,
        };
        device.show(Colour::Red);
        device.switch_on();
        device.suffer();
        device
    }

    /// Takes what happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        self.advance();
        self.take(input);
        if !self.is_out() {
            self.with_agent(Agent::timeout);
            self.reconnect();
            self.show_state();
            self.travel();
        }
        self.suffer();
    }

    /// Gives the next thing to do.
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::WaitUntil(self.deadline()))
    }

    /// What it is.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Which one it is.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// What a radio has to be while [`Output::StartPeripheral`] holds.
    pub fn peripheral(&self) -> Peripheral {
        let mut peripheral = Peripheral::new(&self.definition, &self.instance);
        self.spoil_peripheral(&mut peripheral);
        peripheral
    }

    /// The present value of a channel.
    pub fn value(&self, channel: ChannelId) -> &Value {
        self.world.value(channel)
    }

    /// Where the present value of a channel comes from, and for how long it has been there by the time of the
    /// device's world, up to the last input.
    pub fn origin(&self, channel: ChannelId) -> (&Origin, Duration) {
        self.world.origin(self.now, channel)
    }

    /// The time in its world, up to the last input.
    pub fn world_time(&self) -> Instant {
        self.world.time(self.now)
    }

    /// By how much its world is behind the speed it should have, in the world's time, up to the last input.
    pub fn lag(&self) -> Duration {
        self.world.lag(self.now)
    }

    /// The channels whose values are to be sent and wait for their turn, while there are nodes to send them to.
    pub fn unsent(&self) -> impl Iterator<Item = ChannelId> {
        self.agent.unsent()
    }

    /// The colour of its light.
    pub fn led(&self) -> Option<Colour> {
        self.led
    }

    /// The state of its session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Begins with what it is given, or with what its memory holds.
    fn switch_on(&mut self) {
        match self.instance.commissioning {
            Commissioning::Preset | Commissioning::Handshake => self.connect(),
            Commissioning::Bluetooth => self.set_out(),
        }
    }

    /// Takes what happened and reached it.
    fn react(&mut self, input: Input) {
        match input {
            Input::StreamUp { jid, resumed } => self.stream_up(jid, resumed),
            Input::StreamDown(failure) => self.stream_down(failure),
            Input::Stanza(stanza) if self.has_stream() => {
                self.with_agent(|agent, cx| agent.stanza(cx, &stanza));
            }
            // A stanza without a stream is late: that stream was given up.
            Input::Timeout | Input::Stanza(_) => {}
            Input::SetupGranted => self.with_agent(Agent::setup_granted),
            Input::Operate(channel, value) => {
                self.with_agent(|agent, cx| agent.actuate(cx, channel, &value, None));
            }
            Input::Inject(channel, value) => self.with_agent(|agent, cx| agent.inject(cx, channel, &value)),
            Input::Hold(channel, value) => {
                self.with_agent(|agent, cx| agent.hold(cx, channel, value.as_ref()));
            }
            Input::Release(channel) => self.world.release(self.now, channel),
            Input::ClientConnected => self.client_connected(),
            Input::ClientGone => self.client_gone(),
            Input::PairingFailed(why) => self.pairing_failed(why),
            Input::GattWrite(write) => self.gatt_write(&write),
            Input::NetworkUp => self.network_up(),
            Input::NetworkDown(failure) => self.network_down(failure),
            Input::Button(is_down) => self.button(is_down),
            Input::Reset => self.reset(),
            Input::Offline => self.go_offline(),
            Input::Online => self.go_online(),
            Input::Clock(date) => self.world.set_wall_time(self.now, date),
            Input::AskTime => self.with_agent(Agent::ask_time),
            Input::Pace(speed) => self.world.set_pace(self.now, speed),
            Input::Fault(fault, lasts) => self.begin_fault(&fault, lasts, None),
            Input::ClearFault(only) => self.clear_faults(only),
            Input::Stop => self.stop(),
        }
    }

    fn deadline(&self) -> Instant {
        let journey = self.journey.as_ref().and_then(Journey::deadline);
        let due = [self.reconnect_at, self.agent.deadline(), journey];
        let due = due.into_iter().flatten().filter(|_| !self.is_out()).chain(self.fault_deadline());
        due.fold(self.world.deadline(), Instant::min)
    }

    fn with_agent(&mut self, act: impl FnOnce(&mut Agent, &mut Context<'_>)) {
        let mut cx = Context {
            now: self.now,
            definition: &self.definition,
            instance: &self.instance,
            world: &mut self.world,
            random: &mut self.random,
            faults: &mut self.faults,
            outputs: &mut self.outputs,
        };
        act(&mut self.agent, &mut cx);
    }

    fn advance(&mut self) {
        let (definition, agent, outputs) = (&self.definition, &mut self.agent, &mut self.outputs);
        self.world.advance(definition, self.now, &mut |event| match event {
            WorldEvent::Due(channel, ..) => agent.value_due(definition, channel),
            WorldEvent::Rule(rule) => outputs.push_back(Output::Event(Event::Rule(rule))),
            WorldEvent::Lagging(is_lagging) => {
                outputs.push_back(Output::Event(Event::Lagging(is_lagging)));
            }
        });
    }

    fn connect(&mut self) {
        self.reconnect_at = None;
        // Without an account there is nothing to connect; a body that gives none to a preset device has one that
        // stays off.
        if let Some(account) = &self.instance.account {
            self.outputs.push_back(Output::OpenStream(account.clone()));
            self.enter(Session::Connecting);
        }
    }

    fn has_stream(&self) -> bool {
        match self.session {
            Session::SettingUp | Session::Online => true,
            Session::Commissioning
            | Session::Joining
            | Session::Connecting
            | Session::Waiting { .. }
            | Session::Failed(_)
            | Session::Offline
            | Session::Off
            | Session::Stopped => false,
        }
    }

    fn reconnect(&mut self) {
        if self.reconnect_at.is_some_and(|at| at <= self.now) {
            self.connect();
        }
    }

    fn stream_up(&mut self, jid: alloc::string::String, resumed: bool) {
        match self.session {
            Session::Connecting => {
                self.enter(Session::SettingUp);
                self.with_agent(|agent, cx| agent.stream_up(cx, jid, resumed));
            }
            // Too late: the device was stopped, or has given up, while the stream opened.
            Session::Commissioning
            | Session::Joining
            | Session::Offline
            | Session::Off
            | Session::Stopped
            | Session::Failed(_)
            | Session::Waiting { .. } => {
                self.outputs.push_back(Output::CloseStream);
            }
            Session::SettingUp | Session::Online => {}
        }
    }

    fn stream_down(&mut self, failure: StreamFailure) {
        match self.session {
            Session::Connecting | Session::SettingUp | Session::Online => {}
            Session::Commissioning
            | Session::Joining
            | Session::Waiting { .. }
            | Session::Failed(_)
            | Session::Offline
            | Session::Off
            | Session::Stopped => return,
        }
        self.with_agent(Agent::stream_down);
        if self.journey_ends_with(&failure) {
            return;
        }
        if !failure.kind.is_transient() {
            return self.enter(Session::Failed(failure));
        }
        let pause = self.backoff.next(&mut self.random);
        self.reconnect_at = Some(self.now.plus(pause));
        let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.enter(Session::Waiting { failure, retry_in_ms });
    }

    fn stop(&mut self) {
        if self.session == Session::Stopped {
            return;
        }
        self.hang_up();
        self.journey = None;
        if self.session == Session::Commissioning {
            self.outputs.push_back(Output::StopPeripheral);
        }
        self.enter(Session::Stopped);
    }

    /// Says goodbye and closes the stream, or gives up opening it.
    fn hang_up(&mut self) {
        self.with_agent(Agent::stop);
        self.outputs.push_back(Output::CloseStream);
        self.reconnect_at = None;
    }

    /// Follows the agent from setting up to online, and shows the colour that goes with the state.
    fn show_state(&mut self) {
        let settled = self.agent.is_ready() || self.agent.is_refused();
        match self.session {
            Session::SettingUp if settled => {
                self.backoff = Backoff::default();
                self.enter(Session::Online);
            }
            Session::Online if !settled => self.enter(Session::SettingUp),
            Session::Commissioning
            | Session::Joining
            | Session::Connecting
            | Session::SettingUp
            | Session::Online
            | Session::Waiting { .. }
            | Session::Failed(_)
            | Session::Offline
            | Session::Off
            | Session::Stopped => {}
        }
    }

    fn enter(&mut self, session: Session) {
        self.outputs.push_back(Output::Event(Event::Session(session.clone())));
        self.session = session;
        self.show(match self.session {
            Session::Commissioning => Colour::Blue,
            Session::Joining
            | Session::Connecting
            | Session::SettingUp
            | Session::Waiting { .. }
            | Session::Offline => Colour::Yellow,
            Session::Online => Colour::Green,
            Session::Failed(_) | Session::Off | Session::Stopped => Colour::Red,
        });
    }

    fn show(&mut self, colour: Colour) {
        if self.led != Some(colour) {
            self.led = Some(colour);
            self.outputs.push_back(Output::Led(colour));
        }
    }
}
