//! YAML to device definitions and fleet profiles.

pub mod profile;
