//! From a fresh stream to values that flow.
//!
//! ```text
//!  stream up ─► Greeting ─► presence sent ─┬─ owner unknown, handshake wanted ─► Mirroring ─► Adding ─► "Setup done!" ─┐
//!               roster and server info     └───────────────────────────────────────────────────────────────────────────┤
//!                                                                                                                      ▼
//!   Ready ◄─ Fetching ◄─ Subscribing ◄─ Affiliating(Sensors, Ui, Actuators) ◄─ Preparing(Sensors, Ui, Actuators) ◄─ Listing ◄─ Queueing
//!            stored      service         who may write, and read                create, or compare and mend              permission
//!            values      only
//! ```
//!
//! A refusal that time may heal gives the permission back and starts again at `Queueing` after a growing pause; any
//! other leads to `Refused`: online, without nodes, saying why in presence and event. A fresh stream begins again.

use super::{
    Agent, Context,
    discovery::Identity,
    events, nodes,
    nodes::Node,
    outbox::Slot,
    queries::{affiliation, health},
    requests::Purpose,
    roster,
    stanza::{self, Failure},
};
use crate::{
    definition::{ActuatorMode, Role},
    instance::{Access, Addressing, Commissioning},
    io::{ActuatorModeInForce, Event, Handshake, Output},
    jid::BareJid,
    ns,
    time::Instant,
    xml::{Element, Name},
};
use alloc::{format, string::ToString, vec::Vec};
use core::{mem::take, time::Duration};

#[cfg(test)]
mod table;

/// Where the set-up stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There has been no stream yet.
    #[default]
    Offline,
    /// Asked for the roster and for the server's name; what has come in.
    Greeting { roster: bool, server: bool },
    /// Said hello; will say it again at that time.
    Mirroring { again: Instant },
    /// Adding the owner to the roster.
    Adding,
    /// Waiting for permission to create nodes.
    Queueing,
    /// Asked which nodes exist.
    Listing,
    /// Making a node, or comparing and mending its configuration.
    Preparing(Node),
    /// Saying who may write to a node, or read it.
    Affiliating(Node),
    /// Subscribing to the actuators node of a service.
    Subscribing,
    /// Reading stored actuator values.
    Fetching,
    /// Values flow.
    Ready,
    /// The server refuses what the profile wants.
    Refused,
}

/// Time between two hellos while nobody mirrors.
const HELLO_EVERY: Duration = Duration::from_mins(1);

/// Attempts at the nodes before a failure that looked transient counts as final.
const ATTEMPTS: u8 = 8;

/// State of the set-up.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(super) phase: Phase,
    pub(super) mode: ActuatorModeInForce,
    /// Whether `mode` was learnt from the server's behaviour and is not to be chosen again.
    pub(super) mode_is_settled: bool,
    has_permission: bool,
    existing: Vec<Node>,
    /// Nodes made and mended since they were last ready, over all attempts.
    created: u8,
    repaired: u8,
    failed_attempts: u8,
    retry_at: Option<Instant>,
    /// When to look at the nodes again; only in [`Phase::Ready`].
    pub(super) inspect_at: Instant,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            phase: Phase::Offline,
            mode: ActuatorModeInForce::Transient,
            mode_is_settled: false,
            has_permission: false,
            existing: Vec::new(),
            created: 0,
            repaired: 0,
            failed_attempts: 0,
            retry_at: None,
            inspect_at: Instant::START,
        }
    }
}

impl Setup {
    /// Starts over on a fresh stream.
    pub(super) fn begin(&mut self) {
        self.failed_attempts = 0;
        self.retry_at = None;
        (self.created, self.repaired) = (0, 0);
    }

    /// When something is due: a repeated hello, another attempt, another look.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Mirroring { again } => Some(again),
            Phase::Ready => Some(self.inspect_at),
            _ => self.retry_at,
        }
    }
}

