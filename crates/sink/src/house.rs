//! Everything that sessions share: accounts with their nodes, contacts and resources, and the way from one to another.
//!
//! One lock guards it; nothing is awaited under it. What a stanza is answered with goes straight into the session's
//! output, what others are told goes into their inboxes.

use crate::{accounts::Accounts, stall::Stall};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use thingfleet_device::{jid, ns, xml::Element};
use thingfleet_simulated::{Server, answer_to, refusal_of};
use tokio::sync::mpsc;

/// The server's name in service discovery. Devices treat it as they treat one they do not know.
const NAME: &str = "thingfleet sink";

/// Stanzas that a session has not got round to writing; one more is dropped and counted.
const INBOX: usize = 1024;

/// What happened on a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Resources bound.
    pub sign_ons: u64,
    /// Attempts to sign on that were refused.
    pub refused: u64,
    /// Stanzas received.
    pub stanzas: u64,
    /// Publishes that were answered with a result.
    pub publishes: u64,
    /// Events given to sessions.
    pub events: u64,
    /// Stanzas for sessions that take none any more.
    pub dropped: u64,
    /// Sessions at this moment.
    pub sessions: u64,
}

/// What one account did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountCounts {
    /// Resources bound.
    pub sign_ons: u64,
    /// Stanzas received.
    pub stanzas: u64,
    /// Publishes that were answered with a result.
    pub publishes: u64,
    /// Events given to its sessions.
    pub events: u64,
}

/// All that sessions share.
pub(crate) struct House {
    domain: String,
    pub(crate) accounts: Accounts,
    pub(crate) registration: bool,
    pub(crate) stall: Arc<Stall>,
    state: Mutex<State>,
    refused: AtomicU64,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) accounts: HashMap<String, Account>,
    pub(crate) counts: Counts,
    /// By version of capabilities (XEP-0115), the nodes of which there is to be notice.
    pub(crate) interests: HashMap<String, Arc<[String]>>,
    latest: u64,
}

/// One account.
pub(crate) struct Account {
    pub(crate) pep: Server,
    pub(crate) contacts: BTreeMap<String, Contact>,
    /// Bare JIDs that asked for its presence while nobody was there.
    pub(crate) asking: BTreeSet<String>,
    pub(crate) resources: Vec<Resource>,
    /// Who subscribed to which of its nodes, by JID as it was given.
    pub(crate) subscribers: BTreeMap<String, BTreeSet<String>>,
    counts: AccountCounts,
}

/// Somebody on an account's roster (RFC 6121 section 2.1.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) to: bool,
    pub(crate) from: bool,
    pub(crate) asked: bool,
}

/// One bound session.
pub(crate) struct Resource {
    name: String,
    number: u64,
    pub(crate) full: String,
    /// Its presence, while it is available.
    pub(crate) presence: Option<Element>,
    /// The version of its capabilities.
    pub(crate) capabilities: Option<String>,
    pub(crate) inbox: mpsc::Sender<Delivery>,
}

/// What a session holds of its resource.
pub(crate) struct Bound {
    pub(crate) user: String,
    pub(crate) bare: String,
    pub(crate) full: String,
    number: u64,
    pub(crate) inbox: mpsc::Receiver<Delivery>,
}

/// What a session is given from outside.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// To be written.
    Stanza(Box<Element>),
    /// Another session has its resource now.
    Replaced,
}

impl fmt::Debug for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("House").field("domain", &self.domain).finish_non_exhaustive()
    }
}

