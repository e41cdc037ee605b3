//! The fleet a command is about: a profile's path or the name of a shipped one, and some of its devices.

use super::Failure;
use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};
use thingfleet::{
    label::is_commissioned,
    state::{Devices, State, StateError},
};
use thingfleet_schema::{
    catalogue,
    profile::{self, Fleet, Surroundings},
};

/// Device names in a complaint about one that does not exist.
const NAMED: usize = 10;
/// How long a run that has just begun may take to make the keys of its devices, and how often to look.
const PATIENCE: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_millis(20);

/// Reads a profile; a name that is no file may be that of a shipped one.
pub(super) fn read(path: &Path) -> Result<Fleet, Failure> {
    let shipped = path.to_str().filter(|_| !path.exists()).and_then(catalogue::find_profile);
    match shipped {
        Some(entry) => read_shipped(entry),
        None => Ok(profile::read_file(path)?),
    }
}

/// Reads a shipped profile.
pub(super) fn read_shipped(entry: &catalogue::ProfileEntry) -> Result<Fleet, Failure> {
    Ok(profile::read(entry.path, entry.text, &Surroundings::default())?)
}

/// The names of a fleet's commissioned devices, or those of them that are asked for.
///
/// # Errors
/// A device that is asked for is not there, or not commissioned over Bluetooth; or none is.
pub(super) fn commissioned<'f>(fleet: &'f Fleet, asked_for: &[String]) -> Result<Vec<&'f str>, Failure> {
    const HELP: &str = "`commissioning: bluetooth` in a profile makes devices wait for it (docs/PROFILES.md)";
    let all = fleet.devices.iter().filter(|device| is_commissioned(device));
    let names: Vec<&str> = all.map(|device| device.name.as_str()).collect();
    if names.is_empty() {
        let message = format!("no device of the fleet {} is commissioned over Bluetooth", fleet.name);
        return Err(Failure::input(message).help(HELP));
    }
    if asked_for.is_empty() {
        return Ok(names);
    }
    if let Some(name) = asked_for.iter().find(|name| !names.contains(&name.as_str())) {
        if fleet.devices.iter().any(|device| device.name == *name) {
            let message = format!("{name} is not commissioned over Bluetooth");
            return Err(Failure::input(message).help(HELP));
        }
        let message = format!("the fleet {} has no device {name:?}", fleet.name);
        let known = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if names.len() > NAMED { ", …" } else { "" };
        return Err(Failure::input(message).help(format!("it has {known}{more}")));
    }
    Ok(names.into_iter().filter(|name| asked_for.iter().any(|asked| asked == name)).collect())
}

/// What the devices of a fleet keep, with a key for each of these. Works while the fleet runs, too.
pub(super) fn devices_with_keys(fleet: &Fleet, names: &[&str]) -> Result<Devices, Failure> {
    let begun = Instant::now();
    loop {
        let devices = Devices::look(&fleet.name)?;
        if names.iter().all(|name| devices.key(name).is_some()) {
            return Ok(devices);
        }
        match State::open(&fleet.name) {
            Ok(state) => {
                let mut devices = state.devices()?;
                devices.make_keys(names.iter().copied())?;
                return Ok(devices);
            }
            // A run makes the keys of its devices as soon as it holds the state.
            Err(StateError::InUse { .. }) if begun.elapsed() < PATIENCE => sleep(AGAIN),
            Err(error @ StateError::InUse { .. }) => {
                return Err(Failure::from(error)
                    .help("the run does not know all of these devices: start it again with this profile"));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
