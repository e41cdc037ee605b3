//! Stream management (XEP-0198): counts stanzas both ways, keeps what is not acknowledged, resumes a broken stream.
//!
//! Sans-IO like the rest of the crate: elements go in, elements come out. Whoever owns the stream writes them; host
//! and firmware share this file. One value lives as long as a device's session, over any number of connections.

use crate::{ns, xml::Element};
use alloc::{boxed::Box, collections::VecDeque, format, string::String};
use core::fmt;

/// After this many stanzas [`StreamManagement::request`] asks for an acknowledgement.
const REQUEST_EVERY: u32 = 4;

/// The state of stream management of one session.
#[derive(Debug)]
pub struct StreamManagement {
    on: bool,
    /// Identifies the session at the server, as long as it can be resumed.
    id: Option<String>,
    /// Stanzas handled since the session was enabled, modulo 2^32 (XEP-0198 section 4).
    received: u32,
    /// The last `h` of the server.
    acknowledged: u32,
    /// Stanzas sent beyond `acknowledged`.
    outstanding: u32,
    /// Those of them sent since the last request.
    unrequested: u32,
    /// As they were written: a publish takes 0.7 KiB as text, and five as an element.
    unacked: VecDeque<Box<str>>,
    capacity: usize,
}

/// The server broke the rules of XEP-0198.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamManagementError {
    /// It acknowledged stanzas that were never sent.
    AckedTooMany {
        /// Its `h`.
        h: u32,
        /// The greatest `h` that would have been right.
        sent: u32,
    },
    /// An `<a/>` or `<resumed/>` without a readable `h`.
    NoCount,
}

impl fmt::Display for StreamManagementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AckedTooMany { h, sent } => {
                write!(f, "the server acknowledged stanza {h}, but only {sent} were sent")
            }
            Self::NoCount => f.write_str("the server acknowledged without a count"),
        }
    }
}

impl core::error::Error for StreamManagementError {}

impl StreamManagement {
    /// Makes the state of a session that has not been enabled, keeping at most `capacity` unacknowledged stanzas.
    ///
    /// When one more is sent the server is too far behind: the kept stanzas are forgotten and the session can no longer
    /// be resumed, so that the next connection binds anew instead of resuming with a hidden loss.
    pub fn new(capacity: usize) -> Self {
        Self {
            on: false,
            id: None,
            received: 0,
            acknowledged: 0,
            outstanding: 0,
            unrequested: 0,
            unacked: VecDeque::new(),
            capacity,
        }
    }

    /// The request that turns stream management on, after binding (section 3).
    pub fn enable() -> Element {
        Element::new(ns::STREAM_MANAGEMENT, "enable").attr("resume", "true")
    }

    /// Begins a new session, forgetting the old one; `answer` is the server's answer to [`Self::enable`], if it was
    /// asked.
    pub fn begin(&mut self, answer: Option<&Element>) {
        *self = Self::new(self.capacity);
        if let Some(enabled) = answer.filter(|answer| answer.is(ns::STREAM_MANAGEMENT, "enabled")) {
            self.on = true;
            let resumable = matches!(enabled.get_attr("resume"), Some("true" | "1"));
            self.id = enabled.get_attr("id").filter(|_| resumable).map(String::from);
        }
    }

    /// Whether the server acknowledges and answers [`Self::ping`].
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Whether a broken stream can be resumed.
    pub fn is_resumable(&self) -> bool {
        self.id.is_some()
    }

    /// The request that resumes the session on a new stream (section 5); `None` if there is nothing to resume.
    pub fn resume(&self) -> Option<Element> {
        let id = self.id.as_ref()?;
        Some(
            Element::new(ns::STREAM_MANAGEMENT, "resume")
                .attr("h", format!("{}", self.received))
                .attr("previd", id.clone()),
        )
    }

