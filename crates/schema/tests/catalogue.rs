//! What ships with the program is right.

use std::{collections::BTreeSet, path::Path};
use thingfleet_device::{fault::catalogue::Family, instance::Commissioning};
use thingfleet_schema::{
    catalogue,
    plan::{self, Plan},
    profile::{self, Fleet, Surroundings},
    source::Disk,
};

fn names_in(directory: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(directory);
    let files = std::fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    files.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).collect()
}

#[test]
fn every_shipped_file_is_built_in() {
    let definitions = catalogue::all().iter().map(|entry| entry.name.to_owned());
    let profiles = catalogue::profiles().iter().map(|entry| entry.name.to_owned());
    assert_eq!(names_in("devices"), definitions.collect());
    assert_eq!(names_in("profiles"), profiles.collect());
    assert_eq!(
        names_in("profiles/faults"),
        catalogue::plans().iter().map(|one| one.name.to_owned()).collect()
    );
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

fn shipped_fleets() -> Vec<Fleet> {
    let surroundings = Surroundings { loader: &Disk, environment: &|_| None };
    let read =
        |entry: &catalogue::ProfileEntry| profile::read(entry.path, entry.text, &surroundings).unwrap();
    catalogue::profiles().iter().map(read).collect()
}

#[test]
fn every_shipped_plan_is_named_like_its_file_and_says_what_it_does() {
    assert!(catalogue::plans().len() >= 6);
    for entry in catalogue::plans() {
        match plan::read(entry.path, entry.text) {
            Ok(plan) => {
                assert_eq!(plan.name, entry.name);
                assert!(!plan.description.is_empty(), "{} has no description", entry.path);
            }
            Err(mistakes) => panic!("\n{}", mistakes.render(false, 120)),
        }
    }
}

#[test]
fn every_shipped_plan_fits_every_shipped_fleet_that_it_is_for() {
    for entry in catalogue::plans() {
        let mut fits = 0;
        for mut fleet in shipped_fleets() {
            let is_commissioned = |device: &profile::Device| device.commissioning == Commissioning::Bluetooth;
            let is_for_new_devices = entry.name == "commissioning-from-hell";
            let count = fleet.devices.len();
            match plan::apply(entry.path, entry.text, &mut fleet) {
                Ok(Plan { devices, .. }) => {
                    assert!((1..=count).contains(&devices), "{} on {}: {devices}", entry.name, fleet.name);
                    assert_eq!(fleet.devices.iter().filter(|one| !one.faults.is_empty()).count(), devices);
                    fits += 1;
                }
                Err(_) if is_for_new_devices && !fleet.devices.iter().any(is_commissioned) => {}
                Err(mistakes) => panic!("{}\n{}", fleet.name, mistakes.render(false, 120)),
            }
        }
        assert!(fits > 0, "{} fits nothing", entry.name);
    }
}

#[test]
fn shipped_plans_have_faults_of_every_family_but_actuators() {
    let mut families = BTreeSet::new();
    for (entry, mut fleet) in catalogue::plans()
        .iter()
        .flat_map(|entry| shipped_fleets().into_iter().map(move |fleet| (entry, fleet)))
    {
        if plan::apply(entry.path, entry.text, &mut fleet).is_ok() {
            let planned = fleet.devices.iter().flat_map(|device| &device.faults);
            families.extend(planned.map(|planned| planned.fault.kind().entry().family));
        }
    }
    let wanted = Family::ALL.into_iter().filter(|family| *family != Family::Actuator);
    assert_eq!(families, wanted.collect());
}
