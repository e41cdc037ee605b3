//! A device in simulated time, against a server that is just good enough to be talked to.
//!
//! For tests, fuzzing and benchmarks of the device crate. The real servers stand in `tests/journeys`; here time jumps
//! from deadline to deadline, so that a day passes in milliseconds and every answer can be delayed, refused or forged.
//! `crates/sink` puts the same answers behind sockets, `crates/bodies` behind a stream without any.

#![no_std]

extern crate alloc;

#[cfg(feature = "flash")]
pub mod flash;
mod server;

pub use server::{Node, Server, answer_to, refusal_of};

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::time::Duration;
use thingfleet_device::{
    commissioning::{
        credentials::{Network, Stored},
        gatt::{AttError, Characteristic, Write},
        journey::NetworkFailure,
        seal::DeviceKey,
    },
    definition::{
        ActuatorMode, Behaviour, Bluetooth, Channel, ChoiceOption, Definition, Dialect, Kind, PublishPolicy,
        Range, Role, Security, Source,
    },
    device::Device,
    fault::link::{Cut, Impairments},
    instance::{Access, Account, Addressing, Commissioning, Instance},
    io::{Colour, Event, FailureKind, Input, Output, StreamFailure},
    jid::BareJid,
    ns,
    time::{Instant, UnixMillis},
    unit::Unit,
    value::{Secret, Value},
    xml::Element,
};

/// The device's bare JID.
pub const DEVICE: &str = "kettle-1@example.org";
/// Its owner's full JID.
pub const OWNER: &str = "juliet@example.org/balcony";
/// Somebody else's full JID.
pub const STRANGER: &str = "romeo@example.org/orchard";

/// A roster push from the own account.
pub fn roster_push(jid: &str, subscription: &str) -> Element {
    let item = Element::new(ns::ROSTER, "item")
        .attr("jid", jid.to_string())
        .attr("subscription", subscription.to_string());
    Element::new(ns::CLIENT, "iq")
        .attr("type", "set")
        .attr("id", "push")
        .attr("from", DEVICE)
        .child(Element::new(ns::ROSTER, "query").child(item))
}

/// An event of the actuators node, as Prosody sends it.
pub fn written(by: &str, actuator: &str, text: &str) -> Element {
    let value = Element::new(ns::IOT, "val").attr("type", "boolean").text(text.to_string());
    let item = Element::new(ns::PUBSUB_EVENT, "item")
        .attr("id", format!("xmpp.iot.actuator.{actuator}"))
        .attr("publisher", by.to_string())
        .child(value);
    let items = Element::new(ns::PUBSUB_EVENT, "items").attr("node", "xmpp.iot.actuators").child(item);
    Element::new(ns::CLIENT, "message")
        .attr("from", DEVICE)
        .attr("type", "headline")
        .child(Element::new(ns::PUBSUB_EVENT, "event").child(items))
}

/// A chat message to the device.
pub fn chat(from: &str, body: &str) -> Element {
    Element::new(ns::CLIENT, "message")
        .attr("from", from.to_string())
        .attr("type", "chat")
        .attr("id", "c1")
        .child(Element::new(ns::CLIENT, "body").text(body.to_string()))
}

/// A device, its server, and the time.
pub struct Rig {
    /// The device.
    pub device: Device<Box<Definition>>,
    /// Its server.
    pub server: Server,
    /// The time.
    pub now: Instant,
    /// Everything the device sent, in order.
    pub sent: Vec<Element>,
    /// Everything it told, in order.
    pub events: Vec<Event>,
    /// How often it opened a stream.
    pub opened: usize,
    /// Why opening a stream fails, if it does.
    pub connect_failure: Option<FailureKind>,
    /// Whether [`Rig::sent`] and [`Rig::events`] are kept; a long run does not need them.
    pub keeps_history: bool,
    /// How many stanzas the device sent.
    pub stanzas: u64,
    /// Whether the server resumes the session (XEP-0198) when a stream is opened again.
    pub resumes: bool,
    /// How joining the network ends; `None` lets the device wait in vain.
    pub network: Option<Result<(), NetworkFailure>>,
    /// The network it joined or tried to, last.
    pub joining: Option<Network>,
    /// Whether it wants to be a peripheral.
    pub is_peripheral: bool,
    /// How often it sent a client away.
    pub disconnects: usize,
    /// Its answers to writes, in order.
    pub answers: Vec<Result<(), AttError>>,
    /// What is in its memory.
    pub memory: Option<Stored>,
    /// How late its server told it that it is, last.
    pub server_time: Option<UnixMillis>,
    /// The colour of its light.
    pub led: Option<Colour>,
    /// How its streams were cut, in order.
    pub cuts: Vec<Cut>,
    /// What it sent as it is, in order.
    pub raw: Vec<&'static str>,
    /// How its link is to be.
    pub link: Impairments,
    /// Its turn at creating nodes.
    pub turn: Turn,
}

