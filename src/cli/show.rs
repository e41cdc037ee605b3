//! `thingfleet show`: what a definition consists of, in words.

use super::{Failure, Global, output};
use clap::Args;
use serde_json::json;
use std::path::Path;
use thingfleet_device::definition::{Channel, Definition, Kind, PublishPolicy, Role};
use thingfleet_schema::{catalogue, definition};

const EXAMPLES: &str = "\
Examples:
  thingfleet show kettle
  thingfleet show devices/thermostat.yaml
  thingfleet show kettle --yaml > devices/my-kettle.yaml";

/// Arguments of `show`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ShowArguments {
    /// A file, or the name of a shipped definition
    definition: String,
    /// Print a shipped definition's YAML, as a start for one of your own
    #[arg(long)]
    yaml: bool,
}

/// The definition behind a path or a shipped name.
pub(super) fn find_definition(name: &str) -> Result<Definition, Failure> {
    if let Some(entry) = catalogue::find(name) {
        return Ok(entry.definition());
    }
    if !Path::new(name).exists() && !name.contains(['/', '.']) {
        return Err(Failure::input(format!("there is no definition {name:?}"))
            .help("`thingfleet list` shows the shipped ones; a file needs its path"));
    }
    Ok(definition::read_file(Path::new(name))?)
}

pub(super) fn show(arguments: &ShowArguments, global: &Global) -> Result<(), Failure> {
    if arguments.yaml {
        let entry = catalogue::find(&arguments.definition)
            .ok_or_else(|| Failure::input("--yaml takes the name of a shipped definition"))?;
        return Ok(output::line(entry.text.trim_end())?);
    }
    let definition = find_definition(&arguments.definition)?;
    if global.json {
        let value = serde_json::to_value(&definition).expect("a definition is plain data");
        return Ok(output::json(&json!({ "type": "definition", "definition": value }))?);
    }
    output::line(&format!("{} ({})", definition.title, definition.kind))?;
    if !definition.description.is_empty() {
        output::line(&definition.description)?;
    }
    for (role, heading) in [(Role::Sensor, "Sensors"), (Role::Actuator, "Actuators")] {
        let channels: Vec<_> = definition.channels.iter().filter(|channel| channel.role == role).collect();
        if channels.is_empty() {
            continue;
        }
        output::line(&format!("\n{heading}"))?;
        let longest = channels.iter().map(|channel| channel.name.len()).max().unwrap_or_default();
        for channel in channels {
            output::line(&format!("  {:longest$}  {}", channel.name, describe(channel)))?;
        }
    }
    if !definition.rules.is_empty() {
        output::line(&format!("\nRules: {}", definition.rules.len()))?;
    }
    Ok(())
}

fn describe(channel: &Channel) -> String {
    let mut words = vec![channel.label.clone(), kind(&channel.kind)];
    if !channel.unit.name().is_empty() {
        words.push(format!("in {}", channel.unit.symbol()));
    }
    if let Some(range) = channel.range {
        words.push(format!("{} to {}", range.min, range.max));
    }
    if channel.role == Role::Actuator && !channel.settable {
        words.push("read-only".into());
    }
    words.push(policy(&channel.publish));
    words.join(", ")
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "boolean".into(),
        Kind::Integer => "integer".into(),
        Kind::Float => "float".into(),
        Kind::Choice(options) => {
            let names: Vec<_> = options.iter().map(|option| &*option.name).collect();
            format!("one of {}", names.join("|"))
        }
        Kind::Text(most) => format!("text of at most {most} bytes"),
        Kind::Button => "button".into(),
    }
}

fn policy(policy: &PublishPolicy) -> String {
    let mut words = vec![match policy.every {
        Some(every) => format!("looked at every {every:?}"),
        None => "looked at every tick".into(),
    }];
    match policy.change {
        Some(0.0) => words.push("sent on change".into()),
        Some(change) => words.push(format!("sent on change by {change}")),
        None => words.push("sent always".into()),
    }
    if let Some(heartbeat) = policy.heartbeat {
        words.push(format!("and at least every {heartbeat:?}"));
    }
    words.join(", ")
}
