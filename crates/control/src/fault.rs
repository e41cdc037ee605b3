//! Faults as the control interface has them: what there is, what is to go wrong, what goes wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use thingfleet_device::{
    commissioning::gatt::Characteristic,
    definition::{Definition, Role},
    fault::{
        Direction, Fault, Kind, Settings, Unfit,
        catalogue::{CATALOGUE, Entry, Parameter},
    },
};

/// A kind of fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultKind {
    /// Its name: `sensor-stuck`.
    pub fault: String,
    /// Where it belongs: `sensor`, `actuator`, `device`, `network`, `xmpp`, `bluetooth`.
    pub family: String,
    /// What happens, in a few words.
    pub title: String,
    /// What a client sees.
    pub effect: String,
    /// Whether it is over as soon as it has happened, so that it has no duration.
    pub is_instant: bool,
    /// Its settings.
    pub settings: Vec<Setting>,
}

/// A setting that a kind of fault has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Its name, as in [`FaultSpec`].
    pub name: String,
    /// What it says.
    pub help: String,
    /// Its unit: `s`, `%`, a channel's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Smallest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The number if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<f64>,
    /// The text if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_text: Option<String>,
    /// The texts that it takes; empty where it takes any, or a number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Whether it is a channel: `sensor`, `actuator`, `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Something that is to go wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// The kind: `sensor-stuck`.
    pub fault: String,
    /// How long, in seconds; until it is cleared unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 31_536_000.0))]
    pub for_seconds: Option<f64>,
    /// The sensor or actuator; all of them unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// How much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<f64>,
    /// How late or how long, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<f64>,
    /// How much that differs, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
    /// Of how many, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// `in`, `out` or `both`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The characteristic: `jid-password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characteristic: Option<String>,
    /// A text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Something that goes wrong now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActiveFault {
    /// Names it among the faults of its device.
    pub id: u32,
    /// Since when, in seconds of the device's own time.
    pub since_seconds: f64,
    /// How much longer, in seconds; nothing where it lasts until it is cleared.
    pub left_seconds: Option<f64>,
    /// What it is. `for_seconds` is left out.
    #[serde(flatten)]
    pub fault: FaultSpec,
}

/// Why a fault cannot be had.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultProblem {
    /// There is no such kind.
    UnknownKind {
        /// What was asked for.
        kind: String,
    },
    /// The device has no such channel.
    UnknownChannel {
        /// What was asked for.
        channel: String,
    },
    /// Something that is one of a few words is another one.
    UnknownWord {
        /// The setting.
        setting: &'static str,
        /// The words.
        words: String,
    },
    /// A span of time is none.
    NoSpan {
        /// The setting.
        setting: &'static str,
    },
    /// A setting does not fit the kind.
    Unfit(Unfit),
}

impl FaultKind {
    /// Everything there is, in the order of the catalogue.
    pub fn library() -> Vec<Self> {
        CATALOGUE.iter().map(Self::from).collect()
    }
}

impl FaultSpec {
    /// The fault for devices of this definition, and how long it lasts.
    ///
    /// # Errors
    /// [`FaultProblem`].
    pub fn for_definition(&self, definition: &Definition) -> Result<(Fault, Option<Duration>), FaultProblem> {
        let kind = Kind::with_id(&self.fault);
        let kind = kind.ok_or_else(|| FaultProblem::UnknownKind { kind: self.fault.clone() })?;
        let channel = match &self.channel {
            None => None,
            Some(name) => {
                let unknown = || FaultProblem::UnknownChannel { channel: name.clone() };
                Some(definition.find(name).ok_or_else(unknown)?.0)
            }
        };
        let characteristic = word("characteristic", self.characteristic.as_deref(), &writable(), |one| {
            characteristic_id(*one)
        })?;
        let settings = Settings {
            channel,
            amount: self.amount,
            delay: span("delay", self.delay)?,
            jitter: span("jitter", self.jitter)?,
            share: self.share,
            direction: word("direction", self.direction.as_deref(), &Direction::ALL, |one| {
                one.name().into()
            })?,
            characteristic,
            text: self.text.clone(),
        };
        let lasts = span("for_seconds", self.for_seconds)?;
        Fault::new(kind, settings, definition).map(|fault| (fault, lasts)).map_err(FaultProblem::Unfit)
    }

    /// The fault of a device of this definition.
    pub fn of(fault: &Fault, definition: &Definition) -> Self {
        let settings = fault.settings();
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
        Self {
            fault: fault.kind().id().to_owned(),
            for_seconds: None,
            channel: settings.channel.map(|id| definition.channel(id).name.clone()),
            amount: settings.amount,
            delay: seconds(settings.delay),
            jitter: seconds(settings.jitter),
            share: settings.share,
            direction: settings.direction.map(|direction| direction.name().to_owned()),
            characteristic: settings.characteristic.map(characteristic_id),
            text: settings.text.clone(),
        }
    }
}