impl Agent {
    /// Enters a phase and does what it begins with.
    pub(super) fn enter(&mut self, cx: &mut Context<'_>, phase: Phase) {
        self.setup.phase = phase;
        let service = nodes::service(cx.instance);
        match phase {
            Phase::Offline => {}
            Phase::Greeting { .. } => {
                self.ask(cx, "get", None, roster::query(), Purpose::Roster);
                let domain = cx.own().domain().to_string();
                self.ask(
                    cx,
                    "get",
                    Some(&domain),
                    Element::new(ns::DISCO_INFO, "query"),
                    Purpose::ServerInfo,
                );
            }
            Phase::Mirroring { .. } => {
                let again = cx.now.plus(HELLO_EVERY);
                self.setup.phase = Phase::Mirroring { again };
                self.say_to_owner(cx, cx.definition.hello.clone(), Handshake::HelloSent);
            }
            Phase::Adding => {
                if let Some(owner) = cx.instance.owners.first() {
                    self.add_contact(cx, owner, Purpose::AddContact);
                }
            }
            Phase::Queueing => {
                self.setup.retry_at = None;
                if self.setup.has_permission {
                    return self.enter(cx, Phase::Listing);
                }
                cx.outputs.push_back(Output::RequestSetup);
            }
            Phase::Listing => self.ask(cx, "get", service, nodes::list(), Purpose::ListNodes),
            Phase::Preparing(node) => {
                let name = node.full_name(cx.instance);
                if self.setup.existing.contains(&node) {
                    self.ask(cx, "get", service, nodes::read_config(name), Purpose::ReadConfig(node));
                } else {
                    let fields = nodes::config(node, cx.definition, cx.instance, self.setup.mode);
                    self.ask(cx, "set", service, nodes::create(name, &fields), Purpose::Create(node));
                }
            }
            Phase::Affiliating(node) => {
                let name = node.full_name(cx.instance);
                match affiliation(node, &cx.instance.access) {
                    None => self.after_affiliating(cx, node),
                    Some(_) if self.setup.existing.contains(&node) => {
                        self.ask(
                            cx,
                            "get",
                            service,
                            nodes::read_affiliations(name),
                            Purpose::ReadAffiliations(node),
                        );
                    }
                    Some(_) => self.affiliate(cx, node, &[]),
                }
            }
            Phase::Subscribing => match cx.instance.addressing {
                Addressing::Pep => self.enter(cx, Phase::Fetching),
                Addressing::Service { .. } => {
                    let name = Node::Actuators.full_name(cx.instance);
                    self.ask(cx, "set", service, nodes::subscribe(name, cx.own()), Purpose::Subscribe);
                }
            },
            Phase::Fetching => {
                let stores = self.setup.mode == ActuatorModeInForce::Persistent;
                if stores && self.setup.existing.contains(&Node::Actuators) {
                    let name = Node::Actuators.full_name(cx.instance);
                    self.ask(cx, "get", service, nodes::fetch(name), Purpose::FetchActuators);
                } else {
                    self.enter(cx, Phase::Ready);
                }
            }
            Phase::Ready => self.ready(cx),
            Phase::Refused => self.release_setup(cx),
        }
    }

    /// The permission to create nodes has come.
    pub(crate) fn setup_granted(&mut self, cx: &mut Context<'_>) {
        self.setup.has_permission = true;
        if self.jid.is_some() && self.setup.phase == Phase::Queueing {
            self.enter(cx, Phase::Listing);
        } else {
            self.release_setup(cx);
        }
        self.flush(cx);
    }

    /// Takes the set-up up again on a resumed stream. The permission was given back when the stream went down.
    pub(super) fn resume_setup(&mut self, cx: &mut Context<'_>) {
        if self.setup.phase == Phase::Queueing && self.setup.retry_at.is_none() {
            self.enter(cx, Phase::Queueing);
        }
    }

    pub(super) fn release_setup(&mut self, cx: &mut Context<'_>) {
        let asked = self.setup.phase == Phase::Queueing && self.setup.retry_at.is_none();
        if take(&mut self.setup.has_permission) || asked {
            cx.outputs.push_back(Output::ReleaseSetup);
        }
    }

    pub(super) fn setup_timeout(&mut self, cx: &mut Context<'_>) {
        match self.setup.phase {
            Phase::Mirroring { again } if again <= cx.now => self.enter(cx, Phase::Mirroring { again }),
            Phase::Ready if self.setup.inspect_at <= cx.now => self.inspect(cx),
            _ if self.setup.retry_at.is_some_and(|at| at <= cx.now) => self.enter(cx, Phase::Queueing),
            _ => {}
        }
    }

