//! Contacts and presence (RFC 6121 sections 2 to 4), as far as devices and observers need them.

use crate::house::{Account, Bound, Contact, House, State};
use thingfleet_device::{jid, ns, xml::Element};
use thingfleet_simulated::{answer_to, refusal_of};

impl State {
    /// Answers a request about the own roster; the pushes that follow for this session are given too.
    pub(crate) fn roster(
        &mut self,
        house: &House,
        bound: &Bound,
        stanza: &Element,
    ) -> (Element, Vec<Element>) {
        let Some(account) = self.accounts.get_mut(&bound.user) else {
            return (refusal_of(stanza, "service-unavailable"), Vec::new());
        };
        if stanza.get_attr("type") == Some("get") {
            let items = account.contacts.iter().map(|(jid, contact)| contact.item(jid));
            let query = Element::new(ns::ROSTER, "query").children_from(items);
            return (answer_to(stanza, Some(query)), Vec::new());
        }
        let item = stanza.get(ns::ROSTER, "query").and_then(|query| query.get(ns::ROSTER, "item"));
        let Some((item, contact)) = item.and_then(|item| Some((item, item.get_attr("jid")?))) else {
            return (refusal_of(stanza, "bad-request"), Vec::new());
        };
        let contact = jid::bare(contact).to_owned();
        if item.get_attr("subscription") == Some("remove") {
            account.contacts.remove(&contact);
            let gone = item_of(&contact, "remove");
            self.relate(house, &contact, &bound.bare, |theirs| (theirs.to, theirs.from) = (false, false));
            return (answer_to(stanza, None), vec![push(bound, gone)]);
        }
        let item = account.contacts.entry(contact.clone()).or_default().item(&contact);
        (answer_to(stanza, None), vec![push(bound, item)])
    }

    /// Takes presence: the own, or what is meant for somebody.
    pub(crate) fn presence(&mut self, house: &House, bound: &Bound, stanza: Element, out: &mut String) {
        let kind = stanza.get_attr("type").map(str::to_owned);
        let Some(to) = stanza.get_attr("to").map(str::to_owned) else {
            match kind.as_deref() {
                None => self.arrive(house, bound, &stanza, out),
                Some("unavailable") => self.leave(house, bound, &stanza),
                Some(_) => {}
            }
            return;
        };
        let contact = jid::bare(&to).to_owned();
        match kind.as_deref() {
            Some("subscribe") => {
                self.relate(house, &bound.bare, &contact, |own| own.asked = true);
                if let Some(theirs) = house.user(&contact).map(|user| self.account(user)) {
                    if theirs.contacts.get(&bound.bare).is_some_and(|known| known.from) {
                        self.grant(house, &contact, &bound.bare);
                        return;
                    }
                    theirs.asking.insert(bound.bare.clone());
                }
                self.route(house, &contact, bare_presence("subscribe", &bound.bare));
            }
            Some("subscribed") => self.grant(house, &bound.bare, &contact),
            Some("unsubscribe") => {
                self.relate(house, &bound.bare, &contact, |own| (own.to, own.asked) = (false, false));
                self.relate(house, &contact, &bound.bare, |theirs| theirs.from = false);
                self.route(house, &contact, bare_presence("unsubscribe", &bound.bare));
            }
            Some("unsubscribed") => {
                self.relate(house, &bound.bare, &contact, |own| own.from = false);
                self.relate(house, &contact, &bound.bare, |theirs| {
                    (theirs.to, theirs.asked) = (false, false);
                });
                self.route(house, &contact, bare_presence("unsubscribed", &bound.bare));
            }
            _ => _ = self.route(house, &to, stanza),
        }
    }

    /// Lets `contact` see the presence of `owner` from now on.
    fn grant(&mut self, house: &House, owner: &str, contact: &str) {
        if let Some(user) = house.user(owner) {
            self.account(user).asking.remove(contact);
        }
        self.relate(house, owner, contact, |own| own.from = true);
        self.relate(house, contact, owner, |theirs| (theirs.to, theirs.asked) = (true, false));
        self.route(house, contact, bare_presence("subscribed", owner));
        let resources = house.user(owner).and_then(|user| self.accounts.get(user));
        let presences: Vec<_> =
            resources.into_iter().flat_map(|it| &it.resources).filter_map(|it| it.presence.clone()).collect();
        for presence in presences {
            self.route(house, contact, presence);
        }
    }

