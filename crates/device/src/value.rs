//! Values of sensors and actuators.

use alloc::{format, string::String};
use core::fmt;
use serde::{Deserialize, Serialize};

/// The value of one sensor or actuator at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// On or off.
    Boolean(bool),
    /// A whole number; also the press count of a button (0 when released).
    Integer(i64),
    /// A real number, always finite.
    Float(f64),
    /// Index into the options of a choice.
    Choice(u16),
    /// Free text.
    Text(String),
}

impl Value {
    /// The value as a number: booleans are 0 and 1, a choice is its index, text is 0.
    pub fn as_f64(&self) -> f64 {
        match self {
            Self::Boolean(b) => f64::from(u8::from(*b)),
            Self::Integer(i) => *i as f64,
            Self::Float(f) => *f,
            Self::Choice(c) => f64::from(*c),
            Self::Text(_) => 0.0,
        }
    }

    /// Whether the value counts as true in a condition: anything but zero and empty text.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            other => other.as_f64() != 0.0,
        }
    }
}

/// Writes a float with `precision` decimals, or in its shortest exact form, never as `-0`.
pub fn format_float(value: f64, precision: Option<u8>) -> String {
    let text = match precision {
        Some(digits) => format!("{value:.*}", usize::from(digits)),
        None => format!("{value}"),
    };
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| b == b'0' || b == b'.') => rest.into(),
        _ => text,
    }
}

/// A password or key. Its `Debug` and `Display` print `[redacted]`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for the one place that has to send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
    }

    #[test]
    fn floats_never_show_a_negative_zero() {
        assert_eq!(format_float(-0.001, Some(2)), "0.00");
        assert_eq!(format_float(-1.5, Some(1)), "-1.5");
        assert_eq!(format_float(22.43, None), "22.43");
    }
}
