//! What a device says over XMPP, and how it answers.
//!
//! The agent turns stanzas into actuations and values into publishes. It owns everything that belongs to one stream:
//! requests, roster, nodes, outbox. It does not open streams or decide about reconnecting ([`crate::device`]) and
//! does not know how values come about ([`crate::model`]).

use crate::{
    commissioning::journey::Stage,
    definition::{ChannelId, Definition, Kind, Role},
    fault,
    faults::{Actuation, Faults},
    instance::{Addressing, Instance},
    io::{ActuatorModeInForce, Event, Output},
    jid::{self, BareJid},
    model::Origin,
    ns,
    random::Stream,
    time::{Instant, UnixMillis},
    value::Value,
    world::World,
    xml::Element,
};
use alloc::{
    collections::VecDeque,
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

mod allowance;
mod commands;
mod discovery;
mod events;
mod form;
mod inspection;
mod messages;
mod nodes;
mod outbox;
mod queries;
mod requests;
mod roster;
mod setup;
mod stanza;
pub mod wire;

use allowance::Allowance;
use discovery::Identity;
use events::Written;
use nodes::Node;
use outbox::{Outbox, Slot};
use requests::{Purpose, Requests};
use roster::Roster;
use setup::{Phase, Setup};
use stanza::Failure;

/// How long a node that was deleted behind the device's back is missing before it looks.
const UNNOTICED: Duration = Duration::from_secs(3);

/// What the agent works with and on, for the length of one call.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) definition: &'a Definition,
    pub(crate) instance: &'a Instance,
    pub(crate) world: &'a mut World,
    pub(crate) random: &'a mut Stream,
    pub(crate) faults: &'a mut Faults,
    pub(crate) outputs: &'a mut VecDeque<Output>,
}

impl Context<'_> {
    fn send(&mut self, stanza: Element) {
        self.outputs.push_back(Output::Send(stanza));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// What its clock says.
    fn clock(&self) -> UnixMillis {
        UnixMillis(self.world.wall_time(self.now).0.saturating_add_signed(self.faults.clock_skew()))
    }

    fn own(&self) -> &BareJid {
        let account = self.instance.account.as_ref();
        &account.expect("there is no stream, and so nothing to say, without an account").jid
    }
}

/// The XMPP side of a device.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Full JID of the stream; `None` while there is none.
    jid: Option<String>,
    requests: Requests,
    roster: Roster,
    identity: Identity,
    setup: Setup,
    outbox: Outbox,
    /// The text that each channel's item in the actuators node was last known to have.
    known: Vec<Option<String>>,
    strangers: Allowance,
    contacts: Allowance,
}

impl Agent {
    pub(crate) fn new(definition: &Definition) -> Self {
        Self {
            jid: None,
            requests: Requests::default(),
            roster: Roster::default(),
            identity: Identity::new(definition, None, true),
            setup: Setup::default(),
            outbox: Outbox::default(),
            known: definition.channels.iter().map(|_| None).collect(),
            strangers: Allowance::for_strangers(),
            contacts: Allowance::for_contacts(),
        }
    }

    /// Whether the nodes are there and values flow.
    pub(crate) fn is_ready(&self) -> bool {
        self.setup.phase == Phase::Ready
    }

    /// Whether the set-up was refused for good, so that the device is online without nodes.
    pub(crate) fn is_refused(&self) -> bool {
        self.setup.phase == Phase::Refused
    }

    /// Whether it waits for its greeting to come back.
    pub(crate) fn is_mirroring(&self) -> bool {
        matches!(self.setup.phase, Phase::Mirroring { .. })
    }

    /// How far it has come with its owner on the present stream.
    pub(crate) fn stage(&self) -> Option<Stage> {
        self.jid.as_ref()?;
        match self.setup.phase {
            Phase::Offline | Phase::Greeting { .. } => None,
            Phase::Mirroring { .. } => Some(Stage::HelloSent),
            Phase::Adding => Some(Stage::Mirrored),
            Phase::Queueing
            | Phase::Listing
            | Phase::Preparing(_)
            | Phase::Affiliating(_)
            | Phase::Subscribing
            | Phase::Fetching => Some(Stage::OwnerInRoster),
            Phase::Ready | Phase::Refused => Some(Stage::Done),
        }
    }