    /// Takes the answer to one of our requests.
    pub(super) fn answered(
        &mut self,
        cx: &mut Context<'_>,
        purpose: Purpose,
        outcome: Result<&Element, &Failure>,
    ) {
        match (purpose, outcome) {
            (Purpose::Publish(slot), outcome) => self.published(cx, slot, outcome),
            (Purpose::Inspect(node), outcome) => self.inspected(cx, node, outcome),
            (Purpose::Time(asked), Ok(answer)) => Self::got_time(cx, asked, answer),
            // A server need not tell the time, and the device knows none either way.
            (Purpose::Time(_), Err(_)) | (Purpose::BestEffort, _) => {}
            (Purpose::Roster, outcome) => self.got_roster(cx, outcome),
            (Purpose::ServerInfo, outcome) => self.got_server(cx, outcome.ok()),
            (Purpose::AddContact, Ok(_)) => self.owner_added(cx),
            (Purpose::ListNodes, Ok(answer)) => {
                self.setup.existing = nodes::listed(answer, cx.instance);
                self.enter(cx, Phase::Preparing(Node::Sensors));
            }
            (Purpose::Create(node), Ok(_)) => {
                self.setup.created += 1;
                self.after_preparing(cx, node);
            }
            (Purpose::Create(node), Err(failure)) if failure.is("conflict") => {
                // Somebody, or an earlier try of ours, was faster.
                self.setup.existing.push(node);
                self.enter(cx, Phase::Preparing(node));
            }
            (Purpose::ReadConfig(node), Ok(answer)) => self.got_config(cx, node, answer),
            (Purpose::ReadConfig(node), Err(failure)) if failure.is("item-not-found") => {
                self.setup.existing.retain(|other| *other != node);
                self.enter(cx, Phase::Preparing(node));
            }
            (Purpose::WriteConfig(node), Ok(_)) => {
                self.setup.repaired += 1;
                self.after_preparing(cx, node);
            }
            (Purpose::ReadAffiliations(node), Ok(answer)) => {
                self.affiliate(cx, node, &nodes::affiliated(answer));
            }
            (Purpose::Affiliate(node), Ok(_)) => self.after_affiliating(cx, node),
            (Purpose::Subscribe, Ok(_)) => self.enter(cx, Phase::Fetching),
            (Purpose::FetchActuators, outcome) => {
                // A server may say that a node stores nothing; then there is nothing to reconcile.
                for value in outcome.map_or_else(|_| Vec::new(), events::of_items) {
                    self.written(cx, value);
                }
                self.enter(cx, Phase::Ready);
            }
            (
                purpose @ (Purpose::AddContact
                | Purpose::ListNodes
                | Purpose::Create(_)
                | Purpose::ReadConfig(_)
                | Purpose::WriteConfig(_)
                | Purpose::ReadAffiliations(_)
                | Purpose::Affiliate(_)
                | Purpose::Subscribe),
                Err(failure),
            ) => self.setup_failed(cx, &purpose, failure),
        }
    }

    fn got_roster(&mut self, cx: &mut Context<'_>, outcome: Result<&Element, &Failure>) {
        // Without a roster nobody may do anything, which is safe; the next fresh stream asks again.
        if let Ok(answer) = outcome {
            self.roster.replace(answer);
        }
        if let Phase::Greeting { roster, .. } = &mut self.setup.phase {
            *roster = true;
        }
        self.after_greeting(cx);
    }

