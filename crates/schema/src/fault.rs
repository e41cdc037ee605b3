//! Faults from YAML: each entry is read first for itself, and then given to the devices that it is for.
//!
//! What depends on devices (a channel, a condition, whether they are commissioned) is looked at when they are there,
//! because a plan of its own meets many fleets.

mod chosen;
mod give;
mod settings;
mod time;

pub(crate) use give::give;

use crate::{
    context::Context,
    diagnostic::Span,
    grammar::fault::{DEVICES, FAULT},
    suggest,
    yaml::{Content, Node},
};
use chosen::Chosen;
use std::time::Duration;
use thingfleet_device::fault::{
    Kind, Settings,
    catalogue::{CATALOGUE, Entry, Parameter},
};
use time::Time;

/// Most entries of a plan.
const MOST: usize = 256;
/// Longest name of a pattern, a definition, a tag, a channel, in bytes.
const LONGEST: usize = 200;

/// An entry of a plan that says what it should, whichever devices it meets.
pub(crate) struct Written<'n> {
    kind: Kind,
    /// Where the kind stands.
    place: Span,
    /// All settings but the channel.
    settings: Settings,
    channel: Option<(&'n Node, &'n str)>,
    devices: Chosen<'n>,
    time: Time<'n>,
    chance: f64,
    lasts: Option<Duration>,
    times: Option<u32>,
}

/// Reads the entries of a plan.
pub(crate) fn read<'n>(context: &mut Context, node: &'n Node) -> Vec<Written<'n>> {
    let items = context.items(node, "faults");
    if let Some(first) = items.get(MOST) {
        context
            .mistake(first.span, format!("a plan has at most {MOST} faults"))
            .label("the first one too many");
    }
    items.iter().take(MOST).filter_map(|item| entry(context, item)).collect()
}

/// Reads one entry; `None` after a complaint that leaves nothing of it.
fn entry<'n>(context: &mut Context, item: &'n Node) -> Option<Written<'n>> {
    let fields = context.fields(item, &FAULT)?;
    let kind = fields.get("fault").and_then(|node| kind(context, node));
    let settings = kind.and_then(|kind| settings::read(context, fields, kind.entry()));
    let channel = fields.get("channel").and_then(|node| Some((node, context.text(node, LONGEST)?)));
    let devices = fields.get("devices").map_or(Some(Chosen::default()), |node| devices(context, node));
    let time = time::read(context, fields);
    let chance = fields.get("chance").map_or(Some(1.0), |node| {
        let chance = context.share(node)?;
        if chance > 0.0 {
            return Some(chance);
        }
        context.mistake(node.span, "a fault of this chance never comes").label("never");
        None
    });
    let lasts = fields.get("for").and_then(|node| context.span_of_time(node));
    let times = fields.get("times").and_then(|node| context.integer(node, 1, u32::MAX.into()));
    if let (Some(kind), Some(entry)) = (kind, fields.entry("for"))
        && kind.entry().is_instant
    {
        context
            .mistake(entry.key_span, format!("`{}` is over as soon as it has happened", kind.id()))
            .label("has no duration")
            .help("leave `for` out");
    }
    Some(Written {
        kind: kind?,
        place: fields.get("fault")?.span,
        settings: settings?,
        channel,
        devices: devices?,
        time: time?,
        chance: chance?,
        lasts,
        times: times.and_then(|times| times.try_into().ok()),
    })
}

fn kind(context: &mut Context, node: &Node) -> Option<Kind> {
    let name = context.text(node, LONGEST)?;
    let found = Kind::with_id(name);
    if found.is_none() {
        let help = match suggest::closest(name, CATALOGUE.iter().map(|entry| entry.id)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`thingfleet faults` lists all kinds".to_owned(),
        };
        context.mistake(node.span, format!("there is no fault `{name}`")).label("unknown").help(help);
    }
    found
}

fn devices<'n>(context: &mut Context, node: &'n Node) -> Option<Chosen<'n>> {
    match node.content {
        Content::Scalar { .. } => {
            let name = context.text(node, LONGEST)?;
            return Some(Chosen { place: Some(node.span), name: Some(name), ..Chosen::default() });
        }
        Content::Sequence(_) => {
            context.wrong_type(node, "a pattern of names, or a mapping").help(
                "write `kettle-*` or `{ tag: kitchen }`; for several choices write the fault several times",
            );
            return None;
        }
        Content::Mapping(_) => {}
    }
    let fields = context.fields(node, &DEVICES)?;
    let mut text = |key| fields.get(key).map_or(Some(None), |node| context.text(node, LONGEST).map(Some));
    let (name, definition, tag) = (text("name"), text("definition"), text("tag"));
    let share = fields.get("share").map_or(Some(1.0), |node| context.share(node));
    if fields.all().is_empty() {
        context.mistake(node.span, "this chooses nothing").label("empty").help("write `devices: kettle-*`");
    }
    Some(Chosen { place: Some(node.span), name: name?, definition: definition?, tag: tag?, share: share? })
}

/// The keys that a kind can be set with, for people.
fn listed_settings(entry: &Entry) -> String {
    let names: Vec<&str> = entry.parameters.iter().map(Parameter::name).collect();
    if names.is_empty() {
        return "it has no settings".to_owned();
    }
    format!("it has {}", suggest::listed(&names).replace(" or ", " and "))
}
