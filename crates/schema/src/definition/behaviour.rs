//! How a channel moves by itself: a driver, other drivers under conditions, and modifiers.

use super::{Written, channel::named, source};
use crate::{
    context::{Context, Fields},
    diagnostic::Span,
    grammar::definition::{BEHAVIOUR_TABLE, CASE, SOURCES},
    source::Loader,
    suggest,
    yaml::{Content, Entry, Node},
};
use thingfleet_device::{
    condition::{Condition, ConditionError, ConditionErrorKind},
    definition::{Behaviour, Channel, Kind, Range, Role, Source},
};

/// Most cases of a behaviour.
const MOST_CASES: usize = 32;

/// Reads the behaviour of a channel, which holds its value if it has none.
pub(super) fn read(
    context: &mut Context,
    written: &Written,
    channels: &[Channel],
    loader: &dyn Loader,
) -> Behaviour {
    let channel = &channels[written.index];
    let Some(node) = written.fields.get("behaviour") else { return Behaviour::HOLD };
    if matches!(&content_text(node), Some("hold")) {
        return Behaviour::HOLD;
    }
    if let Kind::Text(_) | Kind::Button = channel.kind {
        context
            .mistake(node.span, format!("{} does not move by itself", named(&channel.kind)))
            .label("stays where it is put")
            .help("take the behaviour away; a rule can set it");
        return Behaviour::HOLD;
    }
    let Some(fields) = context.fields(node, &BEHAVIOUR_TABLE) else { return Behaviour::HOLD };
    let base = match the_source(context, fields, "a behaviour") {
        Found::One(entry) => source::read(context, entry, channel, channels, loader).unwrap_or(Source::Hold),
        Found::None | Found::Several => Source::Hold,
    };
    let numeric = matches!(channel.kind, Kind::Integer | Kind::Float);
    let mut positive = |name: &str| {
        let entry = fields.entry(name)?;
        if numeric {
            return context.positive(&entry.value);
        }
        not_a_number(context, entry, channel)
    };
    let (noise, quantise) = (positive("noise"), positive("quantise"));
    let rate_limit = fields.entry("rate_limit").and_then(|entry| {
        if numeric { context.rate(&entry.value) } else { not_a_number(context, entry, channel) }
    });
    let clamp = fields.entry("clamp").and_then(|entry| {
        let range = if numeric { context.range(&entry.value) } else { not_a_number(context, entry, channel) };
        range.map(|(min, max)| Range { min, max })
    });
    let cases =
        fields.get("when").map_or_else(Vec::new, |node| cases(context, node, channel, channels, loader));
    check_moves(context, written, &base, noise);
    Behaviour { base, cases, noise, rate_limit, quantise, clamp }
}

fn content_text(node: &Node) -> Option<&str> {
    match &node.content {
        Content::Scalar { text, .. } => Some(text),
        Content::Sequence(_) | Content::Mapping(_) => None,
    }
}

fn not_a_number<T>(context: &mut Context, entry: &Entry, channel: &Channel) -> Option<T> {
    context
        .mistake(entry.key_span, format!("{} has no `{}`", named(&channel.kind), entry.key))
        .label("for integers and floats");
    None
}

/// An actuator that something drives would forget at once what a person sets.
fn check_moves(context: &mut Context, written: &Written, base: &Source, noise: Option<f64>) {
    let settable = written.fields.knows("settable")
        && written.fields.get("settable").is_none_or(|node| content_text(node) != Some("false"));
    let Some(entry) = written.fields.entry("behaviour").filter(|_| settable) else { return };
    if *base != Source::Hold || noise.is_some() {
        context
            .mistake(entry.key_span, format!("`{}` is set by people and driven as well", written.entry.key))
            .label("would overrule them at once")
            .help("add `settable: false`, drive it only under a `when`, or make it a sensor");
    }
}

enum Found<'n> {
    None,
    One(&'n Entry),
    Several,
}

/// The one driver of a behaviour or case.
fn the_source<'n>(context: &mut Context, fields: Fields<'n>, what: &str) -> Found<'n> {
    let is_source = |entry: &&Entry| SOURCES.iter().any(|source| source.name == entry.key);
    let mut sources = fields.all().iter().filter(is_source);
    match (sources.next(), sources.next()) {
        (None, _) => Found::None,
        (Some(one), None) => Found::One(one),
        (Some(first), Some(second)) => {
            context
                .mistake(
                    second.key_span,
                    format!("{what} has one driver, but here are `{}` and `{}`", first.key, second.key),
                )
                .label("the second one")
                .help("drive it by one, and put others under `when` with a condition");
            Found::Several
        }
    }
}

