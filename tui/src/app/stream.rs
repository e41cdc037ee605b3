//! A list of what comes by: filtered, with a cursor that stays at the end unless it is moved.

use crate::{filter::Filter, words};
use std::{collections::VecDeque, sync::Arc};
use thingfleet_control::{event::Event, traffic::Exchange};

/// Something that comes by.
pub trait Passing {
    /// Its place in the order of all of them.
    fn seq(&self) -> u64;
    /// What filters look at.
    fn line(&self) -> String;
}

impl Passing for Event {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn line(&self) -> String {
        words::line(self)
    }
}

impl Passing for Exchange {
    fn seq(&self) -> u64 {
        self.seq
    }

    fn line(&self) -> String {
        words::exchange(self)
    }
}

/// What came by, as far as it passes a filter.
#[derive(Debug)]
pub struct Stream<T> {
    /// What passes.
    pub filter: Filter,
    /// What came by and passes, oldest first.
    pub items: Vec<Arc<T>>,
    /// The one the cursor is on, by its sequence number; the latest one unless given.
    pub at: Option<u64>,
    /// The last one that was looked at.
    seen: u64,
}

impl<T> Default for Stream<T> {
    fn default() -> Self {
        Self { filter: Filter::default(), items: Vec::new(), at: None, seen: 0 }
    }
}

impl<T: Passing> Stream<T> {
    /// Takes over what is new.
    pub fn refresh(&mut self, source: &VecDeque<Arc<T>>) {
        let first = source.front().map_or(u64::MAX, |item| item.seq());
        if source.back().is_none_or(|item| item.seq() < self.seen) {
            // A fleet that was started anew, another device, or a frozen picture.
            self.forget();
        }
        let gone = self.items.iter().take_while(|item| item.seq() < first).count();
        self.items.drain(..gone);
        let new = source.iter().rev().take_while(|item| item.seq() > self.seen).count();
        for item in source.iter().skip(source.len() - new) {
            if self.filter.is_empty() || self.filter.takes(&item.line().to_lowercase()) {
                self.items.push(Arc::clone(item));
            }
        }
        self.seen = source.back().map_or(0, |item| item.seq());
    }

    /// Filters by something else.
    pub fn filter(&mut self, filter: Filter) {
        self.filter = filter;
        self.forget();
    }

    /// The place the cursor is on.
    pub fn cursor(&self) -> usize {
        let last = self.items.len().saturating_sub(1);
        self.at.map_or(last, |at| self.items.partition_point(|item| item.seq() < at).min(last))
    }

    /// What the cursor is on.
    pub fn on(&self) -> Option<&Arc<T>> {
        self.items.get(self.cursor())
    }

    /// Puts the cursor somewhere; at the end it follows what comes.
    pub fn move_to(&mut self, place: usize) {
        self.at = if place + 1 >= self.items.len() { None } else { Some(self.items[place].seq()) };
    }

    /// Takes over everything anew the next time.
    pub fn forget(&mut self) {
        self.items.clear();
        self.seen = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_control::event::What;

    fn log(numbers: impl Iterator<Item = u64>) -> VecDeque<Arc<Event>> {
        let event =
            |seq| Event { seq, device: format!("d{seq}"), device_seconds: 0.0, what: What::Rule { rule: 0 } };
        numbers.map(|seq| Arc::new(event(seq))).collect()
    }

    #[test]
    fn the_cursor_follows_the_end_until_it_is_moved() {
        let mut stream = Stream::default();
        stream.refresh(&log(1..=3));
        assert_eq!(stream.cursor(), 2);
        stream.move_to(1);
        stream.refresh(&log(1..=9));
        assert_eq!((stream.cursor(), stream.items.len()), (1, 9));
        stream.refresh(&log(5..=12));
        assert_eq!(stream.on().map(|event| event.seq), Some(5), "the one it was on is not kept any more");
        stream.move_to(7);
        stream.refresh(&log(5..=20));
        assert_eq!(stream.on().map(|event| event.seq), Some(20));
    }

    #[test]
    fn a_filter_looks_at_what_is_there_and_at_what_comes() {
        let mut stream = Stream::default();
        stream.filter(Filter::parse("~^d[12]").unwrap());
        stream.refresh(&log(1..=9));
        stream.refresh(&log(1..=12));
        let seen: Vec<_> = stream.items.iter().map(|event| event.seq).collect();
        assert_eq!(seen, [1, 2, 10, 11, 12]);
        stream.refresh(&log(1..=2));
        assert_eq!(stream.items.len(), 2, "a fleet that was started anew");
    }
}
