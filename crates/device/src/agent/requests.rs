//! Requests under way: which answer belongs to which question, and when to stop waiting.

use super::{nodes::Node, outbox::Slot};
use crate::{jid, time::Instant, xml::Element};
use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

/// What a request was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The roster.
    Roster,
    /// Which server this is.
    ServerInfo,
    /// Adding an owner to the roster.
    AddContact,
    /// Which nodes exist.
    ListNodes,
    /// Making a node.
    Create(Node),
    /// Reading a node's configuration.
    ReadConfig(Node),
    /// Changing a node's configuration.
    WriteConfig(Node),
    /// Reading who may publish to a node, or read it.
    ReadAffiliations(Node),
    /// Saying who may publish to a node, or read it.
    Affiliate(Node),
    /// Subscribing to the actuators node of a service.
    Subscribe,
    /// Reading stored actuator values.
    FetchActuators,
    /// Looking whether a node is still as it should be.
    Inspect(Node),
    /// Publishing an item.
    Publish(Slot),
    /// How late it is, asked at this moment.
    Time(Instant),
    /// Something whose answer changes nothing.
    BestEffort,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Pending {
    id: u64,
    /// Address asked; `None` is the own account.
    to: Option<String>,
    deadline: Instant,
    purpose: Purpose,
}

/// The requests under way. Bounded by what the agent asks: a few for the set-up, and the outbox's window.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    last_id: u64,
    pending: Vec<Pending>,
}

impl Requests {
    /// Notes a request and gives the id it must carry.
    pub(crate) fn add(&mut self, now: Instant, to: Option<&str>, purpose: Purpose) -> String {
        let id = self.fresh();
        let to = to.map(String::from);
        self.pending.push(Pending { id, to, deadline: now.plus(PATIENCE), purpose });
        Self::text(id)
    }

    /// An id for a stanza that expects no answer.
    pub(crate) fn next_id(&mut self) -> String {
        let id = self.fresh();
        Self::text(id)
    }

    /// Takes the purpose of the request that `answer` belongs to: same id, and from the address that was asked, so
    /// that a stranger who guesses an id cannot answer in the server's place.
    pub(crate) fn take(&mut self, answer: &Element, own: &str) -> Option<Purpose> {
        let id = answer.get_attr("id")?;
        let from = answer.get_attr("from");
        let own_bare = jid::bare(own);
        let place = self.pending.iter().position(|request| {
            let from_right = match (&request.to, from) {
                // RFC 6120 section 8.1.2.1: a server may leave out its own account's address.
                (None, None) => true,
                (None, Some(from)) => from.eq_ignore_ascii_case(own_bare) || from.eq_ignore_ascii_case(own),
                (Some(to), None) => to.eq_ignore_ascii_case(own_bare),
                (Some(to), Some(from)) => from.eq_ignore_ascii_case(to),
            };
            from_right && Self::text(request.id) == id
        })?;
        Some(self.pending.swap_remove(place).purpose)
    }

    /// Takes a request whose answer is overdue.
    pub(crate) fn take_overdue(&mut self, now: Instant) -> Option<Purpose> {
        let place = self.pending.iter().position(|request| request.deadline <= now)?;
        Some(self.pending.swap_remove(place).purpose)
    }

    /// When the next answer becomes overdue.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.iter().map(|request| request.deadline).min()
    }

    /// Gives every request its full time again, after an interruption in which nothing was lost.
    pub(crate) fn extend(&mut self, now: Instant) {
        for request in &mut self.pending {
            request.deadline = now.plus(PATIENCE);
        }
    }

    /// Forgets all requests: their stream is gone.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
    }

    fn fresh(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn text(id: u64) -> String {
        format!("tf{id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "kettle@example.org/kitchen";

    fn answer(id: &str, from: Option<&'static str>) -> Element {
        Element::new(crate::ns::CLIENT, "iq")
            .attr("type", "result")
            .attr("id", String::from(id))
            .attr_opt("from", from)
    }

    #[test]
    fn only_the_one_who_was_asked_can_answer() {
        let mut requests = Requests::default();
        let id = requests.add(Instant::START, Some("example.org"), Purpose::ServerInfo);
        assert_eq!(requests.take(&answer(&id, Some("romeo@example.org/x")), OWN), None);
        assert_eq!(requests.take(&answer(&id, None), OWN), None);
        assert_eq!(requests.take(&answer(&id, Some("example.org")), OWN), Some(Purpose::ServerInfo));
        assert_eq!(requests.take(&answer(&id, Some("example.org")), OWN), None);
    }

    #[test]
    fn the_own_account_may_answer_without_an_address() {
        let mut requests = Requests::default();
        for from in [None, Some("kettle@example.org"), Some(OWN)] {
            let id = requests.add(Instant::START, None, Purpose::Roster);
            assert_eq!(requests.take(&answer(&id, from), OWN), Some(Purpose::Roster));
        }
    }

    #[test]
    fn an_answer_is_overdue_after_its_time_and_not_before() {
        let mut requests = Requests::default();
        requests.add(Instant::START, None, Purpose::Roster);
        let deadline = requests.deadline().unwrap();
        assert_eq!(requests.take_overdue(Instant::START), None);
        assert_eq!(requests.take_overdue(deadline), Some(Purpose::Roster));
        assert_eq!(requests.deadline(), None);
    }
}
