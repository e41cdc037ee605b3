//! Counts and latencies of every operation, over the run, over the phase and over the second.
//!
//! A latency counts from the moment at which the operation should have begun, so a stalled server cannot hide behind
//! operations that were never started (coordinated omission). Latencies are in whole microseconds.

use hdrhistogram::Histogram;
use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use thingfleet_schema::load::{Metric, Operation, Outcome, Statistic};
use tokio::time::Instant;

/// The longest latency that is told apart: an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;
/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// Kinds of failure that are told apart for an operation; whatever more a server makes up is [`OTHER`].
const KINDS: usize = 32;
/// Bytes of a kind that is told apart; the longest condition of RFC 6120 has 23.
const LONGEST_KIND: usize = 64;
/// The kind of all further failures.
const OTHER: &str = "other";

/// A distribution of latencies, in microseconds.
pub type Latencies = Histogram<u64>;

/// An empty distribution.
pub fn no_latencies() -> Latencies {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are in order")
}

/// What became of the operations of one kind in one stretch of time.
#[derive(Debug, Clone)]
pub struct Series {
    /// How many should have begun.
    pub sent: u64,
    /// How many went well.
    pub acknowledged: u64,
    /// How many did not, by kind.
    pub failed: BTreeMap<String, u64>,
    /// Latencies of those that went well.
    pub latencies: Latencies,
}

/// What is recorded, for all operations.
#[derive(Debug)]
pub struct Recorder {
    /// In the order of [`Operation::ALL`].
    operations: Vec<Mutex<Windows>>,
    /// How late the generator itself was, over the run and over the second.
    lateness: Mutex<[Latencies; 2]>,
    /// Where every latency is told besides.
    samples: Option<Mutex<Box<dyn Samples>>>,
}

/// The same operations over three stretches.
#[derive(Debug)]
struct Windows {
    run: Series,
    phase: Series,
    second: Series,
}

/// Takes every single latency.
pub trait Samples: Send + std::fmt::Debug {
    /// An operation that should have begun then went well after so many microseconds.
    fn take(&mut self, operation: Operation, intended: Instant, micros: u64);
}

/// Of which stretch numbers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Since the start.
    Run,
    /// Since the phase began.
    Phase,
}

impl Recorder {
    /// An empty one, which tells every latency to `samples`.
    pub fn new(samples: Option<Box<dyn Samples>>) -> Self {
        let windows =
            || Mutex::new(Windows { run: Series::new(), phase: Series::new(), second: Series::new() });
        Self {
            operations: Operation::ALL.iter().map(|_| windows()).collect(),
            lateness: Mutex::new([no_latencies(), no_latencies()]),
            samples: samples.map(Mutex::new),
        }
    }

    /// An operation should have begun.
    pub fn begun(&self, operation: Operation) {
        self.of(operation).each(|series| series.sent += 1);
    }

    /// One that should have begun at `intended` has just gone well.
    pub fn done(&self, operation: Operation, intended: Instant) {
        self.done_at(operation, intended, Instant::now());
    }

    /// One that should have begun at `intended` went well at `ended`.
    pub fn done_at(&self, operation: Operation, intended: Instant, ended: Instant) {
        let micros = micros(ended.saturating_duration_since(intended));
        self.of(operation).each(|series| {
            series.acknowledged += 1;
            series.latencies.saturating_record(micros);
        });
        if let Some(samples) = &self.samples {
            lock(samples).take(operation, intended, micros);
        }
    }

    /// One has failed.
    pub fn failed(&self, operation: Operation, kind: &str) {
        self.of(operation).each(|series| series.fail(kind, 1));
    }

    /// The generator did something so long after it should have.
    pub fn late(&self, by: Duration) {
        for latencies in &mut *lock(&self.lateness) {
            latencies.saturating_record(micros(by));
        }
    }

    /// The share of what the generator did that was later than `limit`, over the run.
    pub fn late_share(&self, limit: Duration) -> f64 {
        share_beyond(&lock(&self.lateness)[0], limit)
    }

