//! What people get to read when a file is wrong: one snapshot for each file under `invalid/`.

use std::{fs, path::Path};
use thingfleet_schema::{
    definition,
    diagnostic::Diagnostics,
    json_schema::Kind,
    plan,
    profile::{self, Surroundings},
    source::Memory,
};

/// The files of `invalid/` with their bare names, in order.
fn files() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect();
    files.sort();
    files
}

fn loader() -> Memory {
    files().into_iter().fold(Memory::default(), |memory, (name, bytes)| memory.with(name, bytes))
}

/// Reads a file as its keys say, and as a definition where they say nothing.
fn mistakes(name: &str, text: &str) -> Option<Diagnostics> {
    let loader = loader();
    match Kind::of(text) {
        Some(Kind::Profile) => {
            profile::read(name, text, &Surroundings { loader: &loader, environment: &|_| None }).err()
        }
        Some(Kind::Plan) => plan::read(name, text).err(),
        Some(Kind::Definition) | None => definition::read(name, text, &loader).err(),
    }
}

#[test]
fn every_invalid_example_has_its_message() {
    let examples: Vec<_> = files().into_iter().filter(|(name, _)| !name.contains(".csv")).collect();
    assert!(examples.len() >= 40, "only {} examples", examples.len());
    for (name, bytes) in examples {
        let text = String::from_utf8(bytes).unwrap();
        let mistakes = mistakes(&name, &text).unwrap_or_else(|| panic!("{name} is taken for valid"));
        let shown = mistakes.render(false, 100);
        assert!(!shown.contains("hunter2"), "{name} shows a password:\n{shown}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name.trim_end_matches(".yaml"), shown);
        });
    }
}

/// Files that cannot stand in the repository as they are.
#[test]
fn a_file_that_is_no_readable_text_is_refused_as_a_whole() {
    let directory = std::env::temp_dir().join(format!("thingfleet-invalid-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let cases: [(&str, &str, Vec<u8>); 5] = [
        ("not-utf-8.yaml", "not UTF-8: byte 15 in line 2", b"device: kettle\n\xc3\x28\n".to_vec()),
        ("large.yaml", "more than the 1048576", "# large\n".repeat(200_000).into_bytes()),
        ("huge.yaml", "larger than 10000000 bytes", vec![b'#'; 10_000_001]),
        ("zeroes.yaml", "", vec![0; 64]),
        ("utf-16.yaml", "not UTF-8", vec![0xff, 0xfe, b'd', 0, b'e', 0]),
    ];
    for (name, expected, bytes) in cases {
        let path = directory.join(name);
        fs::write(&path, bytes).unwrap();
        let (definition, profile) = (definition::read_file(&path), profile::read_file(&path));
        for mistakes in [definition.unwrap_err(), profile.unwrap_err(), plan::read_file(&path).unwrap_err()] {
            let shown = mistakes.to_string();
            assert!(shown.contains(expected), "{name}: {shown}");
        }
    }
    let shown = definition::read_file(&directory.join("none.yaml")).unwrap_err().to_string();
    assert!(shown.contains("there is no such file"), "{shown}");
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn mistakes_have_a_form_for_machines() {
    let mistakes =
        definition::read("kettle.yaml", "device: kettle\ntitel: Kettle\n", &Memory::default()).unwrap_err();
    let misspelt = mistakes.list().iter().find(|one| one.line == 2).unwrap();
    assert_eq!(
        serde_json::to_value(misspelt).unwrap(),
        serde_json::json!({
            "path": "kettle.yaml",
            "span": { "start": 15, "end": 20 },
            "line": 2,
            "column": 1,
            "message": "unknown key `titel`",
            "label": "not a key of a definition",
            "help": "did you mean `title`?",
        })
    );
}

#[test]
fn no_more_than_a_hundred_mistakes_are_listed() {
    let text = (0..5000).map(|index| format!("key{index}: 1\n")).collect::<Vec<_>>().concat();
    let mistakes = definition::read("many.yaml", &text, &Memory::default()).unwrap_err();
    assert_eq!(mistakes.list().len(), 100);
}
