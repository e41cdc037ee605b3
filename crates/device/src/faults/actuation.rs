//! What faults do to a value that somebody gives an actuator.

use super::{Faults, Lately};
use crate::{
    definition::{Channel, ChannelId, Kind as ChannelKind},
    fault::Kind,
    time::Instant,
    value::Value,
};
use alloc::string::String;
use core::time::Duration;

/// Time between the two times that a value is applied.
const AGAIN: Duration = Duration::from_millis(100);

/// What becomes of the value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Actuation {
    /// The actuator takes this one.
    Apply(Value),
    /// It says that it has taken this one.
    Pretend(Value),
    /// It does nothing and says nothing, now at least.
    Ignore,
    /// It does nothing, and says so.
    Refuse,
}

impl Faults {
    /// Spoils a value on its way to an actuator that is at `old`.
    pub(crate) fn spoil_actuation(
        &mut self,
        now: Instant,
        (id, channel): (ChannelId, &Channel),
        value: &Value,
        old: &Value,
        by: Option<&String>,
    ) -> Actuation {
        let mut value = value.clone();
        for place in 0..self.active.len() {
            let fault = &self.active[place].fault;
            if !fault.concerns(id) {
                continue;
            }
            let later =
                |value: &Value| Lately::Actuate { channel: id, value: value.clone(), by: by.cloned() };
            match fault.kind() {
                Kind::ActuatorIgnored => return Actuation::Ignore,
                Kind::ActuatorStuck => return Actuation::Refuse,
                Kind::ActuatorHollow => return Actuation::Pretend(value),
                Kind::ActuatorDelayed => {
                    let at = now.plus(fault.delay());
                    return match self.late.hold(at, later(&value)) {
                        None => Actuation::Ignore,
                        Some(_) => Actuation::Apply(value),
                    };
                }
                // What is too much to be held back does not come: the value then stays as it was set once.
                Kind::ActuatorReverts => {
                    let at = now.plus(fault.delay());
                    let back = Lately::Actuate { channel: id, value: old.clone(), by: None };
                    _ = self.late.hold(at, back);
                }
                Kind::ActuatorDouble => {
                    if let Value::Integer(presses) = &mut value
                        && channel.kind == ChannelKind::Button
                    {
                        *presses = presses.saturating_mul(2);
                    }
                    let again = later(&value);
                    _ = self.late.hold(now.plus(AGAIN), again);
                }
                Kind::ActuatorWrong => value = wrong(channel, &value, fault.amount()),
                _ => {}
            }
        }
        Actuation::Apply(value)
    }
}

/// Another value than this one.
fn wrong(channel: &Channel, value: &Value, by: f64) -> Value {
    match (&channel.kind, value) {
        (_, Value::Boolean(on)) => Value::Boolean(!on),
        (ChannelKind::Choice(options), Value::Choice(index)) => {
            let count = u16::try_from(options.len()).unwrap_or(u16::MAX).max(1);
            Value::Choice((index + 1) % count)
        }
        (_, Value::Text(text)) => Value::Text(text.chars().rev().collect()),
        (_, number) => {
            let off = |by: f64| channel.value_from(number.as_f64() + by).filter(|other| other != number);
            off(by).or_else(|| off(-by)).unwrap_or_else(|| number.clone())
        }
    }
}
