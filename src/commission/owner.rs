//! The owner's part of the greeting (thesis 4.3), without any network: stanzas in, stanzas out.
//!
//! ```text
//!  device: hello ──► owner: the same words ──► device: Setup done! ──► owner: subscribe
//!                                         device: subscribed, subscribe ──► owner: subscribed
//! ```

use crate::xmpp::client;
use thingfleet_device::{jid::BareJid, ns, xml::Element};
use thingfleet_link::xmpp::failure::Condition;

/// The words that end it.
const SETUP_DONE: &str = "Setup done!";

/// What a stanza of the device says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Its greeting, or other words.
    Words {
        /// They.
        body: String,
        /// Whether it is a chat message.
        is_chat: bool,
    },
    /// `Setup done!`
    Done,
    /// It lets the owner see its presence.
    Subscribed,
    /// It does not.
    Unsubscribed,
    /// It wants to see the owner's presence.
    Subscribe,
    /// A message to it came back with this condition.
    Error(String),
}

/// What the owner exchanges with one device.
#[derive(Debug)]
pub(super) struct Owner {
    own: BareJid,
    device: BareJid,
}

impl Owner {
    pub(super) const fn new(own: BareJid, device: BareJid) -> Self {
        Self { own, device }
    }

    /// Available, and the first to be given messages (RFC 6121 section 8.5.2.1.1), whoever else is signed in.
    pub(super) fn presence() -> Element {
        let priority = Element::new(ns::CLIENT, "priority").text("127");
        Element::new(ns::CLIENT, "presence").child(priority)
    }

    /// What a stanza says, if it is one of the device, and what has to be answered to it.
    pub(super) fn hear(&self, stanza: &Element) -> (Option<Heard>, Option<Element>) {
        if stanza.name() == "iq" {
            return (None, client::answer(stanza, &self.own));
        }
        let from = stanza.get_attr("from").unwrap_or_default();
        // What the server kept from an earlier time (XEP-0203) belongs to an earlier attempt.
        let is_late = stanza.get(ns::DELAY, "delay").is_some();
        if !self.device.covers(from) || is_late {
            return (None, None);
        }
        match stanza.name() {
            "presence" => self.hear_presence(stanza),
            "message" => (hear_message(stanza), None),
            _ => (None, None),
        }
    }

    /// The greeting sent back, as the reference client does: to the bare JID, with a request for a receipt
    /// (XEP-0184) and an origin-id (XEP-0359).
    pub(super) fn mirror(&self, body: &str, id: &str) -> Element {
        self.to_device("message")
            .attr("type", "chat")
            .attr("id", id.to_owned())
            .child(Element::new(ns::CLIENT, "body").text(body.to_owned()))
            .child(Element::new(ns::RECEIPTS, "request"))
            .child(Element::new(ns::STANZA_IDS, "origin-id").attr("id", id.to_owned()))
    }

    /// Asks to see the device's presence; the first step of the order that servers accept.
    pub(super) fn subscribe(&self) -> Element {
        self.to_device("presence").attr("type", "subscribe")
    }

    /// Puts the device into the owner's roster under its name.
    pub(super) fn roster_entry(&self, name: &str) -> Element {
        let item = Element::new(ns::ROSTER, "item")
            .attr("jid", self.device.to_string())
            .attr("name", name.to_owned());
        Element::new(ns::ROSTER, "query").child(item)
    }

    fn hear_presence(&self, presence: &Element) -> (Option<Heard>, Option<Element>) {
        match presence.get_attr("type") {
            Some("subscribe") => {
                (Some(Heard::Subscribe), Some(self.to_device("presence").attr("type", "subscribed")))
            }
            Some("subscribed") => (Some(Heard::Subscribed), None),
            Some("unsubscribed") => (Some(Heard::Unsubscribed), None),
            _ => (None, None),
        }
    }

    fn to_device(&self, name: &'static str) -> Element {
        Element::new(ns::CLIENT, name).attr("to", self.device.to_string())
    }
}

fn hear_message(message: &Element) -> Option<Heard> {
    let kind = message.get_attr("type");
    if kind == Some("error") {
        return Some(Heard::Error(Condition::of_stanza(message).name));
    }
    let body = message.get(ns::CLIENT, "body")?.get_text().into_owned();
    Some(if body == SETUP_DONE { Heard::Done } else { Heard::Words { body, is_chat: kind == Some("chat") } })
}

