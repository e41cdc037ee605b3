//! Numbers and values of a channel: rounding, range and conversion.
//!
//! What a value looks like in XML is not decided here.

use crate::{
    definition::{Channel, Kind, Range},
    value::Value,
};

impl Range {
    /// The number of the range that is closest to `number`.
    pub fn nearest(self, number: f64) -> f64 {
        if number < self.min {
            self.min
        } else if number > self.max {
            self.max
        } else {
            number
        }
    }
}

impl Channel {
    /// The channel's value for a number: kept in the range; a float is rounded to the precision, an integer and the
    /// index of an option to the nearest whole number, and a half and more switches on. `None` if the number is not
    /// finite or the channel is a text.
    pub fn value_from(&self, number: f64) -> Option<Value> {
        self.value_for(number, true)
    }

    /// The same without the range, for a sensor that shows what cannot be.
    pub(crate) fn unbounded(&self, number: f64) -> Option<Value> {
        self.value_for(number, false)
    }

    fn value_for(&self, number: f64, is_bounded: bool) -> Option<Value> {
        if !number.is_finite() {
            return None;
        }
        let near = |number| self.range.filter(|_| is_bounded).map_or(number, |range| range.nearest(number));
        // Adding zero turns a negative zero into the ordinary one.
        Some(match &self.kind {
            Kind::Boolean => Value::Boolean(number >= 0.5),
            Kind::Integer | Kind::Button => Value::Integer(whole(near(number))),
            Kind::Float => Value::Float(near(round_to(number, self.precision)) + 0.0),
            Kind::Choice(options) => {
                let last = u16::try_from(options.len().saturating_sub(1)).unwrap_or(u16::MAX);
                Value::Choice(u16::try_from(whole(number).max(0)).unwrap_or(u16::MAX).min(last))
            }
            Kind::Text(_) => return None,
        })
    }

    /// The channel's value for a value of another channel or from outside: numbers as in [`Channel::value_from`],
    /// texts as they are. `None` where it does not fit: a text in a number, a number in a text, too long a text.
    pub fn value_of(&self, value: &Value) -> Option<Value> {
        match (&self.kind, value) {
            (Kind::Text(most), Value::Text(text)) => {
                (text.len() <= usize::from(*most)).then(|| value.clone())
            }
            // A whole number must not lose digits on the way through a float.
            (Kind::Integer | Kind::Button, Value::Integer(_)) if self.range.is_none() => Some(value.clone()),
            (_, Value::Text(_)) => None,
            (_, Value::Boolean(_) | Value::Integer(_) | Value::Float(_) | Value::Choice(_)) => {
                self.value_from(value.as_f64())
            }
        }
    }
}

/// Saturates at the ends of the type.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted")]
fn whole(number: f64) -> i64 {
    libm::round(number) as i64
}

/// Powers of ten are exact up to the 22nd; a double has no more digits to round.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Rounds to this many decimals, as far as a double can tell them apart.
fn round_to(number: f64, decimals: Option<u8>) -> f64 {
    let Some(power) = decimals.and_then(|decimals| POWERS.get(usize::from(decimals))) else {
        return number;
    };
    let rounded = libm::round(number * power) / power;
    if rounded.is_finite() { rounded } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        definition::{Behaviour, ChoiceOption, PublishPolicy, Role},
        unit::Unit,
    };
    use alloc::{borrow::ToOwned, string::String};
    use core::time::Duration;

    fn channel(kind: Kind, range: Option<Range>, precision: Option<u8>) -> Channel {
        Channel {
            name: "x".to_owned(),
            role: Role::Sensor,
            label: String::new(),
            group: None,
            kind,
            unit: Unit::None,
            range,
            precision,
            step: None,
            starts: Value::Float(0.0),
            settable: false,
            behaviour: Behaviour::HOLD,
            publish: PublishPolicy { every: None, change: None, gap: Duration::ZERO, heartbeat: None },
        }
    }

    #[test]
    fn a_float_is_rounded_to_its_precision_and_kept_in_its_range() {
        let percent = channel(Kind::Float, Some(Range { min: 0.0, max: 99.5 }), Some(1));
        let value = |number| percent.value_from(number);
        assert_eq!(value(21.26), Some(Value::Float(21.3)));
        assert_eq!(value(99.9), Some(Value::Float(99.5)));
        assert_eq!(value(f64::NAN), None);
        assert!(matches!(value(-0.01), Some(Value::Float(zero)) if zero.is_sign_positive()));
        assert_eq!(channel(Kind::Float, None, Some(2)).value_from(1e308), Some(Value::Float(1e308)));
    }

    #[test]
    fn other_kinds_take_the_nearest_value_they_have() {
        let options = ["a", "b"].map(|name| ChoiceOption { name: name.to_owned(), label: name.to_owned() });
        let choice = channel(Kind::Choice(options.to_vec()), None, None);
        assert_eq!(choice.value_from(0.5), Some(Value::Choice(1)));
        assert_eq!(choice.value_from(9.0), Some(Value::Choice(1)));
        assert_eq!(choice.value_from(-3.0), Some(Value::Choice(0)));
        assert_eq!(channel(Kind::Boolean, None, None).value_from(0.49), Some(Value::Boolean(false)));
        assert_eq!(channel(Kind::Integer, None, None).value_from(1e300), Some(Value::Integer(i64::MAX)));
        assert_eq!(channel(Kind::Text(9), None, None).value_from(1.0), None);
    }

    #[test]
    fn a_whole_number_keeps_all_its_digits() {
        let big = Value::Integer(9_007_199_254_740_993);
        assert_eq!(channel(Kind::Integer, None, None).value_of(&big), Some(big));
    }

    #[test]
    fn a_text_that_is_too_long_does_not_fit() {
        let text = channel(Kind::Text(2), None, None);
        assert_eq!(text.value_of(&Value::Text("abc".to_owned())), None);
        assert_eq!(text.value_of(&Value::Text("ab".to_owned())), Some(Value::Text("ab".to_owned())));
    }
}
