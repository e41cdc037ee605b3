//! Every kind of fault there is: what it is called, what a client sees of it, which settings it has.
//!
//! It is long because it is one table.

use crate::definition::Role;
use serde::{Deserialize, Serialize};

/// A group of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Sensors and what they publish.
    Sensor,
    /// Actuators.
    Actuator,
    /// The device.
    Device,
    /// The network.
    Network,
    /// XMPP.
    Xmpp,
    /// Bluetooth and commissioning.
    Bluetooth,
}

/// A kind of fault; [`Kind::entry`] has all about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The sensor is stuck.
    SensorStuck,
    /// The sensor drifts.
    SensorDrift,
    /// The sensor is off.
    SensorOffset,
    /// The sensor spikes.
    SensorSpike,
    /// The sensor is noisy.
    SensorNoise,
    /// The sensor is silent.
    SensorDropout,
    /// The sensor is out of range.
    SensorOutOfRange,
    /// Items have a wrong unit.
    WrongUnit,
    /// Items have a wrong type.
    WrongType,
    /// Items have a malformed payload.
    MalformedPayload,
    /// Items are stamped in the past.
    StaleTimestamp,
    /// The user interface is frozen.
    FrozenForm,
    /// The actuator ignores what it is told.
    ActuatorIgnored,
    /// The actuator is late.
    ActuatorDelayed,
    /// The actuator is stuck.
    ActuatorStuck,
    /// The actuator falls back.
    ActuatorReverts,
    /// The actuator applies another value.
    ActuatorWrong,
    /// The actuator applies twice.
    ActuatorDouble,
    /// The actuator only says so.
    ActuatorHollow,
    /// The device reboots.
    Reboot,
    /// The device crashes again and again.
    CrashLoop,
    /// The device has no power.
    BrownOut,
    /// The device hangs.
    Hang,
    /// The clock is wrong.
    ClockSkew,
    /// The device forgets everything.
    FactoryReset,
    /// The device is slow.
    Slow,
    /// The battery is low.
    LowBattery,
    /// Another firmware.
    FirmwareVersion,
    /// No network.
    Offline,
    /// A slow network.
    Latency,
    /// A narrow network.
    Bandwidth,
    /// A black hole.
    BlackHole,
    /// A half-open connection.
    HalfOpen,
    /// The connection is reset.
    ConnectionReset,
    /// Connecting is slow.
    SlowStart,
    /// The name is not found.
    DnsFailure,
    /// TLS fails.
    TlsFailure,
    /// The network comes and goes.
    Flapping,
    /// A stream error.
    StreamError,
    /// A conflict.
    Conflict,
    /// Sessions are not resumed.
    NotResumed,
    /// Stanzas are lost.
    StanzaLost,
    /// Stanzas come twice.
    StanzaDuplicated,
    /// Stanzas overtake each other.
    StanzaReordered,
    /// Stanzas are late.
    StanzaDelayed,
    /// Items are too large.
    Oversize,
    /// Invalid XML.
    InvalidXml,
    /// Answers have a wrong id.
    WrongId,
    /// No answers.
    NoAnswer,
    /// Errors for answers.
    ErrorAnswers,
    /// A flood of presence.
    PresenceFlood,
    /// A node is deleted.
    NodeDeleted,
    /// A flood of items.
    PublishFlood,
    /// Not advertising.
    NotAdvertising,
    /// Connections are refused.
    ConnectionRefused,
    /// The link breaks during a write.
    DropsDuringWrite,
    /// Writes are refused.
    AttError,
    /// Slow answers.
    SlowGatt,
    /// Wrong Device Information.
    WrongInformation,
    /// No hello.
    HelloNotSent,
    /// The mirror is ignored.
    MirrorIgnored,
    /// Another network.
    WrongNetwork,
}

/// What the catalogue says about a kind.
#[derive(Debug)]
pub struct Entry {
    /// The kind.
    pub kind: Kind,
    /// Where it belongs.
    pub family: Family,
    /// Its name in YAML and in the control interface: `sensor-stuck`.
    pub id: &'static str,
    /// What happens, in a few words.
    pub title: &'static str,
    /// What a client sees.
    pub effect: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// Whether it is over as soon as it has happened, so that it has no duration.
    pub is_instant: bool,
}

