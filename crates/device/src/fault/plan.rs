//! When faults come and go: on a device's own time and by what it lives through, the same on every body.

use super::Fault;
use crate::{
    commissioning::{gatt::Characteristic, journey::Stage},
    condition::Condition,
};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A fault and its times. All times are the device's own, at the speed of real time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// What goes wrong.
    pub fault: Fault,
    /// When it begins.
    pub when: When,
    /// How likely it is at each of those times, from 0 to 1; drawn from the seed.
    pub chance: f64,
    /// How long it lasts. Without it, until somebody clears it; during a phase, until the phase ends.
    pub lasts: Option<Duration>,
    /// How many times it comes at most; without it, any number of times.
    pub times: Option<u32>,
}

/// When a fault begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum When {
    /// So long after the device was switched on.
    At(Duration),
    /// First then, and again and again after that much time.
    Every {
        /// After switching on.
        first: Duration,
        /// From one beginning to the next.
        period: Duration,
    },
    /// At random, so often on average (a Poisson process from the seed).
    Randomly {
        /// Mean time between two beginnings.
        mean: Duration,
    },
    /// So long after each time that the device enters a phase.
    After(Phase, Duration),
    /// As long as the device is in a phase.
    During(Phase),
    /// Each time that a condition over its channels comes to hold.
    Condition(Condition),
}

/// A phase of a device's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Waiting to be commissioned over Bluetooth, whatever the stage.
    Commissioning,
    /// Joining the network.
    Joining,
    /// Opening a stream.
    Connecting,
    /// Signed on; roster and nodes are being set up.
    SettingUp,
    /// Online.
    Online,
    /// The stream broke; waiting to try again.
    Waiting,
    /// A stage of its commissioning.
    Stage(Stage),
    /// A client writes this characteristic: from the write until it is answered.
    Writing(Characteristic),
}
