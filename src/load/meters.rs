//! Where what happens to devices becomes operations: each device has a book of what it has begun, and a probe in its
//! driver that writes there.
//!
//! Nothing is ever counted as begun without being in a book until it ends, so that at the end of a run every operation
//! is acknowledged, failed, or still in flight.

mod awaited;
mod book;
mod probe;

pub(super) use awaited::Awaited;
pub(crate) use probe::Probe;

use super::recorder::Recorder;
use awaited::Ticket;
use book::Book;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use thingfleet_device::definition::{ChannelId, Definition};
use thingfleet_schema::load::Operation;
use tokio::time::Instant;

/// How long an observer waits for what it should see, before it is taken as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// All that is measured in a fleet.
#[derive(Debug)]
pub(crate) struct Meters {
    recorder: Recorder,
    /// By the place of their devices.
    books: Vec<Mutex<Book>>,
    online: AtomicUsize,
}

impl Meters {
    /// Meters for so many devices.
    pub(crate) fn new(devices: usize, recorder: Recorder) -> Arc<Self> {
        Arc::new(Self {
            recorder,
            books: (0..devices).map(|_| Mutex::default()).collect(),
            online: AtomicUsize::new(0),
        })
    }

    /// What was recorded.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// How many devices are online.
    pub(crate) fn online(&self) -> usize {
        self.online.load(Relaxed)
    }

    /// The probe of the device at this place; `None` for one that joined the fleet later.
    pub(crate) fn probe(self: &Arc<Self>, place: usize, definition: &Arc<Definition>) -> Option<Probe> {
        (place < self.books.len()).then(|| Probe::new(Arc::clone(self), place, Arc::clone(definition)))
    }

    /// A device is to come online, which should have begun at `intended`.
    pub(super) fn expect(&self, place: usize, operation: Operation, intended: Instant) {
        self.expect_for(place, operation, intended, None);
    }

    /// The same of a device that a phase waits for.
    pub(super) fn await_one(
        &self,
        place: usize,
        operation: Operation,
        intended: Instant,
        awaited: &Arc<Awaited>,
    ) {
        self.expect_for(place, operation, intended, Some(Ticket::new(awaited)));
    }

    fn expect_for(&self, place: usize, operation: Operation, intended: Instant, ticket: Option<Ticket>) {
        let mut book = self.book(place);
        if book.due.is_none() {
            book.due = Some((operation, intended));
            self.recorder.begun(operation);
        }
        if ticket.is_some() {
            book.ticket = ticket;
        }
    }

    /// Whether a device is still to come online.
    pub(super) fn is_expected(&self, place: usize) -> bool {
        self.book(place).due.is_some()
    }

    /// An observer begins to see what a device publishes.
    pub(super) fn watch(&self, place: usize, observer: u32) {
        self.book(place).watchers.push(observer);
    }

    /// An observer sees it no longer.
    pub(super) fn unwatch(&self, place: usize, observer: u32) {
        let mut book = self.book(place);
        book.watchers.retain(|watcher| *watcher != observer);
        let lost = book.forget(observer);
        drop(book);
        (0..lost).for_each(|_| self.recorder.failed(Operation::Event, "observer-down"));
    }

    /// An observer sees a value.
    pub(super) fn seen(&self, place: usize, observer: u32, channel: ChannelId, text: &str) {
        let now = Instant::now();
        let mut book = self.book(place);
        if let Some(intended) = book.reported(channel, text) {
            self.recorder.done_at(Operation::Actuate, intended, now);
        }
        if let Some(intended) = book.saw(observer, channel, text, || self.recorder.begun(Operation::Event)) {
            self.recorder.done_at(Operation::Event, intended, now);
        }
    }

    /// An observer sets an actuator, which the device should report as this text. Returns whether it may: a channel
    /// has one actuation under way, since two could not be told apart.
    pub(super) fn actuate(&self, place: usize, channel: ChannelId, text: &str, intended: Instant) -> bool {
        let is_begun = self.book(place).actuate(channel, text, intended);
        if is_begun {
            self.recorder.begun(Operation::Actuate);
        }
        is_begun
    }

    /// An actuation falls out, since the device has one of that channel under way. It counts as failed: otherwise a
    /// server that stalls would be spared it.
    pub(super) fn overlapping(&self) {
        self.recorder.begun(Operation::Actuate);
        self.recorder.failed(Operation::Actuate, "overlapping");
    }

    /// Whether the device at this place is online.
    pub(super) fn is_online(&self, place: usize) -> bool {
        self.book(place).is_online
    }

    /// Whether the device at this place is neither online nor on its way.
    pub(super) fn is_away(&self, place: usize) -> bool {
        let book = self.book(place);
        !book.is_online && book.due.is_none()
    }

    /// The server refused to pass an actuation on.
    pub(super) fn refused(&self, place: usize, channel: ChannelId, kind: &str) {
        if self.book(place).withdraw(channel) {
            self.recorder.failed(Operation::Actuate, kind);
        }
    }

    /// Gives up what observers should have seen long ago.
    pub(super) fn expire(&self) {
        let Some(oldest) = Instant::now().checked_sub(PATIENCE) else { return };
        for book in &self.books {
            let (events, actuations) = lock(book).expire(oldest);
            (0..events).for_each(|_| self.recorder.failed(Operation::Event, "missing"));
            (0..actuations).for_each(|_| self.recorder.failed(Operation::Actuate, "not-reported"));
        }
    }

    /// How many operations of each kind have not ended.
    pub(super) fn in_flight(&self) -> BTreeMap<Operation, u64> {
        let mut all = BTreeMap::new();
        for book in &self.books {
            for (operation, count) in lock(book).in_flight() {
                *all.entry(operation).or_default() += count;
            }
        }
        all
    }

    fn book(&self, place: usize) -> MutexGuard<'_, Book> {
        lock(&self.books[place])
    }
}

/// A book is changed in steps that cannot panic.
fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
