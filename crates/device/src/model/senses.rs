//! Sensors that do not show what is there: between the value that a channel has and the one that it shows.

use super::{Model, ModelEvent};
use crate::{
    definition::{Channel, ChannelId, Definition, Kind},
    random::Stream,
    time::Instant,
    value::Value,
};
use alloc::vec::Vec;

/// How a sensor is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Distortion {
    /// It shows what it showed when that began.
    Stuck,
    /// It is off by so much more each minute.
    Drift { per_minute: f64 },
    /// It is off by so much.
    Offset(f64),
    /// It is off by so much in this share of the ticks.
    Spike { by: f64, share: f64 },
    /// It jumps around the value.
    Noise { deviation: f64 },
    /// It shows this; 0 stands for ten times the largest value.
    Far(f64),
}

/// A sensor that is wrong.
#[derive(Clone, Debug)]
pub(super) struct Sense {
    pub(super) channel: ChannelId,
    /// What is there.
    pub(super) real: Value,
    /// In what ways it is wrong, and since when.
    distortions: Vec<(Distortion, Instant)>,
    random: Stream,
}

impl Model {
    /// Lets a sensor be wrong in these ways from `at` on; in none, it shows what is there.
    pub(crate) fn distort(
        &mut self,
        channel: ChannelId,
        distortions: &[Distortion],
        at: Instant,
        random: impl FnOnce() -> Stream,
    ) {
        let place = self.senses.iter().position(|sense| sense.channel == channel);
        match place {
            Some(place) if distortions.is_empty() => {
                let sense = self.senses.remove(place);
                if !self.is_held(channel) {
                    self.show(channel, sense.real);
                }
            }
            Some(place) => {
                let sense = &mut self.senses[place];
                let since = |wanted: &Distortion| {
                    let known = sense.distortions.iter().find(|(distortion, _)| distortion == wanted);
                    (*wanted, known.map_or(at, |(_, since)| *since))
                };
                sense.distortions = distortions.iter().map(since).collect();
            }
            None if distortions.is_empty() => {}
            None => self.senses.push(Sense {
                channel,
                real: self.value(channel).clone(),
                distortions: distortions.iter().map(|distortion| (*distortion, at)).collect(),
                random: random(),
            }),
        }
    }

    /// Shows what wrong sensors make of what is there.
    pub(super) fn apply_senses(
        &mut self,
        definition: &Definition,
        now: Instant,
        sink: &mut impl FnMut(ModelEvent),
    ) {
        for place in 0..self.senses.len() {
            let id = self.senses[place].channel;
            let shown = self.value(id).clone();
            let value = self.senses[place].shows(definition.channel(id), &shown, now);
            if !self.is_held(id) && self.show(id, value) {
                self.origins[usize::from(id.0)] = (super::Origin::Behaviour, now);
                sink(ModelEvent::Changed(id));
            }
        }
    }

    /// Where the value of a channel goes that is there now: behind a wrong sensor, or to be shown.
    pub(super) fn sensed(&mut self, channel: ChannelId) -> Option<&mut Value> {
        self.senses.iter_mut().find(|sense| sense.channel == channel).map(|sense| &mut sense.real)
    }
}

impl Sense {
    fn shows(&mut self, channel: &Channel, shown: &Value, now: Instant) -> Value {
        let (random, mut value) = (&mut self.random, self.real.clone());
        for (distortion, since) in &self.distortions {
            let number = value.as_f64();
            let wrong = match *distortion {
                Distortion::Stuck => {
                    value = shown.clone();
                    continue;
                }
                Distortion::Drift { per_minute } => {
                    number + per_minute * now.since(*since).as_secs_f64() / 60.0
                }
                Distortion::Offset(by) => number + by,
                Distortion::Spike { by, share } => {
                    if random.uniform() < share {
                        number + by
                    } else {
                        number
                    }
                }
                Distortion::Noise { deviation } => number + deviation * random.gaussian(),
                Distortion::Far(0.0) => {
                    channel.range.map_or(1e6, |range| 10.0 * libm::fabs(range.max).max(1.0))
                }
                Distortion::Far(there) => there,
            };
            value = beyond(channel, wrong).unwrap_or(value);
        }
        value
    }
}

/// The value of a number that need not be in the channel's range: a wrong sensor does not know it.
fn beyond(channel: &Channel, number: f64) -> Option<Value> {
    match channel.kind {
        Kind::Integer | Kind::Float => channel.unbounded(number),
        Kind::Boolean | Kind::Choice(_) | Kind::Text(_) | Kind::Button => channel.value_from(number),
    }
}
