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
        access: Access::default(),
        addressing: Addressing::Pep,
        actuators: ActuatorMode::Auto,
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

fn jid(text: &str) -> Result<BareJid, Refused> {
    BareJid::parse(text)
        .map_err(|error| Refused::bad(format!("`{text}`: {error}"), "write it as user@domain"))
}
