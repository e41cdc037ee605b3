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

/// Form in which the device says why it was restarted (XEP-0128), and the form's only field.
const RESTART: (&str, &str) = ("urn:thingfleet:device:restart", "reason");

/// Most characters of that reason.
const REASON: usize = 200;

/// What the device says of itself. Kept, because its hash goes into every presence.
#[derive(Debug)]
pub(crate) struct Identity {
    features: Vec<String>,
    restarted: Option<String>,
    hash: String,
}

impl Identity {
    /// The features of a device, and why it was restarted. With `notify` it asks its server for events of its actuators
    /// node (XEP-0163).
    pub(crate) fn new(definition: &Definition, last_reset: Option<&str>, notify: bool) -> Self {
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
        let restarted = last_reset.map(readable);
        if let Some(reason) = &restarted {
            for part in [RESTART.0, RESTART.1, reason] {
                text.push_str(part);
                text.push('<');
            }
        }
        let hash = STANDARD.encode(Sha1::digest(text.as_bytes()));
        Self { features, restarted, hash }
    }

    /// How the device is while nothing is wrong, for its presence.
    pub(crate) fn status(&self) -> String {
        match &self.restarted {
            None => String::from("ok"),
            Some(reason) => format!("ok, restarted after: {reason}"),
        }
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
            .children_from(self.restarted.as_deref().map(restart))
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

/// A reason as it can be sent: it may come from a panic, and a line break or worse has no place in a stream, nor has `<`
/// in what is hashed (XEP-0115 section 7.1).
fn readable(reason: &str) -> String {
    let fits = |letter: char| if letter.is_control() || letter == '<' { ' ' } else { letter };
    reason.chars().take(REASON).map(fits).collect()
}

fn restart(reason: &str) -> Element {
    let value = |text: &str| Element::new(ns::FORMS, "value").text(String::from(text));
    let field = |name: &'static str| Element::new(ns::FORMS, "field").attr("var", name);
    Element::new(ns::FORMS, "x")
        .attr("type", "result")
        .child(field("FORM_TYPE").attr("type", "hidden").child(value(RESTART.0)))
        .child(field(RESTART.1).child(value(reason)))
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
        let identity = Identity::new(&kettle, None, true);
        let info = identity.info(&kettle, None);
        let features: String =
            info.elements().filter_map(|e| e.get_attr("var")).flat_map(|var| [var, "<"]).collect();
        let text = format!("client/bot//Electric kettle<{features}");
        let expected = STANDARD.encode(Sha1::digest(text.as_bytes()));
        assert_eq!(identity.caps().get_attr("ver"), Some(expected.as_str()));
        assert!(features.contains("xmpp.iot.actuators+notify<"));
    }

    #[test]
    fn a_device_says_why_it_was_restarted_and_its_hash_is_of_that_too() {
        let kettle = testing::kettle();
        let plain = Identity::new(&kettle, None, true);
        let identity = Identity::new(&kettle, Some("index out of\nbounds <a.rs:1>"), true);
        let info = identity.info(&kettle, None);
        let form = info.get(ns::FORMS, "x").expect("it has a form");
        let values: Vec<_> = form
            .elements()
            .filter_map(|field| field.get(ns::FORMS, "value"))
            .map(Element::get_text)
            .collect();
        assert_eq!(values, [RESTART.0, "index out of bounds  a.rs:1>"]);
        assert_eq!(identity.status(), "ok, restarted after: index out of bounds  a.rs:1>");
        assert_eq!(plain.status(), "ok");
        let features: String =
            info.elements().filter_map(|e| e.get_attr("var")).flat_map(|var| [var, "<"]).collect();
        let text =
            format!("client/bot//Electric kettle<{features}{}<{}<{}<", RESTART.0, RESTART.1, values[1]);
        let expected = STANDARD.encode(Sha1::digest(text.as_bytes()));
        assert_eq!(identity.caps().get_attr("ver"), Some(expected.as_str()));
        assert_ne!(identity.hash, plain.hash);
    }

    #[test]
    fn an_unknown_node_and_an_unknown_question_have_their_errors() {
        let kettle = testing::kettle();
        let identity = Identity::new(&kettle, None, false);
        let ask = |payload: Element| {
            let request = Element::new(ns::CLIENT, "iq").attr("id", "1").attr("from", "j@example.org/x");
            identity.answer(&request, &payload, &kettle, "1.0", UnixMillis(0)).to_string()
        };
        assert!(ask(Element::new(ns::DISCO_INFO, "query").attr("node", "x")).contains("<item-not-found"));
        assert!(ask(Element::new("urn:unknown", "query")).contains("<service-unavailable"));
        assert!(ask(Element::new(ns::TIME, "time")).contains("<utc>1970-01-01T00:00:00Z</utc>"));
    }
}
