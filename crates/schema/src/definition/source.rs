//! The drivers of values: one reader for each of [`Source`].

use super::{channel::named, known, replay, value};
use crate::{
    context::{Context, Fields},
    grammar::definition as keys,
    source::Loader,
    suggest,
    yaml::{Content, Entry, Node},
};
use std::time::Duration;
use thingfleet_device::definition::{Channel, ChannelId, DailyPoint, Kind, MarkovState, Operand, Source};

/// Most points of a daily curve and states of a Markov chain.
const MOST_POINTS: usize = 288;

/// Reads the driver in `entry`, whose key is one of the driver keys, for `channel`.
pub(super) fn read(
    context: &mut Context,
    entry: &Entry,
    channel: &Channel,
    channels: &[Channel],
    loader: &dyn Loader,
) -> Option<Source> {
    let node = &entry.value;
    let any_kind = matches!(entry.key.as_str(), "hold" | "constant" | "square" | "markov" | "replay");
    if !any_kind && !matches!(channel.kind, Kind::Integer | Kind::Float) {
        context
            .mistake(entry.key_span, format!("{} does not move by `{}`", named(&channel.kind), entry.key))
            .label("moves numbers only")
            .help("`constant`, `square`, `markov` and `replay` move it");
        return None;
    }
    let operand = |context: &mut Context, fields: Fields, name: &str| {
        value::operand(context, fields.get(name)?, channel, channels)
    };
    match entry.key.as_str() {
        "hold" => hold(context, node),
        "constant" => value::operand(context, node, channel, channels).map(Source::Constant),
        "lag" => {
            let fields = context.fields(node, &keys::LAG)?;
            let (toward, over) = (operand(context, fields, "toward"), time(context, fields, "over"));
            Some(Source::Lag { toward: toward?, over: over? })
        }
        "ramp" => ramp(context, node),
        "sine" => sine(context, node),
        "daily" => daily(context, node),
        "random-walk" => random_walk(context, node),
        "ornstein-uhlenbeck" => {
            let fields = context.fields(node, &keys::ORNSTEIN_UHLENBECK)?;
            let (mean, over) = (operand(context, fields, "mean"), time(context, fields, "over"));
            let deviation = fields.get("deviation").and_then(|node| context.positive(node));
            Some(Source::OrnsteinUhlenbeck { mean: mean?, deviation: deviation?, over: over? })
        }
        "square" => square(context, node, channel),
        "markov" => markov(context, node, channel),
        "counter" => {
            let fields = context.fields(node, &keys::COUNTER)?;
            Some(Source::Counter { per_hour: rate_operand(context, fields.get("per_hour")?, channels)? })
        }
        "integral" => integral(context, node, channel, channels),
        "replay" => replay::read(context, node, channel, loader),
        // The caller hands in driver keys only.
        _ => None,
    }
}

fn time(context: &mut Context, fields: Fields, name: &str) -> Option<Duration> {
    context.span_of_time(fields.get(name)?)
}

fn hold(context: &mut Context, node: &Node) -> Option<Source> {
    if context.boolean(node)? {
        return Some(Source::Hold);
    }
    context
        .mistake(node.span, "`hold` is `true` or not there")
        .label("holds not, then what?")
        .help("name another driver instead");
    None
}

fn ramp(context: &mut Context, node: &Node) -> Option<Source> {
    let fields = context.fields(node, &keys::RAMP)?;
    let from = fields.get("from").and_then(|node| context.number(node));
    let to = fields.get("to").and_then(|node| context.number(node));
    let over = time(context, fields, "over");
    let repeat = fields.get("repeat").and_then(|node| context.boolean(node)).unwrap_or(false);
    Some(Source::Ramp { from: from?, to: to?, over: over?, repeat })
}

