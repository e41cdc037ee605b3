//! `thingfleet reset`: devices as they came from the factory, while their fleet does not run.

use super::{Failure, Global, output, profile};
use clap::Args;
use serde_json::json;
use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
};
use thingfleet::state::{Devices, State, StateError};

const EXAMPLES: &str = "\
Examples:
  thingfleet reset unboxing
  thingfleet reset home.yaml kettle lamp-2 --yes
  thingfleet reset home.yaml kettle --keys

It forgets network, account and owner that devices were given over Bluetooth, so that they wait to be commissioned
again. Their accounts stay at the server, and their QR codes stay the same unless --keys is given.";

/// Arguments of `reset`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ResetArguments {
    /// A fleet profile, or the name of a shipped one
    profile: PathBuf,
    /// Some of its devices; all that are commissioned over Bluetooth unless given
    #[arg(value_name = "DEVICE")]
    devices: Vec<String>,
    /// Make new keys too: codes that are printed already are void
    #[arg(long)]
    keys: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn reset(arguments: &ResetArguments, global: &Global) -> Result<(), Failure> {
    let fleet = profile::read(&arguments.profile)?;
    let names = profile::commissioned(&fleet, &arguments.devices)?;
    let state = State::open(&fleet.name).map_err(|error| match error {
        error @ StateError::InUse { .. } => Failure::from(error)
            .help("stop that run first; a device that runs is reset by holding its button for five seconds"),
        error => error.into(),
    })?;
    let mut devices = state.devices()?;
    if !arguments.yes && !agreed(&names, arguments.keys, global)? {
        return Err(Failure::run("nothing was reset"));
    }
    let had_credentials = |devices: &Devices, name: &str| devices.stored(name).is_some();
    let were_given: Vec<_> = names.iter().map(|name| had_credentials(&devices, name)).collect();
    for name in &names {
        if arguments.keys {
            devices.discard(name);
        } else {
            devices.store(name, None);
        }
    }
    if arguments.keys {
        devices.make_keys(names.iter().copied())?;
    }
    devices.save()?;
    for (name, was_given) in names.iter().zip(were_given) {
        if global.json {
            let reset = json!({ "type": "reset", "device": name, "had_credentials": was_given, "new_key": arguments.keys });
            output::json(&reset)?;
            continue;
        }
        let forgot = if was_given { "forgot what it was given" } else { "had been given nothing" };
        let key = if arguments.keys { ", and has a new key" } else { "" };
        output::line(&format!("{name}: {forgot}{key}"))?;
    }
    Ok(())
}

/// Asks at a terminal; where nobody can be asked, `--yes` has to be given.
fn agreed(names: &[&str], keys: bool, global: &Global) -> Result<bool, Failure> {
    if global.json || !io::stdin().is_terminal() {
        return Err(Failure::input("nobody can be asked here").help("add --yes to reset without a question"));
    }
    let what = match names {
        [name] => (*name).to_owned(),
        names => format!("{} devices ({} …)", names.len(), names[0]),
    };
    let keys = if keys { " and void the codes that are printed" } else { "" };
    let mut err = io::stderr().lock();
    write!(err, "Reset {what}{keys}? [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
