//! What one device has begun and not ended.

use super::awaited::Ticket;
use std::collections::{BTreeMap, VecDeque};
use thingfleet_device::definition::ChannelId;
use thingfleet_schema::load::Operation;
use tokio::time::Instant;

/// Values of one device that observers have not seen yet; the oldest goes when there are more.
const MOST_EXPECTED: usize = 1024;

/// What one device has begun.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Why it is to come online, and when that should have begun.
    pub(super) due: Option<(Operation, Instant)>,
    /// Goes as soon as it is online, or is not to come online any more.
    pub(super) ticket: Option<Ticket>,
    /// The step of signing on that it is at, and when that began.
    pub(super) step: Option<(Operation, Instant)>,
    pub(super) is_online: bool,
    /// Observers that see it.
    pub(super) watchers: Vec<u32>,
    /// Values that should have been sent.
    waiting: Vec<(ChannelId, Instant)>,
    under_way: Vec<UnderWay>,
    expected: VecDeque<Expected>,
    actuations: Vec<Actuation>,
    /// What had not ended when the device left.
    abandoned: BTreeMap<Operation, u64>,
}

/// A publish that the server has not answered.
#[derive(Debug)]
pub(super) struct UnderWay {
    id: String,
    /// When each of the values should have been sent that it carries, of which it is the latest.
    pub(super) intended: Vec<Instant>,
    /// Whether observers look out for it.
    is_expected: bool,
}

/// A value that observers are to see.
#[derive(Debug)]
struct Expected {
    id: String,
    channel: ChannelId,
    text: String,
    intended: Instant,
    /// Observers that have not seen it.
    by: Vec<u32>,
    /// Whether it counts: the server took it, or somebody saw it.
    is_counted: bool,
}

#[derive(Debug)]
struct Actuation {
    channel: ChannelId,
    text: String,
    intended: Instant,
}

impl Book {
    /// A value should be sent; returns whether that is new, since an item has one value that waits.
    pub(super) fn wait(&mut self, channel: ChannelId, intended: Instant, is_asked: bool) -> bool {
        let is_new = is_asked || !self.waiting.iter().any(|(one, _)| *one == channel);
        if is_new {
            self.waiting.push((channel, intended));
        }
        is_new
    }

    /// A publish leaves: of the value of a channel with its text, or of something else. Returns how many operations it
    /// begins by itself.
    pub(super) fn publish(&mut self, id: &str, value: Option<(ChannelId, &str)>, turn: Instant) -> u64 {
        let mut intended = Vec::new();
        if let Some((channel, _)) = value {
            self.waiting.retain(|(one, moment)| {
                let is_it = *one == channel;
                if is_it {
                    intended.push(*moment);
                }
                !is_it
            });
        }
        let begins = intended.is_empty();
        if begins {
            intended.push(turn);
        }
        let is_expected = value.is_some() && !self.watchers.is_empty();
        if let Some((channel, text)) = value.filter(|_| is_expected) {
            self.expected.push_back(Expected {
                id: id.to_owned(),
                channel,
                text: text.to_owned(),
                intended: intended[0],
                by: self.watchers.clone(),
                is_counted: false,
            });
        }
        self.under_way.push(UnderWay { id: id.to_owned(), intended, is_expected });
        u64::from(begins)
    }

    /// The server answered a request; gives the publish that it was, if it was one.
    pub(super) fn answered(&mut self, id: &str) -> Option<UnderWay> {
        let place = self.under_way.iter().position(|one| one.id == id)?;
        Some(self.under_way.swap_remove(place))
    }

    /// The server took a publish: observers are to see it. Returns how many do not count yet.
    pub(super) fn taken(&mut self, publish: &UnderWay, id: &str) -> usize {
        if !publish.is_expected {
            return 0;
        }
        let Some(expected) = self.expected.iter_mut().find(|one| one.id == id) else { return 0 };
        if expected.is_counted {
            return 0;
        }
        expected.is_counted = true;
        expected.by.len()
    }

    /// It did not: nobody is to see it. Returns how many observers that counted already have not.
    pub(super) fn not_taken(&mut self, id: &str) -> u64 {
        let Some(place) = self.expected.iter().position(|one| one.id == id) else { return 0 };
        let Some(expected) = self.expected.remove(place) else { return 0 };
        if expected.is_counted { expected.by.len() as u64 } else { 0 }
    }

    /// An observer sees a value; gives when it should have been sent. `count` is called for each observer of one that
    /// counts from now on.
    pub(super) fn saw(
        &mut self,
        observer: u32,
        channel: ChannelId,
        text: &str,
        count: impl Fn(),
    ) -> Option<Instant> {
        let is_it = |one: &Expected| one.channel == channel && one.text == text && one.by.contains(&observer);
        let place = self.expected.iter().position(is_it)?;
        let expected = &mut self.expected[place];
        if !expected.is_counted {
            expected.is_counted = true;
            expected.by.iter().for_each(|_| count());
        }
        expected.by.retain(|other| *other != observer);
        let intended = expected.intended;
        if expected.by.is_empty() {
            self.expected.remove(place);
        }
        Some(intended)
    }

    /// An observer sees nothing any more; returns how much that counts it missed.
    pub(super) fn forget(&mut self, observer: u32) -> u64 {
        let mut missed = 0;
        self.expected.retain_mut(|one| {
            if one.by.contains(&observer) {
                one.by.retain(|other| *other != observer);
                missed += u64::from(one.is_counted);
            }
            !one.by.is_empty()
        });
        missed
    }

    /// An actuation begins, unless one of that channel is under way.
    pub(super) fn actuate(&mut self, channel: ChannelId, text: &str, intended: Instant) -> bool {
        let is_free = !self.actuations.iter().any(|one| one.channel == channel);
        if is_free {
            self.actuations.push(Actuation { channel, text: text.to_owned(), intended });
        }
        is_free
    }

