//! What a channel is: its type, its bounds, its start value. How it moves is read elsewhere, when all are known.

use super::value;
use crate::{
    context::{Context, Fields},
    suggest,
    yaml::{Content, Entry, Node},
};
use std::time::Duration;
use thingfleet_device::{
    definition::{Behaviour, Channel, ChoiceOption, Kind, PublishPolicy, Range, Role},
    unit::Unit,
    value::Value,
};

/// Most options of a choice.
const MOST_OPTIONS: usize = 64;
/// Most bytes of a text where the definition sets no other limit.
const TEXT_LENGTH: u16 = 256;

/// Reads a channel that holds its value and is sent at every change. What is wrong is reported and left at its default.
pub(super) fn read(context: &mut Context, entry: &Entry, fields: Fields, role: Role) -> Channel {
    let kind = kind(context, fields, role);
    refuse_what_does_not_fit(context, fields, kind.as_ref());
    let label = fields.get("label").and_then(|node| context.text(node, 100)).unwrap_or(&entry.key);
    let numeric = matches!(kind, Some(Kind::Integer | Kind::Float) | None);
    let mut channel = Channel {
        name: entry.key.clone(),
        role,
        label: label.to_owned(),
        group: fields.get("group").and_then(|node| context.text(node, 100)).map(str::to_owned),
        unit: fields.get("unit").and_then(|node| unit(context, node)).unwrap_or_default(),
        range: fields.get("range").filter(|_| numeric).and_then(|node| range(context, node, kind.as_ref())),
        precision: precision(context, fields, kind.as_ref()),
        step: None,
        starts: Value::Integer(0),
        settable: role == Role::Actuator,
        behaviour: Behaviour::HOLD,
        publish: PublishPolicy { every: None, change: Some(0.0), gap: Duration::ZERO, heartbeat: None },
        // A channel of unknown type is taken as a number, which gives the fewest complaints that only follow.
        kind: kind.clone().unwrap_or(Kind::Float),
    };
    if role == Role::Actuator {
        if let Some(node) = fields.get("settable") {
            channel.settable = context.boolean(node).unwrap_or(true);
        }
        if let Some(node) = fields.get("step").filter(|_| numeric) {
            channel.step = step(context, node, &channel);
        }
    }
    channel.starts =
        kind.and_then(|kind| starts(context, fields, &channel, &kind)).unwrap_or(Value::Integer(0));
    channel
}

fn kind(context: &mut Context, fields: Fields, role: Role) -> Option<Kind> {
    let plain = [
        ("boolean", Kind::Boolean),
        ("integer", Kind::Integer),
        ("float", Kind::Float),
        ("text", Kind::Text(TEXT_LENGTH)),
        ("choice", Kind::Choice(Vec::new())),
        ("button", Kind::Button),
    ];
    let node = fields.get("type")?;
    match context.word(node, "a type", &plain)? {
        Kind::Button if role == Role::Sensor => {
            context
                .mistake(node.span, "a sensor cannot be a button")
                .label("only actuators are pushed")
                .help("move it under `actuators:`, or make it a `boolean`");
            None
        }
        Kind::Choice(_) => options(context, fields, node).map(Kind::Choice),
        Kind::Text(_) => {
            let most = fields.get("max_length").and_then(|node| context.integer(node, 1, 65_535));
            Some(Kind::Text(most.and_then(|most| u16::try_from(most).ok()).unwrap_or(TEXT_LENGTH)))
        }
        kind @ (Kind::Boolean | Kind::Integer | Kind::Float | Kind::Button) => Some(kind),
    }
}

fn options(context: &mut Context, fields: Fields, kind: &Node) -> Option<Vec<ChoiceOption>> {
    let Some(node) = fields.get("options") else {
        context
            .mistake(kind.span, "a choice needs `options`")
            .label("of what?")
            .help("add `options: [off, eco, comfort]`, or a mapping of names to labels");
        return None;
    };
    let mut options: Vec<ChoiceOption> = Vec::new();
    let mut add = |context: &mut Context, span, name: &str, label: &str| {
        if !super::is_name(name) {
            context
                .mistake(span, format!("`{name}` cannot be the name of an option"))
                .label("a word in rules and on the wire")
                .help("a letter first, then letters, digits, '_' and '-'; labels may be any text: `name: label`");
        } else if matches!(name, "true" | "false" | "and" | "or" | "not") {
            context
                .mistake(span, format!("`{name}` cannot be the name of an option"))
                .label("means something else in conditions");
        } else if options.iter().any(|option| option.name == name) {
            context.mistake(span, format!("the option `{name}` stands here twice")).label("again");
        } else {
            options.push(ChoiceOption { name: name.to_owned(), label: label.to_owned() });
        }
    };
    match &node.content {
        Content::Sequence(items) => {
            for item in items {
                if let Some(name) = context.text(item, 64) {
                    add(context, item.span, name, name);
                }
            }
        }
        Content::Mapping(entries) => {
            for entry in entries {
                if let Some(label) = context.text(&entry.value, 100) {
                    add(context, entry.key_span, &entry.key, label);
                }
            }
        }
        Content::Scalar { .. } => {
            context
                .wrong_type(node, "a list of options")
                .help("write `options: [off, eco, comfort]`, or a mapping of names to labels");
            return None;
        }
    }
    if options.len() < 2 || options.len() > MOST_OPTIONS {
        context
            .mistake(node.span, format!("a choice of {}", options.len()))
            .label(format!("from 2 to {MOST_OPTIONS} options"));
        return None;
    }
    Some(options)
}

