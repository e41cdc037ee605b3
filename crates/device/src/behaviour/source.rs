//! Sources: the undisturbed value of a channel, moved exactly from tick to tick.
//!
//! Steps are exact solutions over one tick, not approximations, so a coarser tick gives the same curve with fewer
//! points.

use super::{Tick, markov, pace::Pace, replay};
use crate::{
    definition::{Channel, ChannelId, DailyPoint, Operand, Source},
    random::Stream,
    time::{Instant, UnixMillis},
};
use core::f64::consts::TAU;

/// The undisturbed value and what its present source remembers.
#[derive(Clone, Debug)]
pub(super) struct Motion {
    value: f64,
    pace: Pace,
    /// Time since the present source took over, in microseconds, less the periods that are over.
    elapsed: u64,
    chain: markov::Position,
    random: Stream,
}

impl Motion {
    pub(super) fn new(value: f64, random: Stream) -> Self {
        Self { value, pace: Pace::STILL, elapsed: 0, chain: markov::Position::default(), random }
    }

    pub(super) fn value(&self) -> f64 {
        self.value
    }

    pub(super) fn go_on_from(&mut self, number: f64) {
        self.value = number;
    }

    /// `source` takes over at this tick, from the present value.
    pub(super) fn begin(&mut self, source: &Source, tick: &Tick) {
        self.pace = Pace::of(source, tick.seconds);
        self.elapsed = self.pace.starts_at(source);
        if let Source::Markov(states) = source {
            self.chain = markov::Position::nearest(states, self.value);
            self.chain.dwell_from(tick.now, states, &mut self.random);
            self.value = self.chain.value(states);
        }
    }

    /// The source that began before this tick goes on driving.
    pub(super) fn go_on(&mut self, tick: &Tick) {
        self.elapsed = self.pace.later(self.elapsed, tick.micros);
    }

    /// Moves over the tick that ends now. Nothing lies before the very first tick, so sources with memory stay.
    pub(super) fn step(&mut self, source: &Source, number_of: impl Fn(ChannelId) -> f64, tick: &Tick) {
        let operand = |operand: &Operand| match operand {
            Operand::Number(number) => *number,
            Operand::Channel(id) => number_of(*id),
        };
        let Pace { factor, spread, span, period } = self.pace;
        let first = tick.now == Instant::START;
        let turn = self.elapsed as f64 / span as f64;
        let moved = match source {
            Source::Hold => self.value,
            Source::Constant(number) => operand(number),
            Source::Ramp { from, to, .. } => {
                if self.elapsed < span {
                    from + (to - from) * turn
                } else {
                    *to
                }
            }
            Source::Sine { mean, amplitude, .. } => mean + amplitude * libm::sin(TAU * turn),
            Source::Daily(points) => daily(points, tick.epoch, tick.now),
            Source::Square { low, high, duty, .. } => {
                if turn < *duty {
                    *high
                } else {
                    *low
                }
            }
            Source::Replay { samples, interpolate, repeat } => {
                replay::value(samples, self.elapsed, *interpolate, repeat.then_some(period))
            }
            Source::Markov(states) => {
                if self.chain.advance(tick.now, states, &mut self.random) {
                    self.chain.value(states)
                } else {
                    self.value
                }
            }
            Source::Lag { .. }
            | Source::RandomWalk { .. }
            | Source::OrnsteinUhlenbeck { .. }
            | Source::Counter { .. }
            | Source::Integral { .. }
                if first =>
            {
                self.value
            }
            Source::Lag { toward, over: _ } => self.value + (operand(toward) - self.value) * factor,
            Source::RandomWalk { step: _ } => self.value + spread * self.random.gaussian(),
            Source::OrnsteinUhlenbeck { mean, deviation: _, over: _ } => {
                let mean = operand(mean);
                mean + (self.value - mean) * factor + spread * self.random.gaussian()
            }
            Source::Counter { per_hour } => self.value + operand(per_hour) * factor,
            Source::Integral { of, per: _, scale: _ } => self.value + number_of(*of) * factor,
        };
        // Extreme numbers in a definition may overflow; a channel keeps its last finite value then.
        if moved.is_finite() {
            self.value = moved;
        }
    }

    /// A source with memory does not wander outside what the channel may show.
    pub(super) fn keep_within(&mut self, channel: &Channel) {
        for range in channel.behaviour.clamp.iter().chain(&channel.range) {
            self.value = range.nearest(self.value);
        }
    }
}

const DAY: f64 = 86_400.0;

fn daily(points: &[DailyPoint], epoch: UnixMillis, now: Instant) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return 0.0;
    };
    let second = epoch.at(now).second_of_day();
    let after = points.partition_point(|point| f64::from(point.second) <= second);
    // Before the first and after the last point, the line goes around midnight.
    let (left, left_at) = match after.checked_sub(1) {
        Some(before) => (&points[before], f64::from(points[before].second)),
        None => (last, f64::from(last.second) - DAY),
    };
    let (right, right_at) = match points.get(after) {
        Some(right) => (right, f64::from(right.second)),
        None => (first, f64::from(first.second) + DAY),
    };
    line(left_at, left.value, right_at, right.value, second)
}

/// The value at `at` on the line through two points, of which the second is not before the first.
pub(super) fn line(left_at: f64, left: f64, right_at: f64, right: f64, at: f64) -> f64 {
    if right_at <= left_at { left } else { left + (right - left) * ((at - left_at) / (right_at - left_at)) }
}
