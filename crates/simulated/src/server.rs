//! What a server keeps of one account, and what it answers: roster, discovery, nodes and items.
//!
//! Takes whatever is sent; what makes no sense is refused. It checks no rights, and tells nobody of what was published:
//! that is left to whoever has several accounts.

use crate::roster_push;
use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use thingfleet_device::{ns, xml::Element};

/// What the server has of one node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Values of each configuration field.
    pub config: BTreeMap<String, Vec<String>>,
    /// Items by id.
    pub items: BTreeMap<String, Element>,
    /// Affiliations by bare JID.
    pub affiliations: BTreeMap<String, String>,
}

/// The server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Name in its discovery identity: `Prosody`, `ejabberd`.
    pub name: &'static str,
    /// The device's contacts.
    pub roster: Vec<String>,
    /// The device's nodes.
    pub nodes: BTreeMap<String, Node>,
    /// Conditions with which the next requests to create a node are answered.
    pub create_errors: Vec<&'static str>,
    /// Whether it has stopped answering.
    pub is_mute: bool,
}

/// What a request is answered with: a payload, or the condition of a refusal (RFC 6120 section 8.3.3).
type Answer = Result<Option<Element>, &'static str>;

impl Server {
    /// An empty server of this name.
    pub fn new(name: &'static str) -> Self {
        Self { name, roster: Vec::new(), nodes: BTreeMap::new(), create_errors: Vec::new(), is_mute: false }
    }

    /// What it sends back for one stanza of the device; nothing for what is no request.
    pub fn answer(&mut self, stanza: &Element) -> Vec<Element> {
        let is_request = matches!(stanza.get_attr("type"), Some("get" | "set"));
        if stanza.name() != "iq" || !is_request || self.is_mute {
            return Vec::new();
        }
        let mut extra = Vec::new();
        let answer = match stanza.elements().next() {
            Some(payload) if payload.namespace() == ns::ROSTER => self.roster(stanza, payload, &mut extra),
            Some(payload) => self.payload(payload),
            None => Err("bad-request"),
        };
        let answer = match answer {
            Ok(payload) => answer_to(stanza, payload),
            Err(condition) => refusal_of(stanza, condition),
        };
        extra.insert(0, answer);
        extra
    }

    fn payload(&mut self, payload: &Element) -> Answer {
        match payload.namespace() {
            ns::DISCO_INFO => Ok(Some(
                Element::new(ns::DISCO_INFO, "query").child(
                    Element::new(ns::DISCO_INFO, "identity")
                        .attr("category", "server")
                        .attr("type", "im")
                        .attr("name", self.name),
                ),
            )),
            ns::DISCO_ITEMS => Ok(Some(
                Element::new(ns::DISCO_ITEMS, "query").children_from(
                    self.nodes
                        .keys()
                        .map(|node| Element::new(ns::DISCO_ITEMS, "item").attr("node", node.clone())),
                ),
            )),
            ns::PUBSUB => self.pubsub(payload),
            ns::PUBSUB_OWNER => self.owner(payload),
            _ => Err("service-unavailable"),
        }
    }

    fn roster(&mut self, stanza: &Element, payload: &Element, pushes: &mut Vec<Element>) -> Answer {
        if stanza.get_attr("type") == Some("set") {
            let item = payload.elements().next().ok_or("bad-request")?;
            let jid = item.get_attr("jid").ok_or("bad-request")?.to_string();
            pushes.push(roster_push(&jid, "none"));
            self.roster.push(jid);
            return Ok(None);
        }
        let items = self.roster.iter().map(|jid| Element::new(ns::ROSTER, "item").attr("jid", jid.clone()));
        Ok(Some(Element::new(ns::ROSTER, "query").children_from(items)))
    }

