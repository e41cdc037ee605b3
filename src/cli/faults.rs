//! `thingfleet faults`: everything that can go wrong, and what each kind can be set to.

use super::{Failure, Global, output};
use clap::{Args, builder::PossibleValuesParser};
use std::io;
use thingfleet_control::fault::{FaultKind, Setting};
use thingfleet_device::fault::catalogue::{CATALOGUE, Family};

const EXAMPLES: &str = "\
Examples:
  thingfleet faults
  thingfleet faults sensor-drift
  thingfleet faults --json";

/// Arguments of `faults`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FaultsArguments {
    /// A kind, to see its settings
    #[arg(value_parser = kinds(), hide_possible_values = true)]
    kind: Option<String>,
}

/// The names of all kinds, for completions and for a word that is near one.
pub(super) fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(CATALOGUE.iter().map(|entry| entry.id))
}

pub(super) fn faults(arguments: &FaultsArguments, global: &Global) -> Result<(), Failure> {
    let mut library = FaultKind::library();
    if let Some(wanted) = &arguments.kind {
        library.retain(|kind| kind.fault == *wanted);
    }
    if global.json {
        return Ok(library.iter().try_for_each(print_json)?);
    }
    match &arguments.kind {
        Some(_) => library.iter().try_for_each(describe)?,
        None => table(&library)?,
    }
    Ok(())
}

fn print_json(kind: &FaultKind) -> io::Result<()> {
    let mut value = serde_json::to_value(kind).expect("the vocabulary is plain data");
    value["type"] = "fault".into();
    output::json(&value)
}

fn table(library: &[FaultKind]) -> io::Result<()> {
    let longest = library.iter().map(|kind| kind.fault.len()).max().unwrap_or_default();
    for (place, family) in Family::ALL.into_iter().enumerate() {
        if place > 0 {
            output::line("")?;
        }
        output::line(family.title())?;
        for kind in library.iter().filter(|kind| kind.family == family.name()) {
            output::line(&format!("  {:longest$}  {}", kind.fault, kind.title))?;
        }
    }
    Ok(())
}

fn describe(kind: &FaultKind) -> io::Result<()> {
    output::line(&format!("{}: {}", kind.fault, kind.title))?;
    output::line(&format!("  {}", kind.effect))?;
    if kind.is_instant {
        output::line("  It is over as soon as it has happened, so it has no duration.")?;
    }
    let longest = kind.settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
    for setting in &kind.settings {
        output::line(&format!("  {:longest$}  {}", setting.name, words(setting)))?;
    }
    Ok(())
}

/// What a setting says, its bounds and what it is unless given.
fn words(setting: &Setting) -> String {
    let bounds = setting.min.zip(setting.max).map(|(min, max)| {
        let unit = setting.unit.as_deref().unwrap_or_default();
        format!("{min} to {max} {unit}").trim_end().to_owned()
    });
    let options = (!setting.options.is_empty()).then(|| format!("one of {}", setting.options.join(", ")));
    let default = setting.default.map(|number| number.to_string()).or_else(|| setting.default_text.clone());
    let default = default.map(|default| format!("{default} unless given"));
    let words = [Some(setting.help.clone()), bounds, options, default];
    words.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
