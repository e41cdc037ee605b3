//! Every input that was ever interesting, and a thousand neighbours of each kind, the same ones on every run.

use std::{fs, path::Path};

/// Small, fast and always the same: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides.max(1) as u64).expect("less than a usize")
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("a corpus").map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a readable corpus")).collect()
}

/// Flips, removes, doubles and splices pieces of the corpus.
fn mutate(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut data = seeds[dice.roll(seeds.len())].clone();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(data.len() + 1);
        match dice.roll(4) {
            0 if at < data.len() => data[at] = u8::try_from(dice.roll(256)).expect("a byte"),
            1 => drop(data.drain(at..(at + dice.roll(20)).min(data.len()))),
            2 => {
                let other = &seeds[dice.roll(seeds.len())];
                let from = dice.roll(other.len() + 1);
                let to = (from + dice.roll(80)).min(other.len());
                data.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let piece = data[at..(at + dice.roll(40)).min(data.len())].to_vec();
                data.splice(at..at, piece);
            }
        }
    }
    data
}

fn replay(name: &str, target: fn(&[u8]), mutations: usize) {
    let seeds = corpus(name);
    assert!(!seeds.is_empty());
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
    replay("stanza", thingfleet_fuzz::stanza, 1000);
}

#[test]
fn any_value_leaves_the_device_well() {
    replay("item", thingfleet_fuzz::item, 1000);
}

#[test]
fn any_file_is_a_definition_a_profile_or_a_complaint() {
    replay("yaml", thingfleet_fuzz::yaml, 500);
}

#[test]
fn any_table_is_a_recording_a_list_or_a_complaint() {
    replay("csv", thingfleet_fuzz::csv, 500);
}

#[test]
fn any_client_is_answered_by_the_book() {
    replay("gatt", thingfleet_fuzz::gatt, 1000);
}

#[test]
fn any_server_is_answered_within_bounds() {
    replay("stream", thingfleet_fuzz::stream, 1000);
}
