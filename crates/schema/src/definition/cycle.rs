//! Channels whose values follow from each other in a circle.
//!
//! Lags and Ornstein–Uhlenbeck processes may form circles, as a thermostat and its room do: they have a state of
//! their own. What a constant, a counter or an integral follows must come from somewhere else.

use super::Written;
use crate::context::Context;
use thingfleet_device::definition::{Channel, Operand, Source};

/// Reports every circle once, at the channel in it that comes first in the file.
pub(super) fn check(context: &mut Context, channels: &[Channel], written: &[Written]) {
    let follows: Vec<Vec<usize>> = channels.iter().map(follows).collect();
    let mut reported = vec![false; channels.len()];
    for one in written {
        if reported[one.index] {
            continue;
        }
        let Some(circle) = circle_through(one.index, &follows) else { continue };
        circle.iter().for_each(|&index| reported[index] = true);
        let mut names: Vec<&str> = circle.iter().map(|&index| channels[index].name.as_str()).collect();
        names.push(names[0]);
        let place = one.fields.entry("behaviour").map_or(one.entry.key_span, |entry| entry.key_span);
        context
            .mistake(place, format!("these values follow from each other: {}", names.join(" ← ")))
            .label("a circle")
            .help(
                "constants, counters and integrals must follow something outside the circle, or use a `lag`",
            );
    }
}

/// The channels that `channel` takes over without a state of its own.
fn follows(channel: &Channel) -> Vec<usize> {
    let sources = std::iter::once(&channel.behaviour.base)
        .chain(channel.behaviour.cases.iter().map(|(_, source)| source));
    sources
        .filter_map(|source| match source {
            Source::Constant(Operand::Channel(id)) | Source::Counter { per_hour: Operand::Channel(id) } => {
                Some(*id)
            }
            Source::Integral { of, .. } => Some(*of),
            Source::Hold
            | Source::Constant(Operand::Number(_))
            | Source::Lag { .. }
            | Source::Ramp { .. }
            | Source::Sine { .. }
            | Source::Daily(_)
            | Source::RandomWalk { .. }
            | Source::OrnsteinUhlenbeck { .. }
            | Source::Square { .. }
            | Source::Markov(_)
            | Source::Counter { per_hour: Operand::Number(_) }
            | Source::Replay { .. } => None,
        })
        .map(|id| usize::from(id.0))
        .collect()
}

/// The way from `start` back to itself, if there is one.
fn circle_through(start: usize, follows: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut came_from: Vec<Option<usize>> = vec![None; follows.len()];
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for &next in &follows[at] {
            if next == start {
                let mut way = vec![at];
                while let Some(before) = came_from[*way.last()?] {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if came_from[next].is_none() {
                came_from[next] = Some(at);
                open.push(next);
            }
        }
    }
    None
}
