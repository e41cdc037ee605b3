//! `thingfleet check`: every mistake of every file, at once.

use super::{Failure, Global, output};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use thingfleet_schema::{definition, diagnostic::Diagnostics, json_schema::Kind, plan, profile};

const EXAMPLES: &str = "\
Examples:
  thingfleet check devices/kettle.yaml
  thingfleet check devices/*.yaml profiles/*.yaml profiles/faults/*.yaml
  thingfleet check --json my-thing.yaml";

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArguments {
    /// Definitions, profiles and plans of faults
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn check(arguments: &CheckArguments, global: &Global) -> Result<(), Failure> {
    let mut bad = Vec::new();
    for file in &arguments.files {
        match check_one(file) {
            Ok(what) if global.json => output::json(&json!({ "type": "good", "path": file, "what": what }))?,
            Ok(what) => output::line(&format!("{}: good, {what}", file.display()))?,
            Err(diagnostics) => {
                let mistakes = diagnostics.list().len();
                _ = Failure::from(diagnostics).report(global);
                bad.push((file, mistakes));
            }
        }
    }
    if bad.is_empty() {
        return Ok(());
    }
    let mistakes: usize = bad.iter().map(|(_, mistakes)| mistakes).sum();
    Err(Failure::input(format!(
        "{mistakes} {} in {} of {} {}",
        plural(mistakes, "mistake"),
        bad.len(),
        arguments.files.len(),
        plural(arguments.files.len(), "file"),
    )))
}

/// Checks a file and says what it holds.
fn check_one(path: &Path) -> Result<String, Diagnostics> {
    // A file that cannot be read, or tells nothing of its kind, gets its complaint from the reader of definitions.
    let text = std::fs::read(path).unwrap_or_default();
    match Kind::of(&String::from_utf8_lossy(&text)) {
        Some(Kind::Profile) => {
            let fleet = profile::read_file(path)?;
            let devices = fleet.devices.len();
            Ok(format!("fleet {} of {devices} {}", fleet.name, plural(devices, "device")))
        }
        Some(Kind::Plan) => {
            let plan = plan::read_file(path)?;
            Ok(format!("plan {} of {} {}", plan.name, plan.faults, plural(plan.faults, "fault")))
        }
        Some(Kind::Definition) | None => {
            let definition = definition::read_file(path)?;
            let channels = definition.channels.len();
            Ok(format!("device {} with {channels} {}", definition.kind, plural(channels, "channel")))
        }
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
