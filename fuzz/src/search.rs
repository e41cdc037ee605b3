//! Inputs near those of the corpus, on any toolchain: the same ones on every run, or others for as long as one likes.

use std::{fs, path::Path};

/// What takes any bytes.
pub type Target = fn(&[u8]);

/// What is fuzzed, by name.
pub const TARGETS: [(&str, Target); 8] = [
    ("stanza", crate::stanza),
    ("item", crate::item),
    ("yaml", crate::yaml),
    ("csv", crate::csv),
    ("gatt", crate::gatt),
    ("stream", crate::stream),
    ("flash", crate::flash),
    ("sntp", crate::sntp),
];

/// Small, fast and from the same seed always the same: `SplitMix64`.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides.max(1) as u64).expect("less than a usize")
    }
}

/// Every input of a target that was ever interesting.
///
/// # Panics
/// If there is none, or it cannot be read.
pub fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries = fs::read_dir(folder).expect("a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).expect("a readable corpus")).collect()
}

/// Flips, removes, doubles and splices pieces of the corpus.
///
/// # Panics
/// Without seeds.
pub fn mutate(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
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
