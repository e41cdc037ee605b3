//! `thingfleet load`: a fleet as a load for its server, with numbers and a verdict.

use super::{
    Failure, Global, dashboard, interface::Interface, output, plans, profile as profiles,
    report as fleet_report, run::ProgressLine, runtime, signals::Signals,
};
use clap::{Args, ValueHint};
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use thingfleet::{
    control::Control,
    load::{
        LoadError, Options, Run,
        recorder::Samples,
        report::{
            Report, Second, Summary,
            hints::{hints, times},
        },
        schedule::Shard,
    },
};
use thingfleet_control::client::Client;
use thingfleet_schema::{load::Operation, profile};
use tokio::time::Instant;

const EXAMPLES: &str = "\
Examples:
  thingfleet load profiles/load-500.yaml
  thingfleet load my-load.yaml --report before.json
  thingfleet load my-load.yaml --shard 3/8 --report shard-3.json
  thingfleet load my-load.yaml --json > seconds.jsonl
  thingfleet load my-load.yaml --headless --control 127.0.0.1:4040

At a terminal it shows the dashboard; `thingfleet attach` shows it from another one.
The exit code is 0 if every threshold held, and 1 if one did not or if the generator itself was saturated.
Ctrl-C, or leaving the dashboard, ends the run early; what was measured until then is told, and the thresholds are
looked at.";

/// Arguments of `load`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LoadArguments {
    /// A fleet profile with `load`, or the name of a shipped one
    profile: PathBuf,
    /// Take this part of the fleet only, such as 3/8; without it `JOB_COMPLETION_INDEX` and `THINGFLEET_SHARDS` say which
    #[arg(long, value_name = "I/N", env = "THINGFLEET_SHARD")]
    shard: Option<Shard>,
    /// Write what the run came to into this file, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// Write every single latency into this file, as CSV: operation, intended start and latency in microseconds
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    samples: Option<PathBuf>,
    /// A plan of faults, or the name of a shipped one (`thingfleet list`); may be given several times
    #[arg(long, value_name = "PLAN", value_hint = ValueHint::FilePath)]
    faults: Vec<PathBuf>,
    /// Print a line a second in place of the dashboard that a terminal gets
    #[arg(long)]
    headless: bool,
    #[command(flatten)]
    look: dashboard::Look,
    #[command(flatten)]
    interface: Interface,
}

pub(super) fn load(arguments: &LoadArguments, global: &Global) -> Result<(), Failure> {
    let mut profile = profiles::read(&arguments.profile)?;
    plans::apply(&arguments.faults, &mut profile)?;
    let shard = match arguments.shard {
        Some(shard) => shard,
        None => shard_of_job(&|name| std::env::var(name).ok())?.unwrap_or(Shard::WHOLE),
    };
    let samples = arguments.samples.as_deref().map(Csv::create).transpose()?;
    let samples = samples.map(|samples| Box::new(samples) as Box<dyn Samples>);
    // Before minutes are spent on it.
    let report = arguments.report.as_deref().map(create).transpose()?;
    let options = Options { shard, samples };
    let outcome = runtime()?.block_on(conducted(profile, options, arguments, global))?;
    if let (Some(file), Some(path)) = (report, &arguments.report) {
        write(file, &outcome)
            .map_err(|error| Failure::environment(format!("cannot write {}: {error}", path.display())))?;
    }
    summary(&outcome, global)?;
    verdict(&outcome)
}

/// Puts the load on its server, from the first account to the last goodbye.
async fn conducted(
    profile: profile::Fleet,
    options: Options,
    arguments: &LoadArguments,
    global: &Global,
) -> Result<Report, Failure> {
    let mut signals = Signals::new()?;
    let progress = ProgressLine::new();
    let show = |step| progress.show(step);
    let name = profile.name.clone();
    let prepared = tokio::select! {
        prepared = Run::prepare(profile, options, &show) => prepared,
        () = signals.asked() => return Err(Failure::run("stopped before the fleet was there")),
    };
    progress.clear();
    let mut run = prepared?;
    let crew = Arc::clone(run.fleet().crew());
    let outcome = match arguments.interface.open(&crew, Some(run.board())).await {
        Ok(opened) => {
            let outcome = watched(&mut run, &name, opened.control(), arguments, global, &mut signals).await;
            signals.or_at_once(opened.stop()).await;
            outcome
        }
        Err(failure) => Err(failure),
    };
    signals.or_at_once(run.stop()).await;
    outcome
}

