//! What a run came to, as one JSON document: counts and latencies of every operation, second by second and in all,
//! with the thresholds and whether the generator itself kept up.
//!
//! A report is complete: distributions are in it bucket for bucket (`HdrHistogram` V2, deflated, in base64), so that
//! reports of several shards can be merged without loss and runs compared with confidence intervals.

pub mod compare;
pub mod hints;
pub mod html;
pub mod junit;
pub mod merge;

use super::recorder::{Latencies, Series};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize, de, ser};
use std::collections::BTreeMap;
use thingfleet_schema::load::{Bound, Metric, Statistic};

/// The form of this document; another number is another form.
pub const VERSION: u32 = 1;

/// What a run came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// The fleet's name, from its profile.
    pub fleet: String,
    /// Its description.
    pub description: String,
    /// Its seed.
    pub seed: u64,
    /// The XMPP domain it was on.
    pub domain: String,
    /// When the run began, in milliseconds since 1970.
    pub started_ms: u64,
    /// How long it lasted, in seconds, up to the first `stop` or to its end.
    pub lasted_s: f64,
    /// Devices of this process, or of all shards together.
    pub devices: usize,
    /// How many of them were online before the first `stop`, or at the end.
    pub online: usize,
    /// How many should have been.
    pub expected: usize,
    /// Which parts of the fleet are in it: `1/1` for a whole one.
    pub shards: Vec<String>,
    /// The phases, in order.
    pub phases: Vec<Phase>,
    /// All operations that were begun, by name.
    pub operations: BTreeMap<String, Operation>,
    /// The thresholds of the profile.
    pub thresholds: Vec<Threshold>,
    /// How the generator fared.
    pub generator: Generator,
    /// Second by second.
    pub seconds: Vec<Second>,
}

/// A phase as it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// `ramp`, `hold`, `storm` or `stop`.
    pub step: String,
    /// When it began and ended, in seconds since the start.
    pub from_s: f64,
    /// See there.
    pub to_s: f64,
    /// Which bound of `until` ended it, if one did.
    pub ended_by: Option<String>,
}

/// What became of the operations of one kind: `sent` is `acknowledged`, `failed` and `in_flight` together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// How many should have begun.
    pub sent: u64,
    /// How many went well.
    pub acknowledged: u64,
    /// How many failed, by kind.
    pub failed: BTreeMap<String, u64>,
    /// How many had not ended when the run did, or when their device left.
    pub in_flight: u64,
    /// Latencies of those that went well, in milliseconds; none if none did.
    pub latency_ms: Option<Summary>,
    /// The same, complete, in microseconds.
    pub histogram: Distribution,
}

/// A distribution in a few numbers, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The least.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// What half of them do not exceed.
    pub p50: f64,
    /// And so on.
    pub p90: f64,
    /// See there.
    pub p99: f64,
    /// See there.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// The largest.
    pub max: f64,
}

/// A threshold and what the run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// As it was written: `publish.p99 < 200ms`.
    pub text: String,
    /// What was measured: seconds, a share, or a number; none if there was nothing to measure.
    pub value: Option<f64>,
    /// Whether it held; it does not where there was nothing to measure.
    pub held: bool,
}

/// How the generator fared.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Whether it did not keep its own schedule, so that latencies say more about it than about the server.
    pub saturated: bool,
    /// The share of its doings that were later than `limit_ms`.
    pub late_share: f64,
    /// How late it may be.
    pub limit_ms: f64,
    /// How late it was, in microseconds.
    pub lateness: Distribution,
    /// Cores it had.
    pub cores: usize,
    /// Processor time it took, user and system, in seconds.
    pub cpu_s: f64,
    /// The most resident memory it had, in bytes.
    pub peak_memory: u64,
    /// The version of the program.
    pub version: String,
}

/// One second of the run; what is not there did not happen.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Second {
    /// Which: 0 for the first.
    pub at: u32,
    /// Devices that were online at its end.
    pub online: usize,
    /// Devices that should have been.
    pub expected: usize,
    /// What the generator itself took.
    pub own: Own,
    /// What happened, by operation.
    pub operations: BTreeMap<String, Slice>,
}

