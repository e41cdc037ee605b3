//! The settings of a fault, within what the catalogue allows its kind.

use super::listed_settings;
use crate::{
    context::{Context, Fields},
    grammar::fault::{CHARACTERISTICS, DIRECTIONS, SETTINGS},
    quantity::{self, QuantityError},
    yaml::{Content, Node},
};
use std::time::Duration;
use thingfleet_device::fault::{
    MAX_TEXT, Settings,
    catalogue::{Entry, Parameter},
};

/// Reads what a kind is set to, all but the channel; `None` after a complaint.
pub(super) fn read(context: &mut Context, fields: Fields, entry: &Entry) -> Option<Settings> {
    let mut is_good = true;
    for name in SETTINGS {
        let Some(written) = fields.entry(name) else { continue };
        if entry.parameter(name).is_none() {
            context
                .mistake(written.key_span, format!("`{}` has no `{name}`", entry.id))
                .label("not a setting of this fault")
                .help(listed_settings(entry));
            is_good = false;
        }
    }
    let mut settings = Settings::default();
    for parameter in entry.parameters {
        let Some(node) = fields.get(parameter.name()) else { continue };
        is_good &= one(context, node, parameter, entry, &mut settings).is_some();
    }
    is_good.then_some(settings)
}

/// Reads one setting; `None` after a complaint.
fn one(
    context: &mut Context,
    node: &Node,
    parameter: &Parameter,
    entry: &Entry,
    settings: &mut Settings,
) -> Option<()> {
    match *parameter {
        // Which channels there are depends on the device.
        Parameter::Channel(_) => {}
        Parameter::Amount { min, max, unit, .. } => {
            settings.amount = Some(amount(context, node, min, max, unit)?);
        }
        Parameter::Delay { min, max, .. } => settings.delay = Some(span(context, node, min, max)?),
        Parameter::Jitter { max, .. } => settings.jitter = Some(span(context, node, 0.0, max)?),
        Parameter::Share { .. } => settings.share = Some(context.share(node)?),
        Parameter::Direction => settings.direction = Some(context.word(node, "a direction", &DIRECTIONS)?),
        Parameter::Characteristic => {
            let what = "a characteristic that a client writes";
            settings.characteristic = Some(context.word(node, what, &CHARACTERISTICS)?);
        }
        Parameter::Text { options: [], .. } => {
            settings.text = Some(context.text(node, MAX_TEXT)?.to_owned());
        }
        Parameter::Text { options, .. } => {
            let options: Vec<_> = options.iter().map(|option| (*option, *option)).collect();
            let what = format!("a text of `{}`", entry.id);
            settings.text = Some(context.word(node, &what, &options)?.to_owned());
        }
    }
    Some(())
}

/// How much, with its unit or without.
fn amount(context: &mut Context, node: &Node, min: f64, max: f64, unit: &str) -> Option<f64> {
    let amount = match (&node.content, unit) {
        (Content::Scalar { text, .. }, "s") if text.parse::<f64>().is_err() => {
            context.quantity(node, "a duration", seconds)?
        }
        (Content::Scalar { text, .. }, "a second") if text.contains('/') => context.rate(node)?,
        (Content::Scalar { text, .. }, "B" | "B/s") if text.ends_with(unit) => {
            context.quantity(node, "a number of bytes", |text| bytes(text, unit))?
        }
        _ => context.number(node)?,
    };
    if (min..=max).contains(&amount) {
        return Some(amount);
    }
    context
        .mistake(node.span, format!("{amount} is out of range"))
        .label(format!("from {min} to {max}"))
        .help(format!("the unit is {unit}"));
    None
}

/// Reads `1h` and `-1h`.
fn seconds(text: &str) -> Result<f64, QuantityError> {
    match text.trim().strip_prefix('-') {
        Some(text) => quantity::duration(text).map(|span| -span.as_secs_f64()),
        None => quantity::duration(text).map(|span| span.as_secs_f64()),
    }
}

/// Reads `256 B/s`, where that is the unit.
fn bytes(text: &str, unit: &str) -> Result<f64, QuantityError> {
    let number = text.trim().strip_suffix(unit).and_then(|number| number.trim_end().parse::<f64>().ok());
    number.filter(|number| number.is_finite()).ok_or_else(|| QuantityError {
        message: format!("`{text}` is no number of bytes"),
        help: format!("write for example `4096 {unit}`"),
    })
}

/// A span of time in these bounds, which are in seconds.
fn span(context: &mut Context, node: &Node, min: f64, max: f64) -> Option<Duration> {
    let span = context.duration(node)?;
    if (min..=max).contains(&span.as_secs_f64()) {
        return Some(span);
    }
    let spoken = |seconds| quantity::spoken(Duration::from_secs_f64(seconds));
    context.mistake(node.span, format!("{} is out of range", quantity::spoken(span))).label(format!(
        "from {} to {}",
        spoken(min),
        spoken(max)
    ));
    None
}
