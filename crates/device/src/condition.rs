//! Conditions over channels: `temp >= 100 and not powerOn`.
//!
//! Here is what a condition is and when it holds; `condition/parse.rs` reads it from text. Conditions are at most
//! [`MAX_DEPTH`] levels deep, so evaluation needs a bounded stack also on a small board.

mod parse;

use crate::{
    definition::{ChannelId, Operand},
    value::Value,
};
use alloc::{boxed::Box, string::String, vec::Vec};
use serde::{Deserialize, Serialize};

pub use parse::{ConditionError, ConditionErrorKind, MAX_DEPTH, MAX_LENGTH};

/// A condition over the channels of one definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// The channel is on, pressed, non-zero or non-empty.
    Is(ChannelId),
    /// The channel compares so with a number (or the index of an option) or another channel.
    Compare(ChannelId, Comparison, Operand),
    /// The text channel equals (true) or differs from (false) this text.
    TextIs(ChannelId, bool, String),
    /// The opposite.
    Not(Box<Condition>),
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
}

/// A comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Condition {
    /// Whether the condition holds for these values.
    pub fn holds<'v>(&self, value_of: impl Fn(ChannelId) -> &'v Value) -> bool {
        self.eval(&value_of, 0.0)
    }

    /// Whether a condition that has held so far still does, when the thresholds of integers and floats may be missed
    /// by `width` (zero or more, in the unit of the channel): `temp >= 100` with a width of 5 ends below 95.
    ///
    /// `==` tolerates a difference of `width`; `!=`, switches, choices and texts know no width.
    pub fn still_holds<'v>(&self, width: f64, value_of: impl Fn(ChannelId) -> &'v Value) -> bool {
        self.eval(&value_of, width)
    }

    /// `slack` is by how much thresholds are eased (positive) or, inside a negation, tightened (negative).
    fn eval<'v>(&self, value_of: &impl Fn(ChannelId) -> &'v Value, slack: f64) -> bool {
        match self {
            Self::Is(channel) => value_of(*channel).is_truthy(),
            Self::Compare(channel, comparison, operand) => {
                let left = value_of(*channel);
                let right = match operand {
                    Operand::Number(number) => *number,
                    Operand::Channel(other) => value_of(*other).as_f64(),
                };
                let slack = match left {
                    Value::Integer(_) | Value::Float(_) => slack,
                    Value::Boolean(_) | Value::Choice(_) | Value::Text(_) => 0.0,
                };
                comparison.holds(left.as_f64(), right, slack)
            }
            Self::TextIs(channel, equal, text) => {
                matches!(value_of(*channel), Value::Text(value) if value == text) == *equal
            }
            Self::Not(inner) => !inner.eval(value_of, -slack),
            Self::All(parts) => parts.iter().all(|part| part.eval(value_of, slack)),
            Self::Any(parts) => parts.iter().any(|part| part.eval(value_of, slack)),
        }
    }

    /// Calls `visit` with every channel the condition reads, in the order of the text, repeated where they repeat.
    pub fn for_each_channel(&self, visit: &mut impl FnMut(ChannelId)) {
        match self {
            Self::Is(channel) | Self::TextIs(channel, _, _) => visit(*channel),
            Self::Compare(channel, _, operand) => {
                visit(*channel);
                if let Operand::Channel(other) = operand {
                    visit(*other);
                }
            }
            Self::Not(inner) => inner.for_each_channel(visit),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.for_each_channel(visit)),
        }
    }
}

impl Comparison {
    /// Whether `left` compares so with `right`, where a positive `slack` makes it easier and a negative one harder.
    fn holds(self, left: f64, right: f64, slack: f64) -> bool {
        match self {
            Self::Equal => libm::fabs(left - right) <= slack.max(0.0),
            Self::NotEqual => libm::fabs(left - right) > (-slack).max(0.0),
            Self::Less => left < right + slack,
            Self::LessOrEqual => left <= right + slack,
            Self::Greater => left > right - slack,
            Self::GreaterOrEqual => left >= right - slack,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Comparison::{Equal, GreaterOrEqual, Less, NotEqual};
    use alloc::vec;

    const A: ChannelId = ChannelId(0);

    fn at(value: f64) -> impl Fn(ChannelId) -> &'static Value {
        let value: &'static Value = Box::leak(Box::new(Value::Float(value)));
        move |_| value
    }

    fn compare(comparison: Comparison, number: f64) -> Condition {
        Condition::Compare(A, comparison, Operand::Number(number))
    }

    #[test]
    fn a_threshold_is_left_only_below_its_hysteresis() {
        let hot = compare(GreaterOrEqual, 100.0);
        assert!(hot.holds(at(100.0)) && !hot.holds(at(99.9)));
        assert!(hot.still_holds(5.0, at(95.0)) && !hot.still_holds(5.0, at(94.9)));
    }

    #[test]
    fn hysteresis_turns_around_inside_a_negation() {
        let hot = Condition::Not(Box::new(compare(Less, 100.0)));
        assert!(hot.holds(at(100.0)) && !hot.holds(at(99.9)));
        assert!(hot.still_holds(5.0, at(95.0)) && !hot.still_holds(5.0, at(94.9)));
    }

    #[test]
    fn a_negated_equality_behaves_like_an_inequality() {
        let not_equal = Condition::Not(Box::new(compare(Equal, 10.0)));
        let not_unequal = Condition::Not(Box::new(compare(NotEqual, 10.0)));
        for value in [9.0, 10.0, 10.5] {
            assert_eq!(
                not_equal.still_holds(1.0, at(value)),
                compare(NotEqual, 10.0).still_holds(1.0, at(value))
            );
            assert_eq!(
                not_unequal.still_holds(1.0, at(value)),
                compare(Equal, 10.0).still_holds(1.0, at(value))
            );
        }
    }

    #[test]
    fn switches_know_no_hysteresis() {
        static ON: Value = Value::Boolean(true);
        assert!(!compare(Equal, 0.0).still_holds(5.0, |_| &ON));
    }

    #[test]
    fn a_condition_names_all_its_channels() {
        let b = ChannelId(1);
        let condition = Condition::All(vec![
            Condition::Is(b),
            Condition::Not(Box::new(Condition::Compare(A, Less, Operand::Channel(b)))),
        ]);
        let mut seen = Vec::new();
        condition.for_each_channel(&mut |channel| seen.push(channel));
        assert_eq!(seen, [b, A, b]);
    }
}