    /// A session is available: its contacts hear it, and it hears them and whoever asked meanwhile.
    fn arrive(&mut self, house: &House, bound: &Bound, presence: &Element, out: &mut String) {
        if let Some(question) = self.ask(house, bound, presence) {
            question.write_to(out, ns::CLIENT);
        }
        let Some(resource) = self.accounts.get_mut(&bound.user).and_then(|it| it.resource(&bound.full))
        else {
            return;
        };
        let capabilities = presence.get(ns::CAPS, "c").and_then(|it| it.get_attr("ver"));
        resource.capabilities = capabilities.map(str::to_owned);
        let is_first = resource.presence.replace(presence.clone()).is_none();
        self.broadcast(bound, house, presence);
        if !is_first {
            return;
        }
        let Some(account) = self.accounts.get(&bound.user) else { return };
        let seen = account.contacts.iter().filter(|(_, contact)| contact.to);
        let seen = seen.filter_map(|(jid, _)| self.accounts.get(house.user(jid)?));
        let presences = seen.flat_map(|it| &it.resources).filter_map(|it| it.presence.clone());
        let asking = account.asking.iter().map(|jid| bare_presence("subscribe", jid));
        for stanza in presences.chain(asking) {
            stanza.attr("to", bound.full.clone()).write_to(out, ns::CLIENT);
        }
    }

    /// A session is no longer available.
    pub(crate) fn leave(&mut self, house: &House, bound: &Bound, presence: &Element) {
        let resource = self.accounts.get_mut(&bound.user).and_then(|account| account.resource(&bound.full));
        if let Some(resource) = resource {
            (resource.presence, resource.capabilities) = (None, None);
        }
        self.broadcast(bound, house, presence);
    }

    /// Gives presence to everybody who sees it.
    fn broadcast(&mut self, bound: &Bound, house: &House, presence: &Element) {
        let Some(account) = self.accounts.get(&bound.user) else { return };
        let contacts = account.contacts.iter().filter(|(_, contact)| contact.from);
        let mut to: Vec<String> = contacts.map(|(jid, _)| jid.clone()).collect();
        let others = account.resources.iter().filter(|it| it.presence.is_some() && it.full != bound.full);
        to.extend(others.map(|other| other.full.clone()));
        for to in to {
            self.route(house, &to, presence.clone());
        }
    }

    /// Changes what `owner` has on its roster of `contact`, and tells its sessions.
    fn relate(&mut self, house: &House, owner: &str, contact: &str, change: impl FnOnce(&mut Contact)) {
        let Some(user) = house.user(owner) else { return };
        let known = self.account(user).contacts.entry(contact.to_owned()).or_default();
        let before = *known;
        change(known);
        if *known == before {
            return;
        }
        let item = known.item(contact);
        let query = Element::new(ns::ROSTER, "query").child(item);
        let push = Element::new(ns::CLIENT, "iq").attr("type", "set").attr("id", "push").child(query);
        self.route(house, owner, push);
    }

    fn account(&mut self, user: &str) -> &mut Account {
        self.accounts.entry(user.to_owned()).or_insert_with(Account::new)
    }
}

impl Contact {
    fn item(self, jid: &str) -> Element {
        let subscription = match (self.to, self.from) {
            (true, true) => "both",
            (true, false) => "to",
            (false, true) => "from",
            (false, false) => "none",
        };
        item_of(jid, subscription).attr_opt("ask", self.asked.then_some("subscribe"))
    }
}

fn item_of(jid: &str, subscription: &'static str) -> Element {
    Element::new(ns::ROSTER, "item").attr("jid", jid.to_owned()).attr("subscription", subscription)
}

fn push(bound: &Bound, item: Element) -> Element {
    Element::new(ns::CLIENT, "iq")
        .attr("type", "set")
        .attr("id", "push")
        .attr("to", bound.full.clone())
        .child(Element::new(ns::ROSTER, "query").child(item))
}

fn bare_presence(kind: &'static str, from: &str) -> Element {
    Element::new(ns::CLIENT, "presence").attr("type", kind).attr("from", from.to_owned())
}
