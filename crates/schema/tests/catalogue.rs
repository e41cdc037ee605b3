//! What ships with the program is right.

use std::{collections::BTreeSet, path::Path};
use thingfleet_schema::{
    catalogue,
    profile::{self, Surroundings},
    source::Disk,
};

fn names_in(directory: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(directory);
    let files = std::fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    files.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).collect()
}

#[test]
fn every_shipped_file_is_built_in() {
    let built_in = |entries: &[catalogue::Entry]| entries.iter().map(|entry| entry.name.to_owned()).collect();
    assert_eq!(names_in("devices"), built_in(catalogue::all()));
    assert_eq!(names_in("profiles"), built_in(catalogue::profiles()));
}

#[test]
fn every_shipped_definition_is_read_and_named_like_its_file() {
    assert!(catalogue::all().len() >= 15);
    for entry in catalogue::all() {
        match thingfleet_schema::definition::read(entry.path, entry.text, &Disk) {
            Ok(definition) => {
                assert_eq!(definition.kind, entry.name);
                assert!(!definition.description.is_empty(), "{} has no description", entry.path);
            }
            Err(mistakes) => panic!("\n{}", mistakes.render(false, 120)),
        }
    }
}

#[test]
fn every_shipped_definition_fits_on_a_page() {
    for entry in catalogue::all() {
        let lines = entry.text.lines().count();
        assert!(lines <= 40, "{} has {lines} lines", entry.path);
    }
}

#[test]
fn every_shipped_profile_is_read_and_named_like_its_file_or_purpose() {
    for entry in catalogue::profiles() {
        let surroundings = Surroundings { loader: &Disk, environment: &|_| None };
        match profile::read(entry.path, entry.text, &surroundings) {
            Ok(fleet) => assert!(!fleet.devices.is_empty() && !fleet.description.is_empty()),
            Err(mistakes) => panic!("\n{}", mistakes.render(false, 120)),
        }
    }
}
