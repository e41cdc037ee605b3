//! Device definitions from YAML.
//!
//! Two passes: the first reads what each channel is, the second how the channels depend on each other. A file with
//! mistakes is read to its end all the same.

pub(crate) mod behaviour;
pub(crate) mod bluetooth;
mod channel;
mod cycle;
mod firmware;
mod publish;
mod replay;
mod rule;
mod source;
pub(crate) mod value;

pub(crate) use channel::unit_names;

use crate::{
    context::{Context, Fields},
    diagnostic::Diagnostics,
    grammar::definition::{ACTUATOR, DEFINITION, SENSOR},
    source::{Disk, Loader, text},
    suggest,
    yaml::{self, Entry, Node},
};
use std::{path::Path, time::Duration};
use thingfleet_device::definition::{ActuatorMode, Channel, ChannelId, Definition, Dialect, Role};

/// What a new device says where its definition says nothing (thesis 4.3).
pub const HELLO: &str = "Hi from the ESP32. Please mirror this message!";
/// Most sensors and actuators of a definition.
pub const MOST_CHANNELS: usize = 64;
/// Most rules of a definition.
const MOST_RULES: usize = 256;
/// The text commands every device has; a channel of that name could not be asked for.
const COMMANDS: &[&str] = &["help", "status", "units"];
/// The words of conditions.
const KEYWORDS: &[&str] = &["and", "or", "not", "true", "false", "on", "off"];

/// The words for [`ActuatorMode`].
pub(crate) const ACTUATOR_MODE_WORDS: &[(&str, ActuatorMode)] = &[
    ("auto", ActuatorMode::Auto),
    ("persistent", ActuatorMode::Persistent),
    ("transient", ActuatorMode::Transient),
];

/// Reads the definition in `text`. `path` is its name in complaints and the place from which `loader` looks for the
/// recordings it names.
///
/// # Errors
/// All mistakes of the file.
pub fn read(path: &str, text: &str, loader: &dyn Loader) -> Result<Definition, Diagnostics> {
    let mut context = Context::new(path, text);
    let root = yaml::parse(&mut context, text)?;
    let definition = lower(&mut context, &root, loader);
    match definition {
        Some(definition) if context.is_clean() => Ok(definition),
        Some(_) | None => Err(context.give_up()),
    }
}

/// Reads a definition from this machine's disk.
///
/// # Errors
/// All mistakes of the file, or the one that it cannot be read.
pub fn read_file(path: &Path) -> Result<Definition, Diagnostics> {
    read(&path.display().to_string(), &text(&Disk, path)?, &Disk)
}

fn lower(context: &mut Context, root: &Node, loader: &dyn Loader) -> Option<Definition> {
    let fields = context.fields(root, &DEFINITION)?;
    let kind = fields.get("device").and_then(|node| kind_name(context, node));
    let title = fields.get("title").and_then(|node| context.text(node, 100));
    let mut ascii = |name: &str, default: &str| match fields.get(name) {
        Some(node) => context.ascii(node).unwrap_or_default().to_owned(),
        None => default.to_owned(),
    };
    let (manufacturer, hardware) = (ascii("manufacturer", "Thingfleet"), ascii("hardware", "1.0"));
    let (software, language) = (ascii("software", "1.0"), ascii("language", "en"));
    check_language(context, fields, &language);
    let description = fields.get("description").and_then(|node| context.text(node, 300)).unwrap_or_default();
    let hello = fields.get("hello").map_or(Some(HELLO), |node| context.text(node, 1000)).unwrap_or_default();
    let tick = tick(context, fields);
    let actuator_mode = fields
        .get("actuator_mode")
        .and_then(|node| context.word(node, "an actuator mode", ACTUATOR_MODE_WORDS))
        .unwrap_or_default();
    let dialects = [("thesis", Dialect::Thesis), ("firmware", Dialect::Firmware)];
    let dialect =
        fields.get("dialect").and_then(|node| context.word(node, "a dialect", &dialects)).unwrap_or_default();

    let (mut channels, written) = channels(context, root, fields);
    let moves: Vec<_> = written.iter().map(|one| behaviour::read(context, one, &channels, loader)).collect();
    let policies: Vec<_> =
        written.iter().map(|one| publish::read(context, one.fields, &channels[one.index], tick)).collect();
    for ((one, behaviour), policy) in written.iter().zip(moves).zip(policies) {
        channels[one.index].behaviour = behaviour;
        channels[one.index].publish = policy;
    }
    cycle::check(context, &channels, &written);
    let rules = rules(context, fields, &channels);
    let firmware =
        fields.get("firmware").map_or_else(Vec::new, |node| firmware::read(context, node, &channels));

    let bluetooth = bluetooth::read(context, fields, title.unwrap_or_default());

    Some(Definition {
        kind: kind?,
        title: title?.to_owned(),
        description: description.to_owned(),
        manufacturer,
        hardware,
        software,
        language,
        tick,
        channels,
        rules,
        hello: hello.to_owned(),
        actuators: actuator_mode,
        dialect,
        bluetooth,
        firmware,
    })
}

/// A channel as it stands in the file.
pub(crate) struct Written<'n> {
    /// Place among the channels.
    index: usize,
    entry: &'n Entry,
    fields: Fields<'n>,
}

