//! What strangers can send, and what files may hold, as functions from bytes: each must return, whatever the bytes are.
//!
//! `cargo fuzz run NAME --features libfuzzer` searches for bytes that break one (it needs a nightly toolchain), `make fuzz`
//! does so without, less cleverly; `cargo test -p thingfleet-fuzz` replays the corpus and its mutations.

mod flash;
mod gatt;
pub mod search;
mod stream;

pub use flash::flash;
pub use gatt::gatt;
pub use stream::stream;

use std::{sync::LazyLock, time::Duration};
use thingfleet_device::{io::Input, ns, time::UnixMillis, xml::Element};
use thingfleet_firmware::sntp;
use thingfleet_schema::{
    catalogue, definition,
    diagnostic::Diagnostics,
    plan,
    profile::{self, Fleet, Surroundings},
    source::Memory,
};
use thingfleet_simulated::{OWNER, Rig, STRANGER, written};

/// A fleet for plans of faults.
static KITCHEN: LazyLock<Fleet> = LazyLock::new(|| {
    let entry = catalogue::find_profile("kitchen").expect("it is shipped");
    let surroundings = Surroundings { loader: &Memory::default(), environment: &|_| None };
    profile::read(entry.path, entry.text, &surroundings).expect("shipped profiles are good")
});

/// Any stanza, or several, arriving at a device that is online, from whoever they say they are.
pub fn stanza(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut rig = Rig::online("Prosody");
    for line in text.lines().take(16) {
        if let Ok(element) = Element::parse(line) {
            rig.receive(element.clone());
            // The same from a contact and from a stranger: two paths through the agent.
            for from in [OWNER, STRANGER] {
                let mut stanza = element.clone();
                stanza.set_attr("from", from);
                rig.receive(stanza);
            }
        }
    }
    check_health(&mut rig);
}

/// Any text as the value of any actuator, as a chat message, and as a stored item read at the next start.
pub fn item(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut rig = Rig::online("Prosody");
    for actuator in ["powerOn", "target", "mode", "beep", "temp", text.as_ref()] {
        rig.receive(written(OWNER, actuator, &text));
    }
    rig.receive(thingfleet_simulated::chat(OWNER, &text));
    let stored = Element::new(ns::PUBSUB, "item")
        .attr("id", "xmpp.iot.actuator.target")
        .child(Element::new(ns::IOT, "val").text(text.to_string()));
    if let Some(node) = rig.server.nodes.get_mut("xmpp.iot.actuators") {
        node.items.insert("xmpp.iot.actuator.target".into(), stored);
    }
    let mut next =
        Rig::new(rig.device.definition().clone(), rig.device.instance().clone(), rig.server.clone());
    check_health(&mut next);
    check_health(&mut rig);
}

/// Any file as a definition, as a profile and as a plan of faults.
pub fn yaml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let loader =
        Memory::default().with("recording.csv", data).with("own.yaml", data).with("accounts.csv", data);
    let surroundings = Surroundings { loader: &loader, environment: &|name| Some(name.to_owned()) };
    draw(definition::read("x.yaml", &text, &loader).err());
    draw(profile::read("x.yaml", &text, &surroundings).err());
    draw(plan::apply("x.yaml", &text, &mut KITCHEN.clone()).err());
}

/// Any file as a recording to replay and as a list of accounts.
pub fn csv(data: &[u8]) {
    const REPLAY: &str = "device: a\ntitle: A\nsensors:\n  temp: { type: float, behaviour: { replay: { file: recording.csv, column: temp } } }\n";
    const ACCOUNTS: &str = "fleet: a\nserver: { domain: a.b }\naccounts: { file: accounts.csv }\ngroups: [{ definition: own.yaml }, { definition: lamp }]\n";
    let loader =
        Memory::default().with("recording.csv", data).with("own.yaml", data).with("accounts.csv", data);
    let surroundings = Surroundings { loader: &loader, environment: &|_| None };
    draw(definition::read("x.yaml", REPLAY, &loader).err());
    draw(profile::read("x.yaml", ACCOUNTS, &surroundings).err());
}

/// Any datagram as the answer of a time server, also with the right number in it: it is of the era that is meant.
pub fn sntp(data: &[u8]) {
    const NUMBER: [u8; 8] = *b"a number";
    let mut packet = data.to_vec();
    let took = Duration::from_millis(u64::from(data.first().copied().unwrap_or_default()));
    for _ in 0..2 {
        let about = UnixMillis(1_790_000_000_000);
        if let Ok(date) = sntp::answer(&packet, NUMBER, took, about) {
            assert!(date.0.abs_diff(about.0) <= 1000 << 32, "{date:?} is of another era");
        }
        if let Some(number) = packet.get_mut(24..32) {
            number.copy_from_slice(&NUMBER);
        }
    }
}

/// Drawing complaints is part of reading: they quote what was sent.
fn draw(complaints: Option<Diagnostics>) {
    if let Some(complaints) = complaints {
        assert!(!complaints.list().is_empty(), "a refusal without a reason");
        for (colour, width) in [(false, 80), (true, 20)] {
            assert!(!complaints.render(colour, width).is_empty());
        }
    }
}

/// After whatever came in, the device still measures, answers its owner and says goodbye.
fn check_health(rig: &mut Rig) {
    rig.run_for(Duration::from_secs(40));
    // The flood bound may have been used up; by now it is full again.
    rig.receive(thingfleet_simulated::roster_push("juliet@example.org", "both"));
    rig.take_sent();
    rig.receive(thingfleet_simulated::chat(OWNER, "status"));
    let sent = rig.take_sent();
    assert!(sent.iter().any(|stanza| stanza.contains("temp: ")), "no answer to the owner: {sent:?}");
    rig.feed(Input::Stop);
}
