//! A fleet profile after every check has passed: what runs, where, and how it starts.

pub(crate) mod accounts;
mod adapter;
mod group;
mod people;
mod read;
mod server;
mod wireless;

pub use adapter::{Adapter, AdapterError};
pub use people::odd_in_host;
pub use read::{Surroundings, read, read_file};

use crate::load::Load;
use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};
use thingfleet_device::{
    definition::{ActuatorMode, ChannelId, Definition},
    fault::plan::Planned,
    instance::{Access, Addressing, Commissioning},
    jid::BareJid,
    value::{Secret, Value},
};

/// A fleet: a server and groups of devices on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// Short name, `[a-z0-9][a-z0-9_-]*`; names the fleet's state directory.
    pub name: String,
    /// One sentence for people.
    pub description: String,
    /// Seed of everything random in the fleet.
    pub seed: u64,
    /// Device seconds a real second; greater than zero.
    pub speed: f64,
    /// The server.
    pub server: Server,
    /// Where accounts come from.
    pub accounts: Accounts,
    /// How many devices may create nodes at the same time, at least one; `None` lets the program choose by the server.
    pub setup_concurrency: Option<usize>,
    /// The Bluetooth adapters on which its devices wait to be commissioned.
    pub adapters: Adapters,
    /// The wireless networks its devices find; `None` means that every network is there and takes every password.
    pub networks: Option<Vec<Network>>,
    /// The devices, in order; names are unique over all groups.
    pub devices: Vec<Device>,
    /// What load they are for the server.
    pub load: Option<Load>,
}

/// The server of a fleet.
#[derive(Clone, Debug, PartialEq)]
pub enum Server {
    /// A Prosody that the program starts for itself and stops at the end.
    Private {
        /// The domain it serves.
        domain: String,
    },
    /// A server that is there already.
    Remote(Remote),
}

/// The Bluetooth adapters of a fleet. One adapter is one device at a time; the others wait for their turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Adapters {
    /// Every adapter that BlueZ has, also those that come later.
    #[default]
    Auto,
    /// These.
    Named(Vec<Adapter>),
    /// Virtual controllers: each connection to this address is one of its own, as with rootcanal and with
    /// `scripts/air.py`.
    Virtual {
        /// Host and port: `127.0.0.1:6402`.
        address: String,
    },
}

/// A wireless network that devices find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name, 1 to 32 bytes.
    pub ssid: String,
    /// Its password; empty where it has none.
    pub password: Secret,
    /// Signal at the devices, in dBm; the weaker, the longer it takes to join, and under -90 nothing is found.
    pub signal: i8,
    /// Whether it is there.
    pub is_present: bool,
}

/// How to reach a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// XMPP domain of the accounts.
    pub domain: String,
    /// Host to connect to; without it DNS SRV records decide (RFC 6120 section 3.2).
    pub host: Option<String>,
    /// Port to connect to; only with `host`. The default is 5222, with direct TLS 5223.
    pub port: Option<u16>,
    /// Addresses of this machine to connect from, in turns by the devices' places; without any the system chooses. One
    /// address has about 28,000 ports for connections to one address and port of a server.
    pub from: Vec<IpAddr>,
    /// How the connection is secured.
    pub security: Security,
    /// Which certificates are believed.
    pub trust: Trust,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS, required.
    #[default]
    StartTls,
    /// TLS from the first byte (XEP-0368).
    DirectTls,
    /// None; refused by the checker unless `host` is a loopback address.
    Plain,
}

/// Which certificates are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The system's roots.
    #[default]
    System,
    /// The certificates in this PEM file, and no others.
    CaFile(PathBuf),
    /// Exactly the end-entity certificate with this SHA-256 of its DER encoding; name and chain are not looked at.
    Pin([u8; 32]),
    /// Any at all. The program warns loudly.
    Insecure,
}

/// Where a fleet's accounts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// Registered in band (XEP-0077) where they do not exist yet; passwords are kept in the state directory.
    Register,
    /// Each device's account stands in [`Device::account`].
    Given,
}

/// One device of a fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Unique name in the fleet; also the local part of its JID where accounts are registered.
    pub name: String,
    /// What it is; shared by all devices of that kind.
    pub definition: Arc<Definition>,
    /// What the profile calls that: a shipped name or a path.
    pub definition_name: Arc<str>,
    /// Serial number.
    pub serial: String,
    /// Time after the start of the fleet at which it is switched on.
    pub starts_after: Duration,
    /// Its account, with [`Accounts::Given`].
    pub account: Option<(BareJid, Secret)>,
    /// Start values that differ from the definition's.
    pub starts: Vec<(ChannelId, Value)>,
    /// Its people; empty means the person of the private server, or nobody.
    pub owners: Vec<BareJid>,
    /// How it comes to its owners.
    pub commissioning: Commissioning,
    /// Who may read its nodes.
    pub access: Access,
    /// Where its nodes live.
    pub addressing: Addressing,
    /// Overrides the definition's actuator mode unless `Auto`.
    pub actuators: ActuatorMode,
    /// What goes wrong with it, and when.
    pub faults: Vec<Planned>,
    /// Free words to select devices by.
    pub tags: Vec<String>,
}