    /// A stream is up.
    pub(crate) fn stream_up(&mut self, cx: &mut Context<'_>, full_jid: String, resumed: bool) {
        self.jid = Some(full_jid);
        // What was resumed may be the session of a device that has forgotten it since.
        if resumed && self.setup.phase != Phase::Offline {
            self.requests.extend(cx.now);
            self.resume_setup(cx);
        } else {
            self.requests.clear();
            self.outbox.reset();
            self.setup.begin();
            self.enter(cx, Phase::Greeting { roster: false, server: false });
        }
        self.flush(cx);
    }

    /// The stream is gone. It may be resumed, so nothing is forgotten yet.
    pub(crate) fn stream_down(&mut self, cx: &mut Context<'_>) {
        self.jid = None;
        self.release_setup(cx);
    }

    /// Says goodbye before the stream is closed.
    pub(crate) fn stop(&mut self, cx: &mut Context<'_>) {
        if self.jid.take().is_some() {
            cx.send(Element::new(ns::CLIENT, "presence").attr("type", "unavailable"));
        }
        self.release_setup(cx);
        self.setup.phase = Phase::Offline;
    }

    /// A channel's value is due to be sent.
    pub(crate) fn value_due(&mut self, definition: &Definition, channel: ChannelId) {
        self.outbox.mark(Slot::Reading(channel));
        if definition.channel(channel).role == Role::Actuator {
            self.outbox.mark(Slot::Actuator(channel));
        }
    }

