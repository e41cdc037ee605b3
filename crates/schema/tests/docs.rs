//! The guides and README.md tell the truth: each YAML block in them is read, each key and unit is in them.

use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};
use thingfleet_device::{
    commissioning::gatt::Characteristic,
    definition::Role,
    fault::catalogue::{CATALOGUE, Family, Parameter},
    unit::Unit,
};
use thingfleet_schema::{
    catalogue, definition,
    json_schema::{Kind, json_schema},
    plan,
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
        .with("docs/accounts.csv", "name,jid,password\nlamp,lamp@example.org,secret\n")
        .with("docs/observers.csv", "name,jid,password\neye,eye@example.org,secret\n");
    let environment = |name: &str| match name {
        "HOME_LAMP_JID" => Some("lamp@example.org".to_owned()),
        "HOME_LAMP_PASSWORD" | "LAMP_PASSWORD" => Some("secret".to_owned()),
        _ => None,
    };
    let mut count = 0;
    for name in ["DEFINITIONS.md", "PROFILES.md", "FAULTS.md", "LOAD.md", "../README.md"] {
        for (line, part, text) in blocks(&guide(name)) {
            let text = whole(&part, &text);
            let place = format!("docs/{name}:{line}");
            let result = match Kind::of(&text) {
                Some(Kind::Definition) => definition::read(&place, &text, &loader).err(),
                Some(Kind::Profile) => {
                    profile::read(&place, &text, &Surroundings { loader: &loader, environment: &environment })
                        .err()
                }
                Some(Kind::Plan) => plan::read(&place, &text).err(),
                None => panic!("{place} is no file that the program reads"),
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
    for (kind, name) in
        [(Kind::Definition, "DEFINITIONS.md"), (Kind::Profile, "PROFILES.md"), (Kind::Plan, "FAULTS.md")]
    {
        // Profiles have faults and loads, too, and their own pages tell of those.
        let guide = match kind {
            Kind::Profile => guide(name) + &guide_of_faults() + &self::guide("LOAD.md"),
            Kind::Definition | Kind::Plan => guide(name),
        };
        let mut found = BTreeSet::new();
        keys(&json_schema(kind), &mut found);
        let words: BTreeSet<&str> =
            guide.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).collect();
        let missing: Vec<_> = found.iter().filter(|key| !words.contains(key.as_str())).collect();
        assert!(missing.is_empty(), "docs/{name} does not tell of {missing:?}");
    }
}

/// What stands before the part of docs/FAULTS.md that is made from the program.
const MADE: &str = "<!-- From here on the page is made from the program; see CONTRIBUTING.md. -->\n";

/// Shipped plans and kinds of faults as they stand in docs/FAULTS.md.
fn kinds_of_faults() -> String {
    let plans = catalogue::plans()
        .iter()
        .map(|entry| format!("| [`{}`](../{}) | {} |\n", entry.name, entry.path, entry.plan().description));
    let mut page = vec!["\n## Shipped plans\n\n| plan | |\n|---|---|\n".to_owned()];
    page.extend(plans);
    for family in Family::ALL {
        let head = "| fault | what a client sees | settings, as they are unless given |\n|---|---|---|\n";
        page.push(format!("\n## {}\n\n{head}", family.title()));
        page.extend(CATALOGUE.iter().filter(|entry| entry.family == family).map(|entry| {
            let settings: Vec<_> = entry.parameters.iter().map(setting).collect();
            let at_once = if entry.is_instant { " (over at once)" } else { "" };
            format!("| `{}`{at_once} | {} | {} |\n", entry.id, entry.effect, settings.join("; "))
        }));
    }
    page.concat()
}

/// What a setting is unless it is given, what it says, and what it may be.
fn setting(parameter: &Parameter) -> String {
    let (default, what) = match parameter {
        Parameter::Channel(Some(Role::Sensor)) => ("all".to_owned(), "which sensor".to_owned()),
        Parameter::Channel(Some(Role::Actuator)) => ("all".to_owned(), "which actuator".to_owned()),
        Parameter::Channel(None) => ("all".to_owned(), "which sensor or actuator".to_owned()),
        Parameter::Amount { min, max, default, unit, help } if max.abs() < 1e9 => {
            (default.to_string(), format!("{help}; {min} to {max} {unit}"))
        }
        Parameter::Amount { default, unit, help, .. } => (default.to_string(), format!("{help}; in {unit}")),
        Parameter::Delay { min, max, default, help } => {
            (span(*default), format!("{help}; {} to {}", span(*min), span(*max)))
        }
        Parameter::Jitter { max, default, help } => (span(*default), format!("{help}; up to {}", span(*max))),
        Parameter::Share { default, help } => (format!("{} %", default * 100.0), (*help).to_owned()),
        Parameter::Direction => ("`both`".to_owned(), "or `in`, `out`, as the device sees it".to_owned()),
        Parameter::Characteristic => {
            let written = Characteristic::ALL.into_iter().filter(|one| one.is_writable());
            let words: Vec<_> = written.map(|one| one.name().to_lowercase().replace(' ', "-")).collect();
            ("any".to_owned(), format!("`{}`", words.join("`, `")))
        }
        Parameter::Text { default, options: [], help } => (format!("`{default}`"), (*help).to_owned()),
        Parameter::Text { default, options, help } => {
            (format!("`{default}`"), format!("{help}; `{}`", options.join("`, `")))
        }
    };
    format!("`{}` {default} ({what})", parameter.name())
}

/// A span of time in its largest unit.
fn span(seconds: f64) -> String {
    let units = [(31_536_000.0, " years"), (86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")];
    let unit = units.iter().find(|(length, _)| seconds >= *length && seconds % length == 0.0);
    match unit {
        Some((length, name)) => format!("{}{name}", seconds / length),
        None if seconds == 0.0 => "0s".to_owned(),
        None => format!("{}ms", seconds * 1000.0),
    }
}

/// With `THINGFLEET_WRITE_DOCS` set it writes that part.
#[test]
fn the_guide_to_faults_has_every_kind_as_the_catalogue_has_it() {
    let guide = guide_of_faults();
    let (start, made) = guide.split_once(MADE).unwrap();
    if std::env::var_os("THINGFLEET_WRITE_DOCS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/FAULTS.md");
        return fs::write(path, [start, MADE, &kinds_of_faults()].concat()).unwrap();
    }
    for (there, wanted) in made.lines().zip(kinds_of_faults().lines()) {
        assert_eq!(there, wanted, "run `make docs-pictures`");
    }
    assert_eq!(made, kinds_of_faults(), "run `make docs-pictures`");
}

fn guide_of_faults() -> String {
    guide("FAULTS.md")
}

#[test]
fn the_guide_to_faults_names_every_phase() {
    let guide = guide_of_faults();
    let schema = json_schema(Kind::Plan);
    let fault = &schema["properties"]["faults"]["items"]["properties"];
    for word in fault["during"]["enum"].as_array().unwrap() {
        let word = word.as_str().unwrap();
        let last = word.rsplit('.').next().unwrap().trim_start_matches("write-");
        assert!(guide.contains(&format!("`{word}`")) || guide.contains(&format!("`{last}`")), "{word}");
    }
}

#[test]
fn the_guide_names_every_unit() {
    let guide = guide("DEFINITIONS.md");
    for unit in Unit::ALL {
        assert!(guide.contains(&format!("`{}` ({})", unit.name(), unit.symbol())), "{unit:?}");
    }
}