/// A setting of a kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Parameter {
    /// `channel`: one of that role, or of any.
    Channel(Option<Role>),
    /// `amount`: a number.
    Amount {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// The value if none is given.
        default: f64,
        /// Its unit, in words.
        unit: &'static str,
        /// What it says.
        help: &'static str,
    },
    /// `delay`: a span of time, in seconds.
    Delay {
        /// Shortest span.
        min: f64,
        /// Longest span.
        max: f64,
        /// The span if none is given.
        default: f64,
        /// What it says.
        help: &'static str,
    },
    /// `jitter`: a span of time, in seconds.
    Jitter {
        /// Longest span.
        max: f64,
        /// The span if none is given.
        default: f64,
        /// What it says.
        help: &'static str,
    },
    /// `share`: from 0 to 1.
    Share {
        /// The share if none is given.
        default: f64,
        /// Of what.
        help: &'static str,
    },
    /// `direction`: `in`, `out` or `both`, which it is if none is given.
    Direction,
    /// `characteristic`: one that a client writes; any if none is given.
    Characteristic,
    /// `text`.
    Text {
        /// The text if none is given.
        default: &'static str,
        /// The texts it may be; any where there are none.
        options: &'static [&'static str],
        /// What it says.
        help: &'static str,
    },
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Sensor, Self::Actuator, Self::Device, Self::Network, Self::Xmpp, Self::Bluetooth];

    /// Short name: `sensor`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::Actuator => "actuator",
            Self::Device => "device",
            Self::Network => "network",
            Self::Xmpp => "xmpp",
            Self::Bluetooth => "bluetooth",
        }
    }

    /// What they have to do with.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Sensor => "Sensors and what they publish",
            Self::Actuator => "Actuators",
            Self::Device => "The device",
            Self::Network => "The network",
            Self::Xmpp => "XMPP",
            Self::Bluetooth => "Bluetooth and commissioning",
        }
    }
}

impl Kind {
    /// All about it.
    pub fn entry(self) -> &'static Entry {
        &CATALOGUE[self as usize]
    }

    /// Its name: `sensor-stuck`.
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// The kind with this name.
    pub fn with_id(id: &str) -> Option<Self> {
        CATALOGUE.iter().find(|entry| entry.id == id).map(|entry| entry.kind)
    }
}

impl Parameter {
    /// Its name: `delay`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Channel(_) => "channel",
            Self::Amount { .. } => "amount",
            Self::Delay { .. } => "delay",
            Self::Jitter { .. } => "jitter",
            Self::Share { .. } => "share",
            Self::Direction => "direction",
            Self::Characteristic => "characteristic",
            Self::Text { .. } => "text",
        }
    }
}

impl Entry {
    /// The setting with this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name() == name)
    }

    /// The number that a setting has if none is given; 0 where the kind does not have it.
    pub(super) fn default_of(&self, name: &str) -> f64 {
        match self.parameter(name) {
            Some(
                Parameter::Amount { default, .. }
                | Parameter::Delay { default, .. }
                | Parameter::Jitter { default, .. }
                | Parameter::Share { default, .. },
            ) => *default,
            Some(
                Parameter::Channel(_)
                | Parameter::Direction
                | Parameter::Characteristic
                | Parameter::Text { .. },
            )
            | None => 0.0,
        }
    }

    /// The text if none is given.
    pub(super) fn default_text(&self) -> &'static str {
        match self.parameter("text") {
            Some(Parameter::Text { default, .. }) => default,
            _ => "",
        }
    }

    /// The texts it may be.
    pub(super) fn options(&self) -> &'static [&'static str] {
        match self.parameter("text") {
            Some(Parameter::Text { options, .. }) => options,
            _ => &[],
        }
    }
}

