//! `thingfleet list`: the shipped definitions, and the plans of faults.

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
    let names = catalogue::all().iter().map(|entry| entry.name);
    let names = names.chain(catalogue::plans().iter().map(|entry| entry.name));
    let longest = names.map(str::len).max().unwrap_or_default();
    for entry in catalogue::all() {
        let definition = entry.definition();
        let (title, description) = (&definition.title, &definition.description);
        if global.json {
            output::json(&json!({
                "type": "definition", "name": entry.name, "title": title, "description": description,
            }))?;
        } else {
            output::line(&format!("{:longest$}  {title}: {description}", entry.name))?;
        }
    }
    if !global.json {
        output::line("\nPlans of faults, for --faults:")?;
    }
    for entry in catalogue::plans() {
        let plan = entry.plan();
        if global.json {
            output::json(&json!({ "type": "plan", "name": plan.name, "description": plan.description }))?;
        } else {
            output::line(&format!("{:longest$}  {}", plan.name, plan.description))?;
        }
    }
    Ok(())
}