/// The nodes in an answer to a disco#items request (XEP-0030 section 4).
pub(super) fn nodes(answer: &Element) -> Vec<String> {
    let query = answer.get(ns::DISCO_ITEMS, "query").into_iter().flat_map(Element::elements);
    query.filter_map(|item| item.get_attr("node").map(str::to_owned)).collect()
}

/// The request for what a node holds.
pub(super) fn items(node: &'static str) -> Element {
    Element::new(ns::PUBSUB, "pubsub").child(Element::new(ns::PUBSUB, "items").attr("node", node))
}

/// The names of the channels that have a value, in an answer to [`items`].
pub(super) fn channels(answer: &Element) -> Vec<String> {
    let items = answer.get(ns::PUBSUB, "pubsub").and_then(|pubsub| pubsub.get(ns::PUBSUB, "items"));
    let with_value =
        items.into_iter().flat_map(Element::elements).filter(|item| item.get(ns::IOT, "val").is_some());
    let name = |item: &Element| item.get_attr("id")?.rsplit_once('.').map(|(_, name)| name.to_owned());
    with_value.filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_schema::definition::HELLO;

    fn owner() -> Owner {
        let jid = |text| BareJid::parse(text).unwrap();
        Owner::new(jid("me@example.org"), jid("kettle@example.org"))
    }

    fn heard(text: &str) -> (Option<Heard>, Option<Element>) {
        owner().hear(&Element::parse(text).unwrap())
    }

    #[test]
    fn only_the_device_itself_is_heard() {
        let words = |from: &str, inner: &str| {
            heard(&format!(
                "<message xmlns='jabber:client' type='chat' from='{from}'><body>Hi</body>{inner}</message>"
            ))
            .0
        };
        let hi = Heard::Words { body: "Hi".into(), is_chat: true };
        assert_eq!(words("kettle@example.org/kettle", ""), Some(hi));
        assert_eq!(words("stranger@example.org", ""), None);
        assert_eq!(words("kettle@example.org", "<delay xmlns='urn:xmpp:delay'/>"), None);
    }

    #[test]
    fn a_greeting_goes_back_word_for_word_to_the_bare_address() {
        let mirror = owner().mirror(HELLO, "m1");
        assert_eq!(mirror.get_attr("to"), Some("kettle@example.org"));
        assert_eq!(mirror.get(ns::CLIENT, "body").unwrap().get_text(), HELLO);
        assert!(mirror.get(ns::RECEIPTS, "request").is_some());
        assert_eq!(mirror.get(ns::STANZA_IDS, "origin-id").unwrap().get_attr("id"), Some("m1"));
    }

    #[test]
    fn the_end_the_subscriptions_and_errors_are_told_apart() {
        let presence = |kind: &str| {
            heard(&format!("<presence xmlns='jabber:client' type='{kind}' from='kettle@example.org'/>"))
        };
        let (subscribe, answer) = presence("subscribe");
        assert_eq!(subscribe, Some(Heard::Subscribe));
        assert_eq!(answer.unwrap().get_attr("type"), Some("subscribed"));
        assert_eq!(presence("subscribed").0, Some(Heard::Subscribed));
        assert_eq!(presence("unsubscribed").0, Some(Heard::Unsubscribed));
        let message = |kind: &str, inner: &str| {
            heard(&format!(
                "<message xmlns='jabber:client' type='{kind}' from='kettle@example.org/k'>{inner}</message>"
            ))
            .0
        };
        assert_eq!(message("chat", "<body>Setup done!</body>"), Some(Heard::Done));
        let error = "<error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        assert_eq!(message("error", error), Some(Heard::Error("forbidden".into())));
    }

    #[test]
    fn requests_of_others_are_answered_meanwhile() {
        let (_, answer) = heard(
            "<iq xmlns='jabber:client' type='get' id='1' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>",
        );
        assert_eq!(answer.unwrap().get_attr("type"), Some("error"));
        let (_, answer) = heard("<iq xmlns='jabber:client' type='result' id='1'/>");
        assert_eq!(answer, None);
    }

    #[test]
    fn channels_are_those_with_a_value() {
        let answer = format!(
            "<iq xmlns='jabber:client' type='result'><pubsub xmlns='{}'><items node='xmpp.iot.sensors'>\
             <item id='xmpp.iot.sensor.temp'><val xmlns='{}'>21</val></item><item id='xmpp.iot.sensor.x'/>\
             </items></pubsub></iq>",
            ns::PUBSUB,
            ns::IOT
        );
        assert_eq!(channels(&Element::parse(&answer).unwrap()), ["temp"]);
    }
}
