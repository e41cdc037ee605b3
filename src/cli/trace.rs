//! `thingfleet trace`: what a device would send, without any network, as fast as the machine can.

use super::{Failure, duration, show::find_definition};
use clap::{Args, ValueEnum};
use std::{
    fmt,
    io::{self, BufWriter, Write},
    time::Duration,
};
use thingfleet_device::{
    definition::{ChannelId, Definition},
    time::{Instant, UnixMillis},
    trace,
    value::Value,
    wire,
};

const EXAMPLES: &str = "\
Examples:
  thingfleet trace kettle --for 1h
  thingfleet trace devices/thermostat.yaml --for 24h --seed 7 --format jsonl
  thingfleet trace kettle --for 8h --set 06:30:powerOn=1 --set 07:10:powerOn=1
  thingfleet trace washing-machine --for 24h | head

The day begins at midnight UTC. The same definition, name, seed and settings give the same bytes on every machine.";

/// Arguments of `trace`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TraceArguments {
    /// A file, or the name of a shipped definition
    definition: String,
    /// How much of the device's life
    #[arg(long = "for", value_name = "DURATION", default_value = "24h", value_parser = duration::parse)]
    span: Duration,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Name of the device, which its randomness depends on too; the definition's own unless given
    #[arg(long)]
    name: Option<String>,
    /// Set an actuator at a time of day, as a person would; may be given many times
    #[arg(long = "set", value_name = "HH:MM[:SS]:ACTUATOR=VALUE", value_parser = Setting::parse)]
    settings: Vec<Setting>,
    /// How it is written
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Comma-separated values below a heading
    Csv,
    /// One JSON object a line
    Jsonl,
}

pub(super) fn trace(arguments: &TraceArguments, global: &super::Global) -> Result<(), Failure> {
    let definition = find_definition(&arguments.definition)?;
    let name = arguments.name.as_deref().unwrap_or(&definition.kind);
    let format = match arguments.format {
        Some(Format::Jsonl) => trace::Format::JsonLines,
        None if global.json => trace::Format::JsonLines,
        Some(Format::Csv) | None => trace::Format::Csv,
    };
    let mut operations = arguments
        .settings
        .iter()
        .map(|setting| setting.resolve(&definition))
        .collect::<Result<Vec<_>, _>>()?;
    operations.sort_by_key(|operation| operation.0);

    let mut out = Out { out: BufWriter::new(io::stdout().lock()), error: None };
    let mut trace = trace::Trace::new(&definition, name, arguments.seed, UnixMillis(0));
    let end = Instant::START.plus(arguments.span);
    let written = format.write_heading(&mut out).and_then(|()| {
        let row = &mut |row: trace::Row<'_>| format.write_row(&mut out, &definition, &row);
        for (at, channel, value) in operations.iter().filter(|operation| operation.0 <= end) {
            // Up to the moment and not through it, so that the tick at that moment sees the value.
            if let Some(before) = at.as_micros().checked_sub(1) {
                trace.run(Instant::from_micros(before), row)?;
            }
            trace.model_mut().set(&definition, *channel, value);
        }
        trace.run(end, row)
    });
    match (written, out.error) {
        (Ok(()), None) => Ok(out.out.flush()?),
        (_, Some(error)) => Err(error.into()),
        (Err(fmt::Error), None) => Err(Failure::run("a row could not be written")),
    }
}

/// What a person does to the device, and when.
#[derive(Debug, Clone, PartialEq)]
struct Setting {
    at: Instant,
    actuator: String,
    text: String,
}

impl Setting {
    /// Reads `06:30:powerOn=1`.
    fn parse(text: &str) -> Result<Self, String> {
        let complaint = || format!("{text:?} is no setting; write for example 06:30:powerOn=1");
        // Names of channels begin with a letter.
        let name = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(complaint)?;
        let (time, assignment) = text.split_at(name);
        let (actuator, value) = assignment.split_once('=').ok_or_else(complaint)?;
        let time = time.strip_suffix(':').ok_or_else(complaint)?;
        let parts: Result<Vec<u64>, _> = time.split(':').map(str::parse).collect();
        let seconds = match parts.as_deref() {
            // Hours may go on after midnight, for traces of more than a day.
            Ok(&[hours @ 0..10_000, minutes @ 0..60]) => hours * 3600 + minutes * 60,
            Ok(&[hours @ 0..10_000, minutes @ 0..60, seconds @ 0..60]) => {
                hours * 3600 + minutes * 60 + seconds
            }
            Ok(_) | Err(_) => return Err(complaint()),
        };
        let at = Instant::START.plus(Duration::from_secs(seconds));
        Ok(Self { at, actuator: actuator.to_owned(), text: value.to_owned() })
    }

    /// Finds the actuator, and the value that it would take from a client.
    fn resolve(&self, definition: &Definition) -> Result<(Instant, ChannelId, Value), Failure> {
        let Self { at, actuator, text } = self;
        let (id, channel) = definition.find(actuator).ok_or_else(|| {
            Failure::input(format!("{} has no actuator {actuator:?}", definition.kind))
                .help(format!("`thingfleet show {}` lists what it has", definition.kind))
        })?;
        let value = wire::from_text(channel, text)
            .map_err(|why| Failure::input(format!("--set {actuator}={text}: {why}")))?;
        Ok((*at, id, value))
    }
}

/// Brings text of the core, which knows no files, to stdout, and keeps the error that `fmt` cannot carry.
struct Out<W> {
    out: W,
    error: Option<io::Error>,
}

impl<W: Write> fmt::Write for Out<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_all(text.as_bytes()).map_err(|error| {
            self.error = Some(error);
            fmt::Error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_a_time_an_actuator_and_a_value() {
        for (text, seconds) in
            [("06:30:mode=a=b:c", 23_400), ("6:30:05:mode=a=b:c", 23_405), ("30:00:mode=a=b:c", 108_000)]
        {
            let at = Instant::START.plus(Duration::from_secs(seconds));
            let expected = Setting { at, actuator: "mode".to_owned(), text: "a=b:c".to_owned() };
            assert_eq!(Setting::parse(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "mode=1",
            "06:mode=1",
            "06:60:mode=1",
            "06:30mode=1",
            "06:30:mode",
            "-1:30:mode=1",
            "06:30:=1",
        ] {
            assert!(Setting::parse(text).is_err(), "{text}");
        }
    }
}
