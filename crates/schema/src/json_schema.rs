//! JSON Schema (draft 2020-12) of all kinds of file, for editors. Made of the tables the readers check against.

use crate::{
    definition::unit_names,
    grammar::{Shape, Table, definition::DEFINITION, fault::PLAN, profile::PROFILE},
};
use serde_json::{Map, Value, json};
use thingfleet_device::fault::catalogue::CATALOGUE;

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A device definition.
    Definition,
    /// A fleet profile.
    Profile,
    /// A plan of faults.
    Plan,
}

impl Kind {
    /// The kind of the file with this text, judged by its keys at the left margin. `faults` may stand in a profile as
    /// well, so it makes a plan only where there is nothing else.
    pub fn of(text: &str) -> Option<Self> {
        let mut kinds = text.lines().filter_map(|line| match line.split_once(':')?.0 {
            "device" | "sensors" | "actuators" => Some(Self::Definition),
            "fleet" | "groups" => Some(Self::Profile),
            "name" | "faults" => Some(Self::Plan),
            _ => None,
        });
        let first = kinds.next()?;
        kinds.find(|kind| first == Self::Plan && *kind != Self::Plan).or(Some(first))
    }
}

/// The JSON Schema of a kind of file.
pub fn json_schema(kind: Kind) -> Value {
    let (table, title) = match kind {
        Kind::Definition => (&DEFINITION, "Thingfleet device definition"),
        Kind::Profile => (&PROFILE, "Thingfleet fleet profile"),
        Kind::Plan => (&PLAN, "Thingfleet plan of faults"),
    };
    let mut schema = of_table(table);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema
}

fn of_table(table: &Table) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        let mut value = of_shape(&key.shape);
        value["description"] = json!(key.doc);
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<&str> = table.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let others = if table.open { of_shape(&Shape::Integer(0, 255)) } else { json!(false) };
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": others })
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        // Texts such as 1.0 or 2024 need no quotes.
        Shape::Text => json!({ "type": ["string", "number"] }),
        Shape::Name => json!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,63}$" }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Duration => {
            json!({ "type": "string", "pattern": "^([0-9.]+(d|h|min|s|ms) ?)+$", "examples": ["90s", "5min", "1h30min"] })
        }
        Shape::Rate => {
            json!({ "type": "string", "pattern": "^[0-9.]+ ?/ ?(s|min|h)$", "examples": ["0.5/s", "2/min"] })
        }
        Shape::Share => {
            json!({ "type": "string", "pattern": "^[0-9.]+ ?%$", "examples": ["20 %"] })
        }
        Shape::Signal => json!({ "type": "string", "pattern": "^-?[0-9]+ ?dBm$", "examples": ["-50dBm"] }),
        Shape::Unit => json!({ "enum": unit_names().collect::<Vec<_>>() }),
        Shape::Fault => json!({ "enum": CATALOGUE.iter().map(|entry| entry.id).collect::<Vec<_>>() }),
        Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Range => {
            json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 })
        }
        Shape::Words(words) => json!({ "enum": words }),
        Shape::Table(table) => of_table(table),
        Shape::Map(values) => json!({ "type": "object", "additionalProperties": of_shape(values) }),
        Shape::List(items) => json!({ "type": "array", "items": of_shape(items) }),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(of_shape).collect::<Vec<_>>() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn the_kind_of_a_file_is_seen_from_its_first_keys() {
        assert_eq!(Kind::of("# a kettle\ndevice: kettle\n"), Some(Kind::Definition));
        assert_eq!(Kind::of("fleet: demo\n"), Some(Kind::Profile));
        assert_eq!(Kind::of("name: storm\nfaults: []\n"), Some(Kind::Plan));
        assert_eq!(Kind::of("faults: []\nfleet: demo\n"), Some(Kind::Profile));
        assert_eq!(Kind::of("hello: world\n"), None);
        assert!(catalogue::all().iter().all(|entry| Kind::of(entry.text) == Some(Kind::Definition)));
        assert!(catalogue::profiles().iter().all(|entry| Kind::of(entry.text) == Some(Kind::Profile)));
        assert!(catalogue::plans().iter().all(|entry| Kind::of(entry.text) == Some(Kind::Plan)));
    }
}