    /// A new phase begins.
    pub fn begin_phase(&self) {
        for windows in &self.operations {
            lock(windows).phase.clear();
        }
    }

    /// What happened to one operation since the start, or since the phase began.
    pub fn series(&self, operation: Operation, window: Window) -> Series {
        self.of(operation).over(window).clone()
    }

    /// What happened since this was called last, of the operations with which anything happened; and how late the
    /// generator was meanwhile.
    pub fn take_second(&self) -> (Vec<(Operation, Series)>, Latencies) {
        let taken = Operation::ALL.into_iter().filter_map(|operation| {
            let mut windows = self.of(operation);
            let second = &mut windows.second;
            if second.sent == 0 && second.acknowledged == 0 && second.failed.is_empty() {
                return None;
            }
            let taken = second.clone();
            second.clear();
            Some((operation, taken))
        });
        let taken = taken.collect();
        let [_, second] = &mut *lock(&self.lateness);
        let lateness = second.clone();
        second.reset();
        (taken, lateness)
    }

    /// How late the generator was, since the start.
    pub fn lateness(&self) -> Latencies {
        lock(&self.lateness)[0].clone()
    }

    /// The value of a metric over a stretch of this length, with that share of devices online; `None` where there is
    /// nothing to look at yet.
    pub fn measure(&self, metric: Metric, window: Window, lasted: Duration, online: f64) -> Option<f64> {
        let look =
            |operation, number: &dyn Fn(&Series) -> Option<f64>| number(self.of(operation).over(window));
        measure(metric, look, lasted, online)
    }

    fn of(&self, operation: Operation) -> MutexGuard<'_, Windows> {
        lock(&self.operations[operation as usize])
    }
}

impl Windows {
    fn over(&self, window: Window) -> &Series {
        match window {
            Window::Run => &self.run,
            Window::Phase => &self.phase,
        }
    }

    fn each(&mut self, mut change: impl FnMut(&mut Series)) {
        change(&mut self.run);
        change(&mut self.phase);
        change(&mut self.second);
    }
}

impl Series {
    /// Nothing happened.
    pub fn new() -> Self {
        Self { sent: 0, acknowledged: 0, failed: BTreeMap::new(), latencies: no_latencies() }
    }

    /// How many failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// How many came to this.
    pub fn count(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Sent => self.sent,
            Outcome::Acknowledged => self.acknowledged,
            Outcome::Failed => self.failures(),
        }
    }

    /// One number of the latencies, in seconds; `None` where there are none.
    pub fn statistic(&self, statistic: Statistic) -> Option<f64> {
        if self.latencies.is_empty() {
            return None;
        }
        let micros = match statistic {
            Statistic::Mean => self.latencies.mean(),
            Statistic::Max => self.latencies.max() as f64,
            Statistic::Percentile(percent) => self.latencies.value_at_percentile(percent) as f64,
        };
        Some(micros / 1e6)
    }

    /// Adds what happened elsewhere, bucket for bucket.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        for (kind, count) in &other.failed {
            self.fail(kind, *count);
        }
        self.latencies.add(&other.latencies).expect("all of them have the same bounds");
    }

    fn fail(&mut self, kind: &str, count: u64) {
        let is_room =
            kind.len() <= LONGEST_KIND && self.failed.len() < KINDS || self.failed.contains_key(kind);
        let kind = if is_room { kind } else { OTHER };
        if let Some(so_far) = self.failed.get_mut(kind) {
            *so_far += count;
        } else {
            self.failed.insert(kind.to_owned(), count);
        }
    }

    fn clear(&mut self) {
        self.sent = 0;
        self.acknowledged = 0;
        self.failed.clear();
        self.latencies.reset();
    }
}

impl Default for Series {
    fn default() -> Self {
        Self::new()
    }
}

