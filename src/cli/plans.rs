//! Plans of faults on the command line: a file, or the name of a shipped one.

use super::Failure;
use std::path::{Path, PathBuf};
use thingfleet_schema::{
    catalogue,
    plan::{self, Plan},
    profile::Fleet,
};

/// Gives the faults of these plans to the devices of a fleet, one plan after the other.
///
/// # Errors
/// A plan is not there, or has mistakes, or does not fit the fleet.
pub(super) fn apply(plans: &[PathBuf], fleet: &mut Fleet) -> Result<Vec<Plan>, Failure> {
    plans.iter().map(|path| apply_one(path, fleet)).collect()
}

fn apply_one(path: &Path, fleet: &mut Fleet) -> Result<Plan, Failure> {
    if path.exists() {
        return Ok(plan::apply_file(path, fleet)?);
    }
    let name = path.to_str().unwrap_or_default();
    if let Some(entry) = catalogue::find_plan(name) {
        return Ok(plan::apply(entry.path, entry.text, fleet)?);
    }
    if name.contains(['/', '.']) {
        return Ok(plan::apply_file(path, fleet)?);
    }
    let shipped: Vec<_> = catalogue::plans().iter().map(|entry| entry.name).collect();
    Err(Failure::input(format!("there is no plan {:?}", path.display().to_string()))
        .help(format!("shipped are {}; a file needs its path", shipped.join(", "))))
}
