//! When things begin, decided before anything has begun: the order of a ramp, and the moments of a rate.
//!
//! A schedule is that of the whole fleet, whatever part of it a process has. Each process walks through all of it and
//! does what falls to its own devices, so that device and moment are the same on any number of shards.

use std::{fmt, str::FromStr, time::Duration};
use thingfleet_device::random::Stream;
use thingfleet_schema::load::{Arrivals, Ramp};

/// A part of a fleet: of all devices, every `of`-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 0.
    index: usize,
    /// How many parts there are.
    of: usize,
}

/// Why a text names no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// It has another form.
    #[error("`{0}` is no part of a fleet; write it as 1/8, from 1/8 to 8/8")]
    Form(String),
}

impl Shard {
    /// The whole fleet.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The part of this number, from 0, among so many; `None` where there is no such part.
    pub fn new(index: usize, of: usize) -> Option<Self> {
        (index < of).then_some(Self { index, of })
    }

    /// Which part, from 0.
    pub fn index(self) -> usize {
        self.index
    }

    /// How many parts there are.
    pub fn of(self) -> usize {
        self.of
    }

    /// The place here of the device that has this place in the fleet, if it is here.
    pub fn place(self, global: usize) -> Option<usize> {
        (global % self.of == self.index).then_some(global / self.of)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let read = |(number, of): (&str, &str)| {
            Self::new(number.parse::<usize>().ok()?.checked_sub(1)?, of.parse().ok()?)
        };
        text.split_once('/').and_then(read).ok_or_else(|| ShardError::Form(text.to_owned()))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

/// Moments of a rate, from the beginning of a phase, each with a number that says whose it is.
#[derive(Debug)]
pub struct Moments {
    random: Stream,
    /// Seconds between two of them, on average.
    gap: f64,
    arrivals: Arrivals,
    at: f64,
}

impl Moments {
    /// Those of `rate` operations a second in a fleet with this seed. `purpose` tells schedules of one phase apart.
    pub fn new(seed: u64, phase: usize, purpose: &str, rate: f64, arrivals: Arrivals) -> Self {
        let random = Stream::new(seed, "", &phase.to_string(), purpose);
        Self { random, gap: 1.0 / rate, arrivals, at: 0.0 }
    }
}

impl Iterator for Moments {
    type Item = (Duration, u32);

    /// There is always a next one.
    fn next(&mut self) -> Option<Self::Item> {
        self.at += match self.arrivals {
            Arrivals::Poisson => self.gap * self.random.exponential(),
            Arrivals::Uniform => self.gap,
        };
        Some((Duration::from_secs_f64(self.at), self.random.below(u32::MAX)))
    }
}

/// When the `number`-th of `count` devices of a ramp is switched on; `None` where that is not a matter of time.
pub fn ramp(shape: Ramp, number: usize, count: usize) -> Option<Duration> {
    let part = |of: usize, over: Duration, parts: usize| over.mul_f64(of as f64 / parts.max(1) as f64);
    match shape {
        Ramp::Linear(over) => Some(part(number, over, count)),
        Ramp::Steps(over, steps) => Some(part(number * steps / count.max(1), over, steps)),
        Ramp::Spike => Some(Duration::ZERO),
        Ramp::FlatOut(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_is_in_one_shard() {
        let shards: Vec<_> = (0..3).map(|index| Shard::new(index, 3).unwrap()).collect();
        for global in 0..100 {
            let places: Vec<_> = shards.iter().filter_map(|shard| shard.place(global)).collect();
            assert_eq!(places, [global / 3]);
        }
        assert_eq!("2/8".parse(), Ok(Shard { index: 1, of: 8 }));
        assert_eq!(Shard { index: 1, of: 8 }.to_string(), "2/8");
        for text in ["0/8", "9/8", "1", "1/0", "a/b", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_comes_to_as_many_as_it_says_in_either_way() {
        for arrivals in [Arrivals::Poisson, Arrivals::Uniform] {
            let moments = Moments::new(1, 0, "publish", 200.0, arrivals);
            let count = moments.take_while(|(at, _)| *at <= Duration::from_secs(100)).count();
            assert!((19_500..=20_500).contains(&count), "{arrivals:?}: {count}");
        }
    }

    #[test]
    fn poisson_gaps_vary_as_much_as_they_last() {
        let moments: Vec<_> = Moments::new(1, 0, "publish", 10.0, Arrivals::Poisson).take(20_000).collect();
        let gaps: Vec<_> =
            moments.windows(2).map(|two| two[1].0.as_secs_f64() - two[0].0.as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{}", variance.sqrt() / mean);
    }

    #[test]
    fn a_schedule_is_the_same_every_time_and_another_for_another_purpose() {
        let some = |purpose| Moments::new(7, 2, purpose, 5.0, Arrivals::Poisson).take(10).collect::<Vec<_>>();
        assert_eq!(some("publish"), some("publish"));
        assert_ne!(some("publish"), some("churn"));
    }

    #[test]
    fn ramps_have_their_shapes() {
        let seconds = |shape| (0..4).map(|n| ramp(shape, n, 4).unwrap().as_secs_f64()).collect::<Vec<_>>();
        assert_eq!(seconds(Ramp::Linear(Duration::from_secs(8))), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(seconds(Ramp::Steps(Duration::from_secs(8), 2)), [0.0, 0.0, 4.0, 4.0]);
        assert_eq!(seconds(Ramp::Spike), [0.0; 4]);
        assert_eq!(ramp(Ramp::FlatOut(3), 0, 4), None);
    }
}
