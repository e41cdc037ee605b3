//! The Markov chain behind [`crate::definition::Source::Markov`].

use super::pace::micros;
use crate::{definition::MarkovState, random::Stream, time::Instant};

/// Most transitions within one tick. Dwell times far below the tick cannot be told apart by anyone who watches, and
/// a device must not spend its time on them.
const MOST_PER_TICK: usize = 32;

/// Where a chain is and how long it stays there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    state: u16,
    leaves: Instant,
}

impl Position {
    /// The first state that has exactly this value, else the first of all.
    pub(super) fn nearest(states: &[MarkovState], value: f64) -> Self {
        let state =
            (0u16..).zip(states).find(|(_, state)| state.value == value).map_or(0, |(index, _)| index);
        Self { state, leaves: Instant::START }
    }

    /// Draws how long it stays, beginning at `moment`.
    pub(super) fn dwell_from(&mut self, moment: Instant, states: &[MarkovState], random: &mut Stream) {
        let Some(state) = states.get(usize::from(self.state)) else { return };
        let span = if state.fixed { state.mean } else { exponential(state.mean, random) };
        self.leaves = moment.plus(span);
    }

    /// Makes the transitions that are due by `now`; the next deadline derives from the previous one. Tells whether
    /// there was any.
    pub(super) fn advance(&mut self, now: Instant, states: &[MarkovState], random: &mut Stream) -> bool {
        let mut transitions = 0;
        while self.leaves <= now && transitions < MOST_PER_TICK {
            self.state = follow(states, self.state, random);
            self.dwell_from(self.leaves, states, random);
            transitions += 1;
        }
        if self.leaves <= now {
            self.dwell_from(now, states, random);
        }
        transitions > 0
    }

    /// The value of the state it is in.
    pub(super) fn value(&self, states: &[MarkovState]) -> f64 {
        states.get(usize::from(self.state)).map_or(0.0, |state| state.value)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product is not negative and the cast saturates"
)]
fn exponential(mean: core::time::Duration, random: &mut Stream) -> core::time::Duration {
    core::time::Duration::from_micros((micros(mean) as f64 * random.exponential()) as u64)
}

fn follow(states: &[MarkovState], from: u16, random: &mut Stream) -> u16 {
    let Some(state) = states.get(usize::from(from)) else { return 0 };
    let total: f64 = state.next.iter().map(|(_, weight)| weight).sum();
    let mut left = random.uniform() * total;
    for (index, weight) in &state.next {
        left -= weight;
        if left < 0.0 {
            return *index;
        }
    }
    // Rounding may leave a crumb after the last weight.
    state.next.last().map_or(0, |(index, _)| *index)
}