/// Where a device's turn at creating nodes is, which it is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It comes as soon as the device asks.
    Free,
    /// Somebody else's.
    Taken,
    /// The device's.
    Given,
}

impl Rig {
    /// A device that is just switched on.
    pub fn new(definition: Definition, instance: Instance, server: Server) -> Self {
        let mut rig = Self {
            device: Device::new(Box::new(definition), instance),
            server,
            now: Instant::START,
            sent: Vec::new(),
            events: Vec::new(),
            opened: 0,
            connect_failure: None,
            resumes: false,
            keeps_history: true,
            stanzas: 0,
            network: Some(Ok(())),
            joining: None,
            is_peripheral: false,
            disconnects: 0,
            cuts: Vec::new(),
            raw: Vec::new(),
            link: Impairments::default(),
            turn: Turn::Free,
            answers: Vec::new(),
            memory: None,
            server_time: None,
            led: None,
        };
        rig.feed(Input::Timeout);
        rig
    }

    /// A kettle that is online on a server of this name.
    pub fn online(server: &'static str) -> Self {
        let mut rig = Self::new(kettle(), instance(), Server::new(server));
        rig.run_for(Duration::from_secs(1));
        rig
    }

    /// A kettle from the shop: it waits to be commissioned over Bluetooth, protected like this.
    pub fn unboxed(security: Security) -> Self {
        let mut definition = kettle();
        definition.bluetooth.security = security;
        Self::new(definition, unboxed(), Server::new("Prosody"))
    }

    /// A client writes a value on an open link.
    ///
    /// # Errors
    /// The device's answer.
    pub fn write(&mut self, characteristic: Characteristic, value: &[u8]) -> Result<(), AttError> {
        self.feed(Input::GattWrite(Write { characteristic, value: value.to_vec(), encrypted: false }));
        self.answers.pop().expect("each write is answered at once")
    }

    /// Hands an input in and carries out all that comes of it.
    pub fn feed(&mut self, input: Input) {
        let mut inputs = vec![input];
        while !inputs.is_empty() {
            let input = inputs.remove(0);
            self.device.handle_input(self.now, input);
            loop {
                match self.device.poll_output() {
                    Output::WaitUntil(_) => break,
                    Output::OpenStream(account) => {
                        self.opened += 1;
                        inputs.push(match self.connect_failure {
                            None => {
                                let jid = account.jid.with_resource(&account.resource);
                                Input::StreamUp { jid, resumed: self.resumes && self.opened > 1 }
                            }
                            Some(kind) => {
                                Input::StreamDown(StreamFailure { kind, text: "as the test wants".into() })
                            }
                        });
                    }
                    Output::Send(stanza) => {
                        let answers = self.server.answer(&stanza).into_iter();
                        inputs.extend(answers.map(|answer| Input::Stanza(Box::new(answer))));
                        self.stanzas += 1;
                        if self.keeps_history {
                            self.sent.push(stanza);
                        }
                    }
                    Output::RequestSetup if self.turn == Turn::Free => {
                        self.turn = Turn::Given;
                        inputs.push(Input::SetupGranted);
                    }
                    Output::ReleaseSetup if self.turn == Turn::Given => self.turn = Turn::Free,
                    Output::Event(event) if self.keeps_history => self.events.push(event),
                    Output::StartPeripheral => self.is_peripheral = true,
                    Output::StopPeripheral => self.is_peripheral = false,
                    Output::DisconnectClient => self.disconnects += 1,
                    Output::GattAnswer(answer) => self.answers.push(answer),
                    Output::JoinNetwork(network) => {
                        self.joining = Some(network);
                        inputs.extend(self.network.map(|outcome| match outcome {
                            Ok(()) => Input::NetworkUp,
                            Err(failure) => Input::NetworkDown(failure),
                        }));
                    }
                    Output::LeaveNetwork => self.joining = None,
                    Output::Store(stored) => self.memory = Some(stored),
                    Output::Erase => self.memory = None,
                    Output::CutStream(how) => {
                        self.cuts.push(how);
                        let text = "the stream was cut".into();
                        inputs.push(Input::StreamDown(StreamFailure { kind: FailureKind::Lost, text }));
                    }
                    Output::SendRaw(what) => self.raw.push(what),
                    Output::Impair(link) => self.link = link,
                    Output::ServerTime(date) => self.server_time = Some(date),
                    Output::Led(colour) => self.led = Some(colour),
                    Output::Event(_) | Output::CloseStream | Output::RequestSetup | Output::ReleaseSetup => {}
                }
            }
        }
    }

