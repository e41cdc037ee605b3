//! What can be done to a fleet and its devices.

use crate::{fault::FaultSpec, snapshot::Device, value::Value};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Map;
use std::collections::BTreeMap;
use thingfleet_device::{pattern, value::Secret};

/// A command for some devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Which devices.
    #[serde(deserialize_with = "object")]
    pub devices: Selection,
    /// What they are to do.
    #[serde(deserialize_with = "object")]
    pub command: Command,
}

/// Some devices of a fleet: those to which everything given applies, so all of them if nothing is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Their names, as a pattern: `*` stands for any characters, `?` for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their names, as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub names: Vec<String>,
    /// The short name of their definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// One of their tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// Something to be done to a device. What has no fields is written with braces, so that serde takes no unknown ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Replace a reading until the behaviour moves it on.
    Inject {
        /// The sensor or actuator.
        channel: String,
        /// Its new value.
        value: Value,
    },
    /// Hold a reading, whatever the behaviour does, until it is released or set.
    Hold {
        /// The sensor or actuator.
        channel: String,
        /// The value to hold it at; the present one unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Value>,
    },
    /// Let a held reading go.
    Release {
        /// The sensor or actuator.
        channel: String,
    },
    /// Set an actuator, as a person at the device does.
    Set {
        /// The actuator.
        channel: String,
        /// Its new value.
        value: Value,
    },
    /// Do something to the button on the device.
    Button {
        /// What.
        action: ButtonAction,
    },
    /// Reset to factory settings; for devices that are commissioned over Bluetooth.
    Reset {},
    /// Be cut off from the network and from the air.
    Offline {},
    /// Come back, or try again after giving up.
    Online {},
    /// Let something go wrong.
    Fault {
        /// What.
        #[serde(deserialize_with = "object")]
        fault: FaultSpec,
    },
    /// End what goes wrong: one fault, those of a kind, or all.
    Clear {
        /// The name of the fault among those of its device.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u32>,
        /// The kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
    },
}

/// What can be done to the button on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ButtonAction {
    /// Press it and let it go at once.
    Press,
    /// Press it and keep it down; after five seconds a device that is commissioned resets itself.
    Hold,
    /// Let it go.
    Release,
}

/// What has become of an [`Order`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The devices that have done it.
    pub done: Vec<String>,
    /// The devices that have not.
    pub refused: Vec<Refusal>,
}

/// A device that did not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// Its name.
    pub device: String,
    /// Why.
    pub why: String,
    /// What a person can do about it.
    pub next_step: String,
}

/// A change of the whole fleet; what is not given stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetChange {
    /// Whether the devices' world stands still. Devices that stand still go on answering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Seconds of the devices' world in each second of real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001, max = 100_000.0))]
    pub speed: Option<f64>,
}

/// A device to be added to a fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// Its name, unique in the fleet; also the local part of its JID, unless an account is given.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9._-]{0,62}$"))]
    pub name: String,
    /// What it is: a kind that the fleet has, the path of a definition as the fleet's profile has it, or a shipped
    /// definition.
    pub definition: String,
    /// Its serial number; its name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub serial: Option<String>,
    /// Start values that differ from the definition's, by sensor or actuator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub starts: BTreeMap<String, Value>,
    /// How it comes to its owners.
    #[serde(default)]
    pub commissioning: Commissioning,
    /// Words to select it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The bare JIDs of its people; the person of the private server unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// Who may read its nodes.
    #[serde(default)]
    pub access: Access,
    /// Where its nodes live.
    #[serde(default)]
    pub addressing: Addressing,
    /// How actuator values live on the server; overrides the definition's unless `auto`.
    #[serde(default)]
    pub actuator_mode: ActuatorMode,
    /// Its account, where the fleet does not register accounts; never with `bluetooth`, which brings one.
    #[serde(default, deserialize_with = "object_or_null", skip_serializing_if = "Option::is_none")]
    pub account: Option<NewAccount>,
}

/// How a device comes to its owners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Commissioning {
    /// It knows them from the start.
    #[default]
    Preset,
    /// It has an account, and greets them first.
    Handshake,
    /// It waits over Bluetooth, on the fleet's adapters, for whoever commissions it.
    Bluetooth,
}

/// Who may read the nodes of a new device, as profiles have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Contacts with a presence subscription.
    #[default]
    Presence,
    /// Anyone.
    Open,
    /// Only the owners.
    Whitelist,
    /// Contacts in one of these roster groups; few servers take it.
    Roster(#[schemars(length(min = 1))] Vec<String>),
}

