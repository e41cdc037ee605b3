//! Every input that was ever interesting, and a thousand neighbours of each kind, the same ones on every run.

use thingfleet_fuzz::search::{Dice, TARGETS, corpus, mutate};

fn replay(name: &str, mutations: usize) {
    let (_, target) = TARGETS.into_iter().find(|(other, _)| *other == name).expect("a target");
    let seeds = corpus(name);
    for seed in &seeds {
        target(seed);
    }
    let mut dice = Dice(1);
    for _ in 0..mutations {
        target(&mutate(&seeds, &mut dice));
    }
}

#[test]
fn any_stanza_leaves_the_device_well() {
    replay("stanza", 1000);
}

#[test]
fn any_value_leaves_the_device_well() {
    replay("item", 1000);
}

#[test]
fn any_file_is_a_definition_a_profile_or_a_complaint() {
    replay("yaml", 500);
}

#[test]
fn any_table_is_a_recording_a_list_or_a_complaint() {
    replay("csv", 500);
}

#[test]
fn any_client_is_answered_by_the_book() {
    replay("gatt", 1000);
}

#[test]
fn any_server_is_answered_within_bounds() {
    replay("stream", 1000);
}

#[test]
fn a_power_cut_anywhere_leaves_what_was_kept() {
    replay("flash", 300);
}

#[test]
fn any_time_server_is_taken_or_refused() {
    replay("sntp", 1000);
}
