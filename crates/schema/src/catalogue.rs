//! The definitions, profiles and plans of faults that ship with the program, built into it.

use crate::{
    definition,
    plan::{self, Plan},
    source::{LoadError, Loader},
};
use std::path::Path;
use thingfleet_device::definition::Definition;

/// A shipped definition.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name: `kettle`.
    pub name: &'static str,
    /// Its path in the repository: `devices/kettle.yaml`.
    pub path: &'static str,
    /// Its YAML.
    pub text: &'static str,
}

/// A shipped profile.
#[derive(Clone, Copy, Debug)]
pub struct ProfileEntry {
    /// Its name: `demo`.
    pub name: &'static str,
    /// Its path in the repository: `profiles/demo.yaml`.
    pub path: &'static str,
    /// Its YAML.
    pub text: &'static str,
}

/// A shipped plan of faults.
#[derive(Clone, Copy, Debug)]
pub struct PlanEntry {
    /// Its name: `flaky-wifi`.
    pub name: &'static str,
    /// Its path in the repository: `profiles/faults/flaky-wifi.yaml`.
    pub path: &'static str,
    /// Its YAML.
    pub text: &'static str,
}

macro_rules! shipped {
    ($entry:ident in $directory:literal: $($name:literal),* $(,)?) => {
        &[$($entry {
            name: $name,
            path: concat!($directory, "/", $name, ".yaml"),
            text: include_str!(concat!("../../../", $directory, "/", $name, ".yaml")),
        }),*]
    };
}

const DEFINITIONS: &[Entry] = shipped![Entry in "devices":
    "air-quality", "blind", "board", "coffee-maker", "door", "electricity-meter", "fridge", "kettle", "lamp",
    "motion", "plug", "smoke-alarm", "thermostat", "washing-machine", "weather",
];

const PROFILES: &[ProfileEntry] =
    shipped![ProfileEntry in "profiles": "ceiling", "demo", "kitchen", "load-500", "remote", "unboxing"];

const PLANS: &[PlanEntry] = shipped![PlanEntry in "profiles/faults":
    "bad-firmware-rollout", "commissioning-from-hell", "flaky-wifi", "hostile-neighbour", "monday-morning",
    "power-cut", "worn-sensors",
];

impl Entry {
    /// The definition.
    pub fn definition(&self) -> Definition {
        definition::read(self.path, self.text, &Nothing).expect("tests read every shipped definition")
    }
}

impl PlanEntry {
    /// What it is called, and what it does.
    pub fn plan(&self) -> Plan {
        plan::read(self.path, self.text).expect("tests read every shipped plan")
    }
}

/// All shipped definitions by name.
pub fn all() -> &'static [Entry] {
    DEFINITIONS
}

/// The shipped definition of that name.
pub fn find(name: &str) -> Option<&'static Entry> {
    DEFINITIONS.iter().find(|entry| entry.name == name)
}

/// All shipped profiles by name.
pub fn profiles() -> &'static [ProfileEntry] {
    PROFILES
}

/// The shipped profile of that name.
pub fn find_profile(name: &str) -> Option<&'static ProfileEntry> {
    PROFILES.iter().find(|entry| entry.name == name)
}

/// All shipped plans of faults by name.
pub fn plans() -> &'static [PlanEntry] {
    PLANS
}

/// The shipped plan of that name.
pub fn find_plan(name: &str) -> Option<&'static PlanEntry> {
    PLANS.iter().find(|entry| entry.name == name)
}

/// Shipped definitions name no other files.
struct Nothing;

impl Loader for Nothing {
    fn load(&self, _: &Path) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::Missing)
    }
}