/// What the generator took in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    /// Cores it used, on average.
    pub cpu: f64,
    /// Resident memory at the end, in bytes.
    pub memory: u64,
    /// Tasks that were alive.
    pub tasks: u64,
    /// Files that were open, nearly all of them sockets.
    pub files: u64,
    /// The latest that it did something, in milliseconds.
    pub late_ms: f64,
}

/// One operation in one second.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// How many should have begun.
    pub sent: u64,
    /// How many went well.
    pub acknowledged: u64,
    /// How many failed, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<String, u64>,
    /// Latencies of those that went well; none if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Packed>,
}

/// A distribution in microseconds, in JSON as `HdrHistogram`'s V2 form, deflated, in base64.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution(pub Latencies);

/// The same in that form in memory too: a few hundred bytes instead of two hundred thousand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed(Vec<u8>);

impl Report {
    /// Whether the run was good: every threshold held and the generator kept up.
    pub fn is_good(&self) -> bool {
        !self.generator.saturated && self.thresholds.iter().all(|threshold| threshold.held)
    }
}

impl Threshold {
    /// What a bound has come to.
    pub(super) fn new(bound: &Bound, value: Option<f64>) -> Self {
        let held = value.is_some_and(|value| bound.holds(value));
        Self { text: bound.text.clone(), value, held }
    }

    /// What was measured, for people.
    pub fn measured(&self) -> String {
        let Some(value) = self.value else { return "nothing to measure".to_owned() };
        match Bound::parse(&self.text).map(|bound| bound.metric) {
            Ok(Metric::Latency(..)) => format!("{:.1} ms", value * 1e3),
            Ok(Metric::Rate(_)) => format!("{value:.1}/s"),
            Ok(Metric::Errors(_) | Metric::Online) => format!("{:.3} %", value * 100.0),
            Ok(Metric::Count(..)) => format!("{value:.0}"),
            // Of another version, perhaps.
            Err(_) => value.to_string(),
        }
    }
}

impl Operation {
    /// What a series came to, with so many that did not end.
    pub fn new(series: Series, in_flight: u64) -> Self {
        let Series { sent, acknowledged, failed, latencies } = series;
        let latency_ms = Summary::of(&latencies);
        Self { sent, acknowledged, failed, in_flight, latency_ms, histogram: Distribution(latencies) }
    }

    /// The series it was made of.
    pub fn series(&self) -> Series {
        Series {
            sent: self.sent,
            acknowledged: self.acknowledged,
            failed: self.failed.clone(),
            latencies: self.histogram.0.clone(),
        }
    }
}

impl Slice {
    /// What a series of a second came to.
    pub fn new(series: Series) -> Self {
        let Series { sent, acknowledged, failed, latencies } = series;
        let histogram = (!latencies.is_empty()).then(|| Packed::new(&latencies));
        Self { sent, acknowledged, failed, histogram }
    }
}

impl Summary {
    /// The numbers of a distribution; `None` of an empty one.
    pub fn of(latencies: &Latencies) -> Option<Self> {
        let series = Series { latencies: latencies.clone(), ..Series::new() };
        let millis = |statistic| series.statistic(statistic).map(|seconds| seconds * 1e3);
        let percentile = |percent| millis(Statistic::Percentile(percent));
        Some(Self {
            min: (!latencies.is_empty()).then(|| latencies.min() as f64 / 1e3)?,
            mean: millis(Statistic::Mean)?,
            p50: percentile(50.0)?,
            p90: percentile(90.0)?,
            p99: percentile(99.0)?,
            p999: percentile(99.9)?,
            max: millis(Statistic::Max)?,
        })
    }
}

impl Packed {
    /// Packs a distribution.
    pub fn new(latencies: &Latencies) -> Self {
        let mut bytes = Vec::new();
        let packed = V2DeflateSerializer::new().serialize(latencies, &mut bytes);
        packed.expect("a Vec takes what is written, and the counts of a run fit the form");
        bytes.shrink_to_fit();
        Self(bytes)
    }

    /// The distribution.
    pub fn unpack(&self) -> Latencies {
        Self::read(&self.0).expect("nothing else is ever packed")
    }