    /// Takes `<resumed/>`: the session goes on. Gives the stanzas the server has not seen, to be written again as they are
    /// and in this order; they stay counted.
    ///
    /// # Errors
    /// [`StreamManagementError`] if its count is impossible; the session is then no longer resumable.
    pub fn resumed(&mut self, answer: &Element) -> Result<impl Iterator<Item = &str>, StreamManagementError> {
        if let Err(error) = self.acked(answer) {
            self.id = None;
            return Err(error);
        }
        self.unrequested = self.outstanding;
        Ok(self.unacked.iter().map(AsRef::as_ref))
    }

    /// Counts a stanza that came in; nonzas are not counted.
    pub fn received(&mut self) {
        if self.on {
            self.received = self.received.wrapping_add(1);
        }
    }

    /// Counts a stanza that was written, and keeps its text until the server acknowledges it.
    pub fn sent(&mut self, stanza: &str) {
        if !self.on {
            return;
        }
        self.outstanding = self.outstanding.wrapping_add(1);
        self.unrequested = self.unrequested.wrapping_add(1);
        if self.id.is_none() {
            return;
        }
        if self.unacked.len() == self.capacity {
            self.id = None;
            self.unacked = VecDeque::new();
        } else {
            self.unacked.push_back(stanza.into());
        }
    }

    /// A request for an acknowledgement, when enough stanzas were sent since the last one.
    pub fn request(&mut self) -> Option<Element> {
        (self.unrequested >= REQUEST_EVERY).then(|| self.ping())
    }

    /// A request for an acknowledgement at once; the server's answer also shows that it is alive.
    pub fn ping(&mut self) -> Element {
        self.unrequested = 0;
        Element::new(ns::STREAM_MANAGEMENT, "r")
    }

    /// What came in so far, to be told before a stream is closed in order (section 4): a server takes the rest as
    /// lost, and delivers it again to whoever signs on next. `None` without stream management.
    pub fn goodbye(&self) -> Option<Element> {
        self.on.then(|| self.count())
    }

    /// Takes an element of [`ns::STREAM_MANAGEMENT`] that came in on an open stream, and gives the answer to it, if it asks for one.
    ///
    /// # Errors
    /// [`StreamManagementError`] if the server acknowledges what was not sent.
    pub fn handle(&mut self, nonza: &Element) -> Result<Option<Element>, StreamManagementError> {
        match nonza.name() {
            "r" => Ok(Some(self.count())),
            "a" => self.acked(nonza).map(|()| None),
            _ => Ok(None),
        }
    }

    /// How many stanzas are kept for resumption.
    pub fn kept(&self) -> usize {
        self.unacked.len()
    }

    fn count(&self) -> Element {
        Element::new(ns::STREAM_MANAGEMENT, "a").attr("h", format!("{}", self.received))
    }

    fn acked(&mut self, answer: &Element) -> Result<(), StreamManagementError> {
        let h = answer.get_attr("h").and_then(|h| h.parse::<u32>().ok());
        let h = h.ok_or(StreamManagementError::NoCount)?;
        let count = h.wrapping_sub(self.acknowledged);
        if count > self.outstanding {
            let sent = self.acknowledged.wrapping_add(self.outstanding);
            return Err(StreamManagementError::AckedTooMany { h, sent });
        }
        self.acknowledged = h;
        self.outstanding -= count;
        self.unrequested = self.unrequested.min(self.outstanding);
        let kept = self.unacked.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        self.unacked.drain(..kept);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec::Vec};

    fn enabled(capacity: usize) -> StreamManagement {
        let mut sm = StreamManagement::new(capacity);
        sm.begin(Some(
            &Element::new(ns::STREAM_MANAGEMENT, "enabled").attr("id", "s1").attr("resume", "true"),
        ));
        sm
    }

    fn stanza(id: u32) -> String {
        format!("<message id='{id}'/>")
    }

    fn with_h(name: &'static str, h: u32) -> Element {
        Element::new(ns::STREAM_MANAGEMENT, name).attr("h", h.to_string())
    }

    #[test]
    fn an_acknowledgement_forgets_what_it_covers() {
        let mut sm = enabled(8);
        (0..5).for_each(|id| sm.sent(&stanza(id)));
        assert_eq!(sm.handle(&with_h("a", 3)), Ok(None));
        assert_eq!(sm.kept(), 2);
    }