    /// Learns from the server's name how it treats actuators (docs/PROTOCOL.md).
    fn got_server(&mut self, cx: &mut Context<'_>, answer: Option<&Element>) {
        let query = answer.and_then(|answer| answer.get(ns::DISCO_INFO, "query"));
        let identities = query.into_iter().flat_map(Element::elements);
        let mut names = identities
            .filter(|e| e.get_attr("category") == Some("server"))
            .filter_map(|e| e.get_attr("name"));
        let name = names.next().unwrap_or_default().to_ascii_lowercase();
        // ejabberd tells a node's owner of every publish; asking for events on top brings each one twice (measured).
        let notify = cx.instance.addressing == Addressing::Pep && !name.contains("ejabberd");
        self.identity = Identity::new(cx.definition, cx.instance.last_reset.as_deref(), notify);
        if !self.setup.mode_is_settled {
            let wanted = match cx.instance.actuators {
                ActuatorMode::Auto => cx.definition.actuators,
                mode => mode,
            };
            self.setup.mode = match wanted {
                ActuatorMode::Persistent => ActuatorModeInForce::Persistent,
                // Prosody lets everybody with the right to publish replace an item; ejabberd's items belong to
                // whoever published them first (both measured).
                ActuatorMode::Auto if name.contains("prosody") => ActuatorModeInForce::Persistent,
                ActuatorMode::Auto | ActuatorMode::Transient => ActuatorModeInForce::Transient,
            };
        }
        if let Phase::Greeting { server, .. } = &mut self.setup.phase {
            *server = true;
        }
        self.after_greeting(cx);
    }

    fn after_greeting(&mut self, cx: &mut Context<'_>) {
        if self.setup.phase != (Phase::Greeting { roster: true, server: true }) {
            return;
        }
        cx.send(health(self, None));
        let owner_is_new = cx.instance.owners.first().is_some_and(|owner| !self.roster.has(owner.as_str()));
        match cx.instance.commissioning {
            Commissioning::Handshake | Commissioning::Bluetooth if owner_is_new => {
                self.enter(cx, Phase::Mirroring { again: cx.now });
            }
            Commissioning::Handshake | Commissioning::Bluetooth | Commissioning::Preset => {
                self.add_missing(cx, &cx.instance.owners);
                self.enter(cx, Phase::Queueing);
            }
        }
    }

    fn add_missing(&mut self, cx: &mut Context<'_>, owners: &[BareJid]) {
        for owner in owners {
            if !self.roster.has(owner.as_str()) {
                self.add_contact(cx, owner, Purpose::BestEffort);
            }
        }
    }

    fn add_contact(&mut self, cx: &mut Context<'_>, contact: &BareJid, purpose: Purpose) {
        let groups: &[_] = match &cx.instance.access {
            Access::Roster(groups) => groups,
            Access::Presence | Access::Open | Access::Whitelist => &[],
        };
        self.ask(cx, "set", None, roster::add(contact, groups), purpose);
    }

    fn owner_added(&mut self, cx: &mut Context<'_>) {
        cx.tell(Event::Handshake(Handshake::OwnerAdded));
        self.say_to_owner(cx, "Setup done!", Handshake::Done);
        // The first owner has answered for all of them.
        self.add_missing(cx, cx.instance.owners.get(1..).unwrap_or_default());
        self.enter(cx, Phase::Queueing);
    }

    fn say_to_owner(&mut self, cx: &mut Context<'_>, text: impl Into<Name>, step: Handshake) {
        if let Some(owner) = cx.instance.owners.first() {
            let id = self.requests.next_id();
            cx.send(stanza::chat(owner.as_str(), id, text));
            cx.tell(Event::Handshake(step));
        }
    }

    fn got_config(&mut self, cx: &mut Context<'_>, node: Node, answer: &Element) {
        let wanted = nodes::config(node, cx.definition, cx.instance, self.setup.mode);
        let wrong = nodes::differences(answer, &wanted);
        if wrong.is_empty() {
            return self.after_preparing(cx, node);
        }
        let (service, name) = (nodes::service(cx.instance), node.full_name(cx.instance));
        self.ask(cx, "set", service, nodes::write_config(name.clone(), &wrong), Purpose::WriteConfig(node));
        let stops_storing =
            wrong.iter().any(|(field, values)| *field == "pubsub#persist_items" && values[0] == "false");
        if stops_storing {
            // ejabberd keeps the old items, and whose they are (measured).
            self.ask(cx, "set", service, nodes::purge(name), Purpose::BestEffort);
        }
    }

