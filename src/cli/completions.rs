//! `thingfleet completions`: completion for shells, made of the same table as the help.

use super::{Arguments, Failure};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};

const EXAMPLES: &str = "\
Examples:
  thingfleet completions bash > ~/.local/share/bash-completion/completions/thingfleet
  thingfleet completions fish > ~/.config/fish/completions/thingfleet.fish";

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(arguments: &CompletionsArguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "thingfleet", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}
