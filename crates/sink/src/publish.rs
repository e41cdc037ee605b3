//! Nodes of an account: what its own server answers, subscriptions, and who is told of a publish.
//!
//! Told are those who subscribed (XEP-0060 section 6.1), and, of the account and of those who see its presence,
//! whoever wants to be by its capabilities (XEP-0163 section 4). Items from before are sent to nobody.

use crate::house::{Bound, House, State};
use std::{collections::BTreeSet, sync::Arc};
use thingfleet_device::{jid, ns, xml::Element};
use thingfleet_simulated::{Node, answer_to, refusal_of};

/// Begins the id of a request for capabilities; their version follows.
const CAPABILITIES: &str = "capabilities-";

/// What a feature ends with that asks for notice of a node (XEP-0163 section 4.1).
const NOTIFY: &str = "+notify";

impl State {
    /// Answers a request about the nodes of `whose` account; `None` if there is no such account.
    pub(crate) fn eventing(
        &mut self,
        house: &House,
        bound: &Bound,
        whose: &str,
        stanza: &Element,
    ) -> Option<Element> {
        let account = self.accounts.get_mut(whose)?;
        let payload = stanza.elements().next()?;
        let action = payload.elements().next().filter(|_| payload.is(ns::PUBSUB, "pubsub"));
        let name = action.map(Element::name).unwrap_or_default();
        let node = action.and_then(|action| action.get_attr("node")).unwrap_or_default();
        match (name, action) {
            ("subscribe", Some(action)) => {
                let jid = action.get_attr("jid").unwrap_or(&bound.bare).to_owned();
                if !account.pep.nodes.contains_key(node) {
                    return Some(refusal_of(stanza, "item-not-found"));
                }
                account.subscribers.entry(node.to_owned()).or_default().insert(jid.clone());
                let subscription = Element::new(ns::PUBSUB, "subscription")
                    .attr("node", node.to_owned())
                    .attr("jid", jid)
                    .attr("subscription", "subscribed");
                Some(answer_to(stanza, Some(Element::new(ns::PUBSUB, "pubsub").child(subscription))))
            }
            ("unsubscribe", Some(action)) => {
                let jid = action.get_attr("jid").unwrap_or(&bound.bare);
                let was_there = account.subscribers.get_mut(node).is_some_and(|all| all.remove(jid));
                let refused = || refusal_of(stanza, "unexpected-request");
                Some(if was_there { answer_to(stanza, None) } else { refused() })
            }
            ("publish", Some(publish)) => {
                // A publish makes the node that it is for (XEP-0163 section 3).
                if whose == bound.user && !account.pep.nodes.contains_key(node) {
                    account.pep.nodes.insert(node.to_owned(), Node::default());
                }
                let answer = account.pep.answer(stanza).swap_remove(0);
                if answer.get_attr("type") == Some("result") {
                    self.published(&bound.user);
                    self.tell(house, whose, &bound.full, publish);
                }
                Some(answer)
            }
            _ => Some(account.pep.answer(stanza).swap_remove(0)),
        }
    }

    /// Tells whoever is to know what was published.
    fn tell(&mut self, house: &House, whose: &str, publisher: &str, publish: &Element) {
        let node = publish.get_attr("node").unwrap_or_default();
        let audience = self.audience(house, whose, node);
        if audience.is_empty() {
            return;
        }
        let items = publish.elements().map(|item| in_event(item, publisher));
        let items =
            Element::new(ns::PUBSUB_EVENT, "items").attr("node", node.to_owned()).children_from(items);
        let event = Element::new(ns::CLIENT, "message")
            .attr("from", house.bare(whose))
            .attr("type", "headline")
            .child(Element::new(ns::PUBSUB_EVENT, "event").child(items));
        for (user, full) in audience {
            self.event(&user, &full, &event);
        }
    }

    /// Accounts and full JIDs of the sessions that are told of a publish to this node.
    fn audience(&self, house: &House, whose: &str, node: &str) -> BTreeSet<(String, String)> {
        let mut audience = BTreeSet::new();
        let Some(account) = self.accounts.get(whose) else { return audience };
        let contacts = account.contacts.iter().filter(|(_, contact)| contact.from);
        let contacts = contacts.filter_map(|(jid, _)| house.user(jid));
        for user in contacts.chain([whose]) {
            let resources = self.accounts.get(user).into_iter().flat_map(|account| &account.resources);
            for resource in resources.filter(|resource| resource.presence.is_some()) {
                let interests =
                    resource.capabilities.as_ref().and_then(|version| self.interests.get(version));
                if interests.is_some_and(|nodes| nodes.iter().any(|wanted| wanted == node)) {
                    audience.insert((user.to_owned(), resource.full.clone()));
                }
            }
        }
        for jid in account.subscribers.get(node).into_iter().flatten() {
            let Some((user, account)) =
                house.user(jid).and_then(|user| Some((user, self.accounts.get(user)?)))
            else {
                continue;
            };
            let is_full = jid::resource(jid).is_some();
            let told = account
                .resources
                .iter()
                .filter(|resource| if is_full { resource.full == *jid } else { resource.presence.is_some() });
            audience.extend(told.map(|resource| (user.to_owned(), resource.full.clone())));
        }
        audience
    }

    /// Asks a session that became available for its capabilities, if nobody with the same has told them yet.
    pub(crate) fn ask(&self, house: &House, bound: &Bound, presence: &Element) -> Option<Element> {
        let capabilities = presence.get(ns::CAPS, "c")?;
        let (node, version) = (capabilities.get_attr("node")?, capabilities.get_attr("ver")?);
        if self.interests.contains_key(version) {
            return None;
        }
        let query = Element::new(ns::DISCO_INFO, "query").attr("node", format!("{node}#{version}"));
        Some(
            Element::new(ns::CLIENT, "iq")
                .attr("type", "get")
                .attr("id", format!("{CAPABILITIES}{version}"))
                .attr("from", house.domain().to_owned())
                .attr("to", bound.full.clone())
                .child(query),
        )
    }

    /// Takes the answer to that.
    pub(crate) fn learn(&mut self, bound: &Bound, answer: &Element) {
        let version = answer.get_attr("id").and_then(|id| id.strip_prefix(CAPABILITIES));
        let account = self.accounts.get_mut(&bound.user);
        let own = account.and_then(|account| account.resource(&bound.full)?.capabilities.clone());
        let (Some(version), Some(query)) = (version, answer.get(ns::DISCO_INFO, "query")) else { return };
        // Nobody speaks for others.
        if own.as_deref() != Some(version) {
            return;
        }
        let features = query.elements().filter(|feature| feature.is(ns::DISCO_INFO, "feature"));
        let nodes = features.filter_map(|feature| feature.get_attr("var")?.strip_suffix(NOTIFY));
        let nodes: Arc<[String]> = nodes.map(str::to_owned).collect();
        self.interests.insert(version.to_owned(), nodes);
    }
}

/// An item as it is in events.
fn in_event(item: &Element, publisher: &str) -> Element {
    Element::new(ns::PUBSUB_EVENT, "item")
        .attr_opt("id", item.get_attr("id").map(str::to_owned))
        .attr("publisher", publisher.to_owned())
        .children_from(item.elements().cloned())
}