/// The value of a metric; `look` gives a number of what the operations of a kind came to, which are many buckets.
pub(super) fn measure(
    metric: Metric,
    look: impl Fn(Operation, &dyn Fn(&Series) -> Option<f64>) -> Option<f64>,
    lasted: Duration,
    online: f64,
) -> Option<f64> {
    match metric {
        Metric::Online => Some(online),
        Metric::Latency(operation, statistic) => look(operation, &|series| series.statistic(statistic)),
        Metric::Rate(operation) => {
            let seconds = lasted.as_secs_f64().max(f64::MIN_POSITIVE);
            look(operation, &|series| Some(series.acknowledged as f64 / seconds))
        }
        Metric::Count(operation, outcome) => look(operation, &|series| Some(series.count(outcome) as f64)),
        Metric::Errors(only) => {
            let all = Operation::ALL.into_iter().filter(|one| only.is_none_or(|only| only == *one));
            let (failed, ended) = (Cell::new(0), Cell::new(0));
            for operation in all {
                look(operation, &|series| {
                    failed.set(failed.get() + series.failures());
                    ended.set(ended.get() + series.failures() + series.acknowledged);
                    None
                });
            }
            (ended.get() > 0).then(|| failed.get() as f64 / ended.get() as f64)
        }
    }
}

/// The share of what is in a distribution that lasted longer than `limit`.
pub(super) fn share_beyond(latencies: &Latencies, limit: Duration) -> f64 {
    if latencies.is_empty() {
        return 0.0;
    }
    let beyond = latencies.len() - latencies.count_between(0, micros(limit));
    beyond as f64 / latencies.len() as f64
}

/// Those that are online among those that should be.
pub(super) fn share(online: usize, expected: usize) -> f64 {
    if expected == 0 { 1.0 } else { online as f64 / expected as f64 }
}

/// Whole microseconds, at least the one that the distributions begin with.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST)
}

/// Nothing panics while one of these is held but the allocator.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_latency_counts_from_the_intended_moment() {
        let recorder = Recorder::new(None);
        let intended = Instant::now();
        recorder.begun(Operation::Publish);
        tokio::time::advance(Duration::from_millis(250)).await;
        recorder.done(Operation::Publish, intended);
        let p50 = Metric::Latency(Operation::Publish, Statistic::Percentile(50.0));
        let measured = recorder.measure(p50, Window::Run, Duration::from_secs(1), 0.0).unwrap();
        assert!((measured - 0.25).abs() < 0.001, "{measured}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_stretch_has_its_own_numbers() {
        let recorder = Recorder::new(None);
        let publish = Operation::Publish;
        for _ in 0..3 {
            recorder.begun(publish);
            recorder.done(publish, Instant::now());
        }
        assert_eq!(recorder.take_second().0[0].1.acknowledged, 3);
        recorder.begin_phase();
        recorder.begun(publish);
        recorder.failed(publish, "timeout");
        let errors = |window| recorder.measure(Metric::Errors(None), window, Duration::from_secs(1), 0.0);
        assert_eq!((errors(Window::Run), errors(Window::Phase)), (Some(0.25), Some(1.0)));
        let (second, _) = recorder.take_second();
        assert_eq!((second[0].1.acknowledged, second[0].1.failures()), (0, 1));
        assert!(recorder.take_second().0.is_empty());
    }

    #[test]
    fn a_server_cannot_make_up_kinds_without_end() {
        let recorder = Recorder::new(None);
        for number in 0..1000 {
            recorder.failed(Operation::Publish, &format!("kind-{number}"));
        }
        let series = recorder.series(Operation::Publish, Window::Run);
        assert_eq!(series.failures(), 1000);
        assert_eq!((series.failed.len(), series.failed[OTHER]), (KINDS + 1, 1000 - KINDS as u64));
    }

    #[test]
    fn lateness_beyond_the_limit_is_a_share() {
        let recorder = Recorder::new(None);
        for millis in 1..=100 {
            recorder.late(Duration::from_millis(millis));
        }
        let share = recorder.late_share(Duration::from_millis(90));
        assert!((share - 0.1).abs() < 0.001, "{share}");
    }
}
