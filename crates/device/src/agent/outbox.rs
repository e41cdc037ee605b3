//! What is to be published: for each item only its latest value, and only a few at a time.
//!
//! A slow server makes a device publish less often, not later: values that were overtaken are never sent, and the
//! box cannot grow beyond one entry an item.

use crate::{definition::ChannelId, time::Instant};
use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

/// An item of one of the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A sensor's value, or the mirror of an actuator's, in the sensors node.
    Reading(ChannelId),
    /// An actuator's value in the actuators node.
    Actuator(ChannelId),
    /// The user interface.
    Form,
}

/// Publishes under way at the same time. Enough to hide a round trip, too few to be a burst.
const WINDOW: usize = 4;

/// Pause after a refusal that time may heal.
const PAUSE: Duration = Duration::from_secs(5);

/// The items to publish and those under way.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Slot>,
    under_way: Vec<Slot>,
    paused_until: Option<Instant>,
}

impl Outbox {
    /// Notes that an item has a new value.
    pub(crate) fn mark(&mut self, slot: Slot) {
        if !self.waiting.contains(&slot) {
            self.waiting.push_back(slot);
        }
    }

    /// The next item to publish now, if any; it counts as under way.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Slot> {
        if self.paused_until.is_some_and(|until| now < until) || self.under_way.len() >= WINDOW {
            return None;
        }
        self.paused_until = None;
        // Two publishes of one item must not overtake each other.
        let place = self.waiting.iter().position(|slot| !self.under_way.contains(slot))?;
        let slot = self.waiting.remove(place)?;
        self.under_way.push(slot);
        Some(slot)
    }

    /// The channels whose readings wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = ChannelId> {
        self.waiting.iter().filter_map(|slot| match slot {
            Slot::Reading(channel) => Some(*channel),
            Slot::Actuator(_) | Slot::Form => None,
        })
    }

    /// The publish of an item was answered.
    pub(crate) fn answered(&mut self, slot: Slot) {
        self.under_way.retain(|other| *other != slot);
    }

    /// The publish of an item failed and should be tried again after a pause.
    pub(crate) fn postpone(&mut self, now: Instant, slot: Slot) {
        self.answered(slot);
        self.mark(slot);
        self.paused_until = Some(now.plus(PAUSE));
    }

    /// When a pause ends.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.paused_until.filter(|_| !self.waiting.is_empty())
    }

    /// Nothing is under way any more: the stream is gone.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMP: Slot = Slot::Reading(ChannelId(0));

    #[test]
    fn an_item_waits_once_and_is_under_way_once() {
        let mut outbox = Outbox::default();
        outbox.mark(TEMP);
        outbox.mark(TEMP);
        assert_eq!(outbox.take(Instant::START), Some(TEMP));
        outbox.mark(TEMP);
        assert_eq!(outbox.take(Instant::START), None);
        outbox.answered(TEMP);
        assert_eq!(outbox.take(Instant::START), Some(TEMP));
        assert_eq!(outbox.take(Instant::START), None);
    }

    #[test]
    fn the_window_bounds_what_is_under_way() {
        let mut outbox = Outbox::default();
        (0..10).for_each(|i| outbox.mark(Slot::Reading(ChannelId(i))));
        let sent = core::iter::from_fn(|| outbox.take(Instant::START)).count();
        assert_eq!(sent, WINDOW);
    }

    #[test]
    fn a_refusal_pauses_everything_for_a_while() {
        let mut outbox = Outbox::default();
        outbox.mark(TEMP);
        outbox.take(Instant::START);
        outbox.postpone(Instant::START, TEMP);
        assert_eq!(outbox.take(Instant::START), None);
        let later = outbox.deadline().unwrap();
        assert_eq!(outbox.take(later), Some(TEMP));
    }
}
