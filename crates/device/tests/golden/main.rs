//! The golden trace: a day of a device that has everything, which never changes by accident.
//!
//! `scripts/riscv-trace.sh` compares the same file with what an emulated microcontroller prints. After a change that is
//! meant, `UPDATE_GOLDEN=1 cargo test -p thingfleet-device --test golden` writes it anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};
use thingfleet_device::{
    definition::Definition,
    time::{Instant, UnixMillis},
    trace::{self, Format, Trace},
};

fn definition() -> Definition {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/golden.yaml");
    match thingfleet_schema::definition::read_file(&path) {
        Ok(definition) => definition,
        Err(mistakes) => panic!("{}", mistakes.render(false, 100)),
    }
}

const DAY: Duration = Duration::from_hours(24);

fn trace(definition: &Definition) -> Trace<'_> {
    Trace::new(definition, "golden-1", 7, UnixMillis(1_790_000_000_000))
}

fn csv(trace: &mut Trace<'_>, span: Duration) -> String {
    let mut out = String::new();
    trace::write(&mut out, trace, span, Format::Csv).expect("writing to a string cannot fail");
    out
}

#[test]
fn the_golden_trace_has_not_changed() {
    let definition = definition();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/trace.csv");
    let now = csv(&mut trace(&definition), DAY);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).expect("the golden trace can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden trace can be read");
    let difference = golden.lines().zip(now.lines()).find(|(golden, now)| golden != now);
    assert_eq!(difference, None);
    assert_eq!(golden.len(), now.len());
}

#[test]
fn every_channel_of_the_golden_trace_moves() {
    let definition = definition();
    let mut first = BTreeMap::new();
    let mut moved = BTreeSet::new();
    let result: Result<(), ()> = trace(&definition).run(Instant::START.plus(DAY), &mut |row| {
        if first.entry(row.channel).or_insert_with(|| row.value.clone()) != row.value {
            moved.insert(row.channel);
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
    assert_eq!(moved.len(), definition.channels.len());
}

#[test]
fn a_trace_in_two_parts_is_the_trace_in_one() {
    let definition = definition();
    let rows = |parts: &[Duration]| {
        let (mut trace, mut out) = (trace(&definition), String::new());
        for part in parts {
            let until = Instant::START.plus(*part);
            trace
                .run(until, &mut |row| Format::JsonLines.write_row(&mut out, &definition, &row))
                .expect("writing to a string cannot fail");
        }
        out
    };
    assert_eq!(rows(&[DAY]), rows(&[DAY / 7, DAY / 3, DAY]));
}

#[test]
fn name_and_seed_change_a_trace_and_nothing_else_does() {
    let definition = definition();
    let hour = |name, seed| csv(&mut Trace::new(&definition, name, seed, UnixMillis(0)), DAY / 24);
    assert_eq!(hour("a", 1), hour("a", 1));
    assert_ne!(hour("a", 1), hour("b", 1));
    assert_ne!(hour("a", 1), hour("a", 2));
}
