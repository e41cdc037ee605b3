//! The load that a fleet is to be for its server: phases, rates, and what has to hold.
//!
//! The words for operations, statistics and phases stand here once; complaints, reports and dashboards use them.

mod bound;
mod read;

pub use bound::BoundError;
pub(crate) use read::{Around, read};

use std::{fmt, time::Duration};
use thingfleet_device::{jid::BareJid, value::Secret};

/// What a fleet does to its server, and what is asked of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// One after the other; at least one.
    pub phases: Vec<Phase>,
    /// What has to hold at the end.
    pub thresholds: Vec<Bound>,
    /// Who watches the devices.
    pub observers: Observers,
    /// How late an operation may begin. The generator is saturated when more than one in a hundred begins later.
    pub lateness: Duration,
}

/// Sessions of clients that see what devices publish, and operate them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observers {
    /// How many watch each device.
    pub per_device: usize,
    /// How many devices each of them watches at most; at least one.
    pub devices_each: usize,
    /// Accounts that they take in turn; without any they are registered as the devices' are.
    pub accounts: Vec<(BareJid, Secret)>,
}

/// A stretch of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// What it is called in reports.
    pub name: String,
    /// What happens to the devices.
    pub step: Step,
    /// What goes on meanwhile.
    pub traffic: Traffic,
    /// Ends the phase early, as soon as one of them holds over it.
    pub until: Vec<Bound>,
}

/// What happens to the devices in a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// More devices are switched on, until this share of the fleet is.
    Ramp {
        /// From 0 to 1.
        to: f64,
        /// In which order of time.
        shape: Ramp,
    },
    /// They stay as they are.
    Hold(Duration),
    /// Connections are cut all at once, and come back by the devices' own rules.
    Storm {
        /// How many are cut, from 0 to 1.
        share: f64,
        /// How long the phase lasts at most; it ends when all are back.
        within: Duration,
    },
    /// The devices say goodbye, evenly over this time.
    Stop(Duration),
}

/// When the devices of a ramp are switched on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ramp {
    /// Evenly over a time.
    Linear(Duration),
    /// In so many equal groups, evenly over a time.
    Steps(Duration, usize),
    /// All at once.
    Spike,
    /// As fast as the server takes them, so many at a time at most.
    FlatOut(usize),
}

/// Open-loop traffic: what begins when the schedule says so, whether the server is quick or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Readings published besides those of the devices' own behaviour, a second over the whole fleet.
    pub publish: Option<f64>,
    /// Actuators set by observers, a second over the whole fleet.
    pub actuate: Option<f64>,
    /// Devices that leave, a second, and how long each stays away.
    pub churn: Option<(f64, Duration)>,
    /// How the moments lie.
    pub arrivals: Arrivals,
}

/// How the moments of a rate lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// Independent of each other.
    #[default]
    Poisson,
    /// At equal distances.
    Uniform,
}

/// Something whose every case is counted and whose latency is measured, from the moment at which it should have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// From the attempt to connect to an encrypted stream.
    Connect,
    /// SASL.
    Authenticate,
    /// Resource binding or resumption, with stream management.
    Bind,
    /// From there until the device is online: roster, nodes, subscriptions.
    SetUp,
    /// From the moment a device should have been switched on until it is online.
    Join,
    /// From the moment a connection was cut, or a device should have come back, until it is online again.
    Return,
    /// From the moment a value should have been published to the server's acknowledgement.
    Publish,
    /// From there to the event at an observer.
    Event,
    /// From the moment an observer should have set an actuator to the event with which the device reports it.
    Actuate,
}

/// What has to hold, or ends a phase.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// As it was written.
    pub text: String,
    /// What is looked at.
    pub metric: Metric,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what: seconds, a share from 0 to 1, or a number.
    pub value: f64,
}

/// A number that a run has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Seconds.
    Latency(Operation, Statistic),
    /// Successes a second.
    Rate(Operation),
    /// How many.
    Count(Operation, Outcome),
    /// Failures among all that ended, from 0 to 1; of one operation, or of all.
    Errors(Option<Operation>),
    /// Devices that are online among those that should be, from 0 to 1.
    Online,
}

/// One number of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The largest.
    Max,
    /// The value that this many of a hundred do not exceed, between 0 and 100.
    Percentile(f64),
}

/// What became of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that were begun.
    Sent,
    /// Those that went well.
    Acknowledged,
    /// Those that did not.
    Failed,
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Operation {
    /// All of them, in the order in which they come.
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::Authenticate,
        Self::Bind,
        Self::SetUp,
        Self::Join,
        Self::Return,
        Self::Publish,
        Self::Event,
        Self::Actuate,
    ];

    /// Short name, for bounds and reports: `publish`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Authenticate => "authenticate",
            Self::Bind => "bind",
            Self::SetUp => "setup",
            Self::Join => "join",
            Self::Return => "return",
            Self::Publish => "publish",
            Self::Event => "event",
            Self::Actuate => "actuate",
        }
    }

    /// What is measured, for people.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Connect => "connecting, to an encrypted stream",
            Self::Authenticate => "authenticating",
            Self::Bind => "binding or resuming",
            Self::SetUp => "bound to online",
            Self::Join => "due to be switched on, to online",
            Self::Return => "cut off or due back, to online",
            Self::Publish => "value due, to acknowledged",
            Self::Event => "value due, to event at an observer",
            Self::Actuate => "actuation due, to reported at an observer",
        }
    }

    /// The operation of that short name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }
}

impl Bound {
    /// Reads a bound such as `publish.p99 < 200ms`, `errors < 0.1 %` or `join.count >= 500`.
    ///
    /// # Errors
    /// [`BoundError`] with its place in the text.
    pub fn parse(text: &str) -> Result<Self, BoundError> {
        bound::parse(text)
    }

    /// Whether it holds for this value of its metric.
    pub fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Less => value < self.value,
            Comparison::AtMost => value <= self.value,
            Comparison::More => value > self.value,
            Comparison::AtLeast => value >= self.value,
        }
    }
}

impl Step {
    /// Short name: `ramp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ramp { .. } => "ramp",
            Self::Hold(_) => "hold",
            Self::Storm { .. } => "storm",
            Self::Stop(_) => "stop",
        }
    }
}

impl Traffic {
    /// Whether nothing goes on but what the devices do by themselves.
    pub const fn is_none(&self) -> bool {
        self.publish.is_none() && self.actuate.is_none() && self.churn.is_none()
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Default for Observers {
    fn default() -> Self {
        Self { per_device: 0, devices_each: 10, accounts: Vec::new() }
    }
}

impl Observers {
    /// How many there are for so many devices.
    pub const fn needed(&self, devices: usize) -> usize {
        self.per_device.saturating_mul(devices.div_ceil(self.devices_each))
    }
}
