//! How a new device is met over Bluetooth.

use crate::{
    context::{Context, Fields},
    grammar::definition::BLUETOOTH,
    quantity::spoken,
    yaml::Node,
};
use std::time::Duration;
use thingfleet_device::{
    commissioning::advertisement::MAX_NAME,
    definition::{Bluetooth, Layout, Security},
};

/// The shortest and the longest time a device waits for anything.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_hours(24));
/// The largest number of attempts to join a network.
pub(crate) const MOST_ATTEMPTS: u64 = 100;

/// Reads the `bluetooth:` of a definition with this title.
pub(super) fn read(context: &mut Context, fields: Fields, title: &str) -> Bluetooth {
    let mut bluetooth = Bluetooth::named(air_name(title));
    let Some(fields) = fields.get("bluetooth").and_then(|node| context.fields(node, &BLUETOOTH)) else {
        return bluetooth;
    };
    if let Some(name) = fields.get("name").and_then(|node| name(context, node)) {
        name.clone_into(&mut bluetooth.name);
    }
    for (key, number) in [("appearance", &mut bluetooth.appearance), ("company", &mut bluetooth.company)] {
        let written = fields.get(key).and_then(|node| context.integer(node, 0, u64::from(u16::MAX)));
        *number = written.and_then(|written| u16::try_from(written).ok()).unwrap_or(*number);
    }
    if let Some(node) = fields.get("setup_done") {
        let layouts = [("same-service", Layout::OneService), ("own-service", Layout::TwoServices)];
        bluetooth.layout = context.word(node, "a place of Setup Done", &layouts).unwrap_or_default();
    }
    if let Some(notify) = fields.get("notify").and_then(|node| context.boolean(node)) {
        bluetooth.notify = notify;
    }
    if let Some(node) = fields.get("security") {
        let levels = [Security::Open, Security::Encrypted, Security::Sealed].map(|one| (one.name(), one));
        bluetooth.security = context.word(node, "a kind of protection", &levels).unwrap_or_default();
    }
    if let Some(node) = fields.get("join_attempts") {
        let attempts = context.integer(node, 1, MOST_ATTEMPTS).and_then(|most| u8::try_from(most).ok());
        bluetooth.join_attempts = attempts.unwrap_or(bluetooth.join_attempts);
    }
    for (key, patience) in [
        ("idle", &mut bluetooth.idle),
        ("join", &mut bluetooth.join),
        ("session", &mut bluetooth.session),
        ("mirror", &mut bluetooth.mirror),
    ] {
        let written = fields.get(key).and_then(|node| patience_of(context, node));
        *patience = written.unwrap_or(*patience);
    }
    bluetooth
}

/// As much of a title as fits into the air: whole characters in at most 29 bytes.
fn air_name(title: &str) -> &str {
    title[..title.floor_char_boundary(MAX_NAME)].trim_end()
}

fn name<'n>(context: &mut Context, node: &'n Node) -> Option<&'n str> {
    let name = context.text(node, 100)?;
    if name.len() > MAX_NAME {
        let (bytes, short) = (name.len(), air_name(name));
        context
            .mistake(
                node.span,
                format!("this name has {bytes} bytes, and an advertisement has room for {MAX_NAME}"),
            )
            .label("too long for the air")
            .help(format!("shorten it, to `{short}` for example"));
        return None;
    }
    Some(name)
}

fn patience_of(context: &mut Context, node: &Node) -> Option<Duration> {
    let patience = context.span_of_time(node)?;
    let (shortest, longest) = PATIENCE;
    if patience < shortest || patience > longest {
        context.mistake(node.span, format!("{} is out of range", spoken(patience))).label(format!(
            "from {} to {}",
            spoken(shortest),
            spoken(longest)
        ));
        return None;
    }
    Some(patience)
}
