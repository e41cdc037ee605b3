//! Plans of faults in files of their own: read for themselves, and given to the devices of a fleet.

use crate::{
    context::{Context, Fields},
    diagnostic::Diagnostics,
    fault,
    grammar::fault::PLAN,
    profile::Fleet,
    source::{Disk, text},
    yaml::{self, Node},
};
use std::path::Path;

/// What a plan is called, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Short name, `[a-z0-9][a-z0-9_-]*`.
    pub name: String,
    /// One sentence for people.
    pub description: String,
    /// How many entries it has.
    pub faults: usize,
    /// How many devices have got at least one of them; none before it was given to any.
    pub devices: usize,
}

/// Reads the plan in `text` for itself: all but whether its devices, channels and conditions are there. `path` is its
/// name in complaints.
///
/// # Errors
/// All mistakes of the file.
pub fn read(path: &str, text: &str) -> Result<Plan, Diagnostics> {
    whole(path, text, None)
}

/// Reads a plan from this machine's disk, for itself.
///
/// # Errors
/// All mistakes of the file, or the one that it cannot be read.
pub fn read_file(path: &Path) -> Result<Plan, Diagnostics> {
    read(&path.display().to_string(), &text(&Disk, path)?)
}

/// Reads the plan in `text` and adds its faults to the devices of a fleet that they are for. `path` is its name in
/// complaints.
///
/// # Errors
/// All mistakes of the file, also faults that fit no device; the fleet is as before then.
pub fn apply(path: &str, text: &str, fleet: &mut Fleet) -> Result<Plan, Diagnostics> {
    whole(path, text, Some(fleet))
}

/// Reads a plan from this machine's disk and adds its faults to the devices of a fleet that they are for.
///
/// # Errors
/// All mistakes of the file, also faults that fit no device, or the one that it cannot be read.
pub fn apply_file(path: &Path, fleet: &mut Fleet) -> Result<Plan, Diagnostics> {
    apply(&path.display().to_string(), &text(&Disk, path)?, fleet)
}

fn whole(path: &str, text: &str, fleet: Option<&mut Fleet>) -> Result<Plan, Diagnostics> {
    let mut context = Context::new(path, text);
    let root = yaml::parse(&mut context, text)?;
    let plan = lower(&mut context, &root, fleet);
    match plan {
        Some(plan) if context.is_clean() => Ok(plan),
        Some(_) | None => Err(context.give_up()),
    }
}

fn lower(context: &mut Context, root: &Node, fleet: Option<&mut Fleet>) -> Option<Plan> {
    let fields = context.fields(root, &PLAN)?;
    let name = name(context, fields);
    let description = fields.get("description").and_then(|node| context.text(node, 300)).unwrap_or_default();
    let node = fields.get("faults")?;
    let entries = fault::read(context, node);
    if entries.is_empty() && context.is_clean() {
        context
            .mistake(node.span, "a plan without faults")
            .label("empty")
            .help("add `- fault: reboot`; `thingfleet faults` lists the kinds");
    }
    let name = name?;
    let mut plan = Plan { name, description: description.to_owned(), faults: entries.len(), devices: 0 };
    if let Some(fleet) = fleet {
        let mut devices = fleet.devices.clone();
        plan.devices = fault::give(context, &entries, &mut devices, fleet.seed, &plan.name);
        if context.is_clean() {
            fleet.devices = devices;
        }
    }
    Some(plan)
}

fn name(context: &mut Context, fields: Fields) -> Option<String> {
    let node = fields.get("name")?;
    let name = context.text(node, 64)?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if name.bytes().all(fits) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some(name.to_owned());
    }
    context
        .mistake(node.span, format!("`{name}` cannot be the name of a plan"))
        .label("a word for the command line")
        .help("lower-case letters, digits, '-' and '_', beginning with a letter or digit");
    None
}
