//! `thingfleet report`: what runs of `load` came to, shown, merged and compared.

use super::{Failure, Global, load, output};
use clap::{Args, Subcommand, ValueHint};
use serde_json::json;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use thingfleet::load::report::{
    Report, VERSION,
    compare::{Row, Verdict, compare},
    html,
    junit::junit,
    merge::merge,
};

const EXAMPLES: &str = "\
Examples:
  thingfleet report show run.json
  thingfleet report html run.json --output run.html
  thingfleet report junit run.json --output run.xml
  thingfleet report merge shard-*.json --output all.json
  thingfleet report compare before.json after.json --worse-than 10";

const SHOW_EXAMPLES: &str = "\
Examples:
  thingfleet report show run.json
  thingfleet report show run.json --json";

const HTML_EXAMPLES: &str = "\
Examples:
  thingfleet report html run.json --output run.html
  thingfleet report html run.json > run.html

The page needs nothing from elsewhere and follows the reader's choice of light or dark.";

const JUNIT_EXAMPLES: &str = "\
Examples:
  thingfleet report junit run.json --output run.xml";

const MERGE_EXAMPLES: &str = "\
Examples:
  thingfleet report merge shard-*.json --output all.json

Distributions are added up bucket for bucket, so the result is that of one process with all the devices. Thresholds
are looked at again.";

const COMPARE_EXAMPLES: &str = "\
Examples:
  thingfleet report compare before.json after.json
  thingfleet report compare before.json after.json --worse-than 10 --json

The intervals are those of 95 %, by drawing stretches of seconds anew. With --worse-than the exit code is 1 if a
number got worse by more than so many per cent beyond chance.";

/// Arguments of `report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReportArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the numbers of a report
    #[command(after_help = SHOW_EXAMPLES)]
    Show(One),
    /// Make a page with plots of a report
    #[command(after_help = HTML_EXAMPLES)]
    Html(Made),
    /// Make `JUnit` XML of a report, for CI
    #[command(after_help = JUNIT_EXAMPLES)]
    Junit(Made),
    /// Make one report of those of all shards
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(Merge),
    /// Compare two runs, with confidence intervals
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(Compare),
}

#[derive(Debug, Args)]
struct One {
    /// A report of `thingfleet load`
    #[arg(value_hint = ValueHint::FilePath)]
    report: PathBuf,
}

#[derive(Debug, Args)]
struct Made {
    #[command(flatten)]
    of: One,
    /// Where to write it; stdout unless given
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Merge {
    /// Reports of shards of one run
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    reports: Vec<PathBuf>,
    /// Where to write it; stdout unless given
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Compare {
    /// The first run
    #[arg(value_hint = ValueHint::FilePath)]
    before: PathBuf,
    /// The second run
    #[arg(value_hint = ValueHint::FilePath)]
    after: PathBuf,
    /// Fail if a number got worse by more than so many per cent, beyond chance
    #[arg(long, value_name = "PERCENT")]
    worse_than: Option<f64>,
}

pub(super) fn report(arguments: &ReportArguments, global: &Global) -> Result<(), Failure> {
    match &arguments.action {
        Action::Show(one) => Ok(load::summary(&read(&one.report)?, global)?),
        Action::Html(made) => put(made.output.as_deref(), &html::page(&read(&made.of.report)?)),
        Action::Junit(made) => {
            let xml = junit(&read(&made.of.report)?);
            let xml =
                xml.map_err(|error| Failure::input(format!("{}: {error}", made.of.report.display())))?;
            put(made.output.as_deref(), &xml)
        }
        Action::Merge(merged) => {
            let reports = merged.reports.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
            let all = merge(reports).map_err(|error| {
                Failure::input(error.to_string()).help("take the reports of all parts of one run, each once")
            })?;
            put(merged.output.as_deref(), &(serde_json::to_string(&all).map_err(io::Error::from)? + "\n"))
        }
        Action::Compare(both) => compared(both, global),
    }
}

fn compared(both: &Compare, global: &Global) -> Result<(), Failure> {
    let rows = compare(&read(&both.before)?, &read(&both.after)?);
    for row in &rows {
        if global.json {
            let verdict = word(row.verdict());
            output::json(&json!({ "type": "comparison", "row": row, "verdict": verdict }))?;
        } else {
            output::line(&line(row))?;
        }
    }
    if rows.is_empty() {
        return Err(Failure::input("the two runs have no operation in common"));
    }
    let Some(most) = both.worse_than else { return Ok(()) };
    let worse: Vec<_> = rows.iter().filter(|row| row.regression() * 100.0 > most).collect();
    if worse.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = worse.iter().map(|row| &*row.metric).collect();
    Err(Failure::run(format!("worse by more than {most} %, beyond chance: {}", names.join(", "))))
}

fn line(row: &Row) -> String {
    let Row { metric, unit, before, after, ratio, interval, .. } = row;
    let ratio = ratio.map_or_else(|| "      -".to_owned(), |ratio| format!("{ratio:>7.3}"));
    let interval = interval.map_or_else(
        || "(too short for an interval)".to_owned(),
        |(low, high)| format!("[{low:.3}, {high:.3}]"),
    );
    format!(
        "{metric:<20} {before:>10.3} {after:>10.3} {unit:<3} x {ratio} {interval:<18} {}",
        word(row.verdict())
    )
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Same => "no difference beyond chance",
    }
}

fn read(path: &Path) -> Result<Report, Failure> {
    let name = path.display();
    let text =
        fs::read(path).map_err(|error| Failure::environment(format!("cannot read {name}: {error}")))?;
    let report: Report = serde_json::from_slice(&text).map_err(|error| {
        Failure::input(format!("{name} is no report: {error}"))
            .help("`thingfleet load --report FILE` writes one")
    })?;
    if report.version != VERSION {
        let message = format!("{name} has the form {}, and this program reads {VERSION}", report.version);
        return Err(Failure::input(message).help("take the version of thingfleet that has written it"));
    }
    Ok(report)
}

fn put(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    match path {
        Some(path) => fs::write(path, text)
            .map_err(|error| Failure::environment(format!("cannot write {}: {error}", path.display()))),
        None => Ok(output::line(text.trim_end())?),
    }
}