    /// The channels whose values wait in the outbox, while the nodes are there.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = ChannelId> {
        self.outbox.waiting().filter(|_| self.is_ready())
    }

    /// Takes a stanza.
    pub(crate) fn stanza(&mut self, cx: &mut Context<'_>, stanza: &Element) {
        match (stanza.namespace(), stanza.name()) {
            (ns::CLIENT, "iq") => self.iq(cx, stanza),
            (ns::CLIENT, "message") => self.message(cx, stanza),
            (ns::CLIENT, "presence") => self.presence(cx, stanza),
            _ => {}
        }
        self.flush(cx);
    }

    /// Does what has become due.
    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        if self.jid.is_some() {
            while let Some(purpose) = self.requests.take_overdue(cx.now) {
                self.answered(cx, purpose, Err(&Failure::timeout()));
            }
            self.setup_timeout(cx);
            self.flush(cx);
        }
    }

    /// When [`Agent::timeout`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.jid.as_ref()?;
        [self.requests.deadline(), self.outbox.deadline(), self.setup.deadline()].into_iter().flatten().min()
    }

    /// Sends what the outbox gives, once the nodes are there.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        if self.jid.is_none() || !self.is_ready() {
            return;
        }
        while let Some(slot) = self.outbox.take(cx.now) {
            self.publish(cx, slot);
        }
    }

    fn publish(&mut self, cx: &mut Context<'_>, slot: Slot) {
        let value = |channel: ChannelId| {
            let definition = cx.definition;
            wire::element(definition.channel(channel), cx.world.value(channel), definition.dialect)
        };
        let (node, item, payload) = match slot {
            Slot::Reading(id) => (Node::Sensors, wire::sensor_item(cx.definition.channel(id)), value(id)),
            Slot::Actuator(id) => {
                let payload = value(id);
                self.known[usize::from(id.0)] = Some(payload.get_text().into_owned());
                (Node::Actuators, wire::actuator_item(cx.definition.channel(id)), payload)
            }
            Slot::Form => (Node::Ui, form::ITEM.into(), form::element(cx.definition)),
        };
        if !cx.faults.is_idle() && !Self::says(cx, slot) {
            return self.outbox.answered(slot);
        }
        let payload = match slot {
            Slot::Reading(id) | Slot::Actuator(id) if !cx.faults.is_idle() => {
                cx.faults.spoil_payload(id, cx.definition.channel(id), payload, cx.clock())
            }
            Slot::Reading(_) | Slot::Actuator(_) | Slot::Form => payload,
        };
        // Where a service does not tell who published, the device could not tell its own events from a client's
        // (measured on ejabberd); there it reports actuators through the mirror only.
        if node == Node::Actuators && cx.instance.addressing != Addressing::Pep {
            self.outbox.answered(slot);
            return;
        }
        let persists = node != Node::Actuators || self.setup.mode == ActuatorModeInForce::Persistent;
        let name = node.full_name(cx.instance);
        let request = nodes::publish(name, item.into(), payload, persists, &cx.instance.access);
        self.ask(cx, "set", nodes::service(cx.instance), request, Purpose::Publish(slot));
        if let Slot::Reading(id) = slot {
            cx.tell(Event::Reading(id, cx.world.value(id).clone()));
        }
    }

    /// Whether nothing that is wrong keeps an item back.
    fn says(cx: &mut Context<'_>, slot: Slot) -> bool {
        match slot {
            Slot::Form => !cx.faults.has(fault::Kind::FrozenForm),
            Slot::Reading(id) if cx.definition.channel(id).role == Role::Sensor => cx.faults.publishes(id),
            Slot::Reading(_) | Slot::Actuator(_) => true,
        }
    }

    fn published(&mut self, cx: &mut Context<'_>, slot: Slot, outcome: Result<&Element, &Failure>) {
        let Err(failure) = outcome else {
            self.outbox.answered(slot);
            if let Slot::Reading(id) = slot {
                cx.tell(Event::Published(id));
            }
            return;
        };
        let what = match slot {
            Slot::Reading(id) => wire::sensor_item(cx.definition.channel(id)),
            Slot::Actuator(id) => wire::actuator_item(cx.definition.channel(id)),
            Slot::Form => "xmpp.iot.ui".to_string(),
        };
        cx.tell(Event::PublishFailed { what, why: failure.describe() });
        if failure.is_transient {
            self.outbox.postpone(cx.now, slot);
            return;
        }
        self.outbox.answered(slot);
        let shared = self.setup.mode == ActuatorModeInForce::Persistent;
        if matches!(slot, Slot::Actuator(_)) && shared && failure.is("forbidden") {
            // The item belongs to whoever published it first: this server does not share items after all.
            self.setup.mode = ActuatorModeInForce::Transient;
            self.setup.mode_is_settled = true;
            self.enter(cx, Phase::Queueing);
        } else if failure.is("item-not-found") || failure.is("precondition-not-met") {
            // Somebody deleted or changed the node behind our back.
            self.enter(cx, Phase::Queueing);
        }
    }

    /// Applies a value that somebody put on the actuators node, or refuses it and reports the old one again.
    fn written(&mut self, cx: &mut Context<'_>, written: Written) {
        let Some((id, channel)) = written.actuator().and_then(|name| cx.definition.find(name)) else {
            let why = "there is no such actuator".to_string();
            return cx.tell(Event::Refused { what: shorten(&written.item), by: written.by, why });
        };
        let known = &mut self.known[usize::from(id.0)];
        // An event may come twice, and a server may not say who published: what we know already is no news.
        if written.is_echo(cx.own()) || (written.by.is_none() && *known == written.text) {
            return;
        }
        let Some(text) = written.text else {
            let why = "the item has no value".to_string();
            return cx.tell(Event::Refused { what: shorten(&written.item), by: written.by, why });
        };
        let accepted = wire::from_text(channel, &text);
        let (is_button, item) = (channel.kind == Kind::Button, shorten(&written.item));
        *known = Some(text);
        match accepted {
            // Nobody releases a button but the device.
            Ok(Value::Integer(0)) if is_button => {}
            Ok(value) => self.actuate(cx, id, &value, written.by),
            Err(why) => {
                cx.tell(Event::Refused { what: item, by: written.by, why: why.to_string() });
                self.outbox.mark(Slot::Reading(id));
                self.outbox.mark(Slot::Actuator(id));
            }
        }
    }

    /// Sets an actuator and reports its new value, as far as nothing is wrong with it.
    pub(crate) fn actuate(&mut self, cx: &mut Context<'_>, id: ChannelId, value: &Value, by: Option<String>) {
        if cx.faults.is_idle() {
            return self.apply(cx, id, value, by);
        }
        let (channel, old) = (cx.definition.channel(id), cx.world.value(id).clone());
        match cx.faults.spoil_actuation(cx.now, (id, channel), value, &old, by.as_ref()) {
            Actuation::Apply(value) => self.apply(cx, id, &value, by),
            Actuation::Pretend(value) => {
                cx.world.pretend(cx.definition, id, &value);
                self.actuated(cx, id, by);
            }
            Actuation::Ignore => {}
            Actuation::Refuse => {
                let why = "it is stuck".to_string();
                cx.tell(Event::Refused { what: channel.name.clone(), by, why });
                self.value_due(cx.definition, id);
            }
        }
    }

    /// Sets an actuator and reports its new value.
    pub(crate) fn apply(&mut self, cx: &mut Context<'_>, id: ChannelId, value: &Value, by: Option<String>) {
        cx.world.set(cx.definition, cx.now, id, value, Origin::Set { by: by.clone() });
        self.actuated(cx, id, by);
    }

    fn actuated(&mut self, cx: &mut Context<'_>, id: ChannelId, by: Option<String>) {
        let (channel, value) = (cx.definition.channel(id), cx.world.value(id).clone());
        let text = wire::to_text(channel, &value);
        cx.tell(Event::Actuated { channel: id, value, by });
        self.outbox.mark(Slot::Reading(id));
        if self.known[usize::from(id.0)].as_ref() != Some(&text) {
            self.outbox.mark(Slot::Actuator(id));
        }
    }

    /// Replaces a reading from outside and reports it.
    pub(crate) fn inject(&mut self, cx: &mut Context<'_>, id: ChannelId, value: &Value) {
        cx.world.set(cx.definition, cx.now, id, value, Origin::Injected);
        self.value_due(cx.definition, id);
    }

    /// Holds a channel and reports what it is held at.
    pub(crate) fn hold(&mut self, cx: &mut Context<'_>, id: ChannelId, value: Option<&Value>) {
        cx.world.hold(cx.definition, cx.now, id, value);
        self.value_due(cx.definition, id);
    }

    /// Publishes everything anew that concerns these channels: what was there while something was wrong is not right.
    pub(crate) fn repeat(&mut self, definition: &Definition, concerned: impl Fn(ChannelId) -> bool) {
        for (id, _) in definition.channels().filter(|(id, _)| concerned(*id)) {
            self.value_due(definition, id);
        }
    }

    /// Publishes the form anew.
    pub(crate) fn repeat_form(&mut self) {
        self.outbox.mark(Slot::Form);
    }

    /// Asks everything anew that it asks on a fresh stream: answers and what others said may have been lost.
    pub(crate) fn look_again(&mut self, cx: &mut Context<'_>) {
        if self.jid.is_none() {
            return;
        }
        match self.setup.phase {
            // Greetings are repeated by themselves, and what was refused for good stays so.
            Phase::Offline | Phase::Mirroring { .. } | Phase::Adding | Phase::Refused => {}
            Phase::Greeting { .. }
            | Phase::Queueing
            | Phase::Listing
            | Phase::Preparing(_)
            | Phase::Affiliating(_)
            | Phase::Subscribing
            | Phase::Fetching
            | Phase::Ready => {
                // Kept, it would be in everybody's way until it is asked for again, and is not given twice.
                self.release_setup(cx);
                self.requests.clear();
                self.outbox.reset();
                self.enter(cx, Phase::Greeting { roster: false, server: false });
            }
        }
    }

    /// Says that it is there, as it does when it comes online.
    pub(crate) fn announce(&mut self, cx: &mut Context<'_>) {
        if self.jid.is_some() {
            let presence = queries::health(self, None);
            cx.send(presence);
        }
    }

    /// Deletes one of its own nodes, and finds out soon.
    pub(crate) fn delete_node(&mut self, cx: &mut Context<'_>, name: &str) {
        let node = Node::ALL.into_iter().find(|node| node.name().ends_with(name));
        if let Some(node) = node.filter(|_| self.jid.is_some()) {
            let request = nodes::delete(node.full_name(cx.instance));
            self.ask(cx, "set", nodes::service(cx.instance), request, Purpose::BestEffort);
            self.setup.inspect_at = cx.now.plus(UNNOTICED);
        }
    }

    /// Sends a request and notes what it is for.
    fn ask(
        &mut self,
        cx: &mut Context<'_>,
        kind: &'static str,
        to: Option<&str>,
        payload: Element,
        purpose: Purpose,
    ) {
        let id = self.requests.add(cx.now, to, purpose);
        cx.send(stanza::request(kind, to, id, payload));
    }

    /// Whether an address may read, command and control: contacts, and the device's own account.
    fn is_contact(&self, cx: &Context<'_>, address: &str) -> bool {
        self.roster.has(address) || cx.own().covers(address)
    }

    /// Whether a stanza without or with this `from` speaks for the own account or its server.
    fn is_own_side(cx: &Context<'_>, from: Option<&str>) -> bool {
        from.is_none_or(|from| cx.own().covers(from) || from.eq_ignore_ascii_case(cx.own().domain()))
    }
}

/// A stranger's words, short enough for an event.
fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// The account behind an address, for events.
fn account_of(address: &str) -> String {
    shorten(jid::bare(address))
}
