//! What the fleet, a group and a single device may each say, the narrower overriding the wider.

use crate::{
    context::{Context, Fields},
    definition::ACTUATOR_MODE_WORDS,
    grammar::profile::{ACCESS_TABLE, ADDRESSING_TABLE},
    yaml::{Content, Node},
};
use thingfleet_device::{
    definition::ActuatorMode,
    instance::{Access, Addressing, Commissioning},
    jid::BareJid,
};

/// The values that hold where nothing narrower says otherwise.
#[derive(Clone, Default)]
pub(super) struct Defaults {
    pub(super) owners: Vec<BareJid>,
    pub(super) commissioning: Commissioning,
    pub(super) access: Access,
    /// With `{name}` still in the prefix.
    pub(super) addressing: Addressing,
    pub(super) actuators: ActuatorMode,
    pub(super) tags: Vec<String>,
}

impl Defaults {
    /// These values with those of `fields` in their place. Tags add up.
    pub(super) fn overridden(&self, context: &mut Context, fields: Fields) -> Self {
        let mut own = self.clone();
        if let Some(node) = fields.get("owners") {
            own.owners = texts(context, node, "JIDs").iter().filter_map(|node| jid(context, node)).collect();
        }
        if let Some(node) = fields.get("commissioning") {
            let words = [
                ("preset", Commissioning::Preset),
                ("handshake", Commissioning::Handshake),
                ("bluetooth", Commissioning::Bluetooth),
            ];
            own.commissioning = context.word(node, "a way of commissioning", &words).unwrap_or_default();
        }
        if let Some(node) = fields.get("access") {
            own.access = access(context, node).unwrap_or_default();
        }
        if let Some(node) = fields.get("addressing") {
            own.addressing = addressing(context, node).unwrap_or_default();
        }
        if let Some(node) = fields.get("actuator_mode") {
            own.actuators = context.word(node, "an actuator mode", ACTUATOR_MODE_WORDS).unwrap_or_default();
        }
        if let Some(node) = fields.get("tags") {
            for node in texts(context, node, "words") {
                own.tags.extend(context.text(node, 64).map(str::to_owned));
            }
        }
        own
    }

    /// The addressing of the device `name`.
    pub(super) fn addressing_of(&self, name: &str) -> Addressing {
        match &self.addressing {
            Addressing::Pep => Addressing::Pep,
            Addressing::Service { host, prefix } => {
                Addressing::Service { host: host.clone(), prefix: prefix.replace("{name}", name) }
            }
        }
    }
}

/// One text or a list of texts.
fn texts<'n>(context: &mut Context, node: &'n Node, what: &str) -> &'n [Node] {
    match &node.content {
        Content::Scalar { .. } if !node.is_empty() => std::slice::from_ref(node),
        Content::Scalar { .. } | Content::Sequence(_) | Content::Mapping(_) => context.items(node, what),
    }
}

/// Reads a bare JID.
pub(super) fn jid(context: &mut Context, node: &Node) -> Option<BareJid> {
    let text = context.text(node, 2047)?;
    match BareJid::parse(text) {
        Ok(jid) => Some(jid),
        Err(error) => {
            context.mistake(node.span, format!("`{text}` is no JID: {error}")).label("should be name@server");
            None
        }
    }
}

fn access(context: &mut Context, node: &Node) -> Option<Access> {
    if let Content::Mapping(_) = node.content {
        let fields = context.fields(node, &ACCESS_TABLE)?;
        let node = fields.get("roster")?;
        let groups: Vec<String> = texts(context, node, "roster groups")
            .iter()
            .filter_map(|node| context.text(node, 100).map(str::to_owned))
            .collect();
        if groups.is_empty() {
            context
                .mistake(node.span, "no roster group may read")
                .label("empty")
                .help("name a group, or use `presence`");
        }
        return Some(Access::Roster(groups));
    }
    if matches!(&node.content, Content::Scalar { text, .. } if text == "roster") {
        context
            .mistake(node.span, "the access model `roster` needs its groups")
            .label("which groups?")
            .help("write `access: { roster: [Family] }`, or use `presence` for all contacts");
        return None;
    }
    let words = [("presence", Access::Presence), ("open", Access::Open), ("whitelist", Access::Whitelist)];
    context.word(node, "an access model", &words)
}

fn addressing(context: &mut Context, node: &Node) -> Option<Addressing> {
    if !matches!(node.content, Content::Mapping(_)) {
        return context.word(node, "an addressing", &[("pep", Addressing::Pep)]);
    }
    let fields = context.fields(node, &ADDRESSING_TABLE)?;
    let host = fields.get("service").and_then(|node| domain(context, node));
    let prefix = match fields.get("prefix") {
        None => "{name}.".to_owned(),
        Some(node) => {
            let prefix = context.text(node, 100)?;
            if !prefix.contains("{name}") {
                context
                    .mistake(node.span, "all devices would share their nodes")
                    .label("the same for each device")
                    .help("put `{name}` into the prefix, as in `home.{name}.`");
            }
            prefix.to_owned()
        }
    };
    Some(Addressing::Service { host: host?, prefix })
}

/// The first character that cannot stand in the name of a host, be it a domain or an IP address.
pub fn odd_in_host(text: &str) -> Option<char> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '_' | '[' | ']');
    text.chars().find(|&c| !fits(c))
}

/// Reads the name of a host: a domain or an IP address.
pub(super) fn domain(context: &mut Context, node: &Node) -> Option<String> {
    let text = context.text(node, 253)?;
    if let Some(c) = odd_in_host(text) {
        let help = match text.split_once('@') {
            Some((_, domain)) => format!("only the part behind the '@': `{domain}`"),
            None => "write a name such as example.org".to_owned(),
        };
        context
            .mistake(node.span, format!("'{c}' cannot stand in the name of a host"))
            .label("no host")
            .help(help);
        return None;
    }
    Some(text.to_ascii_lowercase())
}
