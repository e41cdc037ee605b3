//! Values of channels as they stand in a file: `true`, `21.5`, the name of an option, text.

use crate::{
    context::Context,
    suggest,
    yaml::{Content, Node},
};
use thingfleet_device::{
    definition::{Channel, ChannelId, Kind, Operand, Range},
    value::{Value, format_float},
};

/// Reads a value of the channel's kind, within its range and on its step.
pub(crate) fn read(context: &mut Context, node: &Node, channel: &Channel) -> Option<Value> {
    match &channel.kind {
        Kind::Boolean => context.boolean(node).map(Value::Boolean),
        Kind::Integer => {
            let number = whole(context, node)?;
            in_range(context, node, channel, number as f64)?;
            Some(Value::Integer(number))
        }
        Kind::Float => {
            let number = context.number(node)?;
            in_range(context, node, channel, number)?;
            Some(Value::Float(number))
        }
        Kind::Choice(_) => option(context, node, channel).map(Value::Choice),
        Kind::Text(most) => match &node.content {
            Content::Scalar { text, plain: false } if text.is_empty() => Some(Value::Text(String::new())),
            Content::Scalar { .. } | Content::Sequence(_) | Content::Mapping(_) => {
                context.text(node, usize::from(*most)).map(|text| Value::Text(text.to_owned()))
            }
        },
        Kind::Button => whole(context, node).map(Value::Integer),
    }
}

/// Reads a value of a boolean, numeric or choice channel as the number that behaviours work with.
pub(crate) fn number(context: &mut Context, node: &Node, channel: &Channel) -> Option<f64> {
    read(context, node, channel).map(|value| value.as_f64())
}

/// Reads a number or the name of another channel.
pub(crate) fn operand(
    context: &mut Context,
    node: &Node,
    channel: &Channel,
    channels: &[Channel],
) -> Option<Operand> {
    let Content::Scalar { text, plain: true } = &node.content else {
        context.wrong_type(node, "a number or the name of a channel");
        return None;
    };
    let literal = match &channel.kind {
        Kind::Boolean => text == "true" || text == "false",
        Kind::Choice(options) => options.iter().any(|option| option.name == *text),
        Kind::Integer | Kind::Float | Kind::Text(_) | Kind::Button => text.parse::<f64>().is_ok(),
    };
    if literal || node.is_empty() {
        return number(context, node, channel).map(Operand::Number);
    }
    let named = channels.iter().position(|other| other.name == *text);
    let Some(named) = named else {
        let options = match &channel.kind {
            Kind::Choice(options) => options.iter().map(|option| option.name.as_str()).collect(),
            Kind::Boolean => vec!["true", "false"],
            Kind::Integer | Kind::Float | Kind::Text(_) | Kind::Button => Vec::new(),
        };
        let names = channels.iter().map(|other| other.name.as_str()).filter(|name| *name != channel.name);
        let help = suggest::advice(text, options.into_iter().chain(names));
        context
            .mistake(node.span, format!("`{text}` is neither a value nor a sensor or actuator"))
            .label("unknown name")
            .help(help);
        return None;
    };
    if channels[named].name == channel.name {
        context
            .mistake(node.span, format!("`{text}` cannot follow itself"))
            .label("its own name")
            .help("name another channel or a number");
        return None;
    }
    if matches!(channels[named].kind, Kind::Text(_)) {
        context.mistake(node.span, format!("`{text}` is text, not a number")).label("cannot be followed");
        return None;
    }
    u16::try_from(named).ok().map(|index| Operand::Channel(ChannelId(index)))
}

/// A whole number, also below zero.
fn whole(context: &mut Context, node: &Node) -> Option<i64> {
    // Beyond this a float, which clients and behaviours use, does not keep whole numbers apart.
    const MOST: f64 = 9_007_199_254_740_992.0;
    let number = context.number(node)?;
    if number.fract() != 0.0 {
        context.wrong_type(node, "a whole number").help("take the decimals away, or make the type `float`");
        return None;
    }
    if number.abs() > MOST {
        context.mistake(node.span, "this number is too large").label("beyond 2^53");
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // bounded above
    Some(number as i64)
}

fn in_range(context: &mut Context, node: &Node, channel: &Channel, number: f64) -> Option<()> {
    let shown = |value: f64| format_float(value, None);
    if let Some(Range { min, max }) = channel.range
        && !(min..=max).contains(&number)
    {
        context
            .mistake(node.span, format!("{} is out of the range of `{}`", shown(number), channel.name))
            .label("out of range")
            .help(format!("the range is [{}, {}]", shown(min), shown(max)));
        return None;
    }
    let Some(step) = channel.step else { return Some(()) };
    let origin = channel.range.map_or(0.0, |range| range.min);
    if !on_grid(number - origin, step) {
        let below = origin + ((number - origin) / step).floor() * step;
        context
            .mistake(node.span, format!("{} is not on the steps of `{}`", shown(number), channel.name))
            .label(format!("steps of {}", shown(step)))
            .help(format!("the nearest are {} and {}", shown(below), shown(below + step)));
        return None;
    }
    Some(())
}

/// Whether `distance` is a whole number of steps, but for rounding.
pub(crate) fn on_grid(distance: f64, step: f64) -> bool {
    let steps = distance / step;
    (steps - steps.round()).abs() < 1e-6
}

/// The index of an option.
pub(crate) fn option(context: &mut Context, node: &Node, channel: &Channel) -> Option<u16> {
    let Kind::Choice(options) = &channel.kind else { return None };
    let text = context.scalar(node, "one of the options")?;
    if let Some(index) = options.iter().position(|option| option.name == text) {
        return u16::try_from(index).ok();
    }
    let help = suggest::advice(text, options.iter().map(|option| option.name.as_str()));
    context
        .mistake(node.span, format!("`{}` has no option `{text}`", channel.name))
        .label("unknown option")
        .help(help);
    None
}
