//! A device definition: what one kind of thing is, after every check has passed.
//!
//! This is data only. `thingfleet-schema` makes it from YAML and guarantees the invariants written on the fields;
//! the firmware receives it as bytes. Nothing in here knows about time, XMPP or Bluetooth.

use crate::{binding::Driver, condition::Condition, unit::Unit, value::Value};
use alloc::{string::String, vec::Vec};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// One kind of device: a kettle, a thermostat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Short name of the kind, an XMPP-safe identifier: `kettle`.
    pub kind: String,
    /// What people call it: `Electric kettle`.
    pub title: String,
    /// One sentence for `thingfleet list`.
    pub description: String,
    /// Manufacturer name (0x2A29).
    pub manufacturer: String,
    /// Hardware revision (0x2A27).
    pub hardware: String,
    /// Software revision (0x2A28).
    pub software: String,
    /// BCP 47 language of labels and of the device (0x2AA2).
    pub language: String,
    /// Step of the simulation; every behaviour, rule and publish policy is evaluated on this grid.
    pub tick: Duration,
    /// Sensors and actuators in the order of the file; names are unique over both.
    pub channels: Vec<Channel>,
    /// Rules in the order of the file; that order is the order in which they are applied within a tick.
    pub rules: Vec<Rule>,
    /// The text a new device sends its owner and expects back (thesis 4.3).
    pub hello: String,
    /// How actuator values live on the server.
    pub actuators: ActuatorMode,
    /// Which words are used for types and units on the wire.
    pub dialect: Dialect,
    /// How a new device is met over Bluetooth.
    pub bluetooth: Bluetooth,
    /// Bindings of channels to the drivers of a real board.
    pub firmware: Vec<Binding>,
}

impl Definition {
    /// The channel with this name and its place in [`Definition::channels`].
    pub fn find(&self, name: &str) -> Option<(ChannelId, &Channel)> {
        let index = self.channels.iter().position(|channel| channel.name == name)?;
        Some((ChannelId(u16::try_from(index).ok()?), &self.channels[index]))
    }

    /// The channel behind `id`.
    ///
    /// # Panics
    /// If `id` came from another definition.
    pub fn channel(&self, id: ChannelId) -> &Channel {
        &self.channels[usize::from(id.0)]
    }

    /// All channels with their ids, in the order of the file.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        (0u16..).map(ChannelId).zip(&self.channels)
    }
}

/// Place of a channel in its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelId(pub u16);

/// One sensor or actuator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Name, part of the item id on the wire: `[A-Za-z][A-Za-z0-9_-]{0,63}`.
    pub name: String,
    /// Whether the world or a person moves it.
    pub role: Role,
    /// What people call it: `Water temperature`.
    pub label: String,
    /// Heading under which a client shows it; a new heading starts where this changes.
    pub group: Option<String>,
    /// Type of its values.
    pub kind: Kind,
    /// Unit of its values.
    pub unit: Unit,
    /// Smallest and largest value of a numeric channel, both included; `min < max`.
    pub range: Option<Range>,
    /// Decimals of a float on the wire; `None` writes the shortest exact form.
    pub precision: Option<u8>,
    /// Distance between two settable values of a numeric channel, greater than zero.
    pub step: Option<f64>,
    /// Value at power-on, of the channel's kind and within its range.
    pub starts: Value,
    /// Whether a contact may set it. Always false for sensors.
    pub settable: bool,
    /// How it moves by itself. Actuators have [`Source::Hold`] unless something drives them.
    pub behaviour: Behaviour,
    /// When its value is sent.
    pub publish: PublishPolicy,
}

/// Who moves a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The world: a reading.
    Sensor,
    /// A person, a rule or a client: a setting.
    Actuator,
}

/// Type of a channel's values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// On or off.
    Boolean,
    /// A whole number.
    Integer,
    /// A real number.
    Float,
    /// One of these options (at least two, unique): the name on the wire and the label for people.
    Choice(Vec<ChoiceOption>),
    /// Free text of at most this many bytes.
    Text(u16),
    /// A push button: takes a non-zero number and falls back to 0 on the next tick.
    Button,
}

/// One option of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceOption {
    /// The word in rules and on the wire.
    pub name: String,
    /// The word for people.
    pub label: String,
}

/// A closed range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Smallest value, included.
    pub min: f64,
    /// Largest value, included.
    pub max: f64,
}

