//! A device that is to join a running fleet: from what a client says to what a profile would have.

use super::{answer::Refused, desk::fitted};
use crate::fleet::Seat;
use std::{sync::Arc, time::Duration};
use thingfleet_control::{
    command::{self, NewDevice},
    value as control,
};
use thingfleet_device::{
    definition::{ActuatorMode, ChannelId, Definition},
    instance::{Access, Addressing, Commissioning},
    jid::BareJid,
    value::Value,
};
use thingfleet_schema::{catalogue, profile};

/// Longest name of a device, as in profiles.
const LONGEST_NAME: usize = 63;
/// Longest name of a group and longest prefix, in bytes, as in profiles.
const LONGEST_TEXT: usize = 100;
/// Longest name of a host (RFC 1035 section 2.3.4).
const LONGEST_HOST: usize = 253;
/// What stands for the device's name in a prefix.
const OWN_NAME: &str = "{name}";
/// Longest serial number: it has to fit a characteristic.
const LONGEST_SERIAL: usize = thingfleet_device::commissioning::gatt::MAX_VALUE;

/// The new device as a profile would have it; `present` are those that are there.
///
/// # Errors
/// [`Refused::Bad`], [`Refused::Conflict`].
pub(super) fn described(new: &NewDevice, present: &[(usize, Arc<Seat>)]) -> Result<profile::Device, Refused> {
    check_name(&new.name)?;
    let (definition, definition_name) = definition(&new.definition, present)?;
    let commissioning = match new.commissioning {
        command::Commissioning::Preset => Commissioning::Preset,
        command::Commissioning::Handshake => Commissioning::Handshake,
        command::Commissioning::Bluetooth => Commissioning::Bluetooth,
    };
    if commissioning == Commissioning::Bluetooth && (new.account.is_some() || !new.owners.is_empty()) {
        let detail = "whoever commissions a device over Bluetooth brings its account and becomes its owner";
        return Err(Refused::bad(detail, "leave `account` and `owners` out, or use another `commissioning`"));
    }
    let account = match &new.account {
        Some(account) => Some((jid(&account.jid)?, account.password.clone())),
        None => None,
    };
    Ok(profile::Device {
        name: new.name.clone(),
        serial: serial(new, present)?,
        starts_after: Duration::ZERO,
        account,
        starts: starts(new, &definition)?,
        owners: new.owners.iter().map(|owner| jid(owner)).collect::<Result<_, _>>()?,
        commissioning,
        access: access(&new.access)?,
        addressing: addressing(new)?,
        actuators: match new.actuator_mode {
            command::ActuatorMode::Auto => ActuatorMode::Auto,
            command::ActuatorMode::Persistent => ActuatorMode::Persistent,
            command::ActuatorMode::Transient => ActuatorMode::Transient,
        },
        faults: Vec::new(),
        tags: new.tags.clone(),
        definition,
        definition_name,
    })
}

fn check_name(name: &str) -> Result<(), Refused> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= LONGEST_NAME && name.bytes().all(fits) {
        return Ok(());
    }
    let detail = format!("`{name}` cannot be the name of a device");
    Err(Refused::bad(detail, "use at most 63 lower-case letters, digits, `-`, `_` and `.`"))
}

/// The definition that is called that: as the fleet has it, by its name or its path, else the shipped one.
fn definition(wanted: &str, present: &[(usize, Arc<Seat>)]) -> Result<(Arc<Definition>, Arc<str>), Refused> {
    let is_it = |seat: &Seat| seat.definition.kind == wanted || &*seat.definition_name == wanted;
    if let Some((_, seat)) = present.iter().find(|(_, seat)| is_it(seat)) {
        return Ok((Arc::clone(&seat.definition), Arc::clone(&seat.definition_name)));
    }
    if let Some(entry) = catalogue::find(wanted) {
        return Ok((Arc::new(entry.definition()), wanted.into()));
    }
    let shipped: Vec<_> = catalogue::all().iter().map(|entry| entry.name).collect();
    let detail = format!("there is no definition `{wanted}`; shipped are {}", shipped.join(", "));
    Err(Refused::bad(detail, "name a kind that the fleet has, or a shipped definition"))
}

