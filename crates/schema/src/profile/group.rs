//! Groups of like devices: one entry of `groups` becomes `count` devices.

use super::{Device, people::Defaults, read::Surroundings};
use crate::{
    catalogue,
    context::{Context, Fields},
    definition,
    grammar::profile::{DEVICE, GROUP, MOST_DEVICES},
    source, suggest,
    yaml::{Entry, Node},
};
use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};
use thingfleet_device::{
    definition::{ChannelId, Definition},
    value::Value,
};

/// Longest name or path of a definition.
const LONGEST_PATH: usize = 500;

/// Definitions by how the profile names them; `None` for one with mistakes, which are reported once.
pub(super) type Definitions = HashMap<String, Option<Arc<Definition>>>;

/// Names and serial numbers that are taken, with the line of the group that took them.
#[derive(Default)]
pub(super) struct Names {
    names: HashMap<String, usize>,
    serials: HashMap<String, usize>,
}

/// Reads one group; `None` after a complaint that leaves no devices.
pub(super) fn read(
    context: &mut Context,
    item: &Node,
    defaults: &Defaults,
    definitions: &mut Definitions,
    names: &mut Names,
    surroundings: &Surroundings,
) -> Option<Vec<Device>> {
    let fields = context.fields(item, &GROUP)?;
    let own = defaults.overridden(context, fields);
    let count = fields.get("count").map_or(Some(1), |node| context.integer(node, 1, MOST_DEVICES));
    let after = fields.get("after").and_then(|node| context.duration(node)).unwrap_or_default();
    let stagger = fields.get("stagger").and_then(|node| context.duration(node)).unwrap_or_default();
    let wanted = fields.get("definition")?;
    let definition = definition(context, wanted, definitions, surroundings);
    let (count, definition) = (count?, definition?);
    let definition_name: Arc<str> = context.text(wanted, LONGEST_PATH)?.into();

    let patterns = patterns(context, fields, count, &definition.kind)?;
    let starts = fields.get("starts").map_or_else(Vec::new, |node| starts(context, node, &definition));
    let place = fields.entry("names").or(fields.entry("definition"))?.value.span;
    let mut devices = Vec::new();
    for index in 0..count {
        let name = filled(&patterns.name, index + 1, "");
        let serial = filled(&patterns.serial, index + 1, &name);
        let nth = u32::try_from(index).unwrap_or(u32::MAX);
        devices.push(Device {
            definition: Arc::clone(&definition),
            definition_name: Arc::clone(&definition_name),
            starts_after: stagger
                .checked_mul(nth)
                .and_then(|time| time.checked_add(after))
                .unwrap_or(Duration::MAX),
            account: None,
            starts: starts.clone(),
            owners: own.owners.clone(),
            commissioning: own.commissioning,
            access: own.access.clone(),
            addressing: own.addressing_of(&name),
            actuators: own.actuators,
            faults: Vec::new(),
            tags: own.tags.clone(),
            name,
            serial,
        });
    }
    if let Some(node) = fields.get("devices") {
        let places: HashMap<String, usize> =
            devices.iter().enumerate().map(|(index, device)| (device.name.clone(), index)).collect();
        for entry in context.entries(node, "device names") {
            match places.get(&entry.key) {
                Some(&index) => single(context, entry, &own, &mut devices[index]),
                None => unknown_device(context, entry, &devices),
            }
        }
    }
    names.take(context, place, &devices);
    Some(devices)
}

/// The shipped definition of that name, or the one in that file.
fn definition(
    context: &mut Context,
    node: &Node,
    definitions: &mut Definitions,
    surroundings: &Surroundings,
) -> Option<Arc<Definition>> {
    let name = context.text(node, LONGEST_PATH)?;
    if let Some(known) = definitions.get(name) {
        return known.clone();
    }
    let is_file = Path::new(name).extension().is_some_and(|end| end == "yaml" || end == "yml");
    let found = if is_file {
        from_file(context, node, name, surroundings)
    } else {
        let shipped = catalogue::find(name);
        if shipped.is_none() {
            let shipped = catalogue::all().iter().map(|entry| entry.name);
            let help = match suggest::closest(name, shipped) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`thingfleet list` shows them.".to_owned(),
            };
            context
                .mistake(node.span, format!("there is no shipped definition `{name}`"))
                .label("unknown")
                .help(format!("{help} A file of your own goes by its path, ending in .yaml"));
        }
        shipped.map(catalogue::Entry::definition)
    };
    let found = found.map(Arc::new);
    definitions.insert(name.to_owned(), found.clone());
    found
}

fn from_file(
    context: &mut Context,
    node: &Node,
    name: &str,
    surroundings: &Surroundings,
) -> Option<Definition> {
    let path = context.beside(name);
    let text = match source::text(surroundings.loader, &path) {
        Ok(text) => text,
        Err(problem) => {
            let message = problem.list().first().map(|one| one.message.clone()).unwrap_or_default();
            context
                .mistake(node.span, format!("{}: {message}", path.display()))
                .label("this definition")
                .help("paths are relative to this file; shipped definitions go by their bare names");
            return None;
        }
    };
    match definition::read(&path.display().to_string(), &text, surroundings.loader) {
        Ok(definition) => Some(definition),
        Err(problems) => {
            context.also(problems);
            None
        }
    }
}

struct Patterns {
    name: String,
    serial: String,
}

