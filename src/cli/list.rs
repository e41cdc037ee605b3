//! `thingfleet list`: the shipped definitions.

use super::{Failure, Global, output};
use clap::Args;
use serde_json::json;
use thingfleet_schema::catalogue;

const EXAMPLES: &str = "\
Examples:
  thingfleet list
  thingfleet list --json";

/// Arguments of `list`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArguments {}

pub(super) fn list(global: &Global) -> Result<(), Failure> {
    let longest = catalogue::all().iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    for entry in catalogue::all() {
        let definition = entry.definition();
        let (title, description) = (&definition.title, &definition.description);
        if global.json {
            output::json(&json!({ "name": entry.name, "title": title, "description": description }))?;
        } else {
            output::line(&format!("{:longest$}  {title}: {description}", entry.name))?;
        }
    }
    Ok(())
}