fn sine(context: &mut Context, node: &Node) -> Option<Source> {
    let fields = context.fields(node, &keys::SINE)?;
    let mean = fields.get("mean").and_then(|node| context.number(node));
    let amplitude = fields.get("amplitude").and_then(|node| context.positive(node));
    let period = time(context, fields, "period");
    let phase = fields.get("phase").and_then(|node| context.duration(node)).unwrap_or_default();
    Some(Source::Sine { mean: mean?, amplitude: amplitude?, period: period?, phase })
}

fn daily(context: &mut Context, node: &Node) -> Option<Source> {
    let entries = context.entries(node, "times of day to values");
    if entries.is_empty() && matches!(node.content, Content::Mapping(_)) || node.is_empty() {
        context.mistake(node.span, "a day without points").label("empty").help("add `\"06:00\": 18`");
        return None;
    }
    let mut points: Vec<DailyPoint> = Vec::new();
    for entry in entries.iter().take(MOST_POINTS) {
        let second = context.time_of_day(entry);
        let value = context.number(&entry.value);
        let (Some(second), Some(value)) = (second, value) else { continue };
        if points.last().is_some_and(|last| last.second >= second) {
            context
                .mistake(entry.key_span, format!("{} is not after the point above", entry.key))
                .label("out of order")
                .help("write the times in the order of the day, each once");
            continue;
        }
        points.push(DailyPoint { second, value });
    }
    if entries.len() > MOST_POINTS {
        context
            .mistake(entries[MOST_POINTS].key_span, format!("a day has at most {MOST_POINTS} points"))
            .label("the first one too many")
            .help("use `replay` with a CSV file");
    }
    (!points.is_empty()).then_some(Source::Daily(points))
}

fn random_walk(context: &mut Context, node: &Node) -> Option<Source> {
    let fields = context.fields(node, &keys::RANDOM_WALK)?;
    let step = fields.get("step").and_then(|node| context.positive(node));
    let each = match fields.get("each") {
        Some(node) => context.span_of_time(node)?,
        None => Duration::from_secs(1),
    };
    // The variance of a random walk grows with time, so its deviation grows with the root.
    Some(Source::RandomWalk { step: step? / each.as_secs_f64().sqrt() })
}

fn square(context: &mut Context, node: &Node, channel: &Channel) -> Option<Source> {
    let fields = context.fields(node, &keys::SQUARE)?;
    let low = fields.get("low").and_then(|node| value::number(context, node, channel));
    let high = fields.get("high").and_then(|node| value::number(context, node, channel));
    let period = time(context, fields, "period");
    let duty = match fields.get("duty") {
        None => 0.5,
        Some(node) => {
            let duty = context.number(node)?;
            if duty <= 0.0 || duty >= 1.0 {
                context
                    .mistake(node.span, format!("a duty of {duty} leaves one of the two values out"))
                    .label("between 0 and 1");
                return None;
            }
            duty
        }
    };
    Some(Source::Square { low: low?, high: high?, period: period?, duty })
}

fn markov(context: &mut Context, node: &Node, channel: &Channel) -> Option<Source> {
    let entries = context.entries(node, "states");
    if entries.len() < 2 || entries.len() > MOST_POINTS {
        if matches!(node.content, Content::Mapping(_)) || node.is_empty() {
            context
                .mistake(node.span, format!("a chain of {} states", entries.len()))
                .label(format!("from 2 to {MOST_POINTS}"));
        }
        return None;
    }
    let states: Vec<Option<MarkovState>> =
        (0..entries.len()).map(|index| state(context, entries, index, channel)).collect();
    states.into_iter().collect::<Option<Vec<_>>>().map(Source::Markov)
}

