//! When a rule fires.
//!
//! ```text
//!            condition holds              held for the delay: fires
//!   Waiting ─────────────────► Holding(n) ─────────────────────────► Fired
//!      ▲                            │                                   │
//!      └────────────────────────────┴───────────────────────────────────┘
//!              condition does not hold any more, hysteresis included
//! ```
//!
//! All moves may happen at the same tick; a rule without delay goes from Waiting to Fired at once.

use crate::{
    definition::{ChannelId, Rule},
    value::Value,
};
use core::time::Duration;

/// What one rule remembers.
#[derive(Clone, Debug)]
pub(super) struct RuleState {
    /// Ticks the condition must hold after the one at which it began to.
    delay: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The condition does not hold.
    Waiting,
    /// It holds, and has this many ticks to go before the rule fires.
    Holding(u64),
    /// The rule has fired, and the condition holds still.
    Fired,
}

impl RuleState {
    pub(super) fn new(rule: &Rule, tick: Duration) -> Self {
        let ticks = rule.delay.as_nanos().div_ceil(tick.as_nanos().max(1));
        Self { delay: u64::try_from(ticks).unwrap_or(u64::MAX), phase: Phase::Waiting }
    }

    /// Looks at the condition at a tick; answers whether the rule fires now.
    pub(super) fn fires<'v>(&mut self, rule: &Rule, value_of: impl Fn(ChannelId) -> &'v Value) -> bool {
        let holds = match self.phase {
            Phase::Waiting => rule.when.holds(value_of),
            Phase::Holding(_) | Phase::Fired => rule.when.still_holds(rule.hysteresis, value_of),
        };
        let (phase, fires) = match (self.phase, holds) {
            (Phase::Waiting | Phase::Holding(_) | Phase::Fired, false) => (Phase::Waiting, false),
            (Phase::Fired, true) => (Phase::Fired, false),
            (Phase::Waiting, true) if self.delay == 0 => (Phase::Fired, true),
            (Phase::Waiting, true) => (Phase::Holding(self.delay - 1), false),
            (Phase::Holding(0), true) => (Phase::Fired, true),
            (Phase::Holding(left), true) => (Phase::Holding(left - 1), false),
        };
        self.phase = phase;
        fires
    }
}
