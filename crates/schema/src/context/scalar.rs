//! Reading single values: text, numbers, words, and quantities with their units.

use super::Context;
use crate::{
    quantity::{self, QuantityError},
    suggest,
    yaml::{Content, Entry, Node},
};
use std::time::Duration;

impl Context<'_> {
    /// A scalar that is not empty.
    pub(crate) fn scalar<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.content {
            Content::Scalar { text, .. } if !node.is_empty() => Some(text),
            Content::Scalar { .. } | Content::Sequence(_) | Content::Mapping(_) => {
                self.wrong_type(node, expected);
                None
            }
        }
    }

    /// Text for people: one line that XML can carry, at most `most` bytes.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, most: usize) -> Option<&'n str> {
        let text = self.scalar(node, "text")?.trim();
        if text.is_empty() {
            self.mistake(node.span, "this text is empty").label("write something, or leave the key out");
            return None;
        }
        if text.len() > most {
            self.mistake(node.span, format!("this text has {} bytes, more than {most}", text.len()))
                .label("too long");
            return None;
        }
        // XML 1.0 section 2.2 has no way to write most control characters; a label has no use for the others.
        let odd = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
        if let Some(c) = text.chars().find(|&c| odd(c)) {
            self.mistake(node.span, format!("the character {} cannot stand here", c.escape_unicode()))
                .label("a line break or control character")
                .help("keep it to one line of visible characters");
            return None;
        }
        Some(text)
    }

    /// Text of at most 64 visible ASCII characters, as the Device Information Service carries it.
    pub(crate) fn ascii<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let text = self.text(node, 64)?;
        if let Some(c) = text.chars().find(|c| !c.is_ascii()) {
            self.mistake(node.span, format!("the character '{c}' cannot stand here"))
                .label("ASCII only")
                .help("devices show this text over Bluetooth, where clients read it as ASCII");
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.content {
            Content::Scalar { text, plain: true } if text == "true" => Some(true),
            Content::Scalar { text, plain: true } if text == "false" => Some(false),
            Content::Scalar { text, .. } => {
                let help = match text.to_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" | "1" => Some("write `true`"),
                    "no" | "off" | "n" | "false" | "0" => Some("write `false`"),
                    _ => None,
                };
                self.wrong_type(node, "true or false").maybe_help(help.map(str::to_owned));
                None
            }
            Content::Sequence(_) | Content::Mapping(_) => {
                self.wrong_type(node, "true or false");
                None
            }
        }
    }

    /// A finite number.
    pub(crate) fn number(&mut self, node: &Node) -> Option<f64> {
        if let Content::Scalar { text, plain } = &node.content {
            let number = text.parse::<f64>().ok().filter(|_| text.contains(|c: char| c.is_ascii_digit()));
            match number {
                Some(number) if *plain && number.is_finite() => return Some(number),
                Some(_) if *plain => {
                    self.mistake(node.span, "this number is too large").label("not finite");
                    return None;
                }
                Some(_) => {
                    self.wrong_type(node, "a number").help("take the quotes away");
                    return None;
                }
                None => {
                    let comma = text.replace(',', ".");
                    let help = comma.parse::<f64>().is_ok().then(|| format!("write {comma}, with a point"));
                    self.wrong_type(node, "a number").maybe_help(help);
                    return None;
                }
            }
        }
        self.wrong_type(node, "a number");
        None
    }

    /// A number greater than zero.
    pub(crate) fn positive(&mut self, node: &Node) -> Option<f64> {
        let number = self.number(node)?;
        if number <= 0.0 {
            self.mistake(node.span, format!("{number} must be greater than zero")).label("zero or less");
            return None;
        }
        Some(number)
    }

    /// A whole number from `min` to `max`, both included; as everywhere in YAML, `0x1F` is one, too.
    pub(crate) fn integer(&mut self, node: &Node, min: u64, max: u64) -> Option<u64> {
        if let Content::Scalar { text, plain: true } = &node.content
            && let Ok(number) = match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => text.parse(),
            }
        {
            if (min..=max).contains(&number) {
                return Some(number);
            }
            self.mistake(node.span, format!("{number} is out of range"))
                .label(format!("from {min} to {max}"));
            return None;
        }
        self.wrong_type(node, "a whole number").help(format!("from {min} to {max}"));
        None
    }

    /// A quantity in text, read by `reader`.
    pub(crate) fn quantity<T>(
        &mut self,
        node: &Node,
        expected: &str,
        reader: impl Fn(&str) -> Result<T, QuantityError>,
    ) -> Option<T> {
        let text = self.scalar(node, expected)?;
        match reader(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.mistake(node.span, error.message)
                    .label(format!("should be {expected}"))
                    .help(error.help);
                None
            }
        }
    }

    /// A duration, which may be zero.
    pub(crate) fn duration(&mut self, node: &Node) -> Option<Duration> {
        self.quantity(node, "a duration", quantity::duration)
    }

    /// A duration greater than zero.
    pub(crate) fn span_of_time(&mut self, node: &Node) -> Option<Duration> {
        let duration = self.duration(node)?;
        if duration.is_zero() {
            self.mistake(node.span, "this duration must be greater than zero").label("no time at all");
            return None;
        }
        Some(duration)
    }

    /// A rate such as `2/min`, as a number a second.
    pub(crate) fn rate(&mut self, node: &Node) -> Option<f64> {
        self.quantity(node, "a rate", quantity::rate)
    }

    /// A share such as `20 %`, from 0 to 1.
    pub(crate) fn share(&mut self, node: &Node) -> Option<f64> {
        self.quantity(node, "a share", quantity::share)
    }

    /// A time of day in a key, as seconds since midnight.
    pub(crate) fn time_of_day(&mut self, entry: &Entry) -> Option<u32> {
        match quantity::time_of_day(&entry.key) {
            Ok(second) => Some(second),
            Err(error) => {
                self.mistake(entry.key_span, error.message).label("should be a time of day").help(error.help);
                None
            }
        }
    }

    /// One of a few words, each with its meaning.
    pub(crate) fn word<T: Clone>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.scalar(node, what)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(meaning.clone());
        }
        let help = suggest::advice(text, words.iter().map(|(word, _)| *word));
        self.mistake(node.span, format!("`{text}` is not {what}")).label("unknown").help(help);
        None
    }

    /// `[min, max]`, the first below the second.
    pub(crate) fn range(&mut self, node: &Node) -> Option<(f64, f64)> {
        let Content::Sequence(items) = &node.content else {
            self.wrong_type(node, "a range").help("write it as [min, max]");
            return None;
        };
        let [min, max] = items.as_slice() else {
            self.mistake(node.span, format!("a range has two numbers, this one has {}", items.len()))
                .label("two, please")
                .help("write it as [min, max]");
            return None;
        };
        let (low, high) = (self.number(min), self.number(max));
        let (low, high) = (low?, high?);
        if low < high {
            return Some((low, high));
        }
        let complaint = self.mistake(node.span, format!("the range from {low} to {high} is empty"));
        if low > high {
            complaint.label("upside down").help(format!("write [{high}, {low}]"));
        } else {
            complaint.label("both ends are the same").help("the second number must be larger");
        }
        None
    }
}
