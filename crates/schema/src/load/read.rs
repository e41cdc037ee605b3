//! `load:` of a profile.

use super::{Bound, Load, Observers, Phase, Ramp, Step, Traffic};
use crate::{
    context::{Context, Fields},
    diagnostic::Span,
    grammar::load::{ARRIVALS, LOAD, OBSERVERS, PHASE, STEPS},
    profile::{Accounts, Device, Server, Surroundings, accounts},
    yaml::{Content, Node},
};
use std::time::Duration;

/// How late an operation may begin unless the profile says otherwise.
const LATENESS: Duration = Duration::from_millis(50);
/// Devices that sign on at a time, flat out, unless the profile says otherwise.
const CONCURRENCY: u64 = 50;
/// How long a device stays away unless the profile says otherwise.
const AWAY: Duration = Duration::from_secs(10);

/// The fleet whose load it is, as far as it could be read.
pub(crate) struct Around<'a> {
    pub(crate) server: Option<&'a Server>,
    pub(crate) accounts: &'a Accounts,
    /// `None` where not all groups could be read.
    pub(crate) devices: Option<&'a [Device]>,
    pub(crate) surroundings: &'a Surroundings<'a>,
}

/// Reads the load; `None` after a complaint.
pub(crate) fn read(context: &mut Context, node: &Node, around: &Around) -> Option<Load> {
    let fields = context.fields(node, &LOAD)?;
    let observers =
        fields.get("observers").map_or(Some(Observers::default()), |node| observers(context, node, around));
    let lateness = fields.get("lateness").map_or(Some(LATENESS), |node| context.span_of_time(node));
    let thresholds = fields.get("thresholds").map_or(Some(Vec::new()), |node| bounds(context, node));
    let phases = fields.get("phases").and_then(|node| phases(context, node));
    let (phases, observers) = (phases?, observers?);
    if let Some((span, _)) = phases.iter().find(|(_, phase)| phase.traffic.actuate.is_some())
        && observers.per_device == 0
    {
        context
            .mistake(*span, "nobody is there to set actuators")
            .label("`actuate` without observers")
            .help("add `observers: 1` to `load`");
        return None;
    }
    let phases = phases.into_iter().map(|(_, phase)| phase).collect();
    Some(Load { phases, thresholds: thresholds?, observers, lateness: lateness? })
}

fn observers(context: &mut Context, node: &Node, around: &Around) -> Option<Observers> {
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let mut observers = Observers::default();
    let mut own = None;
    if let Content::Scalar { .. } = node.content {
        observers.per_device = number(context.integer(node, 0, 100)?);
    } else {
        let fields = context.fields(node, &OBSERVERS)?;
        if let Some(node) = fields.get("devices_each") {
            observers.devices_each = number(context.integer(node, 1, 1000)?);
        }
        observers.per_device = number(context.integer(fields.get("per_device")?, 0, 100)?);
        own = fields.get("accounts");
    }
    // With groups missing, nobody knows how many there are to be.
    let Some(devices) = around.devices else { return Some(observers) };
    let needed = observers.needed(devices.len());
    if let Some(node) = own {
        let fleet = (around.server, devices);
        observers.accounts = accounts::of_observers(context, node, needed, fleet, around.surroundings)?;
    } else if *around.accounts == Accounts::Given && needed > 0 {
        context
            .mistake(node.span, "observers have no accounts where the devices' are given")
            .label(format!("{needed} of them"))
            .help("add theirs: `observers: { per_device: 1, accounts: { file: observers.csv } }`");
        return None;
    }
    Some(observers)
}

fn bounds(context: &mut Context, node: &Node) -> Option<Vec<Bound>> {
    let items = context.items(node, "bounds");
    let read: Vec<_> = items.iter().map(|item| bound(context, item)).collect();
    read.into_iter().collect()
}

fn bound(context: &mut Context, node: &Node) -> Option<Bound> {
    let text = context.text(node, 200)?;
    match Bound::parse(text) {
        Ok(bound) => Some(bound),
        Err(error) => {
            // Exact only where the text stands in the file as it is.
            let start = node.span.start + context.written(node.span).find(text).unwrap_or(0);
            let span = Span { start: start + error.place.start, end: start + error.place.end };
            context.mistake(span, error.message).label("in this bound").help(error.help);
            None
        }
    }
}

fn phases(context: &mut Context, node: &Node) -> Option<Vec<(Span, Phase)>> {
    let items = context.items(node, "phases");
    if items.is_empty() && node.what() != "a mapping" {
        context
            .mistake(node.span, "a load without phases")
            .label("empty")
            .help("add `- ramp: 30s` and `- hold: 1min`");
        return None;
    }
    let mut read = Vec::new();
    let mut on = 0.0;
    for item in items {
        let phase = phase(context, item);
        if let Some(phase) = &phase {
            on = follows(context, item, phase, on);
        }
        read.push(phase.map(|phase| (item.span, phase)));
    }
    read.into_iter().collect()
}