    fn after_preparing(&mut self, cx: &mut Context<'_>, node: Node) {
        let next = match node {
            Node::Sensors => Phase::Preparing(Node::Ui),
            Node::Ui => Phase::Preparing(Node::Actuators),
            Node::Actuators => Phase::Affiliating(Node::Sensors),
        };
        self.enter(cx, next);
    }

    /// Gives the roster its rights and takes them from whoever left it while we were away.
    fn affiliate(&mut self, cx: &mut Context<'_>, node: Node, present: &[BareJid]) {
        let wanted = affiliation(node, &cx.instance.access).unwrap_or("none");
        let owners = cx.instance.owners.iter().filter(|owner| !self.roster.has(owner.as_str()));
        let people: Vec<&BareJid> = self.roster.contacts().iter().chain(owners).collect();
        let left = present.iter().filter(|person| !people.contains(person)).map(|person| (person, "none"));
        let changes: Vec<_> = people.iter().map(|person| (*person, wanted)).chain(left).collect();
        if changes.is_empty() {
            return self.after_affiliating(cx, node);
        }
        let request = nodes::affiliate(node.full_name(cx.instance), changes);
        self.ask(cx, "set", nodes::service(cx.instance), request, Purpose::Affiliate(node));
    }

    fn after_affiliating(&mut self, cx: &mut Context<'_>, node: Node) {
        let next = match node {
            Node::Sensors => Phase::Affiliating(Node::Ui),
            Node::Ui => Phase::Affiliating(Node::Actuators),
            Node::Actuators => Phase::Subscribing,
        };
        self.enter(cx, next);
    }

    fn ready(&mut self, cx: &mut Context<'_>) {
        self.setup.failed_attempts = 0;
        self.release_setup(cx);
        self.inspect_later(cx);
        let (created, repaired) = (take(&mut self.setup.created), take(&mut self.setup.repaired));
        let mode = self.setup.mode;
        cx.tell(Event::NodesReady { created, repaired, mode });
        self.outbox.mark(Slot::Form);
        for (id, channel) in cx.definition.channels() {
            self.outbox.mark(Slot::Reading(id));
            if channel.role == Role::Actuator {
                self.outbox.mark(Slot::Actuator(id));
            }
        }
    }

    fn setup_failed(&mut self, cx: &mut Context<'_>, purpose: &Purpose, failure: &Failure) {
        if self.setup.phase == Phase::Adding {
            // The owner has mirrored; try again with the next hello.
            let again = cx.now.plus(HELLO_EVERY);
            self.setup.phase = Phase::Mirroring { again };
            return;
        }
        self.setup.failed_attempts += 1;
        if failure.is_transient && self.setup.failed_attempts < ATTEMPTS {
            self.release_setup(cx);
            self.setup.phase = Phase::Queueing;
            // A whole fleet may have met the same overload: spread the second attempts.
            let pause = 1000u32 << self.setup.failed_attempts.min(6);
            let jitter = cx.random.below(pause);
            self.setup.retry_at = Some(cx.now.plus(Duration::from_millis((pause / 2 + jitter).into())));
            return;
        }
        let what = match purpose {
            Purpose::Create(node) => format!("creating {}", node.full_name(cx.instance)),
            Purpose::ReadConfig(node) | Purpose::WriteConfig(node) => {
                format!("configuring {}", node.full_name(cx.instance))
            }
            Purpose::ReadAffiliations(node) | Purpose::Affiliate(node) => {
                format!("giving rights on {}", node.full_name(cx.instance))
            }
            _ => "looking for the nodes".to_string(),
        };
        let next_step = match (&cx.instance.addressing, &cx.instance.access) {
            (Addressing::Service { .. }, _) if failure.is("forbidden") => {
                "let users create nodes on the service, or use `addressing: pep`"
            }
            (_, Access::Roster(_)) => {
                "this server does not take `access: roster`; use `presence` or `whitelist`"
            }
            _ => "see whether personal eventing (PEP, mod_pep or mod_pubsub) is enabled at the server",
        };
        let why = format!("the server refused {what}: {}", failure.describe());
        cx.send(health(self, Some(&why)));
        cx.tell(Event::SetupFailed { why, next_step });
        self.enter(cx, Phase::Refused);
    }
}
