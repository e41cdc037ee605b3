//! What is in the air around a fleet: Bluetooth adapters, and the wireless networks its devices find.

use super::{Adapter, AdapterError, Adapters, Network, accounts, adapter::is_address, read::Surroundings};
use crate::{
    context::{Context, Fields},
    diagnostic::Span,
    grammar::profile::{NETWORK, VIRTUAL},
    quantity, suggest,
    yaml::{Content, Node},
};
use std::collections::{HashMap, HashSet};
use thingfleet_device::{
    commissioning::credentials::{MAX_NETWORK_PASSWORD, MAX_SSID},
    value::Secret,
};

/// Where virtual controllers are unless the profile says otherwise; the default of rootcanal and `scripts/air.py`.
const VIRTUAL_ADDRESS: &str = "127.0.0.1:6402";
/// Signal of a network in dBm unless the profile says otherwise: good.
const SIGNAL: i8 = -50;
/// How adapters are written.
const ADAPTERS: &str =
    "write `auto`, `virtual`, or a list: [hci0, \"tcp:127.0.0.1:6402\", \"serial:/dev/ttyACM0@115200\"]";

/// Reads `adapters:`.
pub(super) fn adapters(context: &mut Context, fields: Fields) -> Option<Adapters> {
    let Some(node) = fields.get("adapters") else { return Some(Adapters::default()) };
    match &node.content {
        Content::Scalar { text, .. } => match text.as_str() {
            "auto" => Some(Adapters::Auto),
            "virtual" => Some(Adapters::Virtual { address: VIRTUAL_ADDRESS.to_owned() }),
            _ => {
                let help = match suggest::closest(text, ["auto", "virtual"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if text.parse::<Adapter>().is_ok() => format!("write a list: [{}]", quoted(text)),
                    None => ADAPTERS.to_owned(),
                };
                context
                    .mistake(node.span, format!("`{text}` is no choice of adapters"))
                    .label("unknown")
                    .help(help);
                None
            }
        },
        Content::Mapping(_) => {
            let fields = context.fields(node, &VIRTUAL)?;
            let address = address(context, fields.get("virtual")?)?;
            Some(Adapters::Virtual { address })
        }
        Content::Sequence(items) => {
            if items.is_empty() {
                context.mistake(node.span, "a fleet without adapters").label("empty").help(ADAPTERS);
            }
            named(context, items).map(Adapters::Named)
        }
    }
}

/// The adapters of a list; `None` after a complaint.
fn named(context: &mut Context, items: &[Node]) -> Option<Vec<Adapter>> {
    let mut adapters = Vec::new();
    let mut seen = HashSet::new();
    let mut is_complete = true;
    for item in items {
        let text = context.text(item, 300)?;
        let adapter: Adapter = match text.parse() {
            Ok(adapter) => adapter,
            Err(error) => {
                let mistake = context.mistake(item.span, format!("`{text}` is no adapter"));
                let label = match error {
                    AdapterError::UnknownForm => "unknown form",
                    AdapterError::NoNumber => "which one?",
                    AdapterError::NoAddress => "where is it?",
                    AdapterError::NoFile => "no device file",
                    AdapterError::NoSpeed(_) => "no speed",
                };
                mistake.label(label).help(error.to_string());
                is_complete = false;
                continue;
            }
        };
        if !seen.insert(adapter.clone()) {
            context
                .mistake(item.span, format!("the adapter {text} stands here twice"))
                .label("a second time")
                .help("an adapter is one device at a time; the others wait for it by themselves");
        }
        adapters.push(adapter);
    }
    is_complete.then_some(adapters)
}

fn quoted(text: &str) -> String {
    if text.contains(':') { format!("\"{text}\"") } else { text.to_owned() }
}

/// Reads the address of virtual controllers.
fn address(context: &mut Context, node: &Node) -> Option<String> {
    let text = context.text(node, 300)?;
    if is_address(text) {
        return Some(text.to_owned());
    }
    context
        .mistake(node.span, format!("`{text}` is no host and port"))
        .label("where are the controllers?")
        .help(format!("write it as \"{VIRTUAL_ADDRESS}\""));
    None
}

/// Reads `networks:`; the outer `None` after a complaint, the inner one where the profile says nothing.
pub(super) fn networks(
    context: &mut Context,
    fields: Fields,
    surroundings: &Surroundings,
) -> Option<Vec<Network>> {
    let node = fields.get("networks")?;
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut networks = Vec::new();
    for item in context.items(node, "networks") {
        let Some((network, place)) = network(context, item, surroundings) else { continue };
        let line = context.line_of(place.start);
        if let Some(first) = lines.insert(network.ssid.clone(), line) {
            context
                .mistake(place, format!("the network `{}` stands here twice", network.ssid))
                .label("a second one")
                .help(format!(
                    "the first is in line {first}; devices cannot tell two networks of one name apart"
                ));
        }
        networks.push(network);
    }
    Some(networks)
}

fn network(context: &mut Context, item: &Node, surroundings: &Surroundings) -> Option<(Network, Span)> {
    let fields = context.fields(item, &NETWORK)?;
    let name = fields.get("ssid").and_then(|node| context.text(node, MAX_SSID));
    let password = match fields.get("password") {
        Some(node) => password(context, node, surroundings),
        None => Some(Secret::new("")),
    };
    let signal = fields.get("signal").map_or(Some(SIGNAL), |node| signal(context, node));
    let is_present = fields.get("present").map_or(Some(true), |node| context.boolean(node));
    let network =
        Network { ssid: name?.to_owned(), password: password?, signal: signal?, is_present: is_present? };
    Some((network, fields.get("ssid")?.span))
}

fn password(context: &mut Context, node: &Node, surroundings: &Surroundings) -> Option<Secret> {
    let password = accounts::password(context, node, surroundings)?;
    let bytes = password.reveal().len();
    if bytes > MAX_NETWORK_PASSWORD {
        context
            .mistake(node.span, format!("this password has {bytes} bytes, more than {MAX_NETWORK_PASSWORD}"))
            .label("too long for a network");
        return None;
    }
    Some(password)
}

fn signal(context: &mut Context, node: &Node) -> Option<i8> {
    context.quantity(node, "a signal such as -67dBm", quantity::signal)
}
