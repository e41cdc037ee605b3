//! How a command fails: an exit code, what happened, and what a person can do about it.

use super::Global;
use std::{error::Error, io, process::ExitCode};
use thingfleet::fleet::{AccountsError, FleetError};
use thingfleet::server::StartError;
use thingfleet::state::StateError;
use thingfleet_device::io::StreamFailure;
use thingfleet_schema::diagnostic::Diagnostics;

/// Columns of a complaint where the terminal does not tell.
const WIDTH: usize = 110;

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    what: What,
    help: Option<String>,
}

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Run = 1,
    Input = 2,
    Environment = 3,
}

#[derive(Debug)]
enum What {
    Message(String),
    Diagnostics(Diagnostics),
    /// The reader of the output went away, which is no failure at all.
    Hangup,
}

impl Failure {
    /// The run failed.
    pub(crate) fn run(message: impl Into<String>) -> Self {
        Self::new(Kind::Run, message)
    }

    /// The input is bad.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(Kind::Input, message)
    }

    /// Something is missing around the program.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self::new(Kind::Environment, message)
    }

    /// Adds what a person can do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Tells a person, or a program with `--json`, and gives the exit code.
    pub(crate) fn report(&self, global: &Global) -> ExitCode {
        match &self.what {
            What::Hangup => return ExitCode::SUCCESS,
            What::Diagnostics(diagnostics) if global.json => {
                for one in diagnostics.list() {
                    eprintln!("{}", serde_json::json!({ "type": "mistake", "mistake": one }));
                }
            }
            What::Diagnostics(diagnostics) => eprint!("{}", diagnostics.render(global.colour(), WIDTH)),
            What::Message(message) if global.json => {
                let help = &self.help;
                eprintln!("{}", serde_json::json!({ "type": "failure", "message": message, "help": help }));
            }
            What::Message(message) => {
                eprintln!("error: {message}");
                if let Some(help) = &self.help {
                    eprintln!("help: {help}");
                }
            }
        }
        ExitCode::from(self.kind as u8)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, what: What::Message(message.into()), help: None }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { kind: Kind::Input, what: What::Diagnostics(diagnostics), help: None }
    }
}

/// Errors of writing to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { kind: Kind::Run, what: What::Hangup, help: None };
        }
        Self::environment(format!("cannot write: {error}"))
    }
}

impl From<FleetError> for Failure {
    fn from(error: FleetError) -> Self {
        let kind = match &error {
            FleetError::Server(StartError::Domain(_))
            | FleetError::Accounts(AccountsError::Name { .. } | AccountsError::Missing { .. }) => Kind::Input,
            FleetError::Server(_)
            | FleetError::Accounts(_)
            | FleetError::State(_)
            | FleetError::Trust(_)
            | FleetError::Thread(_)
            | FleetError::Files(_) => Kind::Environment,
        };
        let mut failure = Self::new(kind, with_causes(&error));
        failure.help = error.next_step().map(str::to_owned);
        failure
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::environment(with_causes(&error)).help(error.next_step())
    }
}

impl From<StreamFailure> for Failure {
    fn from(failure: StreamFailure) -> Self {
        Self::environment(failure.text).help(failure.kind.next_step())
    }
}

/// An error and everything behind it, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // Transparent errors repeat their source.
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}
