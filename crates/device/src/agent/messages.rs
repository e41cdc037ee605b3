//! Messages: events of the actuators node, the mirror of hello, text commands.

use super::{
    Agent, Context, account_of,
    commands::{self, Command},
    events,
    nodes::{self, Node},
    setup::Phase,
    shorten, stanza,
};
use crate::{
    io::{Event, Handshake},
    jid, ns,
    xml::Element,
};
use alloc::string::{String, ToString};

impl Agent {
    pub(super) fn message(&mut self, cx: &mut Context<'_>, message: &Element) {
        let from = message.get_attr("from");
        if message.get(ns::PUBSUB_EVENT, "event").is_some() {
            // Anybody can send something that looks like an event; only our service's events count.
            let genuine = match nodes::service(cx.instance) {
                None => from.is_none_or(|from| cx.own().as_str() == jid::bare(from)),
                Some(host) => from.is_some_and(|from| from.eq_ignore_ascii_case(host)),
            };
            if genuine {
                let node = Node::Actuators.full_name(cx.instance);
                for value in events::of_message(message, &node) {
                    self.written(cx, value);
                }
            }
            return;
        }
        // RFC 6121 section 5.2.2: no type is `normal`. Groupchat, headlines and errors are not for us.
        let is_chat = matches!(message.get_attr("type"), None | Some("chat" | "normal"));
        if let (true, Some(from), Some(body)) = (is_chat, from, message.get(ns::CLIENT, "body")) {
            self.chat(cx, message, from, &body.get_text());
        }
    }

    fn chat(&mut self, cx: &mut Context<'_>, message: &Element, from: &str, body: &str) {
        if self.is_mirror(cx, from, body) {
            self.receipt(cx, message, from);
            cx.tell(Event::Handshake(Handshake::Mirrored));
            return self.enter(cx, Phase::Adding);
        }
        if !self.is_contact(cx, from) {
            return self.refuse(cx, message, stanza::Condition::Forbidden, "a stranger wrote");
        }
        self.receipt(cx, message, from);
        if message.get(ns::DELAY, "delay").is_some() {
            // A switch that is turned by last week's message is a danger.
            let why = "the message was delayed; commands are for now".to_string();
            return cx.tell(Event::Refused { what: shorten(body), by: Some(account_of(from)), why });
        }
        if !self.contacts.take(cx.now) {
            return self.refuse(
                cx,
                message,
                stanza::Condition::ResourceConstraint,
                "too many commands at once",
            );
        }
        let answer = self.command(cx, from, body);
        let id = self.requests.next_id();
        let thread = message.get(ns::CLIENT, "thread").cloned();
        cx.send(stanza::chat(from, id, answer).children_from(thread));
    }

    /// Whether this is our hello, come back from the owner. The owner's own address is looked at, because otherwise
    /// any stranger could complete the handshake.
    fn is_mirror(&self, cx: &Context<'_>, from: &str, body: &str) -> bool {
        let waiting = matches!(self.setup.phase, Phase::Mirroring { .. });
        waiting
            && cx.instance.owners.first().is_some_and(|owner| owner.covers(from))
            && body == cx.definition.hello
    }

    /// Confirms delivery where the sender asked for it (XEP-0184).
    fn receipt(&mut self, cx: &mut Context<'_>, message: &Element, from: &str) {
        if let (Some(_), Some(id)) = (message.get(ns::RECEIPTS, "request"), message.get_attr("id")) {
            let received = Element::new(ns::RECEIPTS, "received").attr("id", id.to_string());
            let own_id = self.requests.next_id();
            cx.send(
                Element::new(ns::CLIENT, "message")
                    .attr("to", from.to_string())
                    .attr("id", own_id)
                    .child(received),
            );
        }
    }

    fn command(&mut self, cx: &mut Context<'_>, from: &str, body: &str) -> String {
        let definition = cx.definition;
        match Command::parse(definition, body) {
            Command::Help => commands::help(definition),
            Command::Status => commands::status(definition, |id| cx.world.value(id)),
            Command::Units => commands::units(definition),
            Command::Read(id) => commands::line(definition.channel(id), cx.world.value(id)),
            Command::Set(id, Ok(value)) => {
                self.actuate(cx, id, &value, Some(account_of(from)));
                commands::line(definition.channel(id), cx.world.value(id))
            }
            Command::Set(id, Err(why)) => {
                let name = &definition.channel(id).name;
                let refused =
                    Event::Refused { what: shorten(body), by: Some(account_of(from)), why: why.to_string() };
                cx.tell(refused);
                alloc::format!("{name} is unchanged: {why}")
            }
            Command::Unknown(nearest) => commands::unknown(nearest.as_deref()),
        }
    }
}
