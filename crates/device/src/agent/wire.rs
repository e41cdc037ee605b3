//! Values as text on the wire: `<val xmlns='urn:xmpp:uwpx:iot' unit='celsius' type='float'>22.43</val>`
//! (thesis 4.4.1), and back from every spelling that clients use.

use crate::{
    definition::{Channel, Dialect, Kind, Role},
    ns,
    unit::Unit,
    value::{Value, format_float},
    xml::Element,
};
use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt;

/// Item id of a channel in the sensors node. Actuators are mirrored there under the same scheme.
pub(crate) fn sensor_item(channel: &Channel) -> String {
    format!("xmpp.iot.sensor.{}", channel.name)
}

/// Item id of an actuator in the actuators node.
pub(crate) fn actuator_item(channel: &Channel) -> String {
    format!("xmpp.iot.actuator.{}", channel.name)
}

/// Name of the actuator behind an item id. Clients of the sensors node's scheme are understood too.
pub(crate) fn actuator_name(item: &str) -> Option<&str> {
    item.strip_prefix("xmpp.iot.actuator.").or_else(|| item.strip_prefix("xmpp.iot.sensor."))
}

/// The item id a client shows and, for actuators, publishes to.
pub(crate) fn ui_item(channel: &Channel) -> String {
    match channel.role {
        Role::Sensor => sensor_item(channel),
        Role::Actuator => actuator_item(channel),
    }
}

/// The text of a value of this channel.
pub fn to_text(channel: &Channel, value: &Value) -> String {
    match (&channel.kind, value) {
        (Kind::Choice(options), Value::Choice(index)) => {
            options.get(usize::from(*index)).map_or_else(String::new, |option| option.name.clone())
        }
        (_, Value::Boolean(on)) => if *on { "1" } else { "0" }.into(),
        (_, Value::Integer(number)) => number.to_string(),
        (_, Value::Float(number)) => format_float(*number, channel.precision),
        (_, Value::Choice(index)) => index.to_string(),
        (_, Value::Text(text)) => text.clone(),
    }
}

/// The value element of a channel.
pub(crate) fn element(channel: &Channel, value: &Value, dialect: Dialect) -> Element {
    let unit = match dialect {
        Dialect::Thesis if channel.unit != Unit::None => Some(channel.unit.name()),
        Dialect::Thesis | Dialect::Firmware => None,
    };
    Element::new(ns::IOT, "val")
        .attr_opt("unit", unit)
        .attr("type", type_name(channel, dialect))
        .text(to_text(channel, value))
}

fn type_name(channel: &Channel, dialect: Dialect) -> &'static str {
    let never_negative = channel.range.is_none_or(|range| range.min >= 0.0);
    match (dialect, &channel.kind) {
        (Dialect::Thesis, Kind::Boolean) => "boolean",
        (Dialect::Thesis, Kind::Integer | Kind::Button) => "integer",
        (Dialect::Thesis, Kind::Float) => "float",
        (Dialect::Firmware, Kind::Boolean) => "bool",
        (Dialect::Firmware, Kind::Integer) if !never_negative => "int",
        (Dialect::Firmware, Kind::Integer | Kind::Button) => "uint",
        (Dialect::Firmware, Kind::Float) => "double",
        (_, Kind::Choice(_) | Kind::Text(_)) => "string",
    }
}

/// Why a text is no value of a channel. Says what would be one.
#[derive(Clone, Debug, PartialEq)]
pub enum Unacceptable {
    /// The actuator only shows a state.
    ReadOnly,
    /// Neither on nor off.
    NotBoolean,
    /// Not a number.
    NotNumber,
    /// Not a whole number.
    NotWhole,
    /// Below the smallest or above the largest value.
    OutOfRange {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// Between two steps.
    OffStep {
        /// Distance of two values.
        step: f64,
    },
    /// Not one of the options.
    NotAnOption {
        /// The names of all options.
        options: String,
    },
    /// More bytes than the channel takes.
    TooLong {
        /// Most bytes.
        limit: u16,
    },
}

impl fmt::Display for Unacceptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadOnly => f.write_str("it can only be read"),
            Self::NotBoolean => f.write_str("it takes on or off"),
            Self::NotNumber => f.write_str("it takes a number"),
            Self::NotWhole => f.write_str("it takes a whole number"),
            Self::OutOfRange { min, max } => write!(f, "it takes {min} to {max}"),
            Self::OffStep { step } => write!(f, "it takes steps of {step}"),
            Self::NotAnOption { options } => write!(f, "it takes one of {options}"),
            Self::TooLong { limit } => write!(f, "it takes at most {limit} bytes"),
        }
    }
}

impl core::error::Error for Unacceptable {}

/// Reads a value for a settable channel in any spelling that clients use: `1`, `true`, `on`; `21.5`, `21,5`, `21.50`;
/// an option's name or label. The attribute `type` is not looked at: the reference client leaves it out.
///
/// # Errors
/// [`Unacceptable`] says what the channel takes instead.
pub fn from_text(channel: &Channel, text: &str) -> Result<Value, Unacceptable> {
    if channel.settable { value_from_text(channel, text) } else { Err(Unacceptable::ReadOnly) }
}