/// All kinds, in the order of [`Kind`].
pub static CATALOGUE: [Entry; 62] = [
    Entry {
        kind: Kind::SensorStuck,
        family: Family::Sensor,
        id: "sensor-stuck",
        title: "The sensor is stuck",
        effect: "The value stays what it was, whatever happens; items go on coming at their usual times.",
        parameters: &[Parameter::Channel(Some(Role::Sensor))],
        is_instant: false,
    },
    Entry {
        kind: Kind::SensorDrift,
        family: Family::Sensor,
        id: "sensor-drift",
        title: "The sensor drifts",
        effect: "The value runs away from the true one, a little more each minute.",
        parameters: &[
            Parameter::Channel(Some(Role::Sensor)),
            Parameter::Amount {
                min: -1e9,
                max: 1e9,
                default: 1.0,
                unit: "the channel's unit a minute",
                help: "by how much more each minute",
            },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::SensorOffset,
        family: Family::Sensor,
        id: "sensor-offset",
        title: "The sensor is off",
        effect: "The value is off by the same amount all the time.",
        parameters: &[
            Parameter::Channel(Some(Role::Sensor)),
            Parameter::Amount {
                min: -1e9,
                max: 1e9,
                default: 5.0,
                unit: "the channel's unit",
                help: "by how much",
            },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::SensorSpike,
        family: Family::Sensor,
        id: "sensor-spike",
        title: "The sensor spikes",
        effect: "Now and then one value is far off; the next one is right again.",
        parameters: &[
            Parameter::Channel(Some(Role::Sensor)),
            Parameter::Amount {
                min: -1e9,
                max: 1e9,
                default: 50.0,
                unit: "the channel's unit",
                help: "by how much",
            },
            Parameter::Share { default: 0.1, help: "of the readings" },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::SensorNoise,
        family: Family::Sensor,
        id: "sensor-noise",
        title: "The sensor is noisy",
        effect: "The value jumps around the true one.",
        parameters: &[
            Parameter::Channel(Some(Role::Sensor)),
            Parameter::Amount {
                min: 0.0,
                max: 1e9,
                default: 2.0,
                unit: "the channel's unit",
                help: "standard deviation",
            },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::SensorDropout,
        family: Family::Sensor,
        id: "sensor-dropout",
        title: "The sensor is silent",
        effect: "No items of the sensor come any more; the last one stays on the node and grows old.",
        parameters: &[Parameter::Channel(Some(Role::Sensor))],
        is_instant: false,
    },
    Entry {
        kind: Kind::SensorOutOfRange,
        family: Family::Sensor,
        id: "sensor-out-of-range",
        title: "The sensor is out of range",
        effect: "The value is far beyond what the definition allows, as with a broken wire.",
        parameters: &[
            Parameter::Channel(Some(Role::Sensor)),
            Parameter::Amount {
                min: -1e9,
                max: 1e9,
                default: 0.0,
                unit: "the channel's unit",
                help: "the value; 0 stands for ten times the largest one",
            },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::WrongUnit,
        family: Family::Sensor,
        id: "wrong-unit",
        title: "Items have a wrong unit",
        effect: "The number is right, and the `unit` beside it is another one.",
        parameters: &[Parameter::Channel(None)],
        is_instant: false,
    },
    Entry {
        kind: Kind::WrongType,
        family: Family::Sensor,
        id: "wrong-type",
        title: "Items have a wrong type",
        effect: "`type` says something else than the value is, and the value is a word.",
        parameters: &[Parameter::Channel(None)],
        is_instant: false,
    },
    Entry {
        kind: Kind::MalformedPayload,
        family: Family::Sensor,
        id: "malformed-payload",
        title: "Items have a malformed payload",
        effect: "The item has an element of an unknown name with no value in it, well-formed XML all the same.",
        parameters: &[Parameter::Channel(None)],
        is_instant: false,
    },
    Entry {
        kind: Kind::StaleTimestamp,
        family: Family::Sensor,
        id: "stale-timestamp",
        title: "Items are stamped in the past",
        effect: "Values carry the delay stamp (XEP-0203) of a time long gone.",
        parameters: &[
            Parameter::Channel(None),
            Parameter::Delay { min: 1.0, max: 3.1536e8, default: 86_400.0, help: "how long ago" },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::FrozenForm,
        family: Family::Sensor,
        id: "frozen-form",
        title: "The user interface is frozen",
        effect: "The form is not published any more: a node that is made anew stays empty, and the old form stays on the others.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::ActuatorIgnored,
        family: Family::Actuator,
        id: "actuator-ignored",
        title: "The actuator ignores what it is told",
        effect: "Nothing answers a new value: neither the mirror in the sensors node nor a chat reply changes anything.",
        parameters: &[Parameter::Channel(Some(Role::Actuator))],
        is_instant: false,
    },
    Entry {
        kind: Kind::ActuatorDelayed,
        family: Family::Actuator,
        id: "actuator-delayed",
        title: "The actuator is late",
        effect: "The mirror follows a new value only after a while.",
        parameters: &[
            Parameter::Channel(Some(Role::Actuator)),
            Parameter::Delay { min: 0.0, max: 3600.0, default: 3.0, help: "how late" },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::ActuatorStuck,
        family: Family::Actuator,
        id: "actuator-stuck",
        title: "The actuator is stuck",
        effect: "A new value is answered at once with the old one.",
        parameters: &[Parameter::Channel(Some(Role::Actuator))],
        is_instant: false,
    },
    Entry {
        kind: Kind::ActuatorReverts,
        family: Family::Actuator,
        id: "actuator-reverts",
        title: "The actuator falls back",
        effect: "A new value is mirrored, and after a while the old one comes back by itself.",
        parameters: &[
            Parameter::Channel(Some(Role::Actuator)),
            Parameter::Delay { min: 0.0, max: 3600.0, default: 3.0, help: "after how long" },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::ActuatorWrong,
        family: Family::Actuator,
        id: "actuator-wrong",
        title: "The actuator applies another value",
        effect: "The mirror shows another value than the one that was set: the opposite, the next option, a number off.",
        parameters: &[
            Parameter::Channel(Some(Role::Actuator)),
            Parameter::Amount {
                min: -1e9,
                max: 1e9,
                default: 1.0,
                unit: "the channel's unit",
                help: "how far off a number is",
            },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::ActuatorDouble,
        family: Family::Actuator,
        id: "actuator-double",
        title: "The actuator applies twice",
        effect: "One new value is applied and mirrored two times; a button counts two presses.",
        parameters: &[Parameter::Channel(Some(Role::Actuator))],
        is_instant: false,
    },
    Entry {
        kind: Kind::ActuatorHollow,
        family: Family::Actuator,
        id: "actuator-hollow",
        title: "The actuator only says so",
        effect: "The new value is mirrored, and nothing happens in the device: a kettle that is on and stays cold.",
        parameters: &[Parameter::Channel(Some(Role::Actuator))],
        is_instant: false,
    },
    Entry {
        kind: Kind::Reboot,
        family: Family::Device,
        id: "reboot",
        title: "The device reboots",
        effect: "Its presence vanishes without a goodbye; it comes back after a while with the values of a start.",
        parameters: &[Parameter::Delay {
            min: 0.0,
            max: 3600.0,
            default: 3.0,
            help: "how long it takes to boot",
        }],
        is_instant: true,
    },
    Entry {
        kind: Kind::CrashLoop,
        family: Family::Device,
        id: "crash-loop",
        title: "The device crashes again and again",
        effect: "It comes, and goes without a goodbye, and comes again.",
        parameters: &[Parameter::Delay {
            min: 1.0,
            max: 3600.0,
            default: 10.0,
            help: "how long it lives each time",
        }],
        is_instant: false,
    },
    Entry {
        kind: Kind::BrownOut,
        family: Family::Device,
        id: "brown-out",
        title: "The device has no power",
        effect: "It is gone without a goodbye until the fault ends, and starts from scratch then.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::Hang,
        family: Family::Device,
        id: "hang",
        title: "The device hangs",
        effect: "The connection stays open and nothing comes through it: no answers, no acknowledgements, no items.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::ClockSkew,
        family: Family::Device,
        id: "clock-skew",
        title: "The clock is wrong",
        effect: "Entity time (XEP-0202) and stamps are off.",
        parameters: &[Parameter::Amount {
            min: -1e9,
            max: 1e9,
            default: 3600.0,
            unit: "s",
            help: "by how much, ahead of the true time",
        }],
        is_instant: false,
    },
    Entry {
        kind: Kind::FactoryReset,
        family: Family::Device,
        id: "factory-reset",
        title: "The device forgets everything",
        effect: "It goes offline and waits to be commissioned again; one that was never commissioned reboots.",
        parameters: &[],
        is_instant: true,
    },
    Entry {
        kind: Kind::Slow,
        family: Family::Device,
        id: "slow",
        title: "The device is slow",
        effect: "Everything it says comes late: items, answers, presence.",
        parameters: &[Parameter::Delay { min: 0.0, max: 60.0, default: 2.0, help: "how late" }],
        is_instant: false,
    },
    Entry {
        kind: Kind::LowBattery,
        family: Family::Device,
        id: "low-battery",
        title: "The battery is low",
        effect: "Presence says so (`xa`), and readings come at a tenth of their number.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::FirmwareVersion,
        family: Family::Device,
        id: "firmware-version",
        title: "Another firmware",
        effect: "Software version (XEP-0092) and Device Information say another version, and the device restarts with it.",
        parameters: &[Parameter::Text { default: "0.0.0-bad", options: &[], help: "the version" }],
        is_instant: false,
    },
    Entry {
        kind: Kind::Offline,
        family: Family::Network,
        id: "offline",
        title: "No network",
        effect: "It is gone without a goodbye: the server notices late.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::Latency,
        family: Family::Network,
        id: "latency",
        title: "A slow network",
        effect: "Everything to and from the device is late.",
        parameters: &[
            Parameter::Delay { min: 0.0, max: 60.0, default: 0.5, help: "how late, each way" },
            Parameter::Jitter { max: 60.0, default: 0.1, help: "how much that differs" },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::Bandwidth,
        family: Family::Network,
        id: "bandwidth",
        title: "A narrow network",
        effect: "Bytes go through one after the other.",
        parameters: &[Parameter::Amount {
            min: 16.0,
            max: 1e9,
            default: 256.0,
            unit: "B/s",
            help: "most bytes a second, each way",
        }],
        is_instant: false,
    },
    Entry {
        kind: Kind::BlackHole,
        family: Family::Network,
        id: "black-hole",
        title: "A black hole",
        effect: "Bytes vanish, and the connection stays open.",
        parameters: &[Parameter::Direction],
        is_instant: false,
    },
    Entry {
        kind: Kind::HalfOpen,
        family: Family::Network,
        id: "half-open",
        title: "A half-open connection",
        effect: "The device is on a new connection while the server still believes in the old one.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::ConnectionReset,
        family: Family::Network,
        id: "connection-reset",
        title: "The connection is reset",
        effect: "The stream breaks, and is taken up again at once (XEP-0198).",
        parameters: &[],
        is_instant: true,
    },
    Entry {
        kind: Kind::SlowStart,
        family: Family::Network,
        id: "slow-start",
        title: "Connecting is slow",
        effect: "After a break it takes the device long to come back; one starts the fault.",
        parameters: &[Parameter::Delay { min: 0.0, max: 300.0, default: 5.0, help: "how long" }],
        is_instant: false,
    },
    Entry {
        kind: Kind::DnsFailure,
        family: Family::Network,
        id: "dns-failure",
        title: "The name is not found",
        effect: "The stream breaks and the device does not find its server.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::TlsFailure,
        family: Family::Network,
        id: "tls-failure",
        title: "TLS fails",
        effect: "The stream breaks and the device takes the server for another one.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::Flapping,
        family: Family::Network,
        id: "flapping",
        title: "The network comes and goes",
        effect: "Items and answers come and stop with it; presence goes only once the server notices.",
        parameters: &[Parameter::Delay {
            min: 0.5,
            max: 3600.0,
            default: 5.0,
            help: "how long it is there, and how long it is gone",
        }],
        is_instant: false,
    },
    Entry {
        kind: Kind::StreamError,
        family: Family::Xmpp,
        id: "stream-error",
        title: "A stream error",
        effect: "The device says something that the server answers with a stream error; it comes back on a new stream.",
        parameters: &[],
        is_instant: true,
    },
    Entry {
        kind: Kind::Conflict,
        family: Family::Xmpp,
        id: "conflict",
        title: "A conflict",
        effect: "Somebody else signs on as the same device; the device stays away until that ends.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::NotResumed,
        family: Family::Xmpp,
        id: "not-resumed",
        title: "Sessions are not resumed",
        effect: "The stream breaks, and each new one is a fresh session: presence goes and comes.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::StanzaLost,
        family: Family::Xmpp,
        id: "stanza-lost",
        title: "Stanzas are lost",
        effect: "Items, answers and requests vanish one by one.",
        parameters: &[Parameter::Direction, Parameter::Share { default: 0.5, help: "of the stanzas" }],
        is_instant: false,
    },
    Entry {
        kind: Kind::StanzaDuplicated,
        family: Family::Xmpp,
        id: "stanza-duplicated",
        title: "Stanzas come twice",
        effect: "Each item and each answer may come twice.",
        parameters: &[Parameter::Direction, Parameter::Share { default: 0.5, help: "of the stanzas" }],
        is_instant: false,
    },
    Entry {
        kind: Kind::StanzaReordered,
        family: Family::Xmpp,
        id: "stanza-reordered",
        title: "Stanzas overtake each other",
        effect: "Of two stanzas the second comes first.",
        parameters: &[Parameter::Direction, Parameter::Share { default: 0.5, help: "of the stanzas" }],
        is_instant: false,
    },
    Entry {
        kind: Kind::StanzaDelayed,
        family: Family::Xmpp,
        id: "stanza-delayed",
        title: "Stanzas are late",
        effect: "Stanzas come late, each for itself, in their order.",
        parameters: &[
            Parameter::Direction,
            Parameter::Delay { min: 0.0, max: 60.0, default: 2.0, help: "how late" },
            Parameter::Jitter { max: 60.0, default: 0.0, help: "how much that differs" },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::Oversize,
        family: Family::Xmpp,
        id: "oversize",
        title: "Items are too large",
        effect: "Values are followed by kilobytes of filling.",
        parameters: &[
            Parameter::Channel(None),
            Parameter::Amount {
                min: 1024.0,
                max: 262_144.0,
                default: 16_384.0,
                unit: "B",
                help: "how many bytes",
            },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::InvalidXml,
        family: Family::Xmpp,
        id: "invalid-xml",
        title: "Invalid XML",
        effect: "The device sends what is no XML; the server ends the stream.",
        parameters: &[],
        is_instant: true,
    },
    Entry {
        kind: Kind::WrongId,
        family: Family::Xmpp,
        id: "wrong-id",
        title: "Answers have a wrong id",
        effect: "Answers come with an id that nobody asked with.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::NoAnswer,
        family: Family::Xmpp,
        id: "no-answer",
        title: "No answers",
        effect: "Requests to the device stay without an answer.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::ErrorAnswers,
        family: Family::Xmpp,
        id: "error-answers",
        title: "Errors for answers",
        effect: "Every request to the device is answered with an error.",
        parameters: &[Parameter::Text {
            default: "internal-server-error",
            options: &[
                "bad-request",
                "feature-not-implemented",
                "forbidden",
                "internal-server-error",
                "item-not-found",
                "not-allowed",
                "remote-server-timeout",
                "resource-constraint",
                "service-unavailable",
            ],
            help: "the error condition (RFC 6120 section 8.3.3)",
        }],
        is_instant: false,
    },
    Entry {
        kind: Kind::PresenceFlood,
        family: Family::Xmpp,
        id: "presence-flood",
        title: "A flood of presence",
        effect: "Presence comes again and again.",
        parameters: &[Parameter::Amount {
            min: 0.1,
            max: 100.0,
            default: 5.0,
            unit: "a second",
            help: "how many",
        }],
        is_instant: false,
    },
    Entry {
        kind: Kind::NodeDeleted,
        family: Family::Xmpp,
        id: "node-deleted",
        title: "A node is deleted",
        effect: "One of the nodes vanishes behind the back of the device, which makes it anew.",
        parameters: &[Parameter::Text {
            default: "sensors",
            options: &["sensors", "ui", "actuators"],
            help: "which node",
        }],
        is_instant: true,
    },
    Entry {
        kind: Kind::PublishFlood,
        family: Family::Xmpp,
        id: "publish-flood",
        title: "A flood of items",
        effect: "Every reading is published again and again.",
        parameters: &[
            Parameter::Channel(None),
            Parameter::Amount {
                min: 0.1,
                max: 100.0,
                default: 10.0,
                unit: "a second",
                help: "how many items",
            },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::NotAdvertising,
        family: Family::Bluetooth,
        id: "not-advertising",
        title: "Not advertising",
        effect: "Scans do not show the device.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::ConnectionRefused,
        family: Family::Bluetooth,
        id: "connection-refused",
        title: "Connections are refused",
        effect: "A client that connects is sent away at once.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::DropsDuringWrite,
        family: Family::Bluetooth,
        id: "drops-during-write",
        title: "The link breaks during a write",
        effect: "The link is gone instead of an answer to a write.",
        parameters: &[Parameter::Characteristic],
        is_instant: false,
    },
    Entry {
        kind: Kind::AttError,
        family: Family::Bluetooth,
        id: "att-error",
        title: "Writes are refused",
        effect: "A write is answered with an ATT error.",
        parameters: &[
            Parameter::Characteristic,
            Parameter::Text {
                default: "invalid-length",
                options: &[
                    "write-not-permitted",
                    "invalid-length",
                    "insufficient-encryption",
                    "value-not-allowed",
                    "incomplete",
                    "not-sealed",
                ],
                help: "the error",
            },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::SlowGatt,
        family: Family::Bluetooth,
        id: "slow-gatt",
        title: "Slow answers",
        effect: "Writes are answered late.",
        parameters: &[
            Parameter::Characteristic,
            Parameter::Delay { min: 0.0, max: 60.0, default: 2.0, help: "how late" },
        ],
        is_instant: false,
    },
    Entry {
        kind: Kind::WrongInformation,
        family: Family::Bluetooth,
        id: "wrong-information",
        title: "Wrong Device Information",
        effect: "Manufacturer, serial number and versions are those of another device.",
        parameters: &[Parameter::Text { default: "Unknown", options: &[], help: "what they all say" }],
        is_instant: false,
    },
    Entry {
        kind: Kind::HelloNotSent,
        family: Family::Bluetooth,
        id: "hello-not-sent",
        title: "No hello",
        effect: "The device never greets its owner; commissioning ends in a timeout.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::MirrorIgnored,
        family: Family::Bluetooth,
        id: "mirror-ignored",
        title: "The mirror is ignored",
        effect: "The greeting that comes back changes nothing; commissioning ends in a timeout.",
        parameters: &[],
        is_instant: false,
    },
    Entry {
        kind: Kind::WrongNetwork,
        family: Family::Bluetooth,
        id: "wrong-network",
        title: "Another network",
        effect: "The device joins another network than it was told.",
        parameters: &[Parameter::Text { default: "some-other-network", options: &[], help: "its name" }],
        is_instant: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_at_its_place_and_by_its_own_name() {
        for (place, entry) in CATALOGUE.iter().enumerate() {
            assert_eq!(entry.kind as usize, place, "{}", entry.id);
            assert_eq!(Kind::with_id(entry.id), Some(entry.kind));
        }
    }

    #[test]
    fn defaults_are_what_may_be_given() {
        for entry in &CATALOGUE {
            for parameter in entry.parameters {
                let fits = match parameter {
                    Parameter::Amount { min, max, default, .. }
                    | Parameter::Delay { min, max, default, .. } => (min..=max).contains(&default),
                    Parameter::Jitter { max, default, .. } => (0.0..=*max).contains(default),
                    Parameter::Share { default, .. } => (0.0..=1.0).contains(default),
                    Parameter::Text { default, options, .. } => {
                        options.is_empty() || options.contains(default)
                    }
                    Parameter::Channel(_) | Parameter::Direction | Parameter::Characteristic => true,
                };
                assert!(fits, "{} {}", entry.id, parameter.name());
            }
        }
    }
}
