//! What can go wrong with a device, as data: [`catalogue`] has every kind, a [`Fault`] is one of them with its
//! settings, a [`plan`] says when.
//!
//! The kinds are named and bounded here alone: YAML, the control interface, the dashboard and the docs read the
//! catalogue. What a fault does to a device is in the device; what it does to a device's bytes is [`link`], for the
//! body to carry out.

pub mod catalogue;
pub mod link;
pub mod plan;

pub use crate::faults::Active;
use crate::{
    commissioning::gatt::Characteristic,
    definition::{ChannelId, Definition, Role},
};
use alloc::string::String;
use catalogue::{Entry, Parameter};
pub use catalogue::{Family, Kind};
use core::{fmt, time::Duration};
use serde::{Deserialize, Serialize};

/// Longest text of a fault, in bytes.
pub const MAX_TEXT: usize = 256;

/// A fault: its kind, and the settings that its kind has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    kind: Kind,
    settings: Settings,
}

/// The settings of a fault. What a kind does not have, or what is not given, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The sensor or actuator; all of them where it is not given.
    pub channel: Option<ChannelId>,
    /// How much, in the unit that the catalogue says.
    pub amount: Option<f64>,
    /// How long.
    pub delay: Option<Duration>,
    /// How much that differs from time to time.
    pub jitter: Option<Duration>,
    /// Of how many of those it concerns, from 0 to 1.
    pub share: Option<f64>,
    /// Which way.
    pub direction: Option<Direction>,
    /// The characteristic.
    pub characteristic: Option<Characteristic>,
    /// A text; the catalogue says which.
    pub text: Option<String>,
}

/// Which way stanzas or bytes go, as the device sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To the device.
    In,
    /// From the device.
    Out,
    /// Both.
    #[default]
    Both,
}

/// Why settings do not fit a kind of fault.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// The kind has no such setting.
    NotASetting {
        /// The setting.
        setting: &'static str,
    },
    /// The number is none, or out of range.
    OutOfRange {
        /// The setting.
        setting: &'static str,
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// The channel is a sensor where an actuator belongs, or the other way round.
    WrongRole {
        /// What belongs there.
        wanted: Role,
    },
    /// The text is longer than [`MAX_TEXT`].
    TooLong,
    /// The text is none of those that the kind takes.
    NotOneOf {
        /// Those.
        options: &'static [&'static str],
    },
    /// A client cannot write that characteristic.
    NotWritable,
}

impl Fault {
    /// A fault of this kind with these settings.
    ///
    /// # Errors
    /// [`Unfit`] if the kind does not have one of them, or not with that value.
    pub fn new(kind: Kind, settings: Settings, definition: &Definition) -> Result<Self, Unfit> {
        let entry = kind.entry();
        for (name, is_given) in settings.given() {
            if is_given && entry.parameter(name).is_none() {
                return Err(Unfit::NotASetting { setting: name });
            }
        }
        for parameter in entry.parameters {
            settings.check(parameter, entry, definition)?;
        }
        Ok(Self { kind, settings })
    }

    /// A fault of this kind as the catalogue sets it.
    pub fn of(kind: Kind) -> Self {
        Self { kind, settings: Settings::default() }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its settings, as they were given.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether it concerns this channel.
    pub fn concerns(&self, channel: ChannelId) -> bool {
        self.settings.channel.is_none_or(|only| only == channel)
    }

    /// How much, in the catalogue's unit.
    pub fn amount(&self) -> f64 {
        self.settings.amount.unwrap_or_else(|| self.kind.entry().default_of("amount"))
    }

    /// How long.
    pub fn delay(&self) -> Duration {
        let default = || Duration::from_secs_f64(self.kind.entry().default_of("delay"));
        self.settings.delay.unwrap_or_else(default)
    }

    /// How much that differs.
    pub fn jitter(&self) -> Duration {
        let default = || Duration::from_secs_f64(self.kind.entry().default_of("jitter"));
        self.settings.jitter.unwrap_or_else(default)
    }

    /// Of how many, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.settings.share.unwrap_or_else(|| self.kind.entry().default_of("share"))
    }

