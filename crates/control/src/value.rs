//! Values as JSON has them: `21.5`, `true`, `"eco"`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use thingfleet_device::{
    definition::{Channel, Kind},
    value::{self, format_float},
    wire::{self, Unacceptable},
};

/// The value of a channel: a switch is `true` or `false`, an option of a choice its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Boolean(bool),
    /// A whole number; for a button how often it was pressed, 0 when released.
    Integer(i64),
    /// A real number.
    Float(f64),
    /// A text, or the name of an option.
    Text(String),
}

impl Value {
    /// A channel's value, with the channel's precision.
    pub fn of(channel: &Channel, value: &value::Value) -> Self {
        match (value, &channel.kind) {
            (value::Value::Boolean(on), _) => Self::Boolean(*on),
            (value::Value::Integer(number), _) => Self::Integer(*number),
            (value::Value::Float(number), _) => {
                Self::Float(format_float(*number, channel.precision).parse().unwrap_or(*number))
            }
            (value::Value::Choice(_), Kind::Choice(_)) => Self::Text(wire::to_text(channel, value)),
            (value::Value::Choice(index), _) => Self::Integer((*index).into()),
            (value::Value::Text(text), _) => Self::Text(text.clone()),
        }
    }

    /// The value for this channel, in any spelling that a client may use.
    ///
    /// # Errors
    /// [`Unacceptable`] says what the channel takes instead.
    pub fn for_channel(&self, channel: &Channel) -> Result<value::Value, Unacceptable> {
        wire::value_from_text(channel, &self.to_string())
    }

    /// The value that a word on a command line means: `on`, `21.5`, `eco`.
    pub fn from_word(word: &str) -> Self {
        serde_json::from_str(word)
            .ok()
            .filter(|value| !matches!(value, Self::Text(_)))
            .unwrap_or_else(|| Self::Text(word.to_owned()))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(on) => on.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => f.write_str(&format_float(*number, None)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_the_value_it_looks_like() {
        let words = ["true", "3", "-2.5", "on", "eco", "\"1\"", "nan", ""];
        let text = |text: &str| Value::Text(text.into());
        let values = [
            Value::Boolean(true),
            Value::Integer(3),
            Value::Float(-2.5),
            text("on"),
            text("eco"),
            text("\"1\""),
            text("nan"),
            text(""),
        ];
        assert_eq!(words.map(Value::from_word), values);
    }

    #[test]
    fn json_keeps_the_type_of_a_value() {
        for (value, json) in [
            (Value::Boolean(true), "true"),
            (Value::Integer(9_007_199_254_740_993), "9007199254740993"),
            (Value::Float(21.5), "21.5"),
            (Value::Text("eco".into()), "\"eco\""),
        ] {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
        }
    }
}