fn state(context: &mut Context, entries: &[Entry], index: usize, channel: &Channel) -> Option<MarkovState> {
    let entry = &entries[index];
    let fields = context.fields(&entry.value, &keys::MARKOV_STATE)?;
    let value = match (fields.get("value"), &channel.kind) {
        (Some(node), _) => value::number(context, node, channel),
        (None, Kind::Choice(_)) => {
            // The state is named like the option it stands for.
            let name = Node {
                span: entry.key_span,
                content: Content::Scalar { text: entry.key.clone(), plain: true },
            };
            value::number(context, &name, channel)
        }
        (None, Kind::Boolean | Kind::Integer | Kind::Float | Kind::Text(_) | Kind::Button) => {
            context
                .mistake(entry.key_span, format!("the state `{}` has no value", entry.key))
                .label("needs `value`")
                .help("only the states of a choice take their own names for values");
            None
        }
    };
    let mean = time(context, fields, "for");
    let fixed = fields.get("exactly").and_then(|node| context.boolean(node)).unwrap_or(false);
    let next = match fields.get("next") {
        None => Some(vec![(index_of((index + 1) % entries.len()), 1.0)]),
        Some(node) => following(context, node, entries),
    };
    Some(MarkovState { value: value?, mean: mean?, fixed, next: next? })
}

/// The following states of a chain with their weights.
fn following(context: &mut Context, node: &Node, entries: &[Entry]) -> Option<Vec<(u16, f64)>> {
    let find = |context: &mut Context, span, name: &str| {
        let found = entries.iter().position(|entry| entry.key == name).map(index_of);
        if found.is_none() {
            let help = suggest::advice(name, entries.iter().map(|entry| entry.key.as_str()));
            context.mistake(span, format!("there is no state `{name}`")).label("unknown state").help(help);
        }
        found
    };
    match &node.content {
        Content::Scalar { .. } => {
            let name = context.scalar(node, "the name of a state")?;
            Some(vec![(find(context, node.span, name)?, 1.0)])
        }
        Content::Mapping(weights) => {
            let mut next = Vec::new();
            for entry in weights {
                let state = find(context, entry.key_span, &entry.key);
                next.extend(state.zip(context.positive(&entry.value)));
            }
            if weights.is_empty() {
                context.mistake(node.span, "no state follows").label("empty");
            }
            (!next.is_empty()).then_some(next)
        }
        Content::Sequence(_) => {
            context
                .wrong_type(node, "a state, or states with weights")
                .help("write `next: idle`, or `next: { idle: 3, busy: 1 }`");
            None
        }
    }
}

/// Tables of states and channels are far shorter than 65,536.
fn index_of(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// A number or channel in another unit than the channel's own, so its range does not apply.
fn rate_operand(context: &mut Context, node: &Node, channels: &[Channel]) -> Option<Operand> {
    if let Content::Scalar { text, plain: true } = &node.content
        && text.parse::<f64>().is_err()
        && !node.is_empty()
    {
        return known(context, node.span, text, channels).map(Operand::Channel);
    }
    context.number(node).map(Operand::Number)
}

fn integral(context: &mut Context, node: &Node, channel: &Channel, channels: &[Channel]) -> Option<Source> {
    let fields = context.fields(node, &keys::INTEGRAL)?;
    let of = fields.get("of").and_then(|node| {
        let name = context.scalar(node, "the name of a channel")?;
        let id = known(context, node.span, name, channels)?;
        summable(context, node, id, channel, channels)
    });
    let per = match fields.get("per") {
        Some(node) => context.span_of_time(node),
        None => Some(Duration::from_secs(3600)),
    };
    let scale = match fields.get("scale") {
        Some(node) => {
            let scale = context.number(node);
            if scale == Some(0.0) {
                context.mistake(node.span, "a factor of 0 makes an integral of nothing").label("zero");
            }
            scale
        }
        None => Some(1.0),
    };
    Some(Source::Integral { of: of?, per: per?, scale: scale? })
}

fn summable(
    context: &mut Context,
    node: &Node,
    id: ChannelId,
    channel: &Channel,
    channels: &[Channel],
) -> Option<ChannelId> {
    let of = &channels[usize::from(id.0)];
    let problem = if of.name == channel.name {
        "an integral cannot sum itself up"
    } else if matches!(of.kind, Kind::Text(_) | Kind::Choice(_)) {
        "only numbers, booleans and buttons can be summed up"
    } else {
        return Some(id);
    };
    context.mistake(node.span, problem).label(format!("is {}", named(&of.kind)));
    None
}