    /// The device reports a value; gives when the actuation should have begun that asked for it.
    pub(super) fn reported(&mut self, channel: ChannelId, text: &str) -> Option<Instant> {
        let is_it = |one: &Actuation| one.channel == channel && one.text == text;
        let place = self.actuations.iter().position(is_it)?;
        Some(self.actuations.swap_remove(place).intended)
    }

    /// An actuation is over without having been reported; returns whether there was one.
    pub(super) fn withdraw(&mut self, channel: ChannelId) -> bool {
        let before = self.actuations.len();
        self.actuations.retain(|one| one.channel != channel);
        before > self.actuations.len()
    }

    /// Forgets what should have been seen before that moment; returns how many values and actuations that were.
    pub(super) fn expire(&mut self, oldest: Instant) -> (u64, u64) {
        let mut events = 0;
        while self.expected.len() > MOST_EXPECTED
            || self.expected.front().is_some_and(|one| one.intended < oldest)
        {
            let Some(one) = self.expected.pop_front() else { break };
            if one.is_counted {
                events += one.by.len() as u64;
            }
        }
        let before = self.actuations.len();
        self.actuations.retain(|one| one.intended >= oldest);
        (events, (before - self.actuations.len()) as u64)
    }

    /// The stream went without being resumed: answers do not come any more. Gives what was under way.
    pub(super) fn lost(&mut self) -> Vec<(String, UnderWay)> {
        let under_way = std::mem::take(&mut self.under_way);
        under_way.into_iter().map(|one| (one.id.clone(), one)).collect()
    }

    /// It is online, or has given up; gives what is over with that.
    pub(super) fn arrive(&mut self) -> Option<(Operation, Instant)> {
        self.ticket = None;
        self.due.take()
    }

    /// The device leaves by itself: nothing that it has begun ends any more.
    pub(super) fn leave(&mut self) {
        let waiting = self.waiting.drain(..).count()
            + self.under_way.iter().map(|one| one.intended.len()).sum::<usize>();
        self.under_way.clear();
        *self.abandoned.entry(Operation::Publish).or_default() += waiting as u64;
        for (operation, _) in [self.step.take(), self.arrive()].into_iter().flatten() {
            *self.abandoned.entry(operation).or_default() += 1;
        }
    }

    /// What has begun and not ended.
    pub(super) fn in_flight(&self) -> BTreeMap<Operation, u64> {
        let mut all = self.abandoned.clone();
        let mut add = |operation, count: usize| *all.entry(operation).or_default() += count as u64;
        for (operation, _) in [self.step, self.due].into_iter().flatten() {
            add(operation, 1);
        }
        add(Operation::Publish, self.waiting.len());
        add(Operation::Publish, self.under_way.iter().map(|one| one.intended.len()).sum());
        let counted = self.expected.iter().filter(|one| one.is_counted);
        add(Operation::Event, counted.map(|one| one.by.len()).sum());
        add(Operation::Actuate, self.actuations.len());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const TEMP: ChannelId = ChannelId(0);

    #[tokio::test(start_paused = true)]
    async fn a_publish_ends_all_the_values_that_it_carries() {
        let mut book = Book::default();
        let now = Instant::now();
        assert!(book.wait(TEMP, now, true) && book.wait(TEMP, now, true));
        assert!(!book.wait(TEMP, now, false), "the device's own value waits with them");
        assert_eq!(book.publish("p1", Some((TEMP, "21")), now), 0);
        assert_eq!(book.in_flight()[&Operation::Publish], 2);
        assert_eq!(book.answered("p1").unwrap().intended.len(), 2);
        assert_eq!(book.in_flight().values().sum::<u64>(), 0);
        assert_eq!(book.publish("p2", None, now), 1, "the form begins an operation of its own");
    }

    #[tokio::test(start_paused = true)]
    async fn an_observer_that_is_quicker_than_the_server_s_answer_counts_once() {
        let mut book = Book { watchers: vec![7, 8], ..Book::default() };
        let counted = Cell::new(0);
        let count = || counted.set(counted.get() + 1);
        book.publish("p1", Some((TEMP, "21")), Instant::now());
        assert!(book.saw(7, TEMP, "21", count).is_some());
        let publish = book.answered("p1").unwrap();
        assert_eq!((counted.get(), book.taken(&publish, "p1")), (2, 0));
        assert!(book.saw(7, TEMP, "21", count).is_none(), "it has seen it");
        assert!(book.saw(8, TEMP, "21", count).is_some());
        assert_eq!((counted.get(), book.in_flight().get(&Operation::Event)), (2, Some(&0)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_saw_is_missing_and_what_the_server_refused_is_not() {
        let mut book = Book { watchers: vec![7], ..Book::default() };
        let now = Instant::now();
        for id in ["taken", "refused"] {
            book.publish(id, Some((TEMP, id)), now);
        }
        let taken = book.answered("taken").unwrap();
        assert_eq!(book.taken(&taken, "taken"), 1);
        book.answered("refused").unwrap();
        assert_eq!(book.not_taken("refused"), 0);
        tokio::time::advance(std::time::Duration::from_secs(40)).await;
        assert_eq!(book.expire(Instant::now()), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_device_leaves_behind_stays_in_flight() {
        let mut book = Book { due: Some((Operation::Return, Instant::now())), ..Book::default() };
        book.wait(TEMP, Instant::now(), true);
        book.leave();
        book.leave();
        let in_flight = book.in_flight();
        assert_eq!((in_flight[&Operation::Return], in_flight[&Operation::Publish]), (1, 1));
    }
}
