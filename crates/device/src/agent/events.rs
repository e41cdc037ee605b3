//! Values that clients publish to the actuators node, as its events and stored items show them.

use super::wire;
use crate::{jid, ns, xml::Element};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

/// Most items of one event that are looked at.
const LIMIT: usize = 64;

/// A value that somebody put on the actuators node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Item id.
    pub(crate) item: String,
    /// Text of the `<val>`, or nothing where the item has none.
    pub(crate) text: Option<String>,
    /// Bare or full JID of the publisher, where the server tells it.
    pub(crate) by: Option<String>,
}

/// The values in an event of `node`; empty if the message is anything else.
///
/// Prosody names the publisher on the item; ejabberd as the address to reply to (both measured).
pub(crate) fn of_message(message: &Element, node: &str) -> Vec<Written> {
    let Some(items) =
        message.get(ns::PUBSUB_EVENT, "event").and_then(|event| event.get(ns::PUBSUB_EVENT, "items"))
    else {
        return Vec::new();
    };
    if items.get_attr("node") != Some(node) {
        return Vec::new();
    }
    let reply_to = message
        .get(ns::ADDRESS, "addresses")
        .into_iter()
        .flat_map(Element::elements)
        .find(|address| address.get_attr("type") == Some("replyto"))
        .and_then(|address| address.get_attr("jid"));
    written(items, ns::PUBSUB_EVENT, reply_to)
}

/// The values in the answer to a request for all items.
pub(crate) fn of_items(answer: &Element) -> Vec<Written> {
    let items = answer.get(ns::PUBSUB, "pubsub").and_then(|pubsub| pubsub.get(ns::PUBSUB, "items"));
    items.map_or_else(Vec::new, |items| written(items, ns::PUBSUB, None))
}

fn written(items: &Element, namespace: &str, reply_to: Option<&str>) -> Vec<Written> {
    let items = items.elements().filter(|item| item.is(namespace, "item")).take(LIMIT);
    items
        .filter_map(|item| {
            Some(Written {
                item: item.get_attr("id")?.to_string(),
                text: item.get(ns::IOT, "val").map(|val| val.get_text().into_owned()),
                by: item.get_attr("publisher").or(reply_to).map(String::from),
            })
        })
        .collect()
}

impl Written {
    /// Name of the actuator.
    pub(crate) fn actuator(&self) -> Option<&str> {
        wire::actuator_name(&self.item)
    }

    /// Whether the device itself published it.
    pub(crate) fn is_echo(&self, own: &jid::BareJid) -> bool {
        self.by.as_deref().is_some_and(|by| own.covers(by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_publisher_is_found_where_each_server_puts_it() {
        let prosody = "<message xmlns='jabber:client'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
            <items node='xmpp.iot.actuators'><item publisher='juliet@example.org' id='xmpp.iot.actuator.powerOn'>\
            <val xmlns='urn:xmpp:uwpx:iot' type='boolean'>1</val></item></items></event></message>";
        let ejabberd = "<message xmlns='jabber:client'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
            <items node='xmpp.iot.actuators'><item id='xmpp.iot.actuator.powerOn'>\
            <val xmlns='urn:xmpp:uwpx:iot' type='boolean'>1</val></item></items></event>\
            <addresses xmlns='http://jabber.org/protocol/address'><address jid='juliet@example.org/b' type='replyto'/>\
            </addresses></message>";
        for (text, by) in [(prosody, "juliet@example.org"), (ejabberd, "juliet@example.org/b")] {
            let values = of_message(&Element::parse(text).unwrap(), "xmpp.iot.actuators");
            assert_eq!(values.len(), 1);
            assert_eq!(values[0].actuator(), Some("powerOn"));
            assert_eq!(values[0].text.as_deref(), Some("1"));
            assert_eq!(values[0].by.as_deref(), Some(by));
        }
    }

    #[test]
    fn events_of_other_nodes_and_retractions_are_no_values() {
        for inner in [
            "<items node='xmpp.iot.sensors'><item id='x'/></items>",
            "<delete node='xmpp.iot.actuators'/>",
            "<items node='xmpp.iot.actuators'><retract id='x'/></items>",
        ] {
            let text = alloc::format!(
                "<message xmlns='jabber:client'><event xmlns='http://jabber.org/protocol/pubsub#event'>{inner}</event></message>"
            );
            assert_eq!(of_message(&Element::parse(&text).unwrap(), "xmpp.iot.actuators"), []);
        }
    }
}
