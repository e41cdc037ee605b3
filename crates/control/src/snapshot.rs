//! How things are: a fleet and its devices at one moment.

use crate::{fault::ActiveFault, value::Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use thingfleet_device::{definition, io, model, unit::Unit, value::Secret};

/// A fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fleet {
    /// Its name, from the profile.
    pub name: String,
    /// The XMPP domain its devices are on.
    pub domain: String,
    /// Seconds of the devices' world in each second of real time.
    pub speed: f64,
    /// Whether that world stands still.
    pub paused: bool,
    /// How many devices it has.
    pub devices: usize,
    /// How many of them are in each state.
    pub states: BTreeMap<State, usize>,
    /// How many of them have worlds that cannot keep that speed on this machine.
    pub lagging: usize,
    /// Tasks of the fleet's program: one for each device that is switched on, and those that serve all of them and this
    /// interface.
    #[serde(default)]
    pub tasks: usize,
    /// What happened since the start, over all devices.
    pub counters: Counters,
    /// Sequence number of the latest event; 0 before the first one.
    pub latest_event: u64,
    /// Whether it is a load, of which `GET /v1/load` tells.
    #[serde(default)]
    pub load: bool,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Its name, unique in the fleet.
    pub name: String,
    /// Short name of its definition.
    pub kind: String,
    /// What people call a device of that kind.
    pub title: String,
    /// Serial number.
    pub serial: String,
    /// The profile's words to select it by.
    pub tags: Vec<String>,
    /// Its bare JID; none before it has been commissioned.
    pub jid: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What is wrong with its session or its nodes.
    pub trouble: Option<Trouble>,
    /// How far it has been commissioned: `unprovisioned`, …, `done`; none for one that never is.
    pub stage: Option<String>,
    /// What the QR code on it says, where it is asked for alone, waits to be commissioned and has an address already.
    /// Whoever has it can make the device theirs: it is for the screen, not for a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub qr: Option<Secret>,
    /// Its peripheral, while it has one.
    pub bluetooth: Option<Bluetooth>,
    /// The colour of its light, while it is switched on.
    pub led: Option<Colour>,
    /// Seconds since it was switched on, in real time.
    pub device_seconds: f64,
    /// Seconds that have passed in its world.
    pub world_seconds: f64,
    /// By how many of its seconds that world is behind the fleet's speed; zero while it keeps up.
    pub lag_seconds: f64,
    /// Its sensors and actuators, in the order of the definition.
    pub channels: Vec<Channel>,
    /// What goes wrong with it, in the order of beginning.
    pub faults: Vec<ActiveFault>,
    /// What happened since the start.
    pub counters: Counters,
}

/// A device in one line, for lists of thousands: what its fleet knows without asking the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Its name, unique in the fleet.
    pub name: String,
    /// Short name of its definition.
    pub kind: String,
    /// The profile's words to select it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Where it stands.
    pub state: State,
    /// Short name of what is wrong with its session or its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// What goes wrong with it because it was told to: the ids of its faults, in the order of beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<u32>,
}

/// Where a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not switched on yet, or without power.
    Off,
    /// Waiting to be commissioned over Bluetooth.
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
    /// Given up until a person does something.
    Failed,
    /// Its task failed, and it is switched on again soon.
    Restarting,
    /// Cut off on request.
    Offline,
    /// Stopped.
    Stopped,
}

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trouble {
    /// Short name: `authentication`, `setup`.
    pub kind: String,
    /// What happened.
    pub text: String,
    /// What a person can do about it.
    pub next_step: String,
}

/// Where a device's Bluetooth peripheral stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Bluetooth {
    /// Another device has the adapter.
    Queued {
        /// How many come first.
        ahead: usize,
    },
    /// It can be found and connected to.
    Advertising {
        /// The adapter.
        adapter: String,
        /// The address on the air.
        address: String,
    },
    /// Something is in the way; it tries again by itself.
    Down(Trouble),
}

/// Colour of a device's light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// Booting, or stopped by a failure that needs a person.
    Red,
    /// Waiting to be commissioned.
    Blue,
    /// On its way.
    Yellow,
    /// Online.
    Green,
}

/// A sensor or actuator and its present value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Whether the world or a person moves it.
    pub role: Role,
    /// Type of its values.
    pub r#type: Type,
    /// Name of its unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Smallest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Distance between two settable values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// The names of a choice's options; empty for everything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Whether a contact may set it.
    pub settable: bool,
    /// Its present value.
    pub value: Value,
    /// Where that comes from.
    pub source: Source,
    /// Who set it, with the source `set`, as far as the server says; none if it was a person at the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
    /// For how long it has been there, in seconds of the device's world.
    pub age_seconds: f64,
}

/// Who moves a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The world.
    Sensor,
    /// A person, a rule or a client.
    Actuator,
}

/// Type of a channel's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// On or off.
    Boolean,
    /// A whole number.
    Integer,
    /// A real number.
    Float,
    /// One of the options.
    Choice,
    /// Free text.
    Text,
    /// A push button, which falls back to 0.
    Button,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The device itself: its start, a behaviour, a rule.
    Behaviour,
    /// Injected, and not moved on by the behaviour since.
    Injected,
    /// Held until it is released or set.
    Held,
    /// Set by a contact or by a person at the device.
    Set,
}

