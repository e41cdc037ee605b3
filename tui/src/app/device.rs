//! One device's screen: which of its channels the cursor is on, and a value that is on its way to it.

use std::sync::Arc;
use thingfleet_control::{
    snapshot::{Channel, Role, Source, Type},
    value::Value,
};

/// Steps from one end of a channel without steps of its own to the other.
const STEPS: f64 = 100.0;

/// One device's screen.
#[derive(Debug, Default)]
pub struct DeviceScreen {
    /// Its name.
    pub name: Option<Arc<str>>,
    /// The channel the cursor is on.
    pub cursor: usize,
    /// The value that was given last and has not been seen yet: channel, number.
    pub given: Option<(String, f64)>,
}

/// The next value of a channel, some steps from a number, within its range; `None` for text.
pub fn nudged(channel: &Channel, from: f64, steps: f64) -> Option<Value> {
    match channel.r#type {
        Type::Boolean => Some(Value::Boolean(steps > 0.0)),
        Type::Button | Type::Text => None,
        Type::Choice => {
            let count = channel.options.len() as f64;
            let place = (from + steps.signum()).rem_euclid(count.max(1.0));
            option(channel, place)
        }
        Type::Integer | Type::Float => Some(fitted(channel, from + steps * step(channel))),
    }
}

/// The value of a channel at a part of its slider, from 0 to 1.
pub fn slid(channel: &Channel, part: f64) -> Option<Value> {
    let (min, max) = (channel.min?, channel.max?);
    Some(fitted(channel, min + part.clamp(0.0, 1.0) * (max - min)))
}

/// The value that a switch, a button or a choice goes to next.
pub fn toggled(channel: &Channel, from: f64) -> Option<Value> {
    match channel.r#type {
        Type::Boolean => Some(Value::Boolean(from == 0.0)),
        Type::Choice => nudged(channel, from, 1.0),
        Type::Button => Some(Value::Integer(1)),
        Type::Integer | Type::Float | Type::Text => None,
    }
}

/// Whether a slider makes sense for it.
pub fn has_slider(channel: &Channel) -> bool {
    let is_number = matches!(channel.r#type, Type::Integer | Type::Float);
    is_number && matches!((channel.min, channel.max), (Some(min), Some(max)) if min < max)
}

/// The command that gives a channel a value: an actuator is set as by a person, a reading is injected, and one that is
/// held stays held.
pub fn command(channel: &Channel, value: Value) -> thingfleet_control::command::Command {
    use thingfleet_control::command::Command;
    let name = channel.name.clone();
    match (channel.role, channel.source) {
        (_, Source::Held) => Command::Hold { channel: name, value: Some(value) },
        (Role::Actuator, Source::Behaviour | Source::Injected | Source::Set) => {
            Command::Set { channel: name, value }
        }
        (Role::Sensor, Source::Behaviour | Source::Injected | Source::Set) => {
            Command::Inject { channel: name, value }
        }
    }
}

fn option(channel: &Channel, place: f64) -> Option<Value> {
    channel.options.get(whole(place)).cloned().map(Value::Text)
}

/// The distance between two values that a person can choose from.
fn step(channel: &Channel) -> f64 {
    let own = channel.step.filter(|step| *step > 0.0);
    own.unwrap_or_else(|| match (channel.r#type, channel.min, channel.max) {
        (Type::Float, Some(min), Some(max)) if min < max => round_step((max - min) / STEPS),
        _ => 1.0,
    })
}

/// The next smaller one of 1, 2 and 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let first = step / power;
    power
        * if first >= 5.0 {
            5.0
        } else if first >= 2.0 {
            2.0
        } else {
            1.0
        }
}

fn fitted(channel: &Channel, number: f64) -> Value {
    let step = step(channel);
    let origin = channel.min.filter(|_| channel.step.is_some()).unwrap_or(0.0);
    let number = origin + ((number - origin) / step).round() * step;
    let number = number.max(channel.min.unwrap_or(f64::MIN)).min(channel.max.unwrap_or(f64::MAX));
    match channel.r#type {
        Type::Integer | Type::Button => Value::Integer(integer(number)),
        Type::Boolean | Type::Float | Type::Choice | Type::Text => {
            // Without the tail of a binary fraction.
            Value::Float((number * 1e6).round() / 1e6)
        }
    }
}

/// The place that a number stands for; what is no place is 0 or far too large, which is harmless.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` goes to the nearest there is"
)]
pub fn whole(number: f64) -> usize {
    number.round() as usize
}

#[expect(clippy::cast_possible_truncation, reason = "`as` goes to the nearest there is")]
fn integer(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(r#type: Type, range: Option<(f64, f64)>, step: Option<f64>) -> Channel {
        Channel {
            name: "x".into(),
            label: "X".into(),
            role: Role::Sensor,
            r#type,
            unit: None,
            min: range.map(|range| range.0),
            max: range.map(|range| range.1),
            step,
            options: vec!["low".into(), "mid".into(), "high".into()],
            settable: true,
            value: Value::Integer(0),
            source: Source::Behaviour,
            set_by: None,
            age_seconds: 0.0,
        }
    }

    #[test]
    fn a_nudge_is_a_step_and_stays_in_range() {
        let temp = channel(Type::Float, Some((-20.0, 110.0)), None);
        assert_eq!(nudged(&temp, 20.3, 1.0), Some(Value::Float(21.0)));
        assert_eq!(nudged(&temp, 109.5, 10.0), Some(Value::Float(110.0)));
        let target = channel(Type::Float, Some((5.0, 30.0)), Some(0.5));
        assert_eq!(nudged(&target, 20.0, -1.0), Some(Value::Float(19.5)));
        let count = channel(Type::Integer, None, None);
        assert_eq!(nudged(&count, 3.0, -10.0), Some(Value::Integer(-7)));
    }

    #[test]
    fn options_go_round_and_a_switch_goes_where_it_is_pushed() {
        let mode = channel(Type::Choice, None, None);
        assert_eq!(nudged(&mode, 2.0, 1.0), Some(Value::Text("low".into())));
        assert_eq!(nudged(&mode, 0.0, -1.0), Some(Value::Text("high".into())));
        let power = channel(Type::Boolean, None, None);
        assert_eq!(nudged(&power, 1.0, 1.0), Some(Value::Boolean(true)));
        assert_eq!(toggled(&power, 1.0), Some(Value::Boolean(false)));
    }

    #[test]
    fn a_slider_goes_from_end_to_end() {
        let target = channel(Type::Float, Some((5.0, 30.0)), Some(0.5));
        assert_eq!(slid(&target, 0.0), Some(Value::Float(5.0)));
        assert_eq!(slid(&target, 0.503), Some(Value::Float(17.5)));
        assert_eq!(slid(&target, 2.0), Some(Value::Float(30.0)));
        assert_eq!(slid(&channel(Type::Float, None, None), 0.5), None);
    }
}