/// How a channel moves by itself: the first case whose condition holds, else the base; then the modifiers in order
/// noise, rate limit, clamp, quantise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Behaviour {
    /// What drives the channel where no case applies.
    pub base: Source,
    /// Conditional drivers, tried in order.
    pub cases: Vec<(Condition, Source)>,
    /// Standard deviation of added Gaussian noise, in the channel's unit. Noise does not feed back into the source.
    pub noise: Option<f64>,
    /// Largest change, in units a second.
    pub rate_limit: Option<f64>,
    /// Values are rounded to a multiple of this.
    pub quantise: Option<f64>,
    /// Values are kept in this range.
    pub clamp: Option<Range>,
}

impl Behaviour {
    /// A channel that stays where it is put.
    pub const HOLD: Self = Self {
        base: Source::Hold,
        cases: Vec::new(),
        noise: None,
        rate_limit: None,
        quantise: None,
        clamp: None,
    };
}

/// A driver of a channel's value. Numbers are in the channel's unit; a boolean channel counts a half and more as
/// on, a choice channel rounds to the index of an option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// Stays at its last value.
    Hold,
    /// A fixed number or the value of another channel.
    Constant(Operand),
    /// First-order lag: moves toward `toward`, covering 63.2 % of the distance in each `over`.
    Lag {
        /// The value it approaches.
        toward: Operand,
        /// The time constant, greater than zero.
        over: Duration,
    },
    /// A straight line from `from` to `to` in `over`; then holds, or starts again.
    Ramp {
        /// First value.
        from: f64,
        /// Last value.
        to: f64,
        /// Time from first to last, greater than zero.
        over: Duration,
        /// Whether it starts again at the end.
        repeat: bool,
    },
    /// A sine wave; at phase 0 it starts at `mean`, rising.
    Sine {
        /// Centre line.
        mean: f64,
        /// Height above the centre line.
        amplitude: f64,
        /// Length of a wave, greater than zero.
        period: Duration,
        /// Shift of the wave to the left.
        phase: Duration,
    },
    /// Values over a day by local wall-clock time (UTC), joined by straight lines, from the last around to the first.
    Daily(Vec<DailyPoint>),
    /// Adds a Gaussian step of deviation `step` each second (scaled by the square root of the tick).
    RandomWalk {
        /// Standard deviation of one second's step.
        step: f64,
    },
    /// Ornstein–Uhlenbeck: a random walk pulled back to `mean`.
    OrnsteinUhlenbeck {
        /// The value it is pulled to.
        mean: Operand,
        /// Stationary standard deviation.
        deviation: f64,
        /// Relaxation time, greater than zero.
        over: Duration,
    },
    /// Alternates between two values; starts with `high`.
    Square {
        /// Value of the second part of a period.
        low: f64,
        /// Value of the first part of a period.
        high: f64,
        /// Length of a period, greater than zero.
        period: Duration,
        /// Share of a period spent high, above 0 and below 1.
        duty: f64,
    },
    /// A Markov chain of states (at least two) with exponential dwell times; starts in the state whose value is the
    /// channel's start value, else in the first.
    Markov(Vec<MarkovState>),
    /// Counts up by `per_hour` an hour.
    Counter {
        /// Growth an hour.
        per_hour: Operand,
    },
    /// Time integral of another channel: grows by that channel's value each `per`.
    Integral {
        /// The channel that is summed up; never in a cycle with this one.
        of: ChannelId,
        /// The time in which the integral grows by exactly the other's value.
        per: Duration,
        /// Factor on the result (0.001 turns watts per hour into kilowatt-hours).
        scale: f64,
    },
    /// Recorded samples in order of time, at least one.
    Replay {
        /// Time since the start of the recording, and value.
        samples: Vec<(Duration, f64)>,
        /// Whether values between two samples lie on the line between them; else the earlier one holds.
        interpolate: bool,
        /// Whether it starts again at the end (after one mean sample distance); else the last value holds.
        repeat: bool,
    },
}

/// A number, or the current value of another channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operand {
    /// A fixed number.
    Number(f64),
    /// The value of a channel.
    Channel(ChannelId),
}

/// One point of a daily curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DailyPoint {
    /// Seconds since midnight, 0 to 86,399; points are in rising order.
    pub second: u32,
    /// Value at that time.
    pub value: f64,
}

/// One state of a Markov chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarkovState {
    /// Value of the channel in this state.
    pub value: f64,
    /// Mean dwell time, greater than zero.
    pub mean: Duration,
    /// Whether the dwell time is exactly `mean` instead of exponential.
    pub fixed: bool,
    /// Index of the following state and its weight, at least one, weights greater than zero.
    pub next: Vec<(u16, f64)>,
}