    #[test]
    fn a_request_is_answered_with_the_count_of_what_came_in() {
        let mut sm = enabled(8);
        sm.received();
        sm.received();
        let answer = sm.handle(&Element::new(ns::STREAM_MANAGEMENT, "r")).unwrap();
        assert_eq!(answer, Some(with_h("a", 2)));
        assert_eq!(sm.goodbye(), answer);
        assert_eq!(StreamManagement::new(8).goodbye(), None);
    }

    #[test]
    fn resuming_gives_back_in_order_what_the_server_has_not_seen() {
        let mut sm = enabled(8);
        (0..4).for_each(|id| sm.sent(&stanza(id)));
        sm.received();
        assert_eq!(sm.resume().unwrap().to_string(), "<resume xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>");
        assert_eq!(sm.resumed(&with_h("resumed", 2)).unwrap().collect::<Vec<_>>(), [stanza(2), stanza(3)]);
        assert_eq!(sm.kept(), 2);
        assert!(sm.is_resumable());
    }

    #[test]
    fn a_session_begun_anew_keeps_nothing_of_the_old_one() {
        let mut sm = enabled(8);
        sm.sent(&stanza(0));
        sm.begin(None);
        assert_eq!((sm.kept(), sm.is_on(), sm.resume()), (0, false, None));
        sm.sent(&stanza(1));
        assert_eq!(sm.kept(), 0);
    }

    #[test]
    fn counters_wrap_at_two_to_the_thirty_second() {
        let mut sm = enabled(8);
        sm.received = u32::MAX;
        sm.acknowledged = u32::MAX - 1;
        sm.received();
        assert_eq!(sm.handle(&Element::new(ns::STREAM_MANAGEMENT, "r")).unwrap(), Some(with_h("a", 0)));
        (0..4).for_each(|id| sm.sent(&stanza(id)));
        assert_eq!(sm.handle(&with_h("a", 1)), Ok(None));
        assert_eq!(sm.kept(), 1);
        assert_eq!(sm.resumed(&with_h("resumed", 1)).unwrap().collect::<Vec<_>>(), [stanza(3)]);
    }

    #[test]
    fn acknowledging_more_than_was_sent_is_an_error_and_ends_resumption() {
        let mut sm = enabled(8);
        sm.sent(&stanza(0));
        let error = StreamManagementError::AckedTooMany { h: 2, sent: 1 };
        assert_eq!(sm.handle(&with_h("a", 2)), Err(error.clone()));
        assert_eq!(sm.resumed(&with_h("resumed", 2)).err(), Some(error));
        assert!(!sm.is_resumable());
        assert_eq!(sm.handle(&Element::new(ns::STREAM_MANAGEMENT, "a")), Err(StreamManagementError::NoCount));
    }

    #[test]
    fn a_full_queue_ends_resumption_instead_of_losing_silently() {
        let mut sm = enabled(2);
        (0..3).for_each(|id| sm.sent(&stanza(id)));
        assert!(!sm.is_resumable());
        assert_eq!(sm.handle(&with_h("a", 3)), Ok(None));
    }

    #[test]
    fn acknowledgements_are_asked_for_every_few_stanzas() {
        let mut sm = enabled(8);
        (0..3).for_each(|id| sm.sent(&stanza(id)));
        assert_eq!(sm.request(), None);
        sm.sent(&stanza(3));
        assert_eq!(sm.request(), Some(Element::new(ns::STREAM_MANAGEMENT, "r")));
        assert_eq!(sm.request(), None);
    }

    #[test]
    fn without_resumption_nothing_is_kept_but_counts_go_on() {
        let mut sm = StreamManagement::new(8);
        sm.begin(Some(&Element::new(ns::STREAM_MANAGEMENT, "enabled")));
        sm.sent(&stanza(0));
        assert_eq!((sm.is_on(), sm.is_resumable(), sm.kept()), (true, false, 0));
        assert_eq!(sm.handle(&with_h("a", 1)), Ok(None));
    }
}
