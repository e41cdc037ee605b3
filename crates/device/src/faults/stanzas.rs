//! What faults do to stanzas on their way in and out.

use super::{Faults, Lately};
use crate::{
    fault::{Direction, Fault, Kind},
    io::{Input, Output},
    jid, ns,
    time::Instant,
    xml::Element,
};
use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

/// How far a stanza falls back that is overtaken, where nothing overtakes it.
const OVERTAKEN: Duration = Duration::from_millis(300);

/// What the device is, for what has to do with its stanzas.
pub(crate) struct Parties<'a> {
    /// Its own bare JID.
    pub(crate) own: Option<&'a jid::BareJid>,
    /// What it greets its owner with.
    pub(crate) hello: &'a str,
    /// Whether it waits for that greeting to come back.
    pub(crate) is_mirroring: bool,
}

/// What becomes of a stanza that comes in.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// The device gets it.
    Take(Box<Element>),
    /// It does not get it, now at least.
    Drop,
    /// It says this in place of its own answer.
    Answer(Element),
}

impl Faults {
    /// Spoils a stanza on its way to the device.
    pub(crate) fn spoil_incoming(
        &mut self,
        now: Instant,
        stanza: Box<Element>,
        parties: &Parties<'_>,
    ) -> Incoming {
        if parties.is_mirroring && self.has(Kind::MirrorIgnored) && is_greeting(&stanza, parties.hello) {
            return Incoming::Drop;
        }
        if is_request(&stanza, parties) {
            if self.has(Kind::NoAnswer) {
                return Incoming::Drop;
            }
            if let Some(fault) = self.get(Kind::ErrorAnswers) {
                return Incoming::Answer(error(&stanza, fault.text()));
            }
        }
        let (copies, delay) = self.way(now, Direction::In, self.late.last_input());
        let late = |stanza| Lately::Input(Input::Stanza(stanza));
        match (copies, delay) {
            (0, _) => Incoming::Drop,
            (copies, at) => {
                for _ in 1..copies {
                    // A copy too many is no loss.
                    _ = self.late.hold(at.max(now.plus(OVERTAKEN)), late(stanza.clone()));
                }
                if at <= now {
                    return Incoming::Take(stanza);
                }
                match self.late.hold(at, late(stanza)) {
                    Some(Lately::Input(Input::Stanza(stanza))) => Incoming::Take(stanza),
                    _ => Incoming::Drop,
                }
            }
        }
    }

    /// Spoils a stanza on its way out: gives what is to be sent now.
    pub(crate) fn spoil_outgoing(
        &mut self,
        now: Instant,
        mut stanza: Element,
        parties: &Parties<'_>,
    ) -> Vec<Element> {
        if self.has(Kind::HelloNotSent) && is_greeting(&stanza, parties.hello) {
            return Vec::new();
        }
        if is_answer(&stanza, parties) {
            if self.has(Kind::NoAnswer) {
                return Vec::new();
            }
            if self.has(Kind::WrongId) {
                let id = stanza.get_attr("id").map(|id| String::from(id) + "-wrong");
                stanza.set_attr("id", id.unwrap_or_default());
            }
        }
        if self.has(Kind::LowBattery) && is_own_presence(&stanza) {
            stanza = low_battery(&stanza);
        }
        let slow = self.get(Kind::Slow).map(Fault::delay);
        let (copies, at) = self.way(now, Direction::Out, self.late.last_output());
        let at = slow.map_or(at, |delay| at.max(now.plus(delay)));
        let mut out = Vec::new();
        for copy in 0..copies {
            let at = if copy == 0 { at } else { at.max(now.plus(OVERTAKEN)) };
            if at <= now {
                out.push(stanza.clone());
            } else if let Some(Lately::Output(Output::Send(stanza))) =
                self.late.hold(at, Lately::Output(Output::Send(stanza.clone())))
            {
                out.push(stanza);
            }
        }
        out
    }

    /// How often a stanza that goes this way arrives, and when.
    fn way(&mut self, now: Instant, way: Direction, last: Option<Instant>) -> (u8, Instant) {
        let (mut copies, mut at, mut keeps_order) = (1, now, true);
        for place in 0..self.active.len() {
            let fault = &self.active[place].fault;
            let concerns = match way {
                Direction::In => fault.direction().comes_in(),
                Direction::Out | Direction::Both => fault.direction().goes_out(),
            };
            if !concerns {
                continue;
            }
            let (kind, share, delay, jitter) = (fault.kind(), fault.share(), fault.delay(), fault.jitter());
            match kind {
                Kind::StanzaLost if self.chance(share) => copies = 0,
                Kind::StanzaDuplicated if self.chance(share) => copies *= 2,
                Kind::StanzaReordered => {
                    keeps_order = false;
                    if self.chance(share) {
                        at = at.max(now.plus(OVERTAKEN));
                    }
                }
                Kind::StanzaDelayed => {
                    at = at.max(now.plus(delay + jitter.mul_f64(self.random.uniform())));
                }
                _ => {}
            }
        }
        // What was said later must not come earlier, unless that is what goes wrong.
        let at = last.filter(|_| keeps_order).map_or(at, |last| at.max(last));
        (copies, at)
    }
}

fn is_greeting(stanza: &Element, hello: &str) -> bool {
    stanza.name() == "message" && stanza.get(ns::CLIENT, "body").is_some_and(|body| body.get_text() == hello)
}

/// Whether somebody else than the own account and server asks for something.
fn is_request(stanza: &Element, parties: &Parties<'_>) -> bool {
    stanza.name() == "iq"
        && matches!(stanza.get_attr("type"), Some("get" | "set"))
        && is_somebody_else(stanza.get_attr("from"), parties)
}

/// Whether it answers such a request.
fn is_answer(stanza: &Element, parties: &Parties<'_>) -> bool {
    stanza.name() == "iq"
        && matches!(stanza.get_attr("type"), Some("result" | "error"))
        && is_somebody_else(stanza.get_attr("to"), parties)
}

fn is_somebody_else(address: Option<&str>, parties: &Parties<'_>) -> bool {
    address.is_some_and(|address| {
        parties.own.is_none_or(|own| !own.covers(address) && !address.eq_ignore_ascii_case(own.domain()))
    })
}

fn is_own_presence(stanza: &Element) -> bool {
    stanza.name() == "presence" && stanza.get_attr("type").is_none()
}

/// The presence of a device that soon has no power.
fn low_battery(presence: &Element) -> Element {
    let child = |name: &'static str, text: &'static str| Element::new(ns::CLIENT, name).text(text);
    let rest = presence.elements().filter(|child| !matches!(child.name(), "show" | "status")).cloned();
    Element::new(ns::CLIENT, "presence")
        .child(child("show", "xa"))
        .child(child("status", "low battery"))
        .children_from(rest)
}

fn error(request: &Element, condition: &str) -> Element {
    let condition = Element::new(ns::STANZAS, condition.to_string());
    Element::new(ns::CLIENT, "iq")
        .attr("type", "error")
        .attr_opt("to", request.get_attr("from").map(String::from))
        .attr_opt("id", request.get_attr("id").map(String::from))
        .child(Element::new(ns::CLIENT, "error").attr("type", "cancel").child(condition))
}