/// Complains about a phase that has no devices to do something with; gives how much of the fleet is on after it.
fn follows(context: &mut Context, item: &Node, phase: &Phase, on: f64) -> f64 {
    match phase.step {
        Step::Ramp { to, .. } => {
            if to <= on {
                let percent = on * 100.0;
                context
                    .mistake(item.span, format!("{percent} % of the fleet are on already"))
                    .label("nothing is left for this ramp")
                    .help("a ramp says with `to` how much of the fleet is on after it");
            }
            on.max(to)
        }
        Step::Hold(_) | Step::Storm { .. } | Step::Stop(_) if on == 0.0 => {
            context
                .mistake(item.span, "no device is on in this phase")
                .label("nothing to do")
                .help("begin with `- ramp: 30s`");
            1.0
        }
        Step::Hold(_) | Step::Storm { .. } => on,
        Step::Stop(_) => 0.0,
    }
}

fn phase(context: &mut Context, node: &Node) -> Option<Phase> {
    let fields = context.fields(node, &PHASE)?;
    let written: Vec<_> = fields.all().iter().filter(|entry| STEPS.contains(&&*entry.key)).collect();
    let step = match written[..] {
        [] => {
            context
                .mistake(node.span, "this phase does not say what it does")
                .label("no `ramp`, `hold`, `storm` or `stop`")
                .help("write for example `- ramp: 30s` or `- hold: 1min`");
            None
        }
        [entry] => match entry.key.as_str() {
            "ramp" => ramp(context, fields, &entry.value),
            "hold" => context.span_of_time(&entry.value).map(Step::Hold),
            "storm" => storm(context, fields, &entry.value),
            _ => context.duration(&entry.value).map(Step::Stop),
        },
        [first, second, ..] => {
            context
                .mistake(second.key_span, format!("`{}` and `{}` in one phase", first.key, second.key))
                .label("a second thing to do")
                .help("make two phases of it");
            None
        }
    };
    let one = written.first().map(|entry| entry.key.as_str());
    for (key, belongs_to) in
        [("to", "ramp"), ("steps", "ramp"), ("concurrency", "ramp"), ("share", "storm"), ("away", "churn")]
    {
        let has = if belongs_to == "churn" { fields.get("churn").is_some() } else { one == Some(belongs_to) };
        if let Some(entry) = fields.entry(key).filter(|_| !has) {
            context.mistake(entry.key_span, format!("`{key}` goes with `{belongs_to}`")).label("alone");
        }
    }
    let traffic = traffic(context, fields);
    let until = fields.get("until").map_or(Some(Vec::new()), |node| bounds(context, node));
    let step = step?;
    let name = match fields.get("name") {
        Some(node) => context.text(node, 40)?.to_owned(),
        None => step.name().to_owned(),
    };
    Some(Phase { name, step, traffic: traffic?, until: until? })
}

fn ramp(context: &mut Context, fields: Fields, node: &Node) -> Option<Step> {
    let to = fields.get("to").map_or(Some(1.0), |node| context.share(node));
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let steps = fields.get("steps").map(|node| context.integer(node, 1, 1000).map(number));
    let concurrency = fields.get("concurrency").map(|node| context.integer(node, 1, 10_000).map(number));
    let word = match &node.content {
        Content::Scalar { text, .. } => text.as_str(),
        Content::Sequence(_) | Content::Mapping(_) => "",
    };
    let shape = match (word, steps) {
        ("spike", _) => Some(Ramp::Spike),
        ("flat-out", _) => concurrency.unwrap_or(Some(number(CONCURRENCY))).map(Ramp::FlatOut),
        (_, None) => context.span_of_time(node).map(Ramp::Linear),
        (_, Some(steps)) => context.span_of_time(node).and_then(|over| Some(Ramp::Steps(over, steps?))),
    };
    for (key, word_needed, has) in [
        ("steps", "a ramp over time", matches!(shape, Some(Ramp::Linear(_) | Ramp::Steps(..)) | None)),
        ("concurrency", "`ramp: flat-out`", matches!(shape, Some(Ramp::FlatOut(_)) | None)),
    ] {
        if let Some(entry) = fields.entry(key).filter(|_| !has) {
            context.mistake(entry.key_span, format!("`{key}` goes with {word_needed}")).label("alone");
        }
    }
    Some(Step::Ramp { to: to?, shape: shape? })
}

fn storm(context: &mut Context, fields: Fields, node: &Node) -> Option<Step> {
    let share = fields.get("share").map_or(Some(1.0), |node| context.share(node));
    let within = context.span_of_time(node);
    Some(Step::Storm { share: share?, within: within? })
}

fn traffic(context: &mut Context, fields: Fields) -> Option<Traffic> {
    let mut rate = |key| fields.get(key).map(|node| context.rate(node));
    let (publish, actuate, churn) = (rate("publish"), rate("actuate"), rate("churn"));
    let away = fields.get("away").map_or(Some(AWAY), |node| context.duration(node));
    let arrivals = fields
        .get("arrivals")
        .map_or(Some(super::Arrivals::default()), |node| context.word(node, "a way moments lie", &ARRIVALS));
    // A rate that is there and not understood ends it; one that is not there does not.
    let publish = publish.map_or(Some(None), |rate| rate.map(Some))?;
    let actuate = actuate.map_or(Some(None), |rate| rate.map(Some))?;
    let churn = churn.map_or(Some(None), |rate| rate.map(Some))?;
    let away = away?;
    Some(Traffic { publish, actuate, churn: churn.map(|rate| (rate, away)), arrivals: arrivals? })
}
