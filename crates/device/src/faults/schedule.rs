//! When the faults of a plan begin: looked at after everything that happens to the device.

use crate::{
    fault::{
        Fault,
        plan::{Phase, Planned, When},
    },
    random::Stream,
    time::Instant,
};
use alloc::vec::Vec;
use core::time::Duration;

/// The plan of a device, and how far it has come.
#[derive(Debug)]
pub(crate) struct Schedule {
    entries: Vec<Entry>,
    random: Stream,
}

#[derive(Debug)]
struct Entry {
    planned: Planned,
    /// The next moment at which it begins, where a clock says so.
    next: Option<Instant>,
    /// Whether its phase or condition held when it was last looked at.
    held: bool,
    /// How often it has begun.
    begun: u32,
}

/// What a fault of the plan does now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Moment {
    /// The one at this place begins.
    Begins(usize, Fault, Option<Duration>),
    /// The phase of the one at this place is over.
    Ends(usize),
}

/// What the device is like, for the plan.
pub(crate) trait Situation {
    /// Whether it is in this phase.
    fn is_in(&self, phase: Phase) -> bool;
    /// Whether this condition holds over its channels.
    fn holds(&self, condition: &crate::condition::Condition) -> bool;
}

impl Schedule {
    pub(super) fn new(plan: &[Planned], mut random: Stream) -> Self {
        let entry = |planned: &Planned| Entry {
            next: first(&planned.when, &mut random),
            planned: planned.clone(),
            held: false,
            begun: 0,
        };
        let entries = plan.iter().map(entry).collect();
        Self { entries, random }
    }

    /// Whether there is nothing to look at.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What begins or ends now, one at a time, until there is nothing more.
    pub(crate) fn next(&mut self, now: Instant, situation: &impl Situation) -> Option<Moment> {
        let Self { entries, random } = self;
        entries.iter_mut().enumerate().find_map(|(place, entry)| entry.next(place, now, situation, random))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.entries.iter().filter(|entry| !entry.is_used_up()).filter_map(|entry| entry.next).min()
    }
}

impl Entry {
    fn is_used_up(&self) -> bool {
        self.planned.times.is_some_and(|most| self.begun >= most)
    }

    fn next(
        &mut self,
        place: usize,
        now: Instant,
        situation: &impl Situation,
        random: &mut Stream,
    ) -> Option<Moment> {
        // A phase that is left ends its fault also when that was the last time.
        let (came, left) = self.turned(situation);
        if let (true, When::During(_)) = (left, &self.planned.when) {
            return Some(Moment::Ends(place));
        }
        if self.is_used_up() {
            return None;
        }
        let begins = match &self.planned.when {
            When::At(_) => self.next.take_if(|at| *at <= now).is_some(),
            When::Every { period, .. } => {
                let period = *period;
                self.next.as_mut().filter(|at| **at <= now).is_some_and(|at| {
                    // A device that slept does not make up for what it missed.
                    *at = at.plus(period).max(now);
                    true
                })
            }
            When::Randomly { mean } => {
                let is_due = self.next.is_some_and(|at| at <= now);
                if is_due {
                    self.next = Some(now.plus(mean.mul_f64(random.exponential())));
                }
                is_due
            }
            When::After(_, delay) => {
                if came {
                    self.next = Some(now.plus(*delay));
                }
                self.next.take_if(|at| *at <= now).is_some()
            }
            When::During(_) | When::Condition(_) => came,
        };
        if !begins || random.uniform() >= self.planned.chance {
            return None;
        }
        self.begun = self.begun.saturating_add(1);
        Some(Moment::Begins(place, self.planned.fault.clone(), self.planned.lasts))
    }

    /// Whether its phase or condition has come, and whether it has gone, since it was last looked at.
    fn turned(&mut self, situation: &impl Situation) -> (bool, bool) {
        let holds = match &self.planned.when {
            When::After(phase, _) | When::During(phase) => situation.is_in(*phase),
            When::Condition(condition) => situation.holds(condition),
            When::At(_) | When::Every { .. } | When::Randomly { .. } => return (false, false),
        };
        let held = core::mem::replace(&mut self.held, holds);
        (holds && !held, held && !holds)
    }
}

/// When a clock says that a fault begins first.
fn first(when: &When, random: &mut Stream) -> Option<Instant> {
    let after = match when {
        When::At(at) | When::Every { first: at, .. } => *at,
        When::Randomly { mean } => mean.mul_f64(random.exponential()),
        When::After(..) | When::During(_) | When::Condition(_) => return None,
    };
    Some(Instant::START.plus(after))
}