/// Something the device does by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Fires once when this becomes true.
    pub when: Condition,
    /// Width by which thresholds must be undershot before the rule can fire again, in the unit of the channel.
    pub hysteresis: f64,
    /// How long the condition must hold before the rule fires.
    pub delay: Duration,
    /// What is set when it fires.
    pub set: Vec<(ChannelId, Setting)>,
}

/// The value a rule sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Setting {
    /// This value, of the channel's kind.
    Value(Value),
    /// The value another channel has at that moment.
    Channel(ChannelId),
}

/// When a channel's value is sent. Evaluated on the tick grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishPolicy {
    /// Look at the value this often; without it, at every tick.
    pub every: Option<Duration>,
    /// Send only if it differs from the last one sent by at least this much (`0`: by anything); without it, send at
    /// every look.
    pub change: Option<f64>,
    /// Shortest time between two publishes.
    pub gap: Duration,
    /// Send an unchanged value after this long.
    pub heartbeat: Option<Duration>,
}

/// How actuator values live on the server (docs/PROTOCOL.md, "Actuators").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActuatorMode {
    /// Persistent where the server lets several publishers share an item, else transient.
    #[default]
    Auto,
    /// Items are stored, as the thesis has it; needs a server without item ownership.
    Persistent,
    /// Items are only passed on, and each applied value is mirrored into the sensors node.
    Transient,
}

/// Which words are used for types on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// The thesis's: `float`, `boolean`, `integer`, `string`.
    #[default]
    Thesis,
    /// The reference firmware's: `double`, `bool`, `uint`/`int`, `string`, and no unit.
    Firmware,
}

/// How a new device is met over Bluetooth, and how long it waits in each step (thesis 4.1 to 4.3). Times are real time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bluetooth {
    /// Name over the air, 1 to 29 bytes.
    pub name: String,
    /// Appearance (Assigned Numbers, 2.6); 0 is unknown.
    pub appearance: u16,
    /// Company identifier in the advertisement; 0xFFFF is for those that have none.
    pub company: u16,
    /// Where Setup Done is.
    pub layout: Layout,
    /// Whether Device Information can be subscribed to, as in the reference firmware.
    pub notify: bool,
    /// How writes are protected.
    pub security: Security,
    /// How long a connected client may do nothing before it is sent away.
    pub idle: Duration,
    /// How often a network is tried, at least once.
    pub join_attempts: u8,
    /// How long one attempt to join may take.
    pub join: Duration,
    /// How long the first session may take from the network to sign-on, over all attempts.
    pub session: Duration,
    /// How long the owner may take to mirror the greeting.
    pub mirror: Duration,
}

/// Where Setup Done is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// In the service of the credentials, as in the thesis.
    #[default]
    OneService,
    /// In a second service, as in the reference firmware.
    TwoServices,
}

/// How writes over Bluetooth are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Security {
    /// Not at all, as the reference client has it.
    #[default]
    Open,
    /// The link must be encrypted: LE Secure Connections, Just Works (Mode 1 Level 2).
    Encrypted,
    /// Each value is a sealed box for the key in the QR code.
    Sealed,
}

impl Security {
    /// Its number in the advertisement.
    pub const fn level(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Encrypted => 1,
            Self::Sealed => 2,
        }
    }

    /// The level with that number.
    pub const fn with_level(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::Open),
            1 => Some(Self::Encrypted),
            2 => Some(Self::Sealed),
            _ => None,
        }
    }

    /// Its word in definitions and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Encrypted => "encrypted",
            Self::Sealed => "sealed",
        }
    }
}

impl Bluetooth {
    /// The values of a definition that says nothing, for a device with this name over the air.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            appearance: 0,
            company: 0xFFFF,
            layout: Layout::OneService,
            notify: false,
            security: Security::Open,
            idle: Duration::from_mins(1),
            join_attempts: 3,
            join: Duration::from_secs(20),
            session: Duration::from_mins(2),
            mirror: Duration::from_mins(10),
        }
    }
}

/// A channel bound to a driver of a real board.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The channel.
    pub channel: ChannelId,
    /// Its driver, which fits it.
    pub driver: Driver,
    /// The numbers of [`Driver::pins`], in that order, by name; those that it needs are there.
    pub pins: Vec<(String, u8)>,
}

impl Binding {
    /// The number of that name.
    pub fn pin(&self, name: &str) -> Option<u8> {
        self.pins.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }
}
