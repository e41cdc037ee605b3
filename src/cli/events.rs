//! What `run --events` prints: each event of each device, for people or for programs.

use super::{Global, output};
use serde_json::json;
use std::io;
use thingfleet::{control, fleet::health::Notice};
use thingfleet_control::event::What;
use thingfleet_device::definition::Definition;

/// Prints an event, of a device of this definition if it is about one.
pub(super) fn print(notice: &Notice, definition: Option<&Definition>, global: &Global) -> io::Result<()> {
    let Some(what) = control::told(notice, definition) else { return Ok(()) };
    if !global.json {
        return line(&notice.name, notice.at.as_secs_f64(), &what);
    }
    let mut json = serde_json::to_value(&what).expect("the vocabulary is plain data");
    json["type"] = json!("event");
    json["device"] = json!(&*notice.name);
    json["device_seconds"] = json!(notice.at.as_secs_f64());
    output::json(&json)
}

/// Prints what a device told for people.
pub(super) fn line(device: &str, device_seconds: f64, what: &What) -> io::Result<()> {
    let json = serde_json::to_value(what).expect("the vocabulary is plain data");
    let words = json.as_object().into_iter().flatten().filter(|(key, _)| *key != "event");
    let words: Vec<_> = words.map(|(key, value)| format!("{key}={value}")).collect();
    output::line(&format!("{device_seconds:>9.1} s  {device} {} {}", what.name(), words.join(" ")))
}