    fn read(bytes: &[u8]) -> Result<Latencies, String> {
        let read = Deserializer::new().deserialize(&mut &*bytes);
        let read: Latencies = read.map_err(|error| error.to_string())?;
        // What it reads has the bounds that the writer had; what is added up here has ours.
        let mut latencies = super::recorder::no_latencies();
        latencies.add(&read).map_err(|error| error.to_string())?;
        Ok(latencies)
    }
}

impl Serialize for Packed {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(de::Error::custom)?;
        let read = Self::read(&bytes).map_err(de::Error::custom)?;
        Ok(Self::new(&read))
    }
}

impl Serialize for Distribution {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Packed::new(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Packed::deserialize(deserializer)?.unpack()))
    }
}

/// A report of three seconds, in which every publish took so many microseconds.
#[cfg(test)]
pub(crate) fn example(shard: &str, micros: u64) -> Report {
    made_up(shard, 3, |_| micros)
}

/// A report of a minute with latencies around 20 ms times a factor, drawn from a seed.
#[cfg(test)]
pub(crate) fn long_example(seed: u64, factor: f64) -> Report {
    let mut random = thingfleet_device::random::Stream::new(seed, "", "", "latencies");
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "around 20,000")]
    made_up("1/1", 60, |_| ((20_000.0 + 2_000.0 * random.gaussian().clamp(-3.0, 3.0)) * factor) as u64)
}

/// A report of a minute in which publishes take longer and longer.
#[cfg(test)]
pub(crate) fn slowing_example() -> Report {
    let mut asked = 0;
    made_up("1/1", 60, |_| {
        asked += 1;
        asked * 10_000
    })
}

#[cfg(test)]
fn made_up(shard: &str, seconds: u32, mut micros: impl FnMut(u32) -> u64) -> Report {
    let mut run = Series::new();
    let seconds = (0..seconds).map(|at| {
        let mut series = Series::new();
        for number in 0..10 {
            series.sent += 1;
            series.acknowledged += 1;
            series.latencies.record(micros(number)).unwrap();
        }
        run.add(&series);
        let operations = [("publish".to_owned(), Slice::new(series))].into();
        Second { at, online: 10, expected: 10, own: Own::default(), operations }
    });
    let seconds: Vec<_> = seconds.collect();
    let bound = Bound::parse("publish.p99 < 50ms").unwrap();
    let p99 = run.statistic(Statistic::Percentile(99.0));
    Report {
        version: VERSION,
        fleet: "example".into(),
        description: String::new(),
        seed: 1,
        domain: "example.org".into(),
        started_ms: 1_700_000_000_000,
        lasted_s: seconds.len() as f64,
        devices: 10,
        online: 10,
        expected: 10,
        shards: vec![shard.into()],
        phases: vec![Phase {
            name: "hold".into(),
            step: "hold".into(),
            from_s: 0.0,
            to_s: seconds.len() as f64,
            ended_by: None,
        }],
        operations: [("publish".to_owned(), Operation::new(run, 0))].into(),
        thresholds: vec![Threshold::new(&bound, p99)],
        generator: Generator {
            saturated: false,
            late_share: 0.0,
            limit_ms: 50.0,
            lateness: Distribution(super::recorder::no_latencies()),
            cores: 2,
            cpu_s: 1.0,
            peak_memory: 1 << 20,
            version: "0.1.0".into(),
        },
        seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::recorder::no_latencies;

    #[test]
    fn a_distribution_comes_back_from_json_bucket_for_bucket() {
        let mut latencies = no_latencies();
        for micros in [1, 17, 999, 20_000, 3_599_000_000] {
            latencies.record_n(micros, micros % 7 + 1).unwrap();
        }
        let text = serde_json::to_string(&Distribution(latencies.clone())).unwrap();
        let Distribution(back) = serde_json::from_str(&text).unwrap();
        assert_eq!(back, latencies);
        assert!(serde_json::from_str::<Distribution>("\"AAAA\"").is_err());
        assert!(serde_json::from_str::<Distribution>("\"?\"").is_err());
    }
}
