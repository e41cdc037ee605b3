//! `ctl add`: a device that joins a running fleet.

use clap::Args;
use thingfleet_control::{
    command::{Access, ActuatorMode, Addressing, Commissioning, NewAccount, NewDevice, Service},
    value::Value,
};
use thingfleet_device::value::Secret;

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Its name, unique in the fleet
    name: String,
    /// What it is: a kind that the fleet has, a path as in its profile, or a shipped definition
    definition: String,
    /// Its serial number; its name unless given
    #[arg(long, value_name = "TEXT")]
    serial: Option<String>,
    /// A start value that differs from the definition's; may be given several times: temp=60
    #[arg(long = "start", value_name = "CHANNEL=VALUE", value_parser = start)]
    starts: Vec<(String, Value)>,
    /// How it comes to its owners: preset, handshake or bluetooth
    #[arg(long, value_name = "WAY", value_parser = commissioning, default_value = "preset")]
    commissioning: Commissioning,
    /// A word to select it by; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// JID of one of its people; may be given several times
    #[arg(long = "owner", value_name = "JID")]
    owners: Vec<String>,
    /// Who may read its nodes: presence, open or whitelist
    #[arg(long, value_name = "WHO", value_parser = access, conflicts_with = "groups", default_value = "presence")]
    access: Access,
    /// A roster group whose contacts may read its nodes, and nobody else; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A publish-subscribe service for its nodes; without it they are at its own address
    #[arg(long, value_name = "HOST")]
    service: Option<String>,
    /// Put before the name of each node there
    #[arg(long, value_name = "TEXT", requires = "service", default_value = "{name}.")]
    prefix: String,
    /// How actuator values live on the server: auto, persistent or transient
    #[arg(long, value_name = "MODE", value_parser = actuator_mode, default_value = "auto")]
    actuator_mode: ActuatorMode,
    /// Its account, where the fleet registers none
    #[arg(long, value_name = "JID", requires = "password")]
    account: Option<String>,
    /// The password of that account; better in the environment
    #[arg(long, env = "THINGFLEET_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

impl Add {
    pub(super) fn device(&self) -> NewDevice {
        let password = Secret::new(self.password.clone().unwrap_or_default());
        NewDevice {
            name: self.name.clone(),
            definition: self.definition.clone(),
            serial: self.serial.clone(),
            starts: self.starts.iter().cloned().collect(),
            commissioning: self.commissioning,
            tags: self.tags.clone(),
            owners: self.owners.clone(),
            access: match &*self.groups {
                [] => self.access.clone(),
                groups => Access::Roster(groups.to_vec()),
            },
            addressing: match self.service.clone() {
                Some(service) => Addressing::Service(Service { service, prefix: self.prefix.clone() }),
                None => Addressing::Pep,
            },
            actuator_mode: self.actuator_mode,
            account: self.account.clone().map(|jid| NewAccount { jid, password }),
        }
    }
}

fn start(text: &str) -> Result<(String, Value), String> {
    let (channel, word) = text.split_once('=').ok_or("write for example temp=60")?;
    Ok((channel.to_owned(), Value::from_word(word)))
}

fn commissioning(word: &str) -> Result<Commissioning, String> {
    match word {
        "preset" => Ok(Commissioning::Preset),
        "handshake" => Ok(Commissioning::Handshake),
        "bluetooth" => Ok(Commissioning::Bluetooth),
        _ => Err("it is preset, handshake or bluetooth".to_owned()),
    }
}

fn access(word: &str) -> Result<Access, String> {
    match word {
        "presence" => Ok(Access::Presence),
        "open" => Ok(Access::Open),
        "whitelist" => Ok(Access::Whitelist),
        _ => Err("it is presence, open or whitelist".to_owned()),
    }
}

fn actuator_mode(word: &str) -> Result<ActuatorMode, String> {
    match word {
        "auto" => Ok(ActuatorMode::Auto),
        "persistent" => Ok(ActuatorMode::Persistent),
        "transient" => Ok(ActuatorMode::Transient),
        _ => Err("it is auto, persistent or transient".to_owned()),
    }
}
