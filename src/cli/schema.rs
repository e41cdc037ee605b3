//! `thingfleet schema`: JSON Schema for editors.

use super::{Failure, output};
use clap::{Args, ValueEnum};
use thingfleet_schema::json_schema::{self, json_schema};

const EXAMPLES: &str = "\
Examples:
  thingfleet schema definition > definition.schema.json
  thingfleet schema profile > profile.schema.json

An editor with the YAML language server takes it from a first line such as
  # yaml-language-server: $schema=definition.schema.json";

/// Arguments of `schema`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchemaArguments {
    /// Which kind of file
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// What a thing is
    Definition,
    /// What runs
    Profile,
    /// What goes wrong
    Plan,
}

pub(super) fn schema(arguments: &SchemaArguments) -> Result<(), Failure> {
    let kind = match arguments.kind {
        Kind::Definition => json_schema::Kind::Definition,
        Kind::Profile => json_schema::Kind::Profile,
        Kind::Plan => json_schema::Kind::Plan,
    };
    Ok(output::line(&format!("{:#}", json_schema(kind)))?)
}
