//! A load at one moment: where it stands, what its operations came to, and how its generator fares.
//!
//! Latencies are in milliseconds and count from the moment at which an operation should have begun.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Seconds that [`Series`] goes back.
pub const SECONDS: usize = 300;

/// A load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// Seconds since its start; 0 before.
    pub seconds: f64,
    /// The phase it is in; none before the first.
    pub phase: Option<Phase>,
    /// Devices that are online.
    pub online: usize,
    /// Devices that should be.
    pub expected: usize,
    /// Every operation of which any has begun, in the order in which they come.
    pub operations: Vec<Operation>,
    /// The profile's thresholds, over the run so far.
    pub thresholds: Vec<Threshold>,
    /// How the generator itself fares.
    pub generator: Generator,
    /// The latest seconds.
    pub series: Series,
}

/// A phase that goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// `ramp`, `hold`, `storm` or `stop`.
    pub step: String,
    /// Which it is: 1 for the first.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// Seconds since it began.
    pub seconds: f64,
    /// How many seconds it takes, or takes at most; none where the server says how long.
    pub planned_seconds: Option<f64>,
}

/// What became of the operations of one kind: `sent` is `acknowledged`, `failed` and `in_flight` together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Operation {
    /// Its name: `publish`.
    pub name: String,
    /// How many should have begun since the start.
    pub sent: u64,
    /// How many of them went well.
    pub acknowledged: u64,
    /// How many failed, by kind.
    pub failed: BTreeMap<String, u64>,
    /// How many have not ended yet.
    pub in_flight: u64,
    /// How many went well in the latest second.
    pub rate: u64,
    /// Latencies of the latest second; none if none went well in it.
    pub second: Option<Latency>,
    /// Latencies since the start; none if none went well.
    pub run: Option<Latency>,
}

/// A distribution of latencies in four numbers, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// What half of them do not exceed.
    pub p50: f64,
    /// And so on.
    pub p90: f64,
    /// And so on.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// A threshold of the profile, and what the run has come to so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Threshold {
    /// As it was written: `publish.p99 < 200ms`.
    pub text: String,
    /// What was measured: seconds, a share, or a number; none where there is nothing to measure yet.
    pub value: Option<f64>,
    /// The same for people, in its unit: `19.8 ms`.
    pub measured: String,
    /// Whether it holds so far.
    pub held: bool,
}

/// What the generator takes, and whether it keeps its own schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Cores it used in the latest second, on average.
    pub cpu: f64,
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Tasks that are alive.
    pub tasks: u64,
    /// Files that are open, nearly all of them sockets.
    pub files: u64,
    /// The latest that it did something in the latest second, in milliseconds.
    pub late_ms: f64,
    /// How late it may be, in milliseconds.
    pub limit_ms: f64,
    /// The share of what it did since the start that was later than that, from 0 to 1.
    pub late_share: f64,
    /// Whether that is so much that latencies say more about it than about the server.
    pub saturated: bool,
}

/// The latest seconds, at most [`SECONDS`], oldest first. All lists have the same length; a second has its place in
/// each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Which second of the run, 0 for the first.
    pub at: Vec<u32>,
    /// Devices that were online at its end.
    pub online: Vec<usize>,
    /// Devices that should have been.
    pub expected: Vec<usize>,
    /// Cores that the generator used.
    pub cpu: Vec<f64>,
    /// Its resident memory at the end, in bytes.
    pub memory: Vec<u64>,
    /// The latest that it did something, in milliseconds.
    pub late_ms: Vec<f64>,
    /// What happened, by operation.
    pub operations: BTreeMap<String, Track>,
}

/// One operation over the latest seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Track {
    /// How many went well.
    pub acknowledged: Vec<u64>,
    /// How many failed.
    pub failed: Vec<u64>,
    /// Latencies; none where none went well.
    pub latency: Vec<Option<Latency>>,
}