/// The name of a characteristic in faults: `jid-password`.
pub fn characteristic_id(characteristic: Characteristic) -> String {
    characteristic.name().to_lowercase().replace([' ', '_'], "-")
}

/// The characteristics that a client writes.
pub fn writable() -> Vec<Characteristic> {
    Characteristic::ALL.into_iter().filter(|one| one.is_writable()).collect()
}

fn span(setting: &'static str, seconds: Option<f64>) -> Result<Option<Duration>, FaultProblem> {
    let span = seconds.map(Duration::try_from_secs_f64).transpose();
    span.map_err(|_| FaultProblem::NoSpan { setting })
}

fn word<T: Copy>(
    setting: &'static str,
    given: Option<&str>,
    all: &[T],
    name: impl Fn(&T) -> String,
) -> Result<Option<T>, FaultProblem> {
    let Some(given) = given else { return Ok(None) };
    let found = all.iter().find(|one| name(one) == given).copied();
    let words = || all.iter().map(&name).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| FaultProblem::UnknownWord { setting, words: words() })
}

impl From<&Entry> for FaultKind {
    fn from(entry: &Entry) -> Self {
        Self {
            fault: entry.id.to_owned(),
            family: entry.family.name().to_owned(),
            title: entry.title.to_owned(),
            effect: entry.effect.to_owned(),
            is_instant: entry.is_instant,
            settings: entry.parameters.iter().map(Setting::from).collect(),
        }
    }
}

impl From<&Parameter> for Setting {
    fn from(parameter: &Parameter) -> Self {
        let named =
            |help: &str| Self { name: parameter.name().to_owned(), help: help.to_owned(), ..Self::default() };
        let number = |help, unit: &str, min, max, default| Self {
            unit: Some(unit.to_owned()),
            min: Some(min),
            max: Some(max),
            default: Some(default),
            ..named(help)
        };
        match *parameter {
            Parameter::Channel(role) => {
                let (channel, help) = match role {
                    Some(Role::Sensor) => ("sensor", "which sensor; all unless given"),
                    Some(Role::Actuator) => ("actuator", "which actuator; all unless given"),
                    None => ("any", "which sensor or actuator; all unless given"),
                };
                Self { channel: Some(channel.to_owned()), ..named(help) }
            }
            Parameter::Amount { min, max, default, unit, help } => number(help, unit, min, max, default),
            Parameter::Delay { min, max, default, help } => number(help, "s", min, max, default),
            Parameter::Jitter { max, default, help } => number(help, "s", 0.0, max, default),
            Parameter::Share { default, help } => number(help, "of 1", 0.0, 1.0, default),
            Parameter::Direction => Self {
                default_text: Some(Direction::default().name().to_owned()),
                options: Direction::ALL.map(|direction| direction.name().to_owned()).into(),
                ..named("which way, as the device sees it")
            },
            Parameter::Characteristic => Self {
                options: writable().into_iter().map(characteristic_id).collect(),
                ..named("which characteristic; any unless given")
            },
            Parameter::Text { default, options, help } => Self {
                default_text: Some(default.to_owned()),
                options: options.iter().map(|option| (*option).to_owned()).collect(),
                ..named(help)
            },
        }
    }
}

impl fmt::Display for FaultProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind { kind } => write!(f, "there is no fault {kind:?}"),
            Self::UnknownChannel { channel } => write!(f, "there is no sensor or actuator {channel:?}"),
            Self::UnknownWord { setting, words } => write!(f, "`{setting}` is one of {words}"),
            Self::NoSpan { setting } => write!(f, "`{setting}` is a number of seconds, 0 or more"),
            Self::Unfit(unfit) => unfit.fmt(f),
        }
    }
}

impl std::error::Error for FaultProblem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_has_every_kind_with_what_it_takes() {
        let library = FaultKind::library();
        assert_eq!(library.len(), CATALOGUE.len());
        let offset = library.iter().find(|kind| kind.fault == "sensor-offset").unwrap();
        assert_eq!(offset.family, "sensor");
        let names: Vec<_> = offset.settings.iter().map(|setting| &*setting.name).collect();
        assert_eq!(names, ["channel", "amount"]);
        let drops = library.iter().find(|kind| kind.fault == "drops-during-write").unwrap();
        assert!(drops.settings[0].options.contains(&"setup-done".to_owned()), "{:?}", drops.settings);
    }
}
