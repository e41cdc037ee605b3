//! Rules: what a device does by itself when a condition becomes true.

use super::{behaviour, channel::named, known, value};
use crate::{
    context::Context,
    grammar::definition::RULE,
    yaml::{Content, Entry, Node},
};
use thingfleet_device::definition::{Channel, ChannelId, Kind, Rule, Setting};

/// Reads one rule.
pub(super) fn read(context: &mut Context, node: &Node, channels: &[Channel]) -> Option<Rule> {
    let fields = context.fields(node, &RULE)?;
    let when = fields.get("when").and_then(|node| behaviour::condition(context, node, channels));
    let delay = fields.get("delay").and_then(|node| context.duration(node)).unwrap_or_default();
    let hysteresis = fields.get("hysteresis").and_then(|node| {
        let width = context.number(node)?;
        if width < 0.0 {
            context
                .mistake(node.span, format!("a hysteresis of {width} is below zero"))
                .label("zero or more");
        }
        Some(width)
    });
    let mut set = Vec::new();
    if let Some(node) = fields.get("set") {
        let entries = context.entries(node, "names to values");
        if entries.is_empty() && (node.is_empty() || matches!(node.content, Content::Mapping(_))) {
            context
                .mistake(node.span, "this rule sets nothing")
                .label("empty")
                .help("write `set: { powerOn: false }`");
        }
        for entry in entries {
            set.extend(setting(context, entry, channels));
        }
    }
    Some(Rule { when: when?, hysteresis: hysteresis.unwrap_or(0.0), delay, set })
}

fn setting(context: &mut Context, entry: &Entry, channels: &[Channel]) -> Option<(ChannelId, Setting)> {
    let id = known(context, entry.key_span, &entry.key, channels)?;
    let channel = &channels[usize::from(id.0)];
    if !behaviour::can_be_set(channel) {
        context
            .mistake(entry.key_span, format!("`{}` moves by its own behaviour", entry.key))
            .label("a rule cannot set it")
            .help("set an actuator, or give the sensor no driver but those under `when`");
        return None;
    }
    if let Some(other) = other_channel(&entry.value, channel, channels) {
        let from = &channels[usize::from(other.0)];
        if !copies(from, channel) {
            context
                .mistake(entry.value.span, format!("`{}` is {}", from.name, named(&from.kind)))
                .label(format!("`{}` is {}", channel.name, named(&channel.kind)));
            return None;
        }
        return Some((id, Setting::Channel(other)));
    }
    if channel.kind == Kind::Button {
        let presses = context.integer(&entry.value, 1, 1_000_000)?;
        return Some((
            id,
            Setting::Value(thingfleet_device::value::Value::Integer(presses.try_into().ok()?)),
        ));
    }
    value::read(context, &entry.value, channel).map(|value| (id, Setting::Value(value)))
}

/// The channel that a plain word names, unless the word is a value of `channel` itself.
fn other_channel(node: &Node, channel: &Channel, channels: &[Channel]) -> Option<ChannelId> {
    let Content::Scalar { text, plain: true } = &node.content else { return None };
    let own = match &channel.kind {
        Kind::Choice(options) => options.iter().any(|option| option.name == *text),
        Kind::Text(_) => true,
        Kind::Boolean | Kind::Integer | Kind::Float | Kind::Button => false,
    };
    let index = channels.iter().position(|other| other.name == *text && !own)?;
    u16::try_from(index).ok().map(ChannelId)
}

/// Whether the value of one channel can be given to another.
fn copies(from: &Channel, to: &Channel) -> bool {
    match (&from.kind, &to.kind) {
        (Kind::Integer | Kind::Float, Kind::Integer | Kind::Float) | (Kind::Boolean, Kind::Boolean) => true,
        (Kind::Choice(from), Kind::Choice(to)) => from == to,
        (
            Kind::Boolean | Kind::Integer | Kind::Float | Kind::Choice(_) | Kind::Text(_) | Kind::Button,
            Kind::Boolean | Kind::Integer | Kind::Float | Kind::Choice(_) | Kind::Text(_) | Kind::Button,
        ) => false,
    }
}