fn patterns(context: &mut Context, fields: Fields, count: u64, kind: &str) -> Option<Patterns> {
    let name = match fields.get("names") {
        None if count == 1 => kind.to_owned(),
        None => format!("{kind}-{{n}}"),
        Some(node) => {
            let pattern = context.text(node, 63)?;
            check_pattern(context, node, pattern, count, &["n"])?;
            let sample = filled(pattern, count, "");
            let fits =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
            if !sample.starts_with(|c: char| c.is_ascii_alphanumeric()) || !sample.bytes().all(fits) {
                context
                    .mistake(node.span, format!("`{sample}` cannot be the name of a device"))
                    .label("becomes part of its address")
                    .help("lower-case letters, digits, '-', '_' and '.', beginning with a letter or digit");
                return None;
            }
            pattern.to_owned()
        }
    };
    let serial = match fields.get("serials") {
        None => "{name}".to_owned(),
        Some(node) => {
            let pattern = context.ascii(node)?;
            check_pattern(context, node, pattern, count, &["n", "name"])?;
            pattern.to_owned()
        }
    };
    Some(Patterns { name, serial })
}

/// Checks the braces of a pattern.
fn check_pattern(
    context: &mut Context,
    node: &Node,
    pattern: &str,
    count: u64,
    known: &[&str],
) -> Option<()> {
    let places: Vec<String> = known.iter().map(|one| format!("{{{one}}}")).collect();
    let shown: Vec<&str> = places.iter().map(String::as_str).collect();
    let mut varies = false;
    let mut rest = pattern;
    while let Some(open) = rest.find(['{', '}']) {
        let inner = rest[open..].strip_prefix('{').and_then(|after| after.split_once('}'));
        let named =
            inner.map(|(inner, _)| inner.split_once(':').map_or((inner, ""), |(name, width)| (name, width)));
        let width_fits =
            |width: &str| width.is_empty() || width.len() == 2 && width.starts_with('0') && width != "00";
        match (inner, named) {
            (Some((_, after)), Some((name, width)))
                if known.contains(&name)
                    && width_fits(width)
                    && width.bytes().all(|b| b.is_ascii_digit())
                    && (name == "n" || width.is_empty()) =>
            {
                varies = true;
                rest = after;
            }
            _ => {
                context
                    .mistake(node.span, format!("`{pattern}` is no pattern"))
                    .label("the braces")
                    .help(format!("use {}, or {{n:03}} for 001, 002, …", suggest::listed(&shown)));
                return None;
            }
        }
    }
    if count > 1 && !varies {
        context
            .mistake(node.span, format!("{count} devices would all be `{pattern}`"))
            .label("the same for each device")
            .help(format!("put {} into it, as in `{pattern}-{{n}}`", suggest::listed(&shown)));
        return None;
    }
    Some(())
}

/// The pattern with its braces filled in.
fn filled(pattern: &str, n: u64, name: &str) -> String {
    let mut text = pattern.replace("{n}", &n.to_string()).replace("{name}", name);
    for width in 1..=9usize {
        text = text.replace(&format!("{{n:0{width}}}"), &format!("{n:0width$}"));
    }
    text
}

fn starts(context: &mut Context, node: &Node, definition: &Definition) -> Vec<(ChannelId, Value)> {
    let mut starts = Vec::new();
    for entry in context.entries(node, "start values") {
        let Some(id) = definition::known(context, entry.key_span, &entry.key, &definition.channels) else {
            continue;
        };
        starts.extend(
            definition::value::read(context, &entry.value, definition.channel(id)).map(|value| (id, value)),
        );
    }
    starts
}

fn unknown_device(context: &mut Context, entry: &Entry, devices: &[Device]) {
    let help = suggest::advice(&entry.key, devices.iter().take(100).map(|device| device.name.as_str()));
    context
        .mistake(entry.key_span, format!("there is no device `{}` in this group", entry.key))
        .label("unknown name")
        .help(help);
}

/// Applies what differs for one device.
fn single(context: &mut Context, entry: &Entry, group: &Defaults, device: &mut Device) {
    let Some(fields) = context.fields(&entry.value, &DEVICE) else { return };
    let own = group.overridden(context, fields);
    if let Some(serial) = fields.get("serial").and_then(|node| context.ascii(node)) {
        serial.clone_into(&mut device.serial);
    }
    if let Some(after) = fields.get("after").and_then(|node| context.duration(node)) {
        device.starts_after = after;
    }
    if let Some(node) = fields.get("starts") {
        for (id, value) in starts(context, node, &device.definition) {
            device.starts.retain(|(other, _)| *other != id);
            device.starts.push((id, value));
        }
    }
    device.addressing = own.addressing_of(&device.name);
    device.owners = own.owners;
    device.commissioning = own.commissioning;
    device.access = own.access;
    device.actuators = own.actuators;
    device.tags = own.tags;
}

impl Names {
    /// Takes the names and serial numbers of a group, whose place is `place`, and reports the first that is taken.
    fn take(&mut self, context: &mut Context, place: crate::diagnostic::Span, devices: &[Device]) {
        let line = context.line_of(place.start);
        let mut told = false;
        for device in devices {
            for (taken, word, what) in [
                (&mut self.names, &device.name, "name"),
                (&mut self.serials, &device.serial, "serial number"),
            ] {
                let Some(first) = taken.insert(word.clone(), line) else { continue };
                if !told {
                    told = true;
                    context
                        .mistake(place, format!("the {what} `{word}` is taken"))
                        .label("a second one")
                        .help(format!(
                            "the group in line {first} has it; give one of the groups other names"
                        ));
                }
            }
        }
    }
}