    /// A stanza comes in.
    pub fn receive(&mut self, stanza: Element) {
        self.feed(Input::Stanza(Box::new(stanza)));
    }

    /// Lets time pass, from deadline to deadline.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now.plus(span);
        loop {
            let Output::WaitUntil(deadline) = self.device.poll_output() else {
                unreachable!("feed drains the outputs")
            };
            if deadline > end {
                break;
            }
            self.now = self.now.max(deadline);
            self.feed(Input::Timeout);
        }
        self.now = end;
        self.feed(Input::Timeout);
    }

    /// What the device sent since the last call, written out.
    pub fn take_sent(&mut self) -> Vec<String> {
        self.sent.drain(..).map(|stanza| stanza.to_string()).collect()
    }

    /// The text of an item on the server.
    pub fn item(&self, node: &str, item: &str) -> Option<String> {
        let value = self.server.nodes.get(node)?.items.get(item)?.elements().next()?;
        Some(value.get_text().into_owned())
    }

    /// The present value of a channel.
    pub fn value(&self, name: &str) -> &Value {
        let (id, _) = self.device.definition().find(name).expect("the test knows its channels");
        self.device.value(id)
    }
}

/// A channel of a definition for tests.
pub fn channel(name: &str, role: Role, kind: Kind, starts: Value) -> Channel {
    Channel {
        name: name.into(),
        role,
        label: name.to_uppercase(),
        group: None,
        kind,
        unit: Unit::None,
        range: None,
        precision: None,
        step: None,
        starts,
        settable: role == Role::Actuator,
        behaviour: Behaviour::HOLD,
        publish: PublishPolicy { every: None, change: Some(0.0), gap: Duration::ZERO, heartbeat: None },
    }
}

/// A kettle: a temperature that rises, a switch, a setpoint, a mode and a button.
pub fn kettle() -> Definition {
    let mut temp = channel("temp", Role::Sensor, Kind::Float, Value::Float(21.0));
    temp.unit = Unit::Celsius;
    temp.precision = Some(2);
    temp.behaviour.base =
        Source::Ramp { from: 21.0, to: 100.0, over: Duration::from_secs(100), repeat: false };
    temp.publish = PublishPolicy {
        every: Some(Duration::from_secs(5)),
        change: None,
        gap: Duration::ZERO,
        heartbeat: None,
    };
    let mut target = channel("target", Role::Actuator, Kind::Integer, Value::Integer(100));
    target.range = Some(Range { min: 40.0, max: 100.0 });
    target.step = Some(5.0);
    let option = |name: &str| ChoiceOption { name: name.into(), label: name.to_uppercase() };
    let mode = Kind::Choice(vec![option("boil"), option("keep")]);
    Definition {
        kind: "kettle".into(),
        title: "Electric kettle".into(),
        description: "Boils water.".into(),
        manufacturer: "Thingfleet".into(),
        hardware: "1.0".into(),
        software: "1.2".into(),
        language: "en".into(),
        tick: Duration::from_secs(1),
        channels: vec![
            temp,
            channel("powerOn", Role::Actuator, Kind::Boolean, Value::Boolean(false)),
            target,
            channel("mode", Role::Actuator, mode, Value::Choice(0)),
            channel("beep", Role::Actuator, Kind::Button, Value::Integer(0)),
        ],
        rules: Vec::new(),
        hello: "Hi from the ESP32. Please mirror this message!".into(),
        actuators: ActuatorMode::Auto,
        dialect: Dialect::Thesis,
        bluetooth: Bluetooth::named("Electric kettle"),
        firmware: Vec::new(),
    }
}

/// `kettle-1` of nobody yet, with an empty memory.
pub fn unboxed() -> Instance {
    Instance {
        account: None,
        owners: Vec::new(),
        commissioning: Commissioning::Bluetooth,
        key: Some(DeviceKey::from_seed([7; 32])),
        ..instance()
    }
}

/// `kettle-1` of Juliet.
pub fn instance() -> Instance {
    Instance {
        name: "kettle-1".into(),
        seed: 7,
        serial: "0001".into(),
        epoch: UnixMillis(1_700_000_000_000),
        speed: 1.0,
        starts: Vec::new(),
        account: Some(Account {
            jid: BareJid::parse(DEVICE).expect("a good address"),
            password: Secret::new("secret"),
            resource: "thingfleet".into(),
        }),
        owners: vec![BareJid::parse("juliet@example.org").expect("a good address")],
        commissioning: Commissioning::Preset,
        key: None,
        stored: None,
        access: Access::Presence,
        addressing: Addressing::Pep,
        actuators: ActuatorMode::Auto,
        faults: Vec::new(),
        last_reset: None,
    }
}