    /// Which way.
    pub fn direction(&self) -> Direction {
        self.settings.direction.unwrap_or_default()
    }

    /// The characteristic, or any.
    pub fn at(&self, characteristic: Characteristic) -> bool {
        self.settings.characteristic.is_none_or(|only| only == characteristic)
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.settings.text.as_deref().unwrap_or_else(|| self.kind.entry().default_text())
    }
}

impl Settings {
    fn given(&self) -> [(&'static str, bool); 8] {
        [
            ("channel", self.channel.is_some()),
            ("amount", self.amount.is_some()),
            ("delay", self.delay.is_some()),
            ("jitter", self.jitter.is_some()),
            ("share", self.share.is_some()),
            ("direction", self.direction.is_some()),
            ("characteristic", self.characteristic.is_some()),
            ("text", self.text.is_some()),
        ]
    }

    fn check(&self, parameter: &Parameter, entry: &Entry, definition: &Definition) -> Result<(), Unfit> {
        let within = |setting, value: Option<f64>, min: f64, max: f64| match value {
            Some(value) if !(min..=max).contains(&value) => Err(Unfit::OutOfRange { setting, min, max }),
            Some(_) | None => Ok(()),
        };
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
        match parameter {
            Parameter::Channel(wanted) => match (self.channel, wanted) {
                (Some(channel), Some(wanted)) if definition.channel(channel).role != *wanted => {
                    Err(Unfit::WrongRole { wanted: *wanted })
                }
                _ => Ok(()),
            },
            Parameter::Amount { min, max, .. } => within("amount", self.amount, *min, *max),
            Parameter::Delay { min, max, .. } => within("delay", seconds(self.delay), *min, *max),
            Parameter::Jitter { max, .. } => within("jitter", seconds(self.jitter), 0.0, *max),
            Parameter::Share { .. } => within("share", self.share, 0.0, 1.0),
            Parameter::Direction => Ok(()),
            Parameter::Characteristic => match self.characteristic {
                Some(characteristic) if !characteristic.is_writable() => Err(Unfit::NotWritable),
                Some(_) | None => Ok(()),
            },
            Parameter::Text { options, .. } => match self.text.as_deref() {
                Some(text) if text.len() > MAX_TEXT => Err(Unfit::TooLong),
                Some(text) if !options.is_empty() && !options.contains(&text) => {
                    Err(Unfit::NotOneOf { options: entry.options() })
                }
                Some(_) | None => Ok(()),
            },
        }
    }
}

impl Direction {
    /// Whether it has to do with what comes to the device.
    pub const fn comes_in(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    /// Whether it has to do with what goes out of the device.
    pub const fn goes_out(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }

    /// All of them.
    pub const ALL: [Self; 3] = [Self::In, Self::Out, Self::Both];

    /// Short name: `in`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Both => "both",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASetting { setting } => write!(f, "this kind of fault has no `{setting}`"),
            Self::OutOfRange { setting, min, max } => write!(f, "`{setting}` goes from {min} to {max}"),
            Self::WrongRole { wanted: Role::Sensor } => f.write_str("`channel` has to be a sensor"),
            Self::WrongRole { wanted: Role::Actuator } => f.write_str("`channel` has to be an actuator"),
            Self::TooLong => write!(f, "`text` has at most {MAX_TEXT} bytes"),
            Self::NotOneOf { options } => {
                f.write_str("`text` is one of ")?;
                for (place, option) in options.iter().enumerate() {
                    write!(f, "{}`{option}`", if place == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Self::NotWritable => f.write_str("`characteristic` has to be one that a client writes"),
        }
    }
}

impl core::error::Error for Unfit {}
