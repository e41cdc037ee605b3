//! One device of a kind: its name, its account and its people.

use crate::{
    commissioning::{credentials::Stored, seal::DeviceKey},
    definition::{ActuatorMode, ChannelId},
    fault::plan::Planned,
    jid::BareJid,
    time::UnixMillis,
    value::{Secret, Value},
};
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// What makes one device of a definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Name in its fleet: `kettle-3`. With the fleet's seed it determines the device's randomness, and nothing else does.
    pub name: String,
    /// Seed of the fleet.
    pub seed: u64,
    /// Serial number (0x2A25).
    pub serial: String,
    /// Wall-clock time at which the device was switched on, as far as its body knows; corrected with
    /// [`Input::Clock`](crate::io::Input::Clock).
    pub epoch: UnixMillis,
    /// Seconds of the device's world in each second of real time; zero where it begins standing still. Behaviours, rules and publish
    /// policies follow the world; answers, retries and greetings follow real time, as the server does.
    pub speed: f64,
    /// Values at power-on that differ from the definition's.
    pub starts: Vec<(ChannelId, Value)>,
    /// The account it signs in with; `None` for a device that gets it by commissioning.
    pub account: Option<Account>,
    /// People who may read, command and control it from the start.
    pub owners: Vec<BareJid>,
    /// How it comes to its owners.
    pub commissioning: Commissioning,
    /// Its key, for values sealed to it; a device without one refuses them.
    pub key: Option<DeviceKey>,
    /// What its non-volatile memory held when it was switched on.
    pub stored: Option<Stored>,
    /// Who may read its nodes.
    pub access: Access,
    /// Where its nodes live.
    pub addressing: Addressing,
    /// Overrides the definition's [`ActuatorMode`] unless `Auto`.
    pub actuators: ActuatorMode,
    /// What goes wrong with it, and when.
    pub faults: Vec<Planned>,
    /// Why it was restarted, if nobody wanted that: in a few words, which its people get to read.
    pub last_reset: Option<String>,
}

/// An XMPP account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its bare JID.
    pub jid: BareJid,
    /// Its password.
    pub password: Secret,
    /// The resource to bind.
    pub resource: String,
}

/// How a device comes to its owners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Commissioning {
    /// The owners are in its roster from the start; no word is exchanged.
    #[default]
    Preset,
    /// It says hello to the first owner, waits for the mirror, adds the owner and says `Setup done!` (thesis 4.3).
    Handshake,
    /// It waits to be given network, account and owner over Bluetooth, and then greets that owner.
    Bluetooth,
}

/// Who may read the nodes (`pubsub#access_model`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Contacts with a presence subscription.
    #[default]
    Presence,
    /// Anyone.
    Open,
    /// Only the owners, by affiliation.
    Whitelist,
    /// Contacts in one of these roster groups; few servers take it.
    Roster(Vec<String>),
}

/// Where the nodes live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Addressing {
    /// At the device's own bare JID (XEP-0163), as the reference client expects.
    #[default]
    Pep,
    /// On a pubsub service, as the thesis prints it.
    Service {
        /// Address of the service: `pubsub.example.org`.
        host: String,
        /// Put before each node name, so that devices do not collide.
        prefix: String,
    },
}
