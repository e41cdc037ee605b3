//! What was done, as a plan of faults in YAML; what is no fault stands there as a remark for `thingfleet ctl`.

use crate::{app::steer::Deed, words};
use serde_json::Value as Json;
use std::fmt::Write as _;
use thingfleet_control::{command::Command, fault::FaultSpec};

/// The plan of some deeds, in the order in which they were done.
pub fn of<'d>(deeds: impl Iterator<Item = &'d Deed>) -> String {
    let deeds: Vec<&Deed> = deeds.collect();
    let begin = deeds.first().map_or(0.0, |deed| deed.at);
    let mut text =
        String::from("# What was done by hand in the dashboard; times count from the first deed.\n");
    let has_faults = deeds.iter().any(|deed| matches!(deed.command, Command::Fault { .. }));
    text.push_str(if has_faults { "faults:\n" } else { "faults: []\n" });
    for (place, deed) in deeds.iter().enumerate() {
        let at = deed.at - begin;
        match &deed.command {
            Command::Fault { fault } => {
                let lasts = fault.for_seconds.or_else(|| cleared(deed, fault, &deeds[place + 1..]));
                deed.names.iter().for_each(|name| entry(&mut text, fault, name, at, lasts));
            }
            other => {
                let (what, who) = (words::command(other), deed.names.join(" "));
                line(&mut text, format_args!("# at {at:.1} s, with thingfleet ctl: {what}: {who}"));
            }
        }
    }
    text
}

/// How long a fault lasted that was ended by hand.
fn cleared(deed: &Deed, fault: &FaultSpec, later: &[&Deed]) -> Option<f64> {
    let ends = |later: &&&Deed| {
        let is_kind = match &later.command {
            Command::Clear { id: None, kind } => kind.as_ref().is_none_or(|kind| *kind == fault.fault),
            _ => false,
        };
        is_kind && deed.names.iter().all(|name| later.names.contains(name))
    };
    later.iter().find(ends).map(|later| later.at - deed.at)
}

fn entry(text: &mut String, fault: &FaultSpec, name: &str, at: f64, lasts: Option<f64>) {
    line(text, format_args!("  - fault: {}", quoted(&fault.fault)));
    line(text, format_args!("    devices: {{ name: {} }}", quoted(name)));
    line(text, format_args!("    at: {at:.1}s"));
    if let Some(lasts) = lasts {
        line(text, format_args!("    for: {lasts:.1}s"));
    }
    let settings = serde_json::to_value(fault).unwrap_or_default();
    for (key, value) in settings.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("fault" | "for_seconds", _) => {}
            ("delay" | "jitter", value) => line(text, format_args!("    {key}: {value}s")),
            (_, Json::String(value)) => line(text, format_args!("    {key}: {}", quoted(value))),
            (_, value) => line(text, format_args!("    {key}: {value}")),
        }
    }
}

/// A text as YAML takes it anywhere: bare where that is safe, else as JSON, which is YAML too.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if is_plain { text.to_owned() } else { Json::from(text).to_string() }
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(text, "{words}").expect("a text takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_means_something_else_in_yaml_is_quoted() {
        assert_eq!(quoted("sensor-stuck"), "sensor-stuck");
        assert_eq!(quoted("off"), "\"off\"");
        assert_eq!(quoted("a: b"), "\"a: b\"");
        assert_eq!(quoted("1e3"), "\"1e3\"");
    }
}
