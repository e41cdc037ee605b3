//! When a value is sent, and what is sensible where the file says nothing.

use super::channel::named;
use crate::{
    context::{Context, Fields},
    grammar::definition::PUBLISH_TABLE,
    quantity::spoken,
    yaml::{Content, Node},
};
use std::time::Duration;
use thingfleet_device::definition::{Channel, Kind, PublishPolicy, Role};

/// Reads the publish policy of a channel.
pub(super) fn read(
    context: &mut Context,
    fields: Fields,
    channel: &Channel,
    tick: Duration,
) -> PublishPolicy {
    let mut policy = sensible(channel, tick);
    let Some(fields) = fields.get("publish").and_then(|node| context.fields(node, &PUBLISH_TABLE)) else {
        return policy;
    };
    if let Some(node) = fields.get("every") {
        policy.every = span_or(context, node, "tick");
        if policy.every.is_some_and(|every| every < tick) {
            let tick = spoken(tick);
            context
                .mistake(node.span, format!("nothing changes more often than every {tick}"))
                .label("shorter than the tick")
                .help(format!(
                    "the tick of this device is {tick}; write `every: tick`, or a shorter `tick:`"
                ));
        }
    }
    if let Some(node) = fields.get("change") {
        policy.change = change(context, node, channel);
    }
    if let Some(node) = fields.get("gap") {
        policy.gap = context.duration(node).unwrap_or_default();
    }
    if let Some(node) = fields.get("heartbeat") {
        policy.heartbeat = span_or(context, node, "never");
        if policy.heartbeat.is_some_and(|heartbeat| heartbeat < policy.gap) {
            context
                .mistake(node.span, "the heartbeat is shorter than the gap")
                .label("would never be kept")
                .help("`gap` is the shortest time between two publishes, `heartbeat` the longest");
        }
    }
    policy
}

/// Numbers of sensors every ten seconds if their last decimal changed, everything else at once.
fn sensible(channel: &Channel, tick: Duration) -> PublishPolicy {
    let change = match (&channel.kind, channel.precision) {
        (Kind::Integer, _) => 1.0,
        (Kind::Float, Some(decimals)) => 10f64.powi(-i32::from(decimals)),
        (Kind::Float | Kind::Boolean | Kind::Choice(_) | Kind::Text(_) | Kind::Button, _) => 0.0,
    };
    let numeric = matches!(channel.kind, Kind::Integer | Kind::Float);
    if channel.role == Role::Sensor && numeric {
        return PublishPolicy {
            every: Some(Duration::from_secs(10).max(tick)),
            change: Some(change),
            gap: Duration::ZERO,
            heartbeat: Some(Duration::from_secs(300).max(tick)),
        };
    }
    PublishPolicy { every: None, change: Some(0.0), gap: Duration::ZERO, heartbeat: None }
}

/// A duration, or the word for none.
fn span_or(context: &mut Context, node: &Node, none: &str) -> Option<Duration> {
    match &node.content {
        Content::Scalar { text, .. } if text == none => None,
        Content::Scalar { .. } | Content::Sequence(_) | Content::Mapping(_) => context.span_of_time(node),
    }
}

fn change(context: &mut Context, node: &Node, channel: &Channel) -> Option<f64> {
    if matches!(&node.content, Content::Scalar { text, .. } if text == "always") {
        return None;
    }
    let change = context.number(node).unwrap_or(0.0);
    if change < 0.0 {
        context
            .mistake(node.span, format!("a change of {change} is below zero"))
            .label("zero or more")
            .help("`0` sends every change, `always` also what did not change");
    } else if change > 0.0 && !matches!(channel.kind, Kind::Integer | Kind::Float) {
        context
            .mistake(node.span, format!("{} does not change by {change}", named(&channel.kind)))
            .label("not a number")
            .help("write `change: 0` to send every change");
    }
    Some(change)
}
