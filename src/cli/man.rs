//! `thingfleet man`: the manual page, made of the same table as the help.

use super::{Arguments, Failure};
use clap::{Args, CommandFactory};
use std::io;

const EXAMPLES: &str = "\
Examples:
  thingfleet man | man -l -
  thingfleet man > ~/.local/share/man/man1/thingfleet.1";

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArguments {}

pub(super) fn man() -> Result<(), Failure> {
    Ok(clap_mangen::Man::new(Arguments::command()).render(&mut io::stdout().lock())?)
}