/// Keys that say something about other types only.
fn refuse_what_does_not_fit(context: &mut Context, fields: Fields, kind: Option<&Kind>) {
    let Some(kind) = kind else { return };
    for (key, of) in [
        ("options", "a choice"),
        ("precision", "a float"),
        ("max_length", "a text"),
        ("unit", "a number"),
        ("range", "a number"),
        ("starts", "a value that stays"),
    ] {
        let fits = match kind {
            Kind::Boolean => key == "starts",
            Kind::Integer => matches!(key, "unit" | "range" | "starts"),
            Kind::Float => matches!(key, "unit" | "range" | "starts" | "precision"),
            Kind::Choice(_) => matches!(key, "options" | "starts"),
            Kind::Text(_) => matches!(key, "max_length" | "starts"),
            Kind::Button => false,
        };
        if !fits && fields.knows(key) {
            misplaced(context, fields, key, of, kind);
        }
    }
    let numeric = matches!(kind, Kind::Integer | Kind::Float);
    if !numeric && fields.knows("step") {
        misplaced(context, fields, "step", "a number", kind);
    }
}

fn misplaced(context: &mut Context, fields: Fields, key: &str, of: &str, kind: &Kind) {
    let Some(entry) = fields.entry(key) else { return };
    context
        .mistake(entry.key_span, format!("{} has no `{key}`", named(kind)))
        .label(format!("belongs to {of}"))
        .help("take the key away, or change the type");
}

/// A kind with its article, for complaints.
pub(super) fn named(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "a boolean",
        Kind::Integer => "an integer",
        Kind::Float => "a float",
        Kind::Choice(_) => "a choice",
        Kind::Text(_) => "a text",
        Kind::Button => "a button",
    }
}

fn unit(context: &mut Context, node: &Node) -> Option<Unit> {
    let name = context.scalar(node, "a unit")?;
    let unit = Unit::from_name(name);
    if unit.is_none() {
        let by_symbol = Unit::ALL.iter().find(|unit| unit.symbol() == name);
        let help = match by_symbol.map(|unit| unit.name()).or(suggest::closest(name, unit_names())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "docs/DEFINITIONS.md lists the units; without the key a number has none".to_owned(),
        };
        context.mistake(node.span, format!("there is no unit `{name}`")).label("unknown unit").help(help);
    }
    unit
}

/// The names of all units.
pub(crate) fn unit_names() -> impl Iterator<Item = &'static str> {
    Unit::ALL.iter().map(|unit| unit.name())
}

fn range(context: &mut Context, node: &Node, kind: Option<&Kind>) -> Option<Range> {
    let (min, max) = context.range(node)?;
    if matches!(kind, Some(Kind::Integer)) && (min.fract() != 0.0 || max.fract() != 0.0) {
        context
            .mistake(node.span, "the range of an integer has whole numbers")
            .label("has decimals")
            .help("take the decimals away, or make the type `float`");
        return None;
    }
    Some(Range { min, max })
}

fn precision(context: &mut Context, fields: Fields, kind: Option<&Kind>) -> Option<u8> {
    let node = fields.get("precision").filter(|_| matches!(kind, Some(Kind::Float)))?;
    u8::try_from(context.integer(node, 0, 9)?).ok()
}

fn step(context: &mut Context, node: &Node, channel: &Channel) -> Option<f64> {
    let step = context.positive(node)?;
    if channel.kind == Kind::Integer && step.fract() != 0.0 {
        context.mistake(node.span, "the step of an integer is a whole number").label("has decimals");
        return None;
    }
    if let Some(Range { min, max }) = channel.range
        && !value::on_grid(max - min, step)
    {
        context
            .mistake(node.span, format!("steps of {step} do not lead from {min} to {max}"))
            .label("the range is no multiple of it")
            .help("clients show a slider from one end of the range to the other, in these steps");
        return None;
    }
    Some(step)
}

fn starts(context: &mut Context, fields: Fields, channel: &Channel, kind: &Kind) -> Option<Value> {
    if let Some(node) = fields.get("starts").filter(|_| *kind != Kind::Button) {
        return value::read(context, node, channel);
    }
    let least =
        channel.range.map_or(0.0, |range| if range.min <= 0.0 && range.max >= 0.0 { 0.0 } else { range.min });
    Some(match kind {
        Kind::Boolean => Value::Boolean(false),
        #[allow(clippy::cast_possible_truncation)] // ranges of integers are whole
        Kind::Integer => Value::Integer(least as i64),
        Kind::Float => Value::Float(least),
        Kind::Choice(_) => Value::Choice(0),
        Kind::Text(_) => Value::Text(String::new()),
        Kind::Button => Value::Integer(0),
    })
}