/// First pass: what the channels are. A channel that is wrong is left out, so its place in the list is its own.
fn channels<'n>(context: &mut Context, root: &Node, fields: Fields<'n>) -> (Vec<Channel>, Vec<Written<'n>>) {
    let mut channels: Vec<Channel> = Vec::new();
    let mut written: Vec<Written> = Vec::new();
    for (key, role, table, what) in
        [("sensors", Role::Sensor, &SENSOR, "sensors"), ("actuators", Role::Actuator, &ACTUATOR, "actuators")]
    {
        let Some(node) = fields.get(key) else { continue };
        for entry in context.entries(node, what) {
            if written.len() == MOST_CHANNELS {
                context
                    .mistake(
                        entry.key_span,
                        format!("a device has at most {MOST_CHANNELS} sensors and actuators"),
                    )
                    .label("the first one too many");
                return (channels, written);
            }
            check_channel_name(context, entry, &written);
            let Some(own) = context.fields(&entry.value, table) else { continue };
            channels.push(channel::read(context, entry, own, role));
            written.push(Written { index: channels.len() - 1, entry, fields: own });
        }
    }
    if fields.get("sensors").is_none() && fields.get("actuators").is_none() {
        context
            .mistake(root.span, "this device has neither sensors nor actuators")
            .label("nothing to measure or set")
            .help("add `sensors:` or `actuators:`");
    }
    (channels, written)
}

/// Item ids on the wire contain the name, and people type it (thesis 4.4.3).
fn check_channel_name(context: &mut Context, entry: &Entry, earlier: &[Written]) {
    let name = entry.key.as_str();
    if !is_name(name) {
        context
            .mistake(entry.key_span, format!("`{name}` cannot be a name"))
            .label("part of an item id on the wire")
            .help("a name begins with a letter and has at most 64 letters, digits, '_' and '-'");
    }
    if COMMANDS.iter().any(|word| word.eq_ignore_ascii_case(name)) {
        context
            .mistake(entry.key_span, format!("`{name}` is a text command of every device"))
            .label("taken")
            .help(format!("the commands are {}; take another name", COMMANDS.join(", ")));
    }
    if KEYWORDS.contains(&name) {
        context
            .mistake(entry.key_span, format!("`{name}` is a word of conditions"))
            .label("taken")
            .help("take another name");
    }
    if let Some(other) = earlier.iter().find(|other| other.entry.key.eq_ignore_ascii_case(name)) {
        let line = context.line_of(other.entry.key_span.start);
        context.mistake(entry.key_span, format!("the name `{name}` is taken")).label("a second one").help(
            format!(
                "`{}` is in line {line}; sensors and actuators share their names, in capitals or not",
                other.entry.key
            ),
        );
    }
}

/// Whether `name` may be part of an item id.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The kind is part of JIDs and file names, hence narrower than names of channels.
fn kind_name(context: &mut Context, node: &Node) -> Option<String> {
    let name = context.text(node, 64)?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if is_name(name) && name.bytes().all(fits) {
        return Some(name.to_owned());
    }
    let better = name.to_lowercase().replace([' ', '_'], "-");
    let help = if is_name(&better) && better.bytes().all(fits) {
        format!("write `{better}`")
    } else {
        "lower-case letters, digits and '-', beginning with a letter".to_owned()
    };
    context
        .mistake(node.span, format!("`{name}` cannot be the name of a device"))
        .label("becomes part of addresses")
        .help(help);
    None
}

fn check_language(context: &mut Context, fields: Fields, language: &str) {
    let mut parts = language.split('-');
    let first = parts.next().unwrap_or_default();
    let letters = (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic());
    let rest = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if letters && parts.all(rest) {
        return;
    }
    // An empty text has been reported already.
    if let Some(node) = fields.get("language").filter(|_| !language.is_empty()) {
        context
            .mistake(node.span, format!("`{language}` is not a language tag"))
            .label("unknown form")
            .help("write it as `en`, `de` or `pt-BR` (BCP 47)");
    }
}

fn tick(context: &mut Context, fields: Fields) -> Duration {
    const DEFAULT: Duration = Duration::from_secs(1);
    let Some(node) = fields.get("tick") else { return DEFAULT };
    let Some(tick) = context.span_of_time(node) else { return DEFAULT };
    if tick < Duration::from_millis(10) || tick > Duration::from_hours(1) {
        context.mistake(node.span, "the tick is out of range").label("from 10ms to 1h");
        return DEFAULT;
    }
    tick
}

fn rules(
    context: &mut Context,
    fields: Fields,
    channels: &[Channel],
) -> Vec<thingfleet_device::definition::Rule> {
    let Some(node) = fields.get("rules") else { return Vec::new() };
    let items = context.items(node, "rules");
    if let Some(first) = items.get(MOST_RULES) {
        context
            .mistake(first.span, format!("a device has at most {MOST_RULES} rules"))
            .label("the first one too many");
    }
    items.iter().take(MOST_RULES).filter_map(|item| rule::read(context, item, channels)).collect()
}

/// The channel of that name, or a complaint at `span`.
pub(crate) fn known(
    context: &mut Context,
    span: crate::diagnostic::Span,
    name: &str,
    channels: &[Channel],
) -> Option<ChannelId> {
    if let Some(index) = channels.iter().position(|channel| channel.name == name) {
        return u16::try_from(index).ok().map(ChannelId);
    }
    let help = suggest::advice(name, channels.iter().map(|channel| channel.name.as_str()));
    context
        .mistake(span, format!("there is no sensor or actuator `{name}`"))
        .label("unknown name")
        .help(help);
    None
}
