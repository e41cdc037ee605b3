//! What a driver tells of its device.

use super::{Book, Meters};
use crate::xmpp::session::Attempt;
use std::sync::{Arc, MutexGuard, atomic::Ordering::Relaxed};
use thingfleet_device::{
    definition::{ChannelId, Definition},
    io::{Event, FailureKind, Session},
    ns,
    xml::Element,
};
use thingfleet_link::xmpp::failure::Condition;
use thingfleet_schema::load::Operation;
use tokio::time::Instant;

/// Kind of a publish that was not answered before its stream was gone for good.
const LOST: &str = "lost";

/// One device's way to the meters.
#[derive(Debug)]
pub(crate) struct Probe {
    meters: Arc<Meters>,
    place: usize,
    definition: Arc<Definition>,
    /// When what the device does now should have begun.
    turn: Instant,
}

impl Probe {
    pub(super) fn new(meters: Arc<Meters>, place: usize, definition: Arc<Definition>) -> Self {
        Self { meters, place, definition, turn: Instant::now() }
    }

    /// The device is woken, which should have been then.
    pub(crate) fn woken(&mut self, due: Instant) {
        self.meters.recorder.late(due.elapsed());
        self.turn = due;
    }

    /// Something else happened to it.
    pub(crate) fn stirred(&mut self) {
        self.turn = Instant::now();
    }

    /// It opens a stream.
    pub(crate) fn opening(&self) {
        let mut book = self.book();
        // An attempt that was given up has not ended, and never will.
        if let Some((given_up, _)) = book.step.replace((Operation::Connect, self.turn)) {
            self.recorder().failed(given_up, "given-up");
        }
        self.recorder().begun(Operation::Connect);
    }

    /// The stream is open.
    pub(crate) fn signed_on(&self, attempt: &Attempt, resumed: bool) {
        let mut book = self.book();
        self.went(&mut book, attempt);
        if !resumed {
            self.recorder().begun(Operation::SetUp);
            book.step = Some((Operation::SetUp, attempt.bound.unwrap_or(self.turn)));
            self.lose(&mut book);
        }
    }

    /// It is gone, or was not opened.
    pub(crate) fn down(&self, kind: FailureKind, attempt: &Attempt) {
        let mut book = self.book();
        let is_opening = book.step.is_some_and(|(step, _)| step == Operation::Connect);
        if is_opening {
            self.went(&mut book, attempt);
        }
        if let Some((step, _)) = book.step.take() {
            self.recorder().failed(step, kind.name());
        }
        if book.is_online {
            self.offline(&mut book);
            if book.due.is_none() {
                book.due = Some((Operation::Return, Instant::now()));
                self.recorder().begun(Operation::Return);
            }
        }
    }

    /// It tells something.
    pub(crate) fn told(&self, event: &Event) {
        let Event::Session(session) = event else { return };
        let mut book = self.book();
        match session {
            Session::Online => {
                if let Some((step, intended)) = book.step.take() {
                    self.recorder().done(step, intended);
                }
                if let Some((operation, intended)) = book.arrive() {
                    self.recorder().done(operation, intended);
                }
                if !book.is_online {
                    book.is_online = true;
                    self.meters.online.fetch_add(1, Relaxed);
                }
            }
            Session::Failed(failure) => {
                self.offline(&mut book);
                if let Some((operation, _)) = book.arrive() {
                    self.recorder().failed(operation, failure.kind.name());
                }
            }
            Session::Offline | Session::Off | Session::Stopped => {
                self.offline(&mut book);
                book.leave();
            }
            Session::Commissioning
            | Session::Joining
            | Session::Connecting
            | Session::SettingUp
            | Session::Waiting { .. } => {}
        }
    }

    /// A value is to be sent because the schedule says so.
    pub(crate) fn asked(&self, channel: ChannelId, intended: Instant) {
        self.recorder().late(intended.elapsed());
        self.book().wait(channel, intended, true);
        self.recorder().begun(Operation::Publish);
    }