/// Where the nodes of a new device live, as profiles have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Addressing {
    /// At the device's own bare JID (XEP-0163).
    #[default]
    Pep,
    /// On a publish-subscribe service.
    #[serde(untagged, deserialize_with = "object")]
    Service(Service),
}

/// Nodes on a publish-subscribe service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Address of the service: `pubsub.example.org`.
    pub service: String,
    /// Put before the name of each node, with `{name}` for the device's own.
    #[serde(default = "own_prefix")]
    pub prefix: String,
}

/// How the values of a new device's actuators live on the server, as profiles have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActuatorMode {
    /// As the definition has it.
    #[default]
    Auto,
    /// The last value stays on the node.
    Persistent,
    /// Nothing stays.
    Transient,
}

fn own_prefix() -> String {
    "{name}.".to_owned()
}

/// The account of a new device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Its bare JID.
    pub jid: String,
    /// Its password.
    #[schemars(with = "String")]
    pub password: Secret,
}

/// A condition over a device to be waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// A condition as in definitions, over its sensors and actuators and over `state`, `stage` and `led`:
    /// `temp > 90 and state == online`.
    #[schemars(length(max = 1024))]
    pub condition: String,
    /// How long to wait, in seconds.
    #[serde(default = "patience")]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub timeout_seconds: f64,
}

fn patience() -> f64 {
    30.0
}

/// Reads an object, and nothing else: serde takes a list of a type's fields for it as well, which the schema does not.
///
/// # Errors
/// Those of the deserializer, and of the type.
pub fn object<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let fields = Map::deserialize(deserializer)?;
    serde_json::from_value(fields.into()).map_err(D::Error::custom)
}

fn object_or_null<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let fields = Option::<Map<_, _>>::deserialize(deserializer)?;
    fields.map(|fields| serde_json::from_value(fields.into()).map_err(D::Error::custom)).transpose()
}

impl Selection {
    /// The one device of this name.
    pub fn device(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }

    /// Whether a device is one of them.
    pub fn takes(&self, name: &str, kind: &str, tags: &[String]) -> bool {
        self.name.as_ref().is_none_or(|wanted| pattern::takes(wanted, name))
            && (self.names.is_empty() || self.names.iter().any(|one| one == name))
            && self.kind.as_ref().is_none_or(|wanted| wanted == kind)
            && self.tag.as_ref().is_none_or(|wanted| tags.contains(wanted))
    }

    /// Whether a device as it is shown is one of them.
    pub fn has(&self, device: &Device) -> bool {
        self.takes(&device.name, &device.kind, &device.tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_given_has_to_apply() {
        let tags = ["kitchen".to_owned()];
        let selection = Selection {
            name: Some("k*".into()),
            names: vec!["k-1".into(), "k-2".into()],
            kind: Some("kettle".into()),
            tag: Some("kitchen".into()),
        };
        assert!(selection.takes("k-1", "kettle", &tags));
        assert!(!selection.takes("k-1", "lamp", &tags));
        assert!(!selection.takes("k-1", "kettle", &[]));
        assert!(!selection.takes("k-3", "kettle", &tags));
        assert!(Selection::default().takes("anything", "at all", &[]));
    }

    #[test]
    fn a_command_is_written_with_what_it_does_and_takes_nothing_unknown() {
        let order = r#"{"devices":{"name":"kettle"},"command":{"do":"inject","channel":"temp","value":95}}"#;
        let read: Order = serde_json::from_str(order).unwrap();
        let command = Command::Inject { channel: "temp".into(), value: Value::Integer(95) };
        assert_eq!(read, Order { devices: Selection::device("kettle"), command });
        assert_eq!(serde_json::to_string(&read).unwrap(), order);
        for wrong in [
            r#"{"command":{"do":"reset"}}"#,
            r#"{"devices":{},"command":{"do":"explode"}}"#,
            r#"{"devices":{},"command":{"do":"inject","channel":"temp"}}"#,
            r#"{"devices":{},"command":{"do":"release","channel":"temp","value":1}}"#,
            r#"{"devices":{"nam":"x"},"command":{"do":"reset"}}"#,
            r#"{"devices":[null,null,null],"command":{"do":"reset"}}"#,
            r#"{"devices":{},"command":["reset"]}"#,
            r#"{"devices":{},"command":{"do":"reset","now":true}}"#,
        ] {
            assert!(serde_json::from_str::<Order>(wrong).is_err(), "{wrong}");
        }
    }
}
