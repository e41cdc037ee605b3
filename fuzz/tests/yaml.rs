//! No file makes a reader panic: arbitrary bytes, and shipped files with pieces that change what they mean.

use proptest::prelude::*;
use thingfleet_fuzz::{csv, yaml};
use thingfleet_schema::catalogue;

fn shipped() -> impl Strategy<Value = &'static str> {
    let definitions = catalogue::all().iter().map(|entry| entry.text);
    let profiles = catalogue::profiles().iter().map(|entry| entry.text);
    let plans = catalogue::plans().iter().map(|entry| entry.text);
    proptest::sample::select(definitions.chain(profiles).chain(plans).collect::<Vec<_>>())
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
        yaml(&bytes);
        csv(&bytes);
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
        yaml(chars.into_iter().collect::<String>().as_bytes());
    }
}
