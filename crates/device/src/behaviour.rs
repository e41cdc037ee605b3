//! How a channel moves by itself: the driver that carries a [`Behaviour`] through time on the tick grid.
//!
//! Here the case is chosen and the parts are put together; `source.rs` moves the undisturbed value, `modifier.rs`
//! turns it into what the channel shows. Which channels a driver sees at which time is the model's business.

mod markov;
mod modifier;
mod pace;
mod replay;
mod source;

use crate::{
    definition::{Channel, ChannelId, Kind, Source},
    random::Stream,
    time::{Instant, UnixMillis},
    value::Value,
};
use modifier::Shaper;
use source::Motion;

/// The moment of a tick and the size of all ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    /// The moment, on the tick grid.
    pub(crate) now: Instant,
    /// Wall-clock time of [`Instant::START`].
    pub(crate) epoch: UnixMillis,
    /// Time between two ticks, in seconds, greater than zero.
    pub(crate) seconds: f64,
    /// The same in microseconds.
    pub(crate) micros: u64,
}

/// The moving part of one channel.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    channel: ChannelId,
    /// Place of the case that drives, or the number of cases for the base; `None` before the first tick.
    case: Option<usize>,
    motion: Motion,
    shaper: Shaper,
}

impl Driver {
    /// The driver of a channel in a device of this name and fleet seed; `None` if nothing ever moves the channel.
    pub(crate) fn new(id: ChannelId, channel: &Channel, device: &str, seed: u64) -> Option<Self> {
        let behaviour = &channel.behaviour;
        // A rate limit changes nothing on a channel that only jumps when it is set.
        let still = behaviour.base == Source::Hold
            && behaviour.cases.is_empty()
            && (behaviour.noise, behaviour.quantise, behaviour.clamp) == (None, None, None);
        if still || matches!(channel.kind, Kind::Text(_)) {
            return None;
        }
        let stream = |purpose| Stream::new(seed, device, &channel.name, purpose);
        let start = channel.starts.as_f64();
        Some(Self {
            channel: id,
            case: None,
            motion: Motion::new(start, stream("source")),
            shaper: Shaper::new(start, stream("noise")),
        })
    }

    /// The channel it drives.
    pub(crate) fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Goes on from `number`, which the channel was set to from outside.
    pub(crate) fn go_on_from(&mut self, number: f64) {
        self.motion.go_on_from(number);
        self.shaper.go_on_from(number);
    }

    /// Moves to the next tick; `values` are the channels' present values. Answers what the channel shows then,
    /// before it is rounded to the channel's kind; always finite.
    pub(crate) fn step(&mut self, channel: &Channel, values: &[Value], tick: &Tick) -> f64 {
        let behaviour = &channel.behaviour;
        let value_of = |id: ChannelId| &values[usize::from(id.0)];
        let holds = |(condition, _): &(_, _)| crate::condition::Condition::holds(condition, value_of);
        let case = behaviour.cases.iter().position(holds).unwrap_or(behaviour.cases.len());
        let source = behaviour.cases.get(case).map_or(&behaviour.base, |(_, source)| source);
        if self.case == Some(case) {
            self.motion.go_on(tick);
        } else {
            self.case = Some(case);
            self.motion.begin(source, tick);
        }
        self.motion.step(source, |id| value_of(id).as_f64(), tick);
        self.motion.keep_within(channel);
        self.shaper.shape(self.motion.value(), channel, tick)
    }
}