fn cases(
    context: &mut Context,
    node: &Node,
    channel: &Channel,
    channels: &[Channel],
    loader: &dyn Loader,
) -> Vec<(Condition, Source)> {
    let items = context.items(node, "cases, each with `if` and a driver");
    if let Some(first) = items.get(MOST_CASES) {
        context
            .mistake(first.span, format!("a behaviour has at most {MOST_CASES} cases"))
            .label("the first one too many");
    }
    let mut cases = Vec::new();
    for item in items.iter().take(MOST_CASES) {
        let Some(fields) = context.fields(item, &CASE) else { continue };
        let condition = fields.get("if").and_then(|node| condition(context, node, channels));
        let source = match the_source(context, fields, "a case") {
            Found::One(entry) => source::read(context, entry, channel, channels, loader),
            Found::Several => None,
            Found::None => {
                let names: Vec<&str> = SOURCES.iter().map(|source| source.name).collect();
                context
                    .mistake(item.span, "this case drives nothing")
                    .label("no driver in here")
                    .help(format!("add {}", suggest::listed(&names)));
                None
            }
        };
        cases.extend(condition.zip(source));
    }
    cases
}

/// Reads a condition, with the complaint at the very word that is wrong.
pub(crate) fn condition(context: &mut Context, node: &Node, channels: &[Channel]) -> Option<Condition> {
    let text = context.scalar(node, "a condition such as `temp >= 100`")?;
    match Condition::parse(text, channels) {
        Ok(condition) => Some(condition),
        Err(error) => {
            misread(context, node, text, &error, channels);
            None
        }
    }
}

/// Whether a condition is one as far as that can be seen without knowing the channels; complains if it is not.
pub(crate) fn is_sound(context: &mut Context, node: &Node, text: &str) -> bool {
    let Err(error) = Condition::parse(text, &[]) else { return true };
    match &error.kind {
        ConditionErrorKind::UnknownName(_)
        | ConditionErrorKind::UnknownOption { .. }
        | ConditionErrorKind::WrongType { .. } => true,
        ConditionErrorKind::Expected(_)
        | ConditionErrorKind::Empty
        | ConditionErrorKind::TooLong
        | ConditionErrorKind::TooDeep
        | ConditionErrorKind::OpenQuote
        | ConditionErrorKind::UnknownSymbol(_) => {
            misread(context, node, text, &error, &[]);
            false
        }
    }
}

/// Complains about a text that is no condition.
fn misread(context: &mut Context, node: &Node, text: &str, error: &ConditionError, channels: &[Channel]) {
    // In a text without escapes and line breaks the place in the text is the place in the file.
    let written = context.written(node.span);
    let inner = written.find(text).filter(|_| !text.is_empty());
    let span = match inner {
        Some(at) => Span {
            start: node.span.start + at + error.at.start,
            end: node.span.start + at + error.at.end.max(error.at.start + 1),
        },
        None => node.span,
    };
    let (label, help) = match &error.kind {
        ConditionErrorKind::UnknownName(name) => (
            "unknown name",
            Some(suggest::advice(name, channels.iter().map(|channel| channel.name.as_str()))),
        ),
        ConditionErrorKind::UnknownOption { channel, option } => {
            let options = channels.iter().find(|one| one.name == *channel).map(|one| &one.kind);
            let names: Vec<&str> = match options {
                Some(Kind::Choice(options)) => options.iter().map(|option| option.name.as_str()).collect(),
                _ => Vec::new(),
            };
            ("unknown option", Some(suggest::advice(option, names)))
        }
        ConditionErrorKind::WrongType { .. } => ("cannot be compared so", None),
        ConditionErrorKind::Expected(_)
        | ConditionErrorKind::Empty
        | ConditionErrorKind::TooLong
        | ConditionErrorKind::TooDeep
        | ConditionErrorKind::OpenQuote
        | ConditionErrorKind::UnknownSymbol(_) => {
            let symbol = text.get(error.at.start..).and_then(|rest| rest.chars().next());
            ("here", Some(symbol_help(symbol).to_owned()))
        }
    };
    context.mistake(span, error.to_string()).label(label).maybe_help(help);
}

fn symbol_help(symbol: Option<char>) -> &'static str {
    match symbol {
        Some('=') => "write `==` for equal",
        Some('&') => "write `and`",
        Some('|') => "write `or`",
        Some('!') => "write `not`, or `!=` for unequal",
        _ => "a condition reads like `powerOn and (temp < 90 or mode == boost)`",
    }
}

/// Whether a rule may set this channel: what moves by itself would forget it at once.
pub(super) fn can_be_set(channel: &Channel) -> bool {
    channel.role == Role::Actuator || channel.behaviour.base == Source::Hold
}