fn serial(new: &NewDevice, present: &[(usize, Arc<Seat>)]) -> Result<String, Refused> {
    let serial = new.serial.as_ref().unwrap_or(&new.name);
    let is_good = serial.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if serial.is_empty() || serial.len() > LONGEST_SERIAL || !is_good {
        return Err(Refused::bad(
            "that cannot be a serial number",
            "use 1 to 512 printable ASCII characters",
        ));
    }
    match present.iter().find(|(_, seat)| seat.instance.serial == *serial && seat.instance.name != new.name) {
        None => Ok(serial.clone()),
        Some((_, seat)) => Err(Refused::Conflict {
            detail: format!("the device `{}` has the serial number `{serial}`", seat.instance.name),
            next_step: "choose another one".to_owned(),
        }),
    }
}

fn starts(new: &NewDevice, definition: &Definition) -> Result<Vec<(ChannelId, Value)>, Refused> {
    let start = |(name, value): (&String, &control::Value)| {
        let Some((id, channel)) = definition.find(name) else {
            let detail = format!("`{}` has no sensor or actuator `{name}`", definition.kind);
            return Err(Refused::bad(detail, "name one that it has"));
        };
        let fitted = fitted(channel, value).map_err(|(why, next_step)| Refused::bad(why, next_step))?;
        Ok((id, fitted))
    };
    new.starts.iter().map(start).collect()
}

fn access(wanted: &command::Access) -> Result<Access, Refused> {
    match wanted {
        command::Access::Presence => Ok(Access::Presence),
        command::Access::Open => Ok(Access::Open),
        command::Access::Whitelist => Ok(Access::Whitelist),
        command::Access::Roster(groups) => {
            let is_good = |group: &String| (1..=LONGEST_TEXT).contains(&group.len());
            if groups.is_empty() || !groups.iter().all(is_good) {
                let detail = "no contact is in a roster group of no name, or of a name that is too long";
                return Err(Refused::bad(detail, "name groups with 1 to 100 bytes each, or use `presence`"));
            }
            Ok(Access::Roster(groups.clone()))
        }
    }
}

fn addressing(new: &NewDevice) -> Result<Addressing, Refused> {
    let command::Service { service, prefix } = match &new.addressing {
        command::Addressing::Pep => return Ok(Addressing::Pep),
        command::Addressing::Service(service) => service,
    };
    if service.is_empty() || service.len() > LONGEST_HOST || profile::odd_in_host(service).is_some() {
        let detail = format!("`{service}` is no address of a service");
        return Err(Refused::bad(detail, "write it as pubsub.example.org"));
    }
    if !prefix.contains(OWN_NAME) || prefix.len() > LONGEST_TEXT {
        let detail = format!("the prefix `{prefix}` does not keep the nodes of devices apart");
        return Err(Refused::bad(detail, "put `{name}` into it, and have it at most 100 bytes long"));
    }
    Ok(Addressing::Service {
        host: service.to_ascii_lowercase(),
        prefix: prefix.replace(OWN_NAME, &new.name),
    })
}

fn jid(text: &str) -> Result<BareJid, Refused> {
    BareJid::parse(text)
        .map_err(|error| Refused::bad(format!("`{text}`: {error}"), "write it as user@domain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(settings: &serde_json::Value) -> Result<profile::Device, Refused> {
        let mut new = serde_json::json!({ "name": "lamp-9", "definition": "lamp" });
        new.as_object_mut().unwrap().append(&mut settings.as_object().unwrap().clone());
        described(&serde_json::from_value(new).unwrap(), &[])
    }

    #[test]
    fn nodes_are_described_in_the_words_of_profiles() {
        let device = new(&serde_json::json!({
            "access": { "roster": ["Family"] },
            "addressing": { "service": "Pubsub.example.org", "prefix": "attic.{name}." },
            "actuator_mode": "persistent",
        }));
        let device = device.ok().unwrap();
        assert_eq!(device.access, Access::Roster(vec!["Family".into()]));
        let (host, prefix) = ("pubsub.example.org".into(), "attic.lamp-9.".into());
        assert_eq!(device.addressing, Addressing::Service { host, prefix });
        assert_eq!(device.actuators, ActuatorMode::Persistent);

        let device = new(&serde_json::json!({ "access": "whitelist", "addressing": "pep" })).ok().unwrap();
        assert_eq!((device.access, device.addressing), (Access::Whitelist, Addressing::Pep));
        assert_eq!(device.actuators, ActuatorMode::Auto, "the definition's");
        for wrong in [
            serde_json::json!({ "access": { "roster": [""] } }),
            serde_json::json!({ "addressing": { "service": "" } }),
            serde_json::json!({ "addressing": { "service": "pubsub.example.org", "prefix": "mine." } }),
        ] {
            assert!(matches!(new(&wrong), Err(Refused::Bad { .. })), "{wrong}");
        }
    }
}
