//! The contact list (RFC 6121 section 2): who may read, command and control.

use crate::{
    jid::{self, BareJid},
    ns,
    xml::Element,
};
use alloc::{string::ToString, vec::Vec};

/// A contact list this long is taken; the rest of a longer one is ignored, because memory is bounded.
const LIMIT: usize = 256;

/// The contacts.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    contacts: Vec<BareJid>,
}

/// What a roster push changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added(BareJid),
    Removed(BareJid),
}

impl Roster {
    /// Takes the whole list from the server's answer.
    pub(crate) fn replace(&mut self, answer: &Element) {
        self.contacts.clear();
        let items = answer.get(ns::ROSTER, "query").into_iter().flat_map(Element::elements);
        self.contacts.extend(items.filter_map(|item| jid::account(item.get_attr("jid")?)).take(LIMIT));
    }

    /// Takes a roster push; the caller has checked that it comes from the own account.
    pub(crate) fn push(&mut self, push: &Element) -> Option<Change> {
        let item = push.get(ns::ROSTER, "query")?.get(ns::ROSTER, "item")?;
        let contact = jid::account(item.get_attr("jid")?)?;
        let known = self.contacts.iter().position(|existing| *existing == contact);
        match (item.get_attr("subscription") == Some("remove"), known) {
            (true, Some(place)) => {
                self.contacts.swap_remove(place);
                Some(Change::Removed(contact))
            }
            (false, None) if self.contacts.len() < LIMIT => {
                self.contacts.push(contact.clone());
                Some(Change::Added(contact))
            }
            (true, None) | (false, _) => None,
        }
    }

    /// Whether this address, bare or full, belongs to a contact.
    pub(crate) fn has(&self, address: &str) -> bool {
        self.contacts.iter().any(|contact| contact.covers(address))
    }

    /// The contacts in no particular order.
    pub(crate) fn contacts(&self) -> &[BareJid] {
        &self.contacts
    }
}

/// The request for the whole list.
pub(crate) fn query() -> Element {
    Element::new(ns::ROSTER, "query")
}

/// The request that adds a contact (thesis 4.3; a `set`, where the thesis prints a `get` that servers refuse).
pub(crate) fn add(contact: &BareJid, groups: &[alloc::string::String]) -> Element {
    let groups = groups.iter().map(|group| Element::new(ns::ROSTER, "group").text(group.clone()));
    let item = Element::new(ns::ROSTER, "item").attr("jid", contact.to_string()).children_from(groups);
    query().child(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(jid: &'static str, subscription: &'static str) -> Element {
        let item = Element::new(ns::ROSTER, "item").attr("jid", jid).attr("subscription", subscription);
        Element::new(ns::CLIENT, "iq").child(query().child(item))
    }

    #[test]
    fn pushes_add_and_remove_contacts_once() {
        let mut roster = Roster::default();
        let juliet = BareJid::parse("juliet@example.org").unwrap();
        assert_eq!(roster.push(&push("juliet@example.org", "none")), Some(Change::Added(juliet.clone())));
        assert_eq!(roster.push(&push("juliet@example.org", "both")), None);
        assert!(roster.has("juliet@example.org/balcony"));
        assert_eq!(roster.push(&push("juliet@example.org", "remove")), Some(Change::Removed(juliet)));
        assert_eq!(roster.push(&push("juliet@example.org", "remove")), None);
        assert!(!roster.has("juliet@example.org"));
    }

    #[test]
    fn a_list_without_end_is_cut() {
        let items = (0..1000)
            .map(|i| Element::new(ns::ROSTER, "item").attr("jid", alloc::format!("u{i}@example.org")));
        let mut roster = Roster::default();
        roster.replace(&Element::new(ns::CLIENT, "iq").child(query().children_from(items)));
        assert_eq!(roster.contacts().len(), LIMIT);
    }
}
