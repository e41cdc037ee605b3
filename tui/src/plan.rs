//! What was done, as a plan of faults in YAML that `--faults` takes; what is no fault stands there as a remark for
//! `thingfleet ctl`.

use crate::{app::steer::Deed, roster::Roster, words};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};
use thingfleet_control::{
    command::Command,
    fault::{FaultKind, FaultSpec},
};

/// Entries that the reader of plans takes; what is more stands there as a remark.
const MOST: usize = 256;
/// Shortest time that a fault lasts in a plan, in seconds.
const SHORTEST: f64 = 0.001;

/// The plan of some deeds in a fleet of this name, in the order in which they were done; none if no fault is among them.
pub fn of<'d>(fleet: &str, deeds: impl Iterator<Item = &'d Deed>, roster: &Roster) -> Option<String> {
    let deeds: Vec<&Deed> = deeds.collect();
    let begin = deeds.first()?.at;
    let instant = instant();
    let mut text =
        String::from("# What was done by hand in the dashboard; times count from the first deed.\n");
    line(&mut text, format_args!("name: {}", quoted(&format!("by-hand-{fleet:.56}"))));
    text.push_str("faults:\n");
    let mut entries = 0;
    for (place, deed) in deeds.iter().enumerate() {
        let at = deed.at - begin;
        match &deed.command {
            Command::Fault { fault } => {
                let lasts = fault.for_seconds.or_else(|| cleared(deed, fault, &deeds[place + 1..]));
                let lasts = lasts.filter(|_| !instant.contains(&fault.fault));
                for devices in selections(&deed.names, roster) {
                    entries += 1;
                    if entries <= MOST {
                        entry(&mut text, fault, &devices, at, lasts);
                    } else {
                        line(
                            &mut text,
                            format_args!("# one too many for a plan: {} on {devices}", fault.fault),
                        );
                    }
                }
            }
            other => {
                let (what, who) = (words::command(other), deed.names.join(" "));
                line(&mut text, format_args!("# at {at:.1} s, with thingfleet ctl: {what}: {who}"));
            }
        }
    }
    (entries > 0).then_some(text)
}

/// Kinds that are over as soon as they have happened.
fn instant() -> BTreeSet<String> {
    FaultKind::library().into_iter().filter(|kind| kind.is_instant).map(|kind| kind.fault).collect()
}

/// How long a fault lasted that was ended by hand.
fn cleared(deed: &Deed, fault: &FaultSpec, later: &[&Deed]) -> Option<f64> {
    let ends = |later: &&&Deed| {
        let is_kind = match &later.command {
            Command::Clear { kind: Some(kind), .. } => *kind == fault.fault,
            Command::Clear { id, kind: None } => id.is_none(),
            _ => false,
        };
        is_kind && deed.names.iter().all(|name| later.names.contains(name))
    };
    later.iter().find(ends).map(|later| later.at - deed.at)
}

/// Some devices in as few selections as a plan can have: a definition where all devices of it are meant, else names.
fn selections(names: &[String], roster: &Roster) -> Vec<String> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for row in roster.rows() {
        *kinds.entry(&row.kind).or_default() += 1;
    }
    let mut meant: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for name in names {
        meant.entry(roster.row(name).map(|row| &*row.kind)).or_default().push(name);
    }
    let mut selections = Vec::new();
    for (kind, names) in meant {
        match kind {
            Some(kind) if names.len() > 1 && kinds.get(kind) == Some(&names.len()) => {
                selections.push(format!("{{ definition: {} }}", quoted(kind)));
            }
            Some(_) | None => {
                selections.extend(names.iter().map(|name| format!("{{ name: {} }}", quoted(name))));
            }
        }
    }
    selections
}

fn entry(text: &mut String, fault: &FaultSpec, devices: &str, at: f64, lasts: Option<f64>) {
    let FaultSpec {
        fault,
        for_seconds: _,
        channel,
        amount,
        delay,
        jitter,
        share,
        direction,
        characteristic,
        text: words,
    } = fault;
    line(text, format_args!("  - fault: {}", quoted(fault)));
    line(text, format_args!("    devices: {devices}"));
    line(text, format_args!("    at: {at:.1}s"));
    if let Some(lasts) = lasts {
        line(text, format_args!("    for: {}", Seconds(lasts.max(SHORTEST))));
    }
    for (key, word) in
        [("channel", channel), ("direction", direction), ("characteristic", characteristic), ("text", words)]
    {
        if let Some(word) = word {
            line(text, format_args!("    {key}: {}", quoted(word)));
        }
    }
    if let Some(amount) = amount {
        line(text, format_args!("    amount: {amount}"));
    }
    if let Some(share) = share {
        // Not more digits than a person types, so that it comes back as the same number.
        line(text, format_args!("    share: {} %", (share * 1e11).round() / 1e9));
    }
    for (key, seconds) in [("delay", delay), ("jitter", jitter)] {
        if let Some(seconds) = seconds {
            line(text, format_args!("    {key}: {}", Seconds(*seconds)));
        }
    }
}

/// A span as a plan has it, to the microsecond.
struct Seconds(f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", (self.0 * 1e6).round() / 1e6)
    }
}

/// A text as YAML takes it anywhere: bare where that is safe, else as JSON, which is YAML too.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if is_plain { text.to_owned() } else { Json::from(text).to_string() }
}

fn line(text: &mut String, words: fmt::Arguments<'_>) {
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

    #[test]
    fn a_span_has_no_exponent_and_no_more_than_microseconds() {
        assert_eq!(Seconds(30.0).to_string(), "30s");
        assert_eq!(Seconds(0.1 + 0.2).to_string(), "0.3s");
        assert_eq!(Seconds(0.000_001).to_string(), "0.000001s");
    }
}
