//! The guides and README.md tell the truth: each YAML block in them is read, each key and unit is in them.

use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};
use thingfleet_device::unit::Unit;
use thingfleet_schema::{
    definition,
    json_schema::{Kind, json_schema},
    profile::{self, Surroundings},
    source::Memory,
};

fn guide(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

/// The fenced blocks of YAML: line, the word behind `yaml`, text.
fn blocks(guide: &str) -> Vec<(usize, String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for (index, line) in guide.lines().enumerate() {
        match (&mut open, line.strip_prefix("```yaml")) {
            (None, Some(word)) => open = Some((index + 1, word.trim().to_owned(), String::new())),
            (None, None) => {}
            (Some(_), _) if line == "```" => blocks.extend(open.take()),
            (Some((_, _, text)), _) => text.extend([line, "\n"]),
        }
    }
    blocks
}

/// `text` moved to the right.
fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| [&" ".repeat(by), line, "\n"].concat()).collect::<Vec<_>>().concat()
}

/// A part of a file in the rest that makes it whole.
fn whole(part: &str, text: &str) -> String {
    const HEAD: &str = "device: example\ntitle: Example\n";
    const CHANNELS: &str = "sensors:\n  temp: { type: float }\n  target: { type: float }\nactuators:\n  powerOn: { type: boolean }\n  heating: { type: boolean }\n  paused: { type: boolean }\n  setpoint: { type: float }\n  mode: { type: choice, options: [off, eco, boost] }\n";
    match part {
        "" => text.to_owned(),
        "actuators" => format!("{HEAD}actuators:\n{}", indented(text, 2)),
        "behaviour" => {
            format!("{HEAD}sensors:\n  temp:\n    type: float\n    behaviour:\n{}", indented(text, 6))
        }
        "behaviour-and-publish" => format!("{HEAD}sensors:\n  temp:\n    type: float\n{}", indented(text, 4)),
        "rules" => format!("{HEAD}{CHANNELS}rules:\n{}", indented(text, 2)),
        "firmware" => format!("{HEAD}{CHANNELS}firmware:\n{}", indented(text, 2)),
        "bluetooth" => format!("{HEAD}{CHANNELS}bluetooth:\n{}", indented(text, 2)),
        "profile" => format!("fleet: example\n{text}groups:\n  - definition: lamp\n"),
        other => panic!("no one knows what to do with a block `yaml {other}`"),
    }
}

#[test]
fn every_yaml_block_of_the_guides_is_read() {
    let mut loader = Memory::default()
        .with("docs/recording.csv", "time,temp\n0,21.0\n60,21.4\n")
        .with("docs/accounts.csv", "name,jid,password\nlamp,lamp@example.org,secret\n");
    let environment = |name: &str| match name {
        "HOME_LAMP_JID" => Some("lamp@example.org".to_owned()),
        "HOME_LAMP_PASSWORD" | "LAMP_PASSWORD" => Some("secret".to_owned()),
        _ => None,
    };
    let mut count = 0;
    for name in ["DEFINITIONS.md", "PROFILES.md", "../README.md"] {
        for (line, part, text) in blocks(&guide(name)) {
            let text = whole(&part, &text);
            let place = format!("docs/{name}:{line}");
            let result = match Kind::of(&text) {
                Some(Kind::Definition) => definition::read(&place, &text, &loader).err(),
                Some(Kind::Profile) => {
                    profile::read(&place, &text, &Surroundings { loader: &loader, environment: &environment })
                        .err()
                }
                None => panic!("{place} is neither a definition nor a profile"),
            };
            if let Some(mistakes) = result {
                panic!("\n{}", mistakes.render(false, 120));
            }
            // A profile further down may name it.
            if let Some(device) = text.lines().next().and_then(|line| line.strip_prefix("device: ")) {
                let path = Path::new(&place).with_file_name(format!("{}.yaml", device.trim()));
                loader = loader.with(path, text);
            }
            count += 1;
        }
    }
    assert!(count >= 12, "only {count} blocks");
}

/// Collects the keys of all mappings in a schema.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                found.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| keys(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| keys(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_guides_name_every_key() {
    for (kind, name) in [(Kind::Definition, "DEFINITIONS.md"), (Kind::Profile, "PROFILES.md")] {
        let guide = guide(name);
        let mut found = BTreeSet::new();
        keys(&json_schema(kind), &mut found);
        let words: BTreeSet<&str> =
            guide.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).collect();
        let missing: Vec<_> = found.iter().filter(|key| !words.contains(key.as_str())).collect();
        assert!(missing.is_empty(), "docs/{name} does not tell of {missing:?}");
    }
}

#[test]
fn the_guide_names_every_unit() {
    let guide = guide("DEFINITIONS.md");
    for unit in Unit::ALL {
        assert!(guide.contains(&format!("`{}` ({})", unit.name(), unit.symbol())), "{unit:?}");
    }
}
