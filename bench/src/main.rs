//! The benchmarks behind `make bench`; docs/PERFORMANCE.md says what their figures mean.
//!
//! Whatever is compared is measured in the same run: the product, a hand-written lower bound, and where there is one
//! the library people would take instead. Progress goes to standard error, the table or JSON to standard output.

mod engines;
mod latency;
mod lean;
mod measure;
mod report;
mod samples;
mod scale;
mod sessions;
mod simulate;
mod stage;
mod thesis;

use clap::{Parser, Subcommand, ValueEnum};
use report::Report;
use std::process::ExitCode;

/// Why a benchmark has no result.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures thingfleet against lower bounds and real servers.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// Runs one benchmark only
    #[arg(long, value_enum)]
    only: Option<Benchmark>,
    /// Takes few samples; for trying the benchmarks, not for figures
    #[arg(long)]
    quick: bool,
    /// Prints the results as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Role {
    /// Runs one kind of session in a process of its own
    #[command(hide = true)]
    Child(sessions::Load),
    /// Runs one fleet on a sink in a process of its own
    #[command(hide = true)]
    Scale(scale::Load),
    /// Runs the bound's sessions in a process of their own
    #[command(hide = true)]
    Bound(engines::Load),
    /// Runs a sink in a process of its own
    #[command(hide = true)]
    Sink(scale::Place),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Memory a session and processor time a publish
    Sessions,
    /// From publish to event
    Latency,
    /// The round trip of the thesis's section 6.2
    Thesis,
    /// Fleets of 100 to 10,000 devices on a sink
    Scale,
    /// Beside Tsung, on the same server
    Engines,
    /// Simulated time
    Simulate,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.role {
        Some(Role::Child(load)) => return sessions::child(load).await,
        Some(Role::Scale(load)) => return scale::child(load).await,
        Some(Role::Bound(load)) => return engines::child(load).await,
        Some(Role::Sink(place)) => return scale::sink_child(place).await,
        None => {}
    }
    let wanted = |benchmark| arguments.only.is_none_or(|only| only == benchmark);
    let mut report = Report::default();
    if wanted(Benchmark::Simulate) {
        simulate::run(arguments.quick, &mut report);
    }
    if wanted(Benchmark::Sessions) {
        sessions::run(arguments.quick, &mut report).await?;
    }
    if wanted(Benchmark::Engines) {
        engines::run(arguments.quick, &mut report).await?;
    }
    if wanted(Benchmark::Scale) {
        scale::run(arguments.quick, &mut report).await?;
    }
    if wanted(Benchmark::Latency) {
        latency::run(arguments.quick, &mut report).await?;
    }
    if wanted(Benchmark::Thesis) {
        thesis::run(arguments.quick, &mut report).await?;
    }
    if arguments.json {
        println!("{:#}", report.json());
    } else {
        print!("{report}");
    }
    Ok(())
}
