//! No input makes a reader panic.

use proptest::prelude::*;
use std::{fs, path::Path};
use thingfleet_schema::{
    catalogue, definition,
    profile::{self, Surroundings},
    source::Memory,
};

/// Reads `text` as everything it could be and draws the complaints.
fn read_as_everything(text: &str) {
    let loader =
        Memory::default().with("recording.csv", text).with("own.yaml", text).with("accounts.csv", text);
    let surroundings = Surroundings { loader: &loader, environment: &|name| Some(name.to_owned()) };
    let replay = "device: a\ntitle: A\nsensors:\n  temp: { type: float, behaviour: { replay: { file: recording.csv, column: temp } } }\n";
    let accounts = "fleet: a\nserver: { domain: a.b }\naccounts: { file: accounts.csv }\ngroups: [{ definition: own.yaml }, { definition: lamp }]\n";
    let mistakes = [
        definition::read("x.yaml", text, &loader).err(),
        definition::read("x.yaml", replay, &loader).err(),
        profile::read("x.yaml", text, &surroundings).err(),
        profile::read("x.yaml", accounts, &surroundings).err(),
    ];
    for mistakes in mistakes.into_iter().flatten() {
        assert!(!mistakes.list().is_empty());
        let _ = (mistakes.render(false, 80), mistakes.render(true, 20));
    }
}

/// Inputs that once made trouble, or that look as if they could.
#[test]
fn the_corpus_is_read_without_a_panic() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files: Vec<_> = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 10);
    for file in files {
        read_as_everything(&String::from_utf8_lossy(&fs::read(file).unwrap()));
    }
}

fn shipped() -> impl Strategy<Value = &'static str> {
    let definitions = catalogue::all().iter().map(|entry| entry.text);
    let profiles = catalogue::profiles().iter().map(|entry| entry.text);
    proptest::sample::select(definitions.chain(profiles).collect::<Vec<_>>())
}

/// Pieces that change what a file means.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "",
        " ",
        "\n",
        "\t",
        ":",
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        "#",
        "&a ",
        "*a",
        "!t ",
        "|",
        ">",
        "~",
        "0",
        "-1",
        "1e309",
        ".nan",
        "9999999999999999999",
        "true",
        "999999d",
        "0s",
        "ß",
        "\u{0}",
        "\u{feff}",
        "---\n",
        "when",
        "temp",
        "{n:09}",
        "(((((",
        "not ",
    ];
    prop_oneof![proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned), ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_as_everything(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_shipped_file_with_pieces_exchanged_is_read_without_a_panic(
        text in shipped(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..12, piece()), 1..5),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, length, piece) in changes {
            let at = at.index(chars.len());
            let end = (at + length).min(chars.len());
            chars.splice(at..end, piece.chars());
            if chars.is_empty() {
                chars.push(' ');
            }
        }
        read_as_everything(&chars.into_iter().collect::<String>());
    }
}
