//! What every device of the catalogue says in that hour is what it said before. `UPDATE=1` writes it down anew.

use sha1::{Digest as _, Sha1};
use std::{env, fmt::Write as _, fs, path::Path};
use thingfleet_bodies::{simulated, trace};
use thingfleet_schema::catalogue;

/// The one that is kept in full; of the others there is a hash.
const IN_FULL: &str = "door";

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Compares a text with what is written down.
fn is_as_before(name: &str, text: &str) {
    if env::var_os("UPDATE").is_some() {
        fs::write(file(name), text).unwrap();
    }
    let before = fs::read_to_string(file(name)).unwrap_or_default();
    if let Some((line, before, now)) = trace::difference(&before, text) {
        panic!("{name}, line {line}\nbefore: {before}\n   now: {now}");
    }
}

#[test]
fn every_device_says_what_it_said_before() {
    let mut hashes = String::new();
    for entry in catalogue::all() {
        let mut hour = String::new();
        simulated::write(&mut hour, &entry.definition()).unwrap();
        let hash = Sha1::digest(hour.as_bytes());
        let hash = hash.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        writeln!(hashes, "{hash} {:4} {}", hour.lines().count(), entry.name).unwrap();
        if entry.name == IN_FULL {
            is_as_before("door.txt", &hour);
        }
    }
    is_as_before("hashes.txt", &hashes);
}

#[test]
fn the_hour_has_everything_in_it_that_a_client_can_do() {
    let mut hour = String::new();
    let lamp = catalogue::find("lamp").expect("it is shipped").definition();
    simulated::write(&mut hour, &lamp).unwrap();
    let count = |what: &str| hour.lines().filter(|line| line.contains(what)).count();
    assert!(count("<body>") > 60, "each minute it says all its values");
    assert!(count("xmpp.iot.actuator.") > 10, "it is set, and says so");
    assert_eq!(count("<query xmlns='jabber:iq:roster'/>"), 2, "it comes back once");
    assert!(count("<identity ") > 0 && count("<utc>") > 0, "it says who it is and how late");
}
