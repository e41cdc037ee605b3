//! The `thingfleet` program: parses the command line, sets up the log, runs one command, and turns its outcome into
//! an exit code. What the commands do is in [`cli`].

mod cli;

use clap::Parser;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let colour = arguments.global.colour();
    let filter = arguments.global.log.as_deref().unwrap_or(arguments.command.log());
    let filter = match EnvFilter::try_new(filter) {
        Ok(filter) => filter,
        Err(error) => {
            let failure = cli::Failure::input(format!("--log: {error}"))
                .help("write for example `info`, or `warn,thingfleet::xmpp=debug`");
            return failure.report(&arguments.global);
        }
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| cli::log::Log).with_ansi(colour).init();
    match cli::run(arguments.command, &arguments.global) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&arguments.global),
    }
}
