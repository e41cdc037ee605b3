//! The command line: its grammar here, one file a command below.
//!
//! Results go to stdout, logs, progress and complaints to stderr. Exit codes are those of [`Failure`].

mod check;
mod client;
mod commission;
mod completions;
mod ctl;
mod dashboard;
mod duration;
mod events;
mod failure;
mod faults;
mod interface;
mod list;
mod load;
pub(crate) mod log;
mod man;
mod output;
mod plans;
mod profile;
mod qr;
mod report;
mod reports;
mod reset;
mod run;
mod schema;
mod secret;
mod show;
mod signals;
mod trace;

use clap::{Args, Parser, Subcommand};
use std::io::IsTerminal;

pub(crate) use failure::Failure;

/// Stands below every help text.
const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the run failed: no device came online, a device gave up, or nobody answered
  2  bad input: the command line, a definition, a profile or a plan
  3  environment: a server, a tool, a file or a permission is missing";

/// Emulates fleets of XMPP `IoT` devices that a client cannot tell from real ones.
#[derive(Debug, Parser)]
#[command(
    name = "thingfleet",
    version,
    about = "Emulates fleets of XMPP IoT devices that a client cannot tell from real ones",
    after_help = EXIT_CODES,
    after_long_help = format!("Examples:\n  thingfleet demo\n  thingfleet run profiles/kitchen.yaml --for 5min\n  \
        thingfleet check devices/*.yaml\n  thingfleet trace kettle --for 1h > kettle.csv\n\n{EXIT_CODES}"),
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// What to log to stderr: `error`, `warn`, `info`, `debug`, `trace`, or a filter by module; without it `warn`, and
    /// `error` with `load`
    #[arg(long, global = true, value_name = "FILTER", env = "THINGFLEET_LOG")]
    pub(crate) log: Option<String>,
    /// Print results and complaints as JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print without colours, as also with `NO_COLOR` set
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

impl Global {
    /// Whether complaints and logs may have colours (<https://no-color.org>).
    pub(crate) fn colour(&self) -> bool {
        self.colour_on(&std::io::stderr())
    }

    /// The same for what is written to this stream.
    fn colour_on(&self, stream: &impl IsTerminal) -> bool {
        let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        !self.no_color && !self.json && !is_refused && stream.is_terminal()
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a fleet
    Run(run::RunArguments),
    /// Run the shipped demo fleet on a private server that any XMPP client can join
    Demo(run::DemoArguments),
    /// Put the load of a profile on its server, measure it, and say whether its thresholds held
    Load(load::LoadArguments),
    /// Show, merge and compare what runs of `load` came to
    Report(reports::ReportArguments),
    /// Check definitions, profiles and plans of faults, and report all their mistakes
    Check(check::CheckArguments),
    /// Print what a device would send, without any network
    Trace(trace::TraceArguments),
    /// List the shipped definitions, and the plans of faults
    List(list::ListArguments),
    /// List everything that can go wrong
    Faults(faults::FaultsArguments),
    /// Show what a definition consists of
    Show(show::ShowArguments),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(schema::SchemaArguments),
    /// Print the QR codes of devices that wait to be commissioned over Bluetooth
    Qr(qr::QrArguments),
    /// Make devices forget what they were given over Bluetooth
    Reset(reset::ResetArguments),
    /// Take a client's part: watch a device, set an actuator, say something
    Client(client::ClientArguments),
    /// Take a client's part once: give a new device its network, its account and its owner over Bluetooth
    Commission(commission::CommissionArguments),
    /// Look at a running fleet, steer it and wait for it
    Ctl(ctl::CtlArguments),
    /// Show a running fleet in the dashboard
    Attach(dashboard::AttachArguments),
    /// Print completions for a shell
    Completions(completions::CompletionsArguments),
    /// Print the manual page
    Man(man::ManArguments),
}

impl Command {
    /// What is logged unless somebody says otherwise.
    pub(crate) fn log(&self) -> &'static str {
        // Thousands of devices that lose their streams are what a storm is for, and a number of its own.
        if matches!(self, Self::Load(_)) { "error" } else { "warn" }
    }
}

/// Runs a command.
///
/// # Errors
/// [`Failure`] with the exit code.
pub(crate) fn run(command: Command, global: &Global) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments, global),
        Command::Demo(arguments) => run::demo(&arguments, global),
        Command::Load(arguments) => load::load(&arguments, global),
        Command::Report(arguments) => reports::report(&arguments, global),
        Command::Check(arguments) => check::check(&arguments, global),
        Command::Trace(arguments) => trace::trace(&arguments, global),
        Command::List(_) => list::list(global),
        Command::Faults(arguments) => faults::faults(&arguments, global),
        Command::Show(arguments) => show::show(&arguments, global),
        Command::Schema(arguments) => schema::schema(&arguments),
        Command::Qr(arguments) => qr::qr(&arguments, global),
        Command::Reset(arguments) => reset::reset(&arguments, global),
        Command::Client(arguments) => client::client(&arguments, global),
        Command::Commission(arguments) => commission::commission(&arguments, global),
        Command::Ctl(arguments) => ctl::ctl(&arguments, global),
        Command::Attach(arguments) => dashboard::attach(&arguments, global),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(_) => man::man(),
    }
}

/// A runtime for the commands that talk to a server.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(format!("cannot start the runtime: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        fn visit(command: &clap::Command, path: &str) {
            let help = command.get_after_long_help().or(command.get_after_help());
            let help = help.map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{path} has no examples");
            for sub in command.get_subcommands() {
                visit(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        visit(&Arguments::command(), "thingfleet");
    }
}