/// Goes through the phases, with the dashboard in front of them or a line a second, until they are over or somebody asks
/// to stop.
async fn watched(
    run: &mut Run,
    name: &str,
    control: Option<&Control>,
    arguments: &LoadArguments,
    global: &Global,
    signals: &mut Signals,
) -> Result<Report, Failure> {
    let is_quiet = arguments.headless || global.json || !dashboard::has_terminal();
    if let (Some(control), false) = (control, is_quiet) {
        let client = Client::new(control.url(), control.token().clone())?;
        let mut shown = Ok(());
        let left = async {
            tokio::select! {
                () = signals.asked() => {}
                ended = dashboard::show(client, &arguments.look, true, global) => shown = ended,
            }
        };
        let report = run.conduct(left).await?;
        shown?;
        return Ok(report);
    }
    started(name, control, global)?;
    let mut live = run.live();
    let lines = async {
        while let Some((phase, second)) = live.next().await {
            if pulse(&phase, &second, global).is_err() {
                // Nobody reads any more, which is no reason to end a measurement.
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let conducted = tokio::select! {
        conducted = run.conduct(signals.asked()) => conducted,
        () = lines => unreachable!("lines are printed for ever"),
    };
    Ok(conducted?)
}

/// Tells how to watch and steer it.
fn started(name: &str, control: Option<&Control>, global: &Global) -> io::Result<()> {
    match control {
        _ if global.json => {
            let control = control.map(fleet_report::steering_json);
            output::json(&json!({ "type": "started", "fleet": name, "control": control }))
        }
        Some(control) => fleet_report::steering(control),
        None => Ok(()),
    }
}

/// The part that a Kubernetes Indexed Job gives this process.
fn shard_of_job(environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Shard>, Failure> {
    let (Some(index), Some(of)) = (environment("JOB_COMPLETION_INDEX"), environment("THINGFLEET_SHARDS"))
    else {
        return Ok(None);
    };
    let shard = index.parse().ok().zip(of.parse().ok()).and_then(|(index, of)| Shard::new(index, of));
    shard.map(Some).ok_or_else(|| {
        Failure::input(format!("JOB_COMPLETION_INDEX={index} is no part of THINGFLEET_SHARDS={of}"))
            .help("the index counts from 0, and is less than the number of shards")
    })
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path)
        .map_err(|error| Failure::environment(format!("cannot write {}: {error}", path.display())))
}

fn write(file: File, report: &Report) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    serde_json::to_writer(&mut out, report)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// One line of what happened in a second.
fn pulse(phase: &str, second: &Second, global: &Global) -> io::Result<()> {
    if global.json {
        return output::json(&json!({ "type": "second", "phase": phase, "second": second }));
    }
    let Second { at, online, expected, own, operations } = second;
    let mut parts = vec![format!("{at:>5} s  {phase:<10} {online}/{expected} online")];
    for operation in
        [Operation::Join, Operation::Return, Operation::Publish, Operation::Event, Operation::Actuate]
    {
        let Some(slice) = operations.get(operation.name()) else { continue };
        let failed: u64 = slice.failed.values().sum();
        let numbers = slice.summary();
        let latency = numbers.map(|numbers| format!(" p50 {:.1} p99 {:.1} ms", numbers.p50, numbers.p99));
        let failures = (failed > 0).then(|| format!(" ({failed} failed)"));
        let (latency, failures) = (latency.unwrap_or_default(), failures.unwrap_or_default());
        parts.push(format!("{} {}/s{latency}{failures}", operation.name(), slice.acknowledged));
    }
    parts.push(format!("own {:.0} % cpu {} MiB", own.cpu * 100.0, own.memory >> 20));
    output::line(&parts.join(", "))
}

/// What the run came to, for people or as one object.
pub(super) fn summary(report: &Report, global: &Global) -> io::Result<()> {
    if global.json {
        let (mut report, hints) = (serde_json::to_value(report)?, hints(report));
        // They were told one by one.
        report.as_object_mut().map(|report| report.remove("seconds"));
        return output::json(&json!({ "type": "report", "report": report, "hints": hints }));
    }
    output::line("")?;
    output::line(
        "operation        sent  acknowledged  failed  in flight      p50      p90      p99    p99.9      max  ms",
    )?;
    for operation in Operation::ALL {
        let Some(ended) = report.operations.get(operation.name()) else { continue };
        let failed: u64 = ended.failed.values().sum();
        let latency = ended.latency_ms.map(|Summary { p50, p90, p99, p999, max, .. }| {
            format!(" {p50:>8.1} {p90:>8.1} {p99:>8.1} {p999:>8.1} {max:>8.1}")
        });
        output::line(&format!(
            "{:<12} {:>8} {:>13} {failed:>7} {:>10}{}",
            operation.name(),
            ended.sent,
            ended.acknowledged,
            ended.in_flight,
            latency.unwrap_or_default()
        ))?;
    }
    for (name, ended) in &report.operations {
        for (kind, count) in &ended.failed {
            output::line(&format!("{name} failed {}: {kind}", times(*count)))?;
        }
    }
    for threshold in &report.thresholds {
        let verdict = if threshold.held { "held" } else { "MISSED" };
        output::line(&format!("{verdict:<6} {} ({})", threshold.text, threshold.measured()))?;
    }
    for hint in hints(report) {
        output::line(&format!("hint: {hint}"))?;
    }
    let generator = &report.generator;
    output::line(&format!(
        "generator: {:.1} s of processor time, {} MiB at most, {:.2} % of its doings later than {} ms",
        generator.cpu_s,
        generator.peak_memory >> 20,
        generator.late_share * 100.0,
        generator.limit_ms
    ))
}

/// Good is a run whose thresholds held, in which devices came online, and whose generator kept up.
fn verdict(report: &Report) -> Result<(), Failure> {
    let generator = &report.generator;
    if generator.saturated {
        let message = format!(
            "generator saturated: {:.1} % of what it did was more than {} ms late; the latencies say more about this \
             machine than about the server",
            generator.late_share * 100.0,
            generator.limit_ms
        );
        return Err(Failure::run(message).help("take a faster machine, several with `--shard`, or less load"));
    }
    let joined = report.operations.get(Operation::Join.name()).map_or(0, |join| join.acknowledged);
    if joined == 0 {
        return Err(Failure::run("no device came online"));
    }
    let missed: Vec<_> = report.thresholds.iter().filter(|threshold| !threshold.held).collect();
    if missed.is_empty() {
        return Ok(());
    }
    let texts: Vec<_> = missed.iter().map(|threshold| &*threshold.text).collect();
    Err(Failure::run(format!(
        "{} of {} thresholds missed: {}",
        missed.len(),
        report.thresholds.len(),
        texts.join("; ")
    )))
}

/// Every latency as a line of CSV.
#[derive(Debug)]
struct Csv {
    out: BufWriter<File>,
    began: Instant,
}

impl Csv {
    fn create(path: &Path) -> Result<Self, Failure> {
        let mut out = BufWriter::new(create(path)?);
        writeln!(out, "operation,intended_us,latency_us")?;
        Ok(Self { out, began: Instant::now() })
    }
}

impl Samples for Csv {
    fn take(&mut self, operation: Operation, intended: Instant, micros: u64) {
        let since = intended.saturating_duration_since(self.began).as_micros();
        // A full disk does not end the run; the report is what counts.
        _ = writeln!(self.out, "{},{since},{micros}", operation.name());
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let help = error.next_step();
        let message = super::failure::with_causes(&error);
        let failure = match error {
            LoadError::NoLoad
            | LoadError::Empty(_)
            | LoadError::NoAccounts { .. }
            | LoadError::Name { .. } => Self::input(message),
            LoadError::Fleet(error) => return error.into(),
            LoadError::Observer(_) | LoadError::Thread(_) | LoadError::Diary(_) => Self::environment(message),
        };
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_indexed_job_gives_each_process_its_part() {
        let environment = |index: &'static str| {
            move |name: &str| match name {
                "JOB_COMPLETION_INDEX" => Some(index.to_owned()),
                "THINGFLEET_SHARDS" => Some("8".to_owned()),
                _ => None,
            }
        };
        assert_eq!(shard_of_job(&environment("2")).unwrap(), Shard::new(2, 8));
        assert!(shard_of_job(&environment("8")).is_err());
        assert_eq!(shard_of_job(&|_| None).unwrap(), None);
    }
}
