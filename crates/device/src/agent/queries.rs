//! Requests from others, presence subscriptions, and roster pushes.

use super::{
    Agent, Context, account_of,
    nodes::{self, Node},
    requests::Purpose,
    roster::Change,
    setup::Phase,
    stanza::{self, Condition, Failure},
};
use crate::{
    instance::Access,
    io::{Event, Output},
    jid::{self, BareJid},
    ns,
    time::{Instant, UnixMillis},
    xml::Element,
};
use alloc::string::{String, ToString};

impl Agent {
    pub(super) fn iq(&mut self, cx: &mut Context<'_>, iq: &Element) {
        match iq.get_attr("type") {
            Some("result") => self.response(cx, iq, Ok(iq)),
            Some("error") => self.response(cx, iq, Err(&Failure::of(iq))),
            Some(kind @ ("get" | "set")) if iq.get_attr("id").is_some() => {
                self.request(cx, iq, kind == "set");
            }
            _ => {}
        }
    }

    fn response(&mut self, cx: &mut Context<'_>, iq: &Element, outcome: Result<&Element, &Failure>) {
        let own = self.jid.as_deref().unwrap_or(cx.own().as_str());
        if let Some(purpose) = self.requests.take(iq, own) {
            self.answered(cx, purpose, outcome);
        }
    }

    fn request(&mut self, cx: &mut Context<'_>, iq: &Element, is_set: bool) {
        let from = iq.get_attr("from");
        let own_side = Self::is_own_side(cx, from);
        if !own_side && !from.is_some_and(|from| self.is_contact(cx, from)) {
            // RFC 6121 section 8.5.3.1: a stranger learns nothing, not even that we are here.
            return self.refuse(cx, iq, Condition::ServiceUnavailable, "a stranger asked");
        }
        let mut payloads = iq.elements();
        let (Some(payload), None) = (payloads.next(), payloads.next()) else {
            return self.refuse(cx, iq, Condition::BadRequest, "a request has exactly one payload");
        };
        if is_set {
            // RFC 6121 section 2.1.6: a push comes from the own account or without an address.
            if payload.is(ns::ROSTER, "query") && from.is_none_or(|from| cx.own().as_str() == jid::bare(from))
            {
                let change = self.roster.push(iq);
                cx.send(stanza::result(iq, None));
                return self.roster_changed(cx, change);
            }
            return cx.send(stanza::error(iq, Condition::ServiceUnavailable));
        }
        let answer =
            self.identity.answer(iq, payload, cx.definition, cx.faults.software(cx.definition), cx.clock());
        cx.send(answer);
    }

    /// Asks the server how late it is (XEP-0202).
    pub(crate) fn ask_time(&mut self, cx: &mut Context<'_>) {
        if self.jid.is_some() {
            let server = cx.own().domain().to_string();
            self.ask(cx, "get", Some(&server), Element::new(ns::TIME, "time"), Purpose::Time(cx.now));
        }
    }

    pub(super) fn got_time(cx: &mut Context<'_>, asked: Instant, answer: &Element) {
        let time = answer.get(ns::TIME, "time").and_then(|time| time.get(ns::TIME, "utc"));
        if let Some(date) = time.and_then(|utc| UnixMillis::parse(utc.get_text().trim())) {
            // The answer has been on its way for half of the time since.
            let halfway = Instant::START.plus(cx.now.since(asked) / 2);
            cx.outputs.push_back(Output::ServerTime(date.at(halfway)));
        }
    }

    /// Answers with an error, as long as the allowance for strangers lasts, and tells why.
    pub(super) fn refuse(
        &mut self,
        cx: &mut Context<'_>,
        request: &Element,
        condition: Condition,
        why: &str,
    ) {
        if self.strangers.take(cx.now) {
            cx.send(stanza::error(request, condition));
            let by = request.get_attr("from").map(account_of);
            cx.tell(Event::Refused { what: request.name().into(), by, why: why.to_string() });
        }
    }

    pub(super) fn presence(&mut self, cx: &mut Context<'_>, presence: &Element) {
        if presence.get_attr("type") != Some("subscribe") {
            return;
        }
        let Some(person) = presence.get_attr("from").and_then(jid::account) else { return };
        let known = self.roster.has(person.as_str()) || cx.instance.owners.contains(&person);
        if known {
            // In this order both servers come to `both` (measured): grant, then ask in turn.
            cx.send(stanza::presence(person.as_str(), "subscribed"));
            cx.send(stanza::presence(person.as_str(), "subscribe"));
        } else if self.strangers.take(cx.now) {
            cx.send(stanza::presence(person.as_str(), "unsubscribed"));
            let why = "only people in the roster may subscribe".to_string();
            cx.tell(Event::Refused { what: "subscribe".to_string(), by: Some(person.to_string()), why });
        }
    }

    fn roster_changed(&mut self, cx: &mut Context<'_>, change: Option<Change>) {
        // Before that the set-up itself will look at the roster.
        let nodes_exist = matches!(
            self.setup.phase,
            Phase::Affiliating(_) | Phase::Subscribing | Phase::Fetching | Phase::Ready
        );
        match change {
            Some(Change::Added(person)) if nodes_exist => self.affiliate_one(cx, &person, true),
            Some(Change::Removed(person)) if nodes_exist => {
                self.affiliate_one(cx, &person, false);
                // On Prosody an explicit subscription outlives the roster entry (measured).
                for node in Node::ALL {
                    let request = nodes::unsubscribe(node.full_name(cx.instance), &person);
                    self.ask(cx, "set", nodes::service(cx.instance), request, Purpose::BestEffort);
                }
            }
            Some(Change::Added(_) | Change::Removed(_)) | None => {}
        }
    }

    fn affiliate_one(&mut self, cx: &mut Context<'_>, person: &BareJid, is_contact: bool) {
        for node in Node::ALL {
            if let Some(affiliation) = affiliation(node, &cx.instance.access) {
                let affiliation = if is_contact { affiliation } else { "none" };
                let request = nodes::affiliate(node.full_name(cx.instance), [(person, affiliation)]);
                self.ask(cx, "set", nodes::service(cx.instance), request, Purpose::BestEffort);
            }
        }
    }
}

/// The affiliation that a contact needs with a node, if any.
pub(super) fn affiliation(node: Node, access: &Access) -> Option<&'static str> {
    match (node, access) {
        (Node::Actuators, _) => Some("publisher"),
        (Node::Sensors | Node::Ui, Access::Whitelist) => Some("member"),
        (Node::Sensors | Node::Ui, Access::Presence | Access::Open | Access::Roster(_)) => None,
    }
}

/// A presence that shows the device's health: nothing special but a restart, or `dnd` and what is wrong.
pub(super) fn health(agent: &Agent, trouble: Option<&str>) -> Element {
    let child = |name: &'static str, text: &str| Element::new(ns::CLIENT, name).text(text.to_string());
    let (show, status) = match trouble {
        None => (None, agent.identity.status()),
        Some(trouble) => (Some(child("show", "dnd")), String::from(trouble)),
    };
    Element::new(ns::CLIENT, "presence")
        .children_from(show)
        .child(child("status", &status))
        .child(agent.identity.caps())
}
