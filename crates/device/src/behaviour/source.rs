//! Sources: the undisturbed value of a channel, moved exactly from tick to tick.
//!
//! Steps are exact solutions over one tick, not approximations, so a coarser tick gives the same curve with fewer
//! points. Anything that needs `exp` or `sqrt` of constants is computed once, when a source takes over.

use super::{Tick, markov, replay};
use crate::{
    definition::{Channel, ChannelId, DailyPoint, Operand, Source},
    random::Stream,
    time::{Instant, UnixMillis},
};
use core::{f64::consts::TAU, time::Duration};

/// The undisturbed value and what its present source remembers.
#[derive(Clone, Debug)]
pub(super) struct Motion {
    value: f64,
    /// When the present source took over.
    began: Instant,
    /// Share of the distance or of the rate that one tick covers, for sources that have one.
    factor: f64,
    /// Deviation of one tick's random step, for sources that have one.
    spread: f64,
    chain: markov::Position,
    random: Stream,
}

impl Motion {
    pub(super) fn new(value: f64, random: Stream) -> Self {
        let (began, chain) = (Instant::START, markov::Position::default());
        Self { value, began, factor: 0.0, spread: 0.0, chain, random }
    }

    pub(super) fn value(&self) -> f64 {
        self.value
    }

    pub(super) fn go_on_from(&mut self, number: f64) {
        self.value = number;
    }

    /// `source` takes over at this tick, from the present value.
    pub(super) fn begin(&mut self, source: &Source, tick: &Tick) {
        self.began = tick.now;
        (self.factor, self.spread) = per_tick(source, tick.seconds);
        if let Source::Markov(states) = source {
            self.chain = markov::Position::nearest(states, self.value);
            self.chain.dwell_from(tick.now, states, &mut self.random);
            self.value = self.chain.value(states);
        }
    }

    /// Moves over the tick that ends now. Nothing lies before the very first tick, so sources with memory stay.
    pub(super) fn step(&mut self, source: &Source, number_of: impl Fn(ChannelId) -> f64, tick: &Tick) {
        let operand = |operand: &Operand| match operand {
            Operand::Number(number) => *number,
            Operand::Channel(id) => number_of(*id),
        };
        let elapsed = tick.now.since(self.began);
        let first = tick.now == Instant::START;
        let moved = match source {
            Source::Hold => self.value,
            Source::Constant(number) => operand(number),
            Source::Ramp { from, to, over, repeat } => ramp(*from, *to, elapsed, *over, *repeat),
            Source::Sine { mean, amplitude, period, phase } => {
                mean + amplitude * libm::sin(TAU * turn(elapsed.saturating_add(*phase), *period))
            }
            Source::Daily(points) => daily(points, tick.epoch, tick.now),
            Source::Square { low, high, period, duty } => {
                if turn(elapsed, *period) < *duty {
                    *high
                } else {
                    *low
                }
            }
            Source::Replay { samples, interpolate, repeat } => {
                replay::value(samples, elapsed, *interpolate, *repeat)
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
            Source::Lag { toward, over: _ } => self.value + (operand(toward) - self.value) * self.factor,
            Source::RandomWalk { step: _ } => self.value + self.spread * self.random.gaussian(),
            Source::OrnsteinUhlenbeck { mean, deviation: _, over: _ } => {
                let mean = operand(mean);
                mean + (self.value - mean) * self.factor + self.spread * self.random.gaussian()
            }
            Source::Counter { per_hour } => self.value + operand(per_hour) * self.factor,
            Source::Integral { of, per: _, scale: _ } => self.value + number_of(*of) * self.factor,
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

/// The factor and the deviation of a source's step over one tick.
fn per_tick(source: &Source, seconds: f64) -> (f64, f64) {
    match source {
        Source::Lag { toward: _, over } => (-libm::expm1(-seconds / over.as_secs_f64()), 0.0),
        Source::OrnsteinUhlenbeck { mean: _, deviation, over } => {
            let decay = -seconds / over.as_secs_f64();
            (libm::exp(decay), deviation * libm::sqrt(-libm::expm1(2.0 * decay)))
        }
        Source::RandomWalk { step } => (0.0, step * libm::sqrt(seconds)),
        Source::Counter { per_hour: _ } => (seconds / 3600.0, 0.0),
        Source::Integral { of: _, per, scale } => (scale * seconds / per.as_secs_f64(), 0.0),
        Source::Hold
        | Source::Constant(_)
        | Source::Ramp { .. }
        | Source::Sine { .. }
        | Source::Daily(_)
        | Source::Square { .. }
        | Source::Markov(_)
        | Source::Replay { .. } => (0.0, 0.0),
    }
}

/// The part of the present period that is over, from 0 (included) to 1 (excluded).
fn turn(elapsed: Duration, period: Duration) -> f64 {
    let (elapsed, period) = (micros(elapsed), micros(period).max(1));
    (elapsed % period) as f64 / period as f64
}

/// Whole microseconds, which is as fine as [`Instant`] is. Saturates.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn ramp(from: f64, to: f64, elapsed: Duration, over: Duration, repeat: bool) -> f64 {
    if !repeat && elapsed >= over {
        return to;
    }
    from + (to - from) * turn(elapsed, over)
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
