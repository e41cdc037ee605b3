//! When a fault begins.

use crate::{
    context::{Context, Fields},
    definition::behaviour,
    grammar::fault::{PHASES, TIMES},
    suggest,
    yaml::Node,
};
use std::time::Duration;
use thingfleet_device::fault::plan::{Phase, When};

/// Shortest time between two beginnings; a plan that does more than that has nothing of it.
const SHORTEST: Duration = Duration::from_millis(100);

/// When a fault begins, as far as it can be said without a device.
pub(super) enum Time<'n> {
    /// From the moment at which the device is switched on.
    Start,
    /// At moments that count from the start of the fleet, or at random.
    Clock(When),
    /// In a phase, which stands here.
    Phase(&'n Node, Phase, When),
    /// When this condition comes to hold.
    Condition(&'n Node, &'n str),
}

/// Reads the keys that say when; `None` after a complaint.
pub(super) fn read<'n>(context: &mut Context, fields: Fields<'n>) -> Option<Time<'n>> {
    let written: Vec<_> = fields.all().iter().filter(|entry| TIMES.contains(&&*entry.key)).collect();
    if let [first, second, ..] = written[..] {
        context
            .mistake(second.key_span, format!("`{}` and `{}` both say when", first.key, second.key))
            .label("a second time")
            .help("take one of them, or write the fault twice");
        return None;
    }
    let one = written.first().map(|entry| entry.key.as_str());
    for (key, belongs_to) in [("first", "every"), ("wait", "after")] {
        if let Some(entry) = fields.entry(key).filter(|_| one != Some(belongs_to)) {
            context.mistake(entry.key_span, format!("`{key}` goes with `{belongs_to}`")).label("alone").help(
                match one {
                    Some(other) => format!("take `{belongs_to}` instead of `{other}`, or leave `{key}` out"),
                    None => format!("add `{belongs_to}`"),
                },
            );
        }
    }
    let Some(entry) = written.first() else { return Some(Time::Start) };
    let node = &entry.value;
    Some(match entry.key.as_str() {
        "at" => Time::Clock(When::At(context.duration(node)?)),
        "every" => {
            let period = distance(context, node)?;
            let first = fields.get("first").map_or(Some(period), |node| context.duration(node))?;
            Time::Clock(When::Every { first, period })
        }
        "randomly" => Time::Clock(When::Randomly { mean: distance(context, node)? }),
        "after" => {
            let phase = phase(context, node);
            let wait = fields.get("wait").map_or(Some(Duration::ZERO), |node| context.duration(node));
            let phase = phase?;
            Time::Phase(node, phase, When::After(phase, wait?))
        }
        "during" => {
            let phase = phase(context, node)?;
            Time::Phase(node, phase, When::During(phase))
        }
        _ => {
            let text = context.scalar(node, "a condition such as `temp > 90`")?;
            behaviour::is_sound(context, node, text).then_some(Time::Condition(node, text))?
        }
    })
}

fn distance(context: &mut Context, node: &Node) -> Option<Duration> {
    let distance = context.duration(node)?;
    if distance >= SHORTEST {
        return Some(distance);
    }
    context
        .mistake(node.span, "this is too often")
        .label(format!("at least {}", crate::quantity::spoken(SHORTEST)))
        .help("some faults do something again and again by themselves; `thingfleet faults` shows them");
    None
}

/// The phase of that name. With a wrong word, the likely one, or those at the top.
fn phase(context: &mut Context, node: &Node) -> Option<Phase> {
    let word = context.scalar(node, "a phase")?;
    if let Some((_, phase)) = PHASES.iter().find(|(name, _)| *name == word) {
        return Some(*phase);
    }
    let names = PHASES.iter().map(|(name, _)| *name);
    let help = if let Some(near) = suggest::closest(word, names.clone()) {
        format!("did you mean `{near}`?")
    } else {
        let top: Vec<_> = names.filter(|name| !name.contains('.')).collect();
        format!(
            "it can be {}, a stage such as `stage.hello-sent`, or a write such as \
             `commissioning.write-jid-password`",
            suggest::listed(&top).replace(" or ", ", ")
        )
    };
    context.mistake(node.span, format!("`{word}` is not a phase")).label("unknown").help(help);
    None
}