/// The same for any channel, whether a client may set it or not.
///
/// # Errors
/// [`Unacceptable`] says what the channel takes instead.
pub fn value_from_text(channel: &Channel, text: &str) -> Result<Value, Unacceptable> {
    let trimmed = text.trim();
    match &channel.kind {
        Kind::Boolean => boolean(trimmed).map(Value::Boolean).ok_or(Unacceptable::NotBoolean),
        Kind::Integer => whole(in_range(channel, number(trimmed)?)?).map(Value::Integer),
        Kind::Float => in_range(channel, number(trimmed)?).map(Value::Float),
        Kind::Choice(options) => {
            options
                .iter()
                .position(|option| option.name == trimmed)
                .or_else(|| {
                    let same = |name: &str| name.eq_ignore_ascii_case(trimmed);
                    options.iter().position(|option| same(&option.name) || same(&option.label))
                })
                .and_then(|index| u16::try_from(index).ok())
                .map(Value::Choice)
                .ok_or_else(|| {
                    let names = options.iter().map(|option| option.name.as_str());
                    let options = names.fold(String::new(), |all, name| {
                        if all.is_empty() { name.into() } else { all + ", " + name }
                    });
                    Unacceptable::NotAnOption { options }
                })
        }
        Kind::Text(limit) if text.len() > usize::from(*limit) => Err(Unacceptable::TooLong { limit: *limit }),
        Kind::Text(_) => Ok(Value::Text(text.into())),
        Kind::Button => match boolean(trimmed) {
            Some(pressed) => Ok(Value::Integer(pressed.into())),
            None => whole(number(trimmed)?).map(Value::Integer),
        },
    }
}

fn boolean(text: &str) -> Option<bool> {
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    if ["1", "true", "on", "yes"].iter().any(is) {
        Some(true)
    } else if ["0", "false", "off", "no"].iter().any(is) {
        Some(false)
    } else {
        None
    }
}

/// Reads a decimal number with a point or, as a client in a German or French locale writes it, a comma.
fn number(text: &str) -> Result<f64, Unacceptable> {
    let normal = if text.contains('.') { text.into() } else { text.replacen(',', ".", 1) };
    // The length bound keeps a stranger from making us parse kilobytes of digits.
    let parsed = (normal.len() <= 64).then(|| normal.parse::<f64>().ok()).flatten();
    parsed.filter(|number| number.is_finite()).ok_or(Unacceptable::NotNumber)
}

fn whole(number: f64) -> Result<i64, Unacceptable> {
    // 2^53: beyond it a float no longer counts in ones.
    if libm::trunc(number) == number && libm::fabs(number) <= 9_007_199_254_740_992.0 {
        #[allow(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        Ok(number as i64)
    } else {
        Err(Unacceptable::NotWhole)
    }
}

/// Checks range and step, and moves a number that is on a step up to rounding exactly onto it.
fn in_range(channel: &Channel, number: f64) -> Result<f64, Unacceptable> {
    if let Some(range) = channel.range
        && !(range.min..=range.max).contains(&number)
    {
        return Err(Unacceptable::OutOfRange { min: range.min, max: range.max });
    }
    let Some(step) = channel.step else { return Ok(number) };
    let origin = channel.range.map_or(0.0, |range| range.min);
    let steps = (number - origin) / step;
    let nearest = libm::round(steps);
    // A client's slider may compute its value in single precision.
    if libm::fabs(steps - nearest) > 1e-3 {
        return Err(Unacceptable::OffStep { step });
    }
    Ok(origin + nearest * step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn every_spelling_of_the_reference_client_is_understood() {
        let power = testing::channel("powerOn", Kind::Boolean);
        for (text, on) in
            [("1", true), ("0", false), ("true", true), ("False", false), (" on ", true), ("OFF", false)]
        {
            assert_eq!(from_text(&power, text), Ok(Value::Boolean(on)), "{text}");
        }
        let mut level = testing::channel("level", Kind::Float);
        level.range = Some(crate::definition::Range { min: 0.0, max: 1.0 });
        level.step = Some(0.1);
        for (text, value) in [("0,5", 0.5), ("0.5", 0.5), ("0.70000005", 0.700_000_000_000_000_1), ("1", 1.0)]
        {
            assert_eq!(from_text(&level, text), Ok(Value::Float(value)), "{text}");
        }
    }

    #[test]
    fn what_an_actuator_cannot_take_is_refused_with_what_it_takes() {
        let mut level = testing::channel("level", Kind::Integer);
        level.range = Some(crate::definition::Range { min: 10.0, max: 30.0 });
        level.step = Some(5.0);
        assert_eq!(from_text(&level, "31"), Err(Unacceptable::OutOfRange { min: 10.0, max: 30.0 }));
        assert_eq!(from_text(&level, "12"), Err(Unacceptable::OffStep { step: 5.0 }));
        for text in ["", "warm", "NaN", "inf", "1e999", "1.2.3"] {
            assert_eq!(from_text(&level, text), Err(Unacceptable::NotNumber), "{text}");
        }
        level.settable = false;
        assert_eq!(from_text(&level, "15"), Err(Unacceptable::ReadOnly));
        let power = testing::channel("powerOn", Kind::Boolean);
        assert_eq!(from_text(&power, "2"), Err(Unacceptable::NotBoolean));
    }

    #[test]
    fn a_value_names_its_type_in_the_words_of_its_dialect() {
        let mut temp = testing::channel("temp", Kind::Float);
        temp.unit = Unit::Celsius;
        temp.precision = Some(2);
        assert_eq!(
            element(&temp, &Value::Float(22.43), Dialect::Thesis).to_string(),
            "<val xmlns='urn:xmpp:uwpx:iot' unit='celsius' type='float'>22.43</val>"
        );
        assert_eq!(
            element(&temp, &Value::Float(22.43), Dialect::Firmware).to_string(),
            "<val xmlns='urn:xmpp:uwpx:iot' type='double'>22.43</val>"
        );
    }
}
