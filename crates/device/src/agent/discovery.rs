//! Who the device is: discovery, capabilities, version, time and ping (XEP-0030, 0115, 0092, 0202, 0199).

use super::{nodes::Node, stanza};
use crate::{definition::Definition, ns, time::UnixMillis, xml::Element};
use alloc::{format, string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

/// Node of the capabilities hash; names the software.
const CAPS_NODE: &str = "urn:thingfleet:device";

/// Category and type of the identity (XEP-0030 registrar): an automated client.
const IDENTITY: (&str, &str) = ("client", "bot");

/// What the device says of itself. Kept, because its hash goes into every presence.
#[derive(Debug)]
pub(crate) struct Identity {
    features: Vec<String>,
    hash: String,
}

impl Identity {
    /// The features of a device. With `notify` it asks its server for events of its actuators node (XEP-0163).
    pub(crate) fn new(definition: &Definition, notify: bool) -> Self {
        let plain = [
            ns::CAPS,
            ns::DISCO_INFO,
            ns::DISCO_ITEMS,
            ns::VERSION,
            ns::FORMS,
            ns::RECEIPTS,
            ns::PING,
            ns::TIME,
        ];
        let mut features: Vec<String> = plain.iter().map(|&feature| String::from(feature)).collect();
        if notify {
            features.push(format!("{}+notify", Node::Actuators.name()));
        }
        // XEP-0115 section 5.1 sorts by octets.
        features.sort_unstable();
        let mut text = format!("{}/{}//{}<", IDENTITY.0, IDENTITY.1, definition.title);
        for feature in &features {
            text.push_str(feature);
            text.push('<');
        }
        let hash = STANDARD.encode(Sha1::digest(text.as_bytes()));
        Self { features, hash }
    }

    /// The capabilities element of a presence.
    pub(crate) fn caps(&self) -> Element {
        Element::new(ns::CAPS, "c")
            .attr("hash", "sha-1")
            .attr("node", CAPS_NODE)
            .attr("ver", self.hash.clone())
    }

    fn info(&self, definition: &Definition, node: Option<&str>) -> Element {
        let identity = Element::new(ns::DISCO_INFO, "identity")
            .attr("category", IDENTITY.0)
            .attr("type", IDENTITY.1)
            .attr("name", definition.title.clone());
        let features =
            self.features.iter().map(|var| Element::new(ns::DISCO_INFO, "feature").attr("var", var.clone()));
        Element::new(ns::DISCO_INFO, "query")
            .attr_opt("node", node.map(String::from))
            .child(identity)
            .children_from(features)
    }

    /// Answers a `get` of a contact or of the server.
    pub(crate) fn answer(
        &self,
        request: &Element,
        payload: &Element,
        definition: &Definition,
        software: &str,
        clock: UnixMillis,
    ) -> Element {
        let node = payload.get_attr("node");
        match (payload.namespace(), payload.name()) {
            (ns::DISCO_INFO, "query") => {
                let own = format!("{CAPS_NODE}#{}", self.hash);
                if node.is_none_or(|node| node == own) {
                    stanza::result(request, Some(self.info(definition, node)))
                } else {
                    stanza::error(request, stanza::Condition::ItemNotFound)
                }
            }
            (ns::DISCO_ITEMS, "query") if node.is_none() => {
                stanza::result(request, Some(Element::new(ns::DISCO_ITEMS, "query")))
            }
            (ns::DISCO_ITEMS, "query") => stanza::error(request, stanza::Condition::ItemNotFound),
            (ns::PING, "ping") => stanza::result(request, None),
            (ns::VERSION, "query") => stanza::result(request, Some(version(definition, software))),
            (ns::TIME, "time") => stanza::result(request, Some(time(clock))),
            _ => stanza::error(request, stanza::Condition::ServiceUnavailable),
        }
    }
}

fn version(definition: &Definition, software: &str) -> Element {
    let field = |name: &'static str, text: &str| Element::new(ns::VERSION, name).text(String::from(text));
    Element::new(ns::VERSION, "query")
        .child(field("name", &definition.title))
        .child(field("version", software))
        .child(field("os", &format!("hardware {}", definition.hardware)))
}

fn time(clock: UnixMillis) -> Element {
    Element::new(ns::TIME, "time")
        .child(Element::new(ns::TIME, "tzo").text("+00:00"))
        .child(Element::new(ns::TIME, "utc").text(clock.date_time()))
}

/// A moment in the profile of XEP-0082: `2026-11-21T05:53:33Z`.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use alloc::string::ToString;

    #[test]
    fn the_capabilities_hash_is_that_of_the_answer() {
        let kettle = testing::kettle();
        let identity = Identity::new(&kettle, true);
        let info = identity.info(&kettle, None);
        let features: String =
            info.elements().filter_map(|e| e.get_attr("var")).flat_map(|var| [var, "<"]).collect();
        let text = format!("client/bot//Electric kettle<{features}");
        let expected = STANDARD.encode(Sha1::digest(text.as_bytes()));
        assert_eq!(identity.caps().get_attr("ver"), Some(expected.as_str()));
        assert!(features.contains("xmpp.iot.actuators+notify<"));
    }

    #[test]
    fn an_unknown_node_and_an_unknown_question_have_their_errors() {
        let kettle = testing::kettle();
        let identity = Identity::new(&kettle, false);
        let ask = |payload: Element| {
            let request = Element::new(ns::CLIENT, "iq").attr("id", "1").attr("from", "j@example.org/x");
            identity.answer(&request, &payload, &kettle, "1.0", UnixMillis(0)).to_string()
        };
        assert!(ask(Element::new(ns::DISCO_INFO, "query").attr("node", "x")).contains("<item-not-found"));
        assert!(ask(Element::new("urn:unknown", "query")).contains("<service-unavailable"));
        assert!(ask(Element::new(ns::TIME, "time")).contains("<utc>1970-01-01T00:00:00Z</utc>"));
    }
}
