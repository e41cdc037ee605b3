//! `thingfleet trace`: what a device would send, without any network, as fast as the machine can.

use super::{Failure, duration, show::find_definition};
use clap::{Args, ValueEnum};
use std::{
    fmt,
    io::{self, BufWriter, Write},
    time::Duration,
};
use thingfleet_device::{
    time::{Instant, UnixMillis},
    trace,
};

const EXAMPLES: &str = "\
Examples:
  thingfleet trace kettle --for 1h
  thingfleet trace devices/thermostat.yaml --for 24h --seed 7 --format jsonl
  thingfleet trace washing-machine --for 24h | head

The day begins at midnight UTC. The same definition, name and seed give the same bytes on every machine.";

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
    let mut out = Out { out: BufWriter::new(io::stdout().lock()), error: None };
    let mut trace = trace::Trace::new(&definition, name, arguments.seed, UnixMillis(0));
    let until = Instant::START.plus(arguments.span);
    let written = format
        .write_heading(&mut out)
        .and_then(|()| trace.run(until, &mut |row| format.write_row(&mut out, &definition, &row)));
    match (written, out.error) {
        (Ok(()), None) => Ok(out.out.flush()?),
        (_, Some(error)) => Err(error.into()),
        (Err(fmt::Error), None) => Err(Failure::run("a row could not be written")),
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
