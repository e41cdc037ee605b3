//! When a channel's value is sent: [`PublishPolicy`] on the tick grid.
//!
//! A fresh state sends its first value at once; the looks at which `every` asks for the value count from there, each
//! from the one before and never from the moment it was noticed. `gap` wins over everything else: a value held back
//! by it is looked at again at each tick until the gap is over. A heartbeat counts from the last value sent.

use crate::{definition::PublishPolicy, time::Instant, value::Value};
use core::time::Duration;

/// What is remembered about the publishing of one channel.
#[derive(Clone, Debug, Default)]
pub struct PublishState {
    last: Option<Sent>,
    /// Whether a look came while the gap was not over.
    held_back: bool,
}

#[derive(Clone, Debug)]
struct Sent {
    value: Value,
    /// The next moment at which `every` asks for the value; unused without it.
    next_look: Instant,
    /// The end of the gap after this value.
    gap_ends: Instant,
    /// When silence has lasted for a heartbeat, if there is one.
    heartbeat: Option<Instant>,
}

/// Why a value is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the first one.
    First,
    /// Its time has come, by `every` without `change`.
    Period,
    /// It differs from the last one sent by the band or more.
    Change,
    /// Nothing was sent for as long as the heartbeat allows.
    Heartbeat,
}

impl Reason {
    /// Short name, for traces and counters: `change`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Period => "period",
            Self::Change => "change",
            Self::Heartbeat => "heartbeat",
        }
    }
}

impl PublishState {
    /// A channel of which nothing was sent yet.
    pub const fn new() -> Self {
        Self { last: None, held_back: false }
    }

    /// Decides at a tick whether `value` is sent, and takes it as sent if so.
    pub fn due(&mut self, policy: &PublishPolicy, now: Instant, value: &Value) -> Option<Reason> {
        let Some(last) = &mut self.last else {
            self.sent(policy, now, value);
            return Some(Reason::First);
        };
        let looks = policy.every.is_none_or(|every| last.look(now, every)) || self.held_back;
        let reason = if looks && policy.change.is_none_or(|band| differs(&last.value, value, band)) {
            if policy.change.is_some() { Reason::Change } else { Reason::Period }
        } else if last.heartbeat.is_some_and(|heartbeat| heartbeat <= now) {
            Reason::Heartbeat
        } else {
            self.held_back = false;
            return None;
        };
        if now < last.gap_ends {
            self.held_back = looks;
            return None;
        }
        self.sent(policy, now, value);
        Some(reason)
    }

    /// Takes `value` as sent for another reason than the policy's: an actuator was set and its new value reported.
    pub fn sent(&mut self, policy: &PublishPolicy, now: Instant, value: &Value) {
        self.held_back = false;
        let gap_ends = now.plus(policy.gap);
        let heartbeat = policy.heartbeat.map(|most| now.plus(most));
        if let Some(last) = &mut self.last {
            last.value.clone_from(value);
            last.gap_ends = gap_ends;
            last.heartbeat = heartbeat;
        } else {
            let next_look = policy.every.map_or(now, |every| now.plus(every));
            self.last = Some(Sent { value: value.clone(), next_look, gap_ends, heartbeat });
        }
    }
}

impl Sent {
    /// Whether a look is due at `now`; if so, moves on to the first look after it.
    fn look(&mut self, now: Instant, every: Duration) -> bool {
        if now < self.next_look {
            return false;
        }
        let period = u64::try_from(every.as_micros()).unwrap_or(u64::MAX).max(1);
        let missed = (now.as_micros() - self.next_look.as_micros()) / period;
        let ahead = (missed + 1).saturating_mul(period);
        self.next_look = self.next_look.plus(Duration::from_micros(ahead));
        true
    }
}

/// Whether `new` is another value than `old`; numbers count as such from a distance of `band` on.
fn differs(old: &Value, new: &Value, band: f64) -> bool {
    match (old, new) {
        (Value::Float(_) | Value::Integer(_), Value::Float(_) | Value::Integer(_)) => {
            old != new && libm::fabs(new.as_f64() - old.as_f64()) >= band
        }
        (Value::Boolean(_) | Value::Choice(_) | Value::Text(_), _)
        | (_, Value::Boolean(_) | Value::Choice(_) | Value::Text(_)) => old != new,
    }
}