/// What happened since the fleet was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counters {
    /// Events.
    pub events: u64,
    /// Publishes the server has acknowledged.
    pub published: u64,
    /// Publishes the server has refused.
    pub publish_failures: u64,
    /// Times that nodes could not be set up.
    pub setup_failures: u64,
    /// Actuators set by contacts or at the device.
    pub actuations: u64,
    /// Requests that were refused.
    pub refusals: u64,
    /// Stanzas sent.
    pub stanzas_sent: u64,
    /// Stanzas received.
    pub stanzas_received: u64,
    /// Restarts after a failure of the device's task.
    pub restarts: u64,
}

impl State {
    /// All states.
    pub const ALL: [Self; 11] = [
        Self::Off,
        Self::Commissioning,
        Self::Joining,
        Self::Connecting,
        Self::SettingUp,
        Self::Online,
        Self::Waiting,
        Self::Failed,
        Self::Restarting,
        Self::Offline,
        Self::Stopped,
    ];

    /// The word for it, also in conditions: `state == setting-up`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Commissioning => "commissioning",
            Self::Joining => "joining",
            Self::Connecting => "connecting",
            Self::SettingUp => "setting-up",
            Self::Online => "online",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Restarting => "restarting",
            Self::Offline => "offline",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<&io::Session> for State {
    fn from(session: &io::Session) -> Self {
        match session {
            io::Session::Commissioning => Self::Commissioning,
            io::Session::Joining => Self::Joining,
            io::Session::Connecting => Self::Connecting,
            io::Session::SettingUp => Self::SettingUp,
            io::Session::Online => Self::Online,
            io::Session::Waiting { .. } => Self::Waiting,
            io::Session::Failed(_) => Self::Failed,
            io::Session::Offline => Self::Offline,
            io::Session::Off => Self::Off,
            io::Session::Stopped => Self::Stopped,
        }
    }
}

impl Colour {
    /// All colours.
    pub const ALL: [Self; 4] = [Self::Red, Self::Blue, Self::Yellow, Self::Green];

    /// The word for it, also in conditions: `led == green`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Green => "green",
        }
    }
}

impl From<io::Colour> for Colour {
    fn from(colour: io::Colour) -> Self {
        match colour {
            io::Colour::Red => Self::Red,
            io::Colour::Blue => Self::Blue,
            io::Colour::Yellow => Self::Yellow,
            io::Colour::Green => Self::Green,
        }
    }
}

impl From<&io::StreamFailure> for Trouble {
    fn from(failure: &io::StreamFailure) -> Self {
        Self {
            kind: failure.kind.name().to_owned(),
            text: failure.text.clone(),
            next_step: failure.kind.next_step().to_owned(),
        }
    }
}

impl Channel {
    /// A channel with this value, which has been there for `age_seconds`.
    pub fn new(
        channel: &definition::Channel,
        value: &thingfleet_device::value::Value,
        origin: &model::Origin,
        age_seconds: f64,
    ) -> Self {
        let unit = channel.unit.name();
        let (source, set_by) = match origin {
            model::Origin::Behaviour => (Source::Behaviour, None),
            model::Origin::Injected => (Source::Injected, None),
            model::Origin::Held => (Source::Held, None),
            model::Origin::Set { by } => (Source::Set, by.clone()),
        };
        Self {
            name: channel.name.clone(),
            label: channel.label.clone(),
            role: match channel.role {
                definition::Role::Sensor => Role::Sensor,
                definition::Role::Actuator => Role::Actuator,
            },
            r#type: (&channel.kind).into(),
            unit: (!unit.is_empty()).then(|| unit.to_owned()),
            min: channel.range.map(|range| range.min),
            max: channel.range.map(|range| range.max),
            step: channel.step,
            options: match &channel.kind {
                definition::Kind::Choice(options) => {
                    options.iter().map(|option| option.name.clone()).collect()
                }
                definition::Kind::Boolean
                | definition::Kind::Integer
                | definition::Kind::Float
                | definition::Kind::Text(_)
                | definition::Kind::Button => Vec::new(),
            },
            settable: channel.settable,
            value: Value::of(channel, value),
            source,
            set_by,
            age_seconds,
        }
    }
}

impl Channel {
    /// The sign of its unit for people, `°C`; empty without one.
    pub fn symbol(&self) -> &'static str {
        let unit = self.unit.as_deref().and_then(Unit::from_name);
        unit.map_or("", Unit::symbol)
    }
}

impl From<&definition::Kind> for Type {
    fn from(kind: &definition::Kind) -> Self {
        match kind {
            definition::Kind::Boolean => Self::Boolean,
            definition::Kind::Integer => Self::Integer,
            definition::Kind::Float => Self::Float,
            definition::Kind::Choice(_) => Self::Choice,
            definition::Kind::Text(_) => Self::Text,
            definition::Kind::Button => Self::Button,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        for colour in Colour::ALL {
            assert_eq!(serde_json::to_value(colour).unwrap(), colour.name());
        }
    }
}
