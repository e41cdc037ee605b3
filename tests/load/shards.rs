//! A fleet over several processes is one fleet, and their reports are one report.

use crate::stage::Stage;
use std::{collections::BTreeMap, fs, process::Command};
use thingfleet::load::{
    recorder::{Latencies, no_latencies},
    report::Report,
};

const LOAD: &str =
    "load:\n  phases:\n    - ramp: 1s\n    - { hold: 3s, publish: 40/s, churn: 1/s, away: 500ms }\n";
const DEVICES: usize = 16;

/// The distributions of all latencies that were told one by one.
fn of_samples(paths: &[std::path::PathBuf]) -> BTreeMap<String, Latencies> {
    let mut all = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(path).unwrap();
        for line in text.lines().skip(1) {
            let [operation, _, micros] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let latencies = all.entry(operation.to_owned()).or_insert_with(no_latencies);
            latencies.record(micros.parse().unwrap()).unwrap();
        }
    }
    all
}

fn merged(stage: &Stage, of: usize) -> Report {
    let profile = stage.profile("door", DEVICES, LOAD);
    let names: Vec<_> = (1..=of).map(|number| format!("part-{number}-of-{of}")).collect();
    let samples: Vec<_> = names.iter().map(|name| stage.file(&format!("{name}.csv"))).collect();
    let running: Vec<_> = names
        .iter()
        .zip(&samples)
        .enumerate()
        .map(|(number, (name, samples))| {
            let shard = format!("{}/{of}", number + 1);
            stage.start(&profile, name, &["--shard", &shard, "--samples", samples.to_str().unwrap()])
        })
        .collect();
    for one in running {
        let (status, report) = one.end();
        assert!(status.success(), "{status}");
        assert_eq!(report.devices, DEVICES / of);
    }
    let reports = names.iter().map(|name| stage.file(&format!("{name}.json")));
    let output = stage.file(&format!("all-of-{of}.json"));
    let made = Command::new(env!("CARGO_BIN_EXE_thingfleet"))
        .args(["report", "merge", "--output"])
        .arg(&output)
        .args(reports)
        .status()
        .unwrap();
    assert!(made.success());
    let all: Report = serde_json::from_slice(&fs::read(output).unwrap()).unwrap();
    for (name, latencies) in of_samples(&samples) {
        assert_eq!(all.operations[&name].histogram.0, latencies, "{name} of {of}");
    }
    all
}

#[test]
fn one_process_and_eight_are_the_same_fleet_and_every_latency_is_in_its_bucket() {
    // A server of its own for each, since they make their accounts themselves.
    let (one, eight) = (merged(&Stage::new(), 1), merged(&Stage::new(), 8));
    assert_eq!((one.devices, eight.devices), (DEVICES, DEVICES));
    let joins = |report: &Report| report.operations["join"].sent;
    assert_eq!((joins(&one), joins(&eight)), (DEVICES as u64, DEVICES as u64));
    // The schedule is that of the whole fleet: what it asks for does not depend on who does it.
    let (one, eight) = (one.operations["publish"].sent, eight.operations["publish"].sent);
    assert!(one.abs_diff(eight) <= one / 5, "{one} {eight}");
}