    /// Values that are to be sent and wait for their turn.
    pub(crate) fn waiting(&self, channels: impl Iterator<Item = ChannelId>) {
        let mut book = None;
        for channel in channels {
            let book = book.get_or_insert_with(|| self.book());
            if book.wait(channel, self.turn, false) {
                self.recorder().begun(Operation::Publish);
            }
        }
    }

    /// It sends a stanza.
    pub(crate) fn sent(&self, stanza: &Element) {
        let Some((id, item, text)) = publish(stanza) else { return };
        let value = item.strip_prefix("xmpp.iot.sensor.").and_then(|name| self.definition.find(name));
        let value = value.map(|(channel, _)| (channel, &*text));
        let begins = self.book().publish(id, value, self.turn);
        (0..begins).for_each(|_| self.recorder().begun(Operation::Publish));
    }

    /// A stanza came in.
    pub(crate) fn received(&self, stanza: &Element) {
        let (Some(id), Some(kind)) = (stanza.get_attr("id"), stanza.get_attr("type")) else { return };
        if stanza.name() != "iq" || !matches!(kind, "result" | "error") {
            return;
        }
        let mut book = self.book();
        let Some(publish) = book.answered(id) else { return };
        if kind == "result" {
            publish.intended.iter().for_each(|intended| self.recorder().done(Operation::Publish, *intended));
            (0..book.taken(&publish, id)).for_each(|_| self.recorder().begun(Operation::Event));
        } else {
            let condition = Condition::of_stanza(stanza).name;
            publish.intended.iter().for_each(|_| self.recorder().failed(Operation::Publish, &condition));
            self.unseen(&mut book, id);
        }
    }

    /// Counts the steps of signing on that an attempt has taken, and leaves the book at the one that it has not.
    fn went(&self, book: &mut Book, attempt: &Attempt) {
        let Some((Operation::Connect, mut since)) = book.step.take() else { return };
        let steps = [
            (Operation::Connect, attempt.secured),
            (Operation::Authenticate, attempt.authenticated),
            (Operation::Bind, attempt.bound),
        ];
        for (operation, ended) in steps {
            if operation != Operation::Connect {
                self.recorder().begun(operation);
            }
            let Some(ended) = ended else {
                book.step = Some((operation, since));
                return;
            };
            self.recorder().done_at(operation, since, ended);
            since = ended;
        }
    }

    /// Nothing that was under way is answered any more.
    fn lose(&self, book: &mut Book) {
        for (id, publish) in book.lost() {
            publish.intended.iter().for_each(|_| self.recorder().failed(Operation::Publish, LOST));
            self.unseen(book, &id);
        }
    }

    /// Nobody is to see a publish any more.
    fn unseen(&self, book: &mut Book, id: &str) {
        (0..book.not_taken(id)).for_each(|_| self.recorder().failed(Operation::Event, LOST));
    }

    fn offline(&self, book: &mut Book) {
        if book.is_online {
            book.is_online = false;
            self.meters.online.fetch_sub(1, Relaxed);
        }
    }

    fn recorder(&self) -> &super::Recorder {
        &self.meters.recorder
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.meters.book(self.place)
    }
}

impl Drop for Probe {
    /// The device is switched off, or its task failed.
    fn drop(&mut self) {
        let mut book = self.book();
        self.offline(&mut book);
        book.leave();
    }
}

/// Id, item and text of a publish (XEP-0060 section 7.1).
fn publish(stanza: &Element) -> Option<(&str, &str, String)> {
    if stanza.name() != "iq" || stanza.get_attr("type") != Some("set") {
        return None;
    }
    let publish = stanza.get(ns::PUBSUB, "pubsub")?.get(ns::PUBSUB, "publish")?;
    let item = publish.get(ns::PUBSUB, "item")?;
    let text = item.elements().next().map(|payload| payload.get_text().into_owned()).unwrap_or_default();
    Some((stanza.get_attr("id")?, item.get_attr("id")?, text))
}