    fn pubsub(&mut self, payload: &Element) -> Answer {
        let action = payload.elements().next().ok_or("bad-request")?;
        let name = action.get_attr("node").unwrap_or_default();
        match action.name() {
            "create" if self.nodes.contains_key(name) => Err("conflict"),
            "create" => {
                if let Some(condition) = self.create_errors.pop() {
                    return Err(condition);
                }
                let form = payload.get(ns::PUBSUB, "configure").and_then(|c| c.get(ns::FORMS, "x"));
                let config = form.map(fields).unwrap_or_default();
                self.nodes.insert(name.to_owned(), Node { config, ..Node::default() });
                Ok(None)
            }
            "publish" => {
                let node = self.nodes.get_mut(name).ok_or("item-not-found")?;
                for item in action.elements() {
                    let id = item.get_attr("id").ok_or("bad-request")?;
                    match node.items.get_mut(id) {
                        Some(kept) => *kept = item.clone(),
                        None => _ = node.items.insert(id.to_owned(), item.clone()),
                    }
                }
                Ok(None)
            }
            "items" => {
                let node = self.nodes.get(name).ok_or("item-not-found")?;
                let items = Element::new(ns::PUBSUB, "items").attr("node", name.to_owned());
                Ok(Some(
                    Element::new(ns::PUBSUB, "pubsub")
                        .child(items.children_from(node.items.values().cloned())),
                ))
            }
            _ => Err("feature-not-implemented"),
        }
    }

    fn owner(&mut self, payload: &Element) -> Answer {
        let action = payload.elements().next().ok_or("bad-request")?;
        let name = action.get_attr("node").unwrap_or_default();
        let node = self.nodes.get_mut(name).ok_or("item-not-found")?;
        match (action.name(), action.get(ns::FORMS, "x")) {
            ("configure", Some(form)) => {
                node.config.extend(fields(form));
                Ok(None)
            }
            ("configure", None) => {
                let value = |text: &String| Element::new(ns::FORMS, "value").text(text.clone());
                let form = Element::new(ns::FORMS, "x").attr("type", "form").children_from(
                    node.config.iter().map(|(var, values)| {
                        Element::new(ns::FORMS, "field")
                            .attr("var", var.clone())
                            .children_from(values.iter().map(value))
                    }),
                );
                let configure = Element::new(ns::PUBSUB_OWNER, "configure").child(form);
                Ok(Some(Element::new(ns::PUBSUB_OWNER, "pubsub").child(configure)))
            }
            ("affiliations", None) if action.elements().next().is_none() => {
                let list = node.affiliations.iter().map(|(jid, affiliation)| {
                    Element::new(ns::PUBSUB_OWNER, "affiliation")
                        .attr("jid", jid.clone())
                        .attr("affiliation", affiliation.clone())
                });
                let list = Element::new(ns::PUBSUB_OWNER, "affiliations").children_from(list);
                Ok(Some(Element::new(ns::PUBSUB_OWNER, "pubsub").child(list)))
            }
            ("affiliations", None) => {
                for entry in action.elements() {
                    let attr = |name| entry.get_attr(name).map(str::to_owned).ok_or("bad-request");
                    node.affiliations.insert(attr("jid")?, attr("affiliation")?);
                }
                Ok(None)
            }
            ("purge", None) => {
                node.items.clear();
                Ok(None)
            }
            ("delete", None) => {
                self.nodes.remove(name);
                Ok(None)
            }
            _ => Err("feature-not-implemented"),
        }
    }
}

/// The result of a request.
pub fn answer_to(request: &Element, payload: Option<Element>) -> Element {
    reply(request, "result").children_from(payload)
}

/// The error that a request is answered with.
pub fn refusal_of(request: &Element, condition: &'static str) -> Element {
    let kind = if condition == "resource-constraint" { "wait" } else { "cancel" };
    let error = Element::new(ns::CLIENT, "error").attr("type", kind);
    reply(request, "error").child(error.child(Element::new(ns::STANZAS, condition)))
}

fn reply(request: &Element, kind: &'static str) -> Element {
    Element::new(ns::CLIENT, "iq")
        .attr("type", kind)
        .attr_opt("id", request.get_attr("id").map(String::from))
        .attr_opt("from", request.get_attr("to").map(String::from))
}

fn fields(form: &Element) -> BTreeMap<String, Vec<String>> {
    form.elements()
        .filter_map(|field| {
            let values = field.elements().map(|value| value.get_text().into_owned()).collect();
            Some((field.get_attr("var")?.to_string(), values))
        })
        .filter(|(var, _)| var != "FORM_TYPE")
        .collect()
}