impl House {
    pub(crate) fn new(domain: String, accounts: Accounts, registration: bool, stall: Arc<Stall>) -> Self {
        Self { domain, accounts, registration, stall, state: Mutex::default(), refused: AtomicU64::new(0) }
    }

    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// Counts an attempt to sign on that failed.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { refused: self.refused.load(Relaxed), ..self.lock().counts }
    }

    pub(crate) fn account(&self, name: &str) -> Option<AccountCounts> {
        self.lock().accounts.get(name).map(|account| account.counts)
    }

    /// Binds a resource, of this name if one is wanted; a session that has it gives way.
    pub(crate) fn bind(&self, user: String, wanted: Option<String>) -> Bound {
        let (sender, inbox) = mpsc::channel(INBOX);
        let mut state = self.lock();
        state.latest += 1;
        state.counts.sign_ons += 1;
        let number = state.latest;
        let name = wanted.unwrap_or_else(|| format!("r{number}"));
        let bare = format!("{user}@{}", self.domain);
        let full = format!("{bare}/{name}");
        let account = state.accounts.entry(user.clone()).or_insert_with(Account::new);
        account.counts.sign_ons += 1;
        if let Some(place) = account.resources.iter().position(|resource| resource.name == name) {
            // If its inbox is full, it finds the inbox closed when that is read.
            _ = account.resources.swap_remove(place).inbox.try_send(Delivery::Replaced);
        } else {
            state.counts.sessions += 1;
        }
        if let Some(account) = state.accounts.get_mut(&user) {
            account.resources.push(Resource {
                name,
                number,
                full: full.clone(),
                presence: None,
                capabilities: None,
                inbox: sender,
            });
        }
        Bound { user, bare, full, number, inbox }
    }

    /// A session has ended.
    pub(crate) fn unbind(&self, bound: &Bound) {
        let mut state = self.lock();
        let Some(account) = state.accounts.get(&bound.user) else { return };
        let Some(place) = account.resources.iter().position(|resource| resource.number == bound.number)
        else {
            return;
        };
        if account.resources[place].presence.is_some() {
            let gone = Element::new(ns::CLIENT, "presence").attr("type", "unavailable");
            state.leave(self, bound, &gone.attr("from", bound.full.clone()));
        }
        if let Some(account) = state.accounts.get_mut(&bound.user) {
            account.resources.swap_remove(place);
            state.counts.sessions -= 1;
        }
    }

    /// Takes a stanza of a session; what is answered goes to `out`.
    pub(crate) fn stanza(&self, bound: &Bound, mut stanza: Element, out: &mut String) {
        stanza.set_attr("from", bound.full.clone());
        let mut state = self.lock();
        state.counts.stanzas += 1;
        if let Some(account) = state.accounts.get_mut(&bound.user) {
            account.counts.stanzas += 1;
        }
        match stanza.name() {
            "iq" => self.request(&mut state, bound, stanza, out),
            "presence" => state.presence(self, bound, stanza, out),
            "message" => {
                if let Some(to) = stanza.get_attr("to").map(str::to_owned) {
                    state.route(self, &to, stanza);
                }
            }
            _ => {}
        }
    }

    fn request(&self, state: &mut State, bound: &Bound, stanza: Element, out: &mut String) {
        let to = stanza.get_attr("to").unwrap_or(&bound.bare).to_owned();
        let mut reply = |answer: Element| {
            answer.attr("to", bound.full.clone()).write_to(out, ns::CLIENT);
        };
        if !matches!(stanza.get_attr("type"), Some("get" | "set")) {
            if to == self.domain {
                state.learn(bound, &stanza);
            } else {
                state.route(self, &to, stanza);
            }
            return;
        }
        if jid::resource(&to).is_some() {
            let refused = refusal_of(&stanza, "service-unavailable");
            if !state.route(self, &to, stanza) {
                reply(refused);
            }
            return;
        }
        let Some(payload) = stanza.elements().next() else {
            return reply(refusal_of(&stanza, "bad-request"));
        };
        let whose = if to == self.domain { Some(&*bound.user) } else { self.user(&to) };
        let is_own = whose == Some(&bound.user);
        match (payload.namespace(), whose) {
            (ns::PING, _) => reply(answer_to(&stanza, None)),
            (ns::ROSTER, Some(_)) if is_own => {
                let (answer, pushes) = state.roster(self, bound, &stanza);
                reply(answer);
                for push in pushes {
                    push.write_to(out, ns::CLIENT);
                }
            }
            (ns::REGISTER, Some(_)) if is_own && payload.get(ns::REGISTER, "remove").is_some() => {
                self.accounts.remove(&bound.user);
                reply(answer_to(&stanza, None));
            }
            (ns::DISCO_INFO | ns::DISCO_ITEMS | ns::PUBSUB | ns::PUBSUB_OWNER, Some(whose)) => {
                let whose = whose.to_owned();
                match state.eventing(self, bound, &whose, &stanza) {
                    Some(answer) => reply(answer),
                    None => reply(refusal_of(&stanza, "service-unavailable")),
                }
            }
            _ => reply(refusal_of(&stanza, "service-unavailable")),
        }
    }

    /// The account's name in an address of this domain.
    pub(crate) fn user<'a>(&self, address: &'a str) -> Option<&'a str> {
        let (user, domain) = jid::bare(address).split_once('@')?;
        (domain == self.domain).then_some(user)
    }

    pub(crate) fn bare(&self, user: &str) -> String {
        format!("{user}@{}", self.domain)
    }

    /// A panic cannot leave more than one stanza half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives a stanza to the session with this address, or to all that are available of an account. Says whether there
    /// was one.
    pub(crate) fn route(&mut self, house: &House, to: &str, stanza: Element) -> bool {
        let stanza = stanza.attr("to", to.to_owned());
        let Some(account) = house.user(to).and_then(|user| self.accounts.get(user)) else { return false };
        let resource = jid::resource(to);
        let takes = |it: &&Resource| match &resource {
            Some(name) => it.name == *name,
            None => it.presence.is_some(),
        };
        let mut found = false;
        for resource in account.resources.iter().filter(takes) {
            found = true;
            if resource.inbox.try_send(Delivery::Stanza(Box::new(stanza.clone()))).is_err() {
                self.counts.dropped += 1;
            }
        }
        found
    }

    /// Gives an event to one session.
    pub(crate) fn event(&mut self, user: &str, full: &str, event: &Element) {
        let Some(account) = self.accounts.get_mut(user) else { return };
        let Some(resource) = account.resources.iter().find(|resource| resource.full == full) else { return };
        let event = event.clone().attr("to", full.to_owned());
        if resource.inbox.try_send(Delivery::Stanza(Box::new(event))).is_ok() {
            account.counts.events += 1;
            self.counts.events += 1;
        } else {
            self.counts.dropped += 1;
        }
    }

    /// Counts a publish.
    pub(crate) fn published(&mut self, by: &str) {
        self.counts.publishes += 1;
        if let Some(account) = self.accounts.get_mut(by) {
            account.counts.publishes += 1;
        }
    }
}

impl Account {
    pub(crate) fn new() -> Self {
        Self {
            pep: Server::new(NAME),
            contacts: BTreeMap::new(),
            asking: BTreeSet::new(),
            resources: Vec::new(),
            subscribers: BTreeMap::new(),
            counts: AccountCounts::default(),
        }
    }

    /// The session of this address.
    pub(crate) fn resource(&mut self, full: &str) -> Option<&mut Resource> {
        self.resources.iter_mut().find(|resource| resource.full == full)
    }
}
