//! YAML to device definitions, fleet profiles and plans of faults, with every mistake at its line and column.
//!
//! Text comes in, checked data or [`diagnostic::Diagnostics`] come out. Files are asked for through a
//! [`source::Loader`], so that tests, fuzzers and the firmware's build script need no disk.

pub mod catalogue;
mod context;
pub mod definition;
pub mod diagnostic;
mod fault;
mod grammar;
pub mod json_schema;
pub mod load;
pub mod plan;
pub mod profile;
mod quantity;
pub mod source;
mod suggest;
pub mod yaml;
