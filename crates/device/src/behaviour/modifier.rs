//! Modifiers: what a channel shows of its undisturbed value. In this order: noise, rate limit, clamp, quantise.

use super::Tick;
use crate::{
    definition::{Behaviour, Channel, Range},
    random::Stream,
    time::Instant,
};

/// The modifiers of one channel and what they remember.
#[derive(Clone, Debug)]
pub(super) struct Shaper {
    /// What was shown at the last tick, before it was quantised; the rate limit starts from here.
    shown: f64,
    random: Stream,
}

impl Shaper {
    pub(super) fn new(start: f64, random: Stream) -> Self {
        Self { shown: start, random }
    }

    pub(super) fn go_on_from(&mut self, number: f64) {
        self.shown = number;
    }

    /// What the channel shows for the undisturbed `value`; finite if `value` is.
    pub(super) fn shape(&mut self, value: f64, channel: &Channel, tick: &Tick) -> f64 {
        let Behaviour { noise, rate_limit, quantise, clamp, base: _, cases: _ } = &channel.behaviour;
        let mut shown = value;
        if let Some(deviation) = noise {
            shown += deviation * self.random.gaussian();
        }
        if let Some(rate) = rate_limit {
            let most = if tick.now == Instant::START { 0.0 } else { rate * tick.seconds };
            shown = Range { min: self.shown - most, max: self.shown + most }.nearest(shown);
        }
        if let Some(range) = clamp {
            shown = range.nearest(shown);
        }
        if shown.is_finite() {
            self.shown = shown;
        }
        quantise.map_or(self.shown, |step| quantised(self.shown, step, channel))
    }
}

/// The multiple of `step` closest to `value` that still lies in the clamp; where none does, the clamp wins.
fn quantised(value: f64, step: f64, channel: &Channel) -> f64 {
    let rounded = libm::round(value / step) * step;
    if !rounded.is_finite() {
        return value;
    }
    let Some(range) = channel.behaviour.clamp else {
        return rounded;
    };
    let inside = if rounded > range.max {
        libm::floor(range.max / step) * step
    } else if rounded < range.min {
        libm::ceil(range.min / step) * step
    } else {
        rounded
    };
    range.nearest(inside)
}
