//! How a fleet reaches its server.

use super::{Remote, Security, Server, Trust, people::domain};
use crate::{
    context::{Context, Fields},
    grammar::profile::SERVER,
    suggest,
    yaml::{Content, Node},
};
use std::net::IpAddr;

/// The domain of the private server unless the profile names one.
const PRIVATE_DOMAIN: &str = "localhost";

/// The private server with its usual domain.
pub(super) fn private() -> Server {
    Server::Private { domain: PRIVATE_DOMAIN.to_owned() }
}

/// Reads `private`, or a mapping.
pub(super) fn read(context: &mut Context, node: &Node) -> Option<Server> {
    if let Content::Scalar { text, .. } = &node.content
        && !node.is_empty()
    {
        if text == "private" {
            return Some(private());
        }
        let help = match suggest::closest(text, ["private"]) {
            Some(_) => "did you mean `private`?".to_owned(),
            None => format!("write `private`, or `server: {{ domain: {text} }}`"),
        };
        context.mistake(node.span, format!("`{text}` is not a server")).label("unknown").help(help);
        return None;
    }
    let fields = context.fields(node, &SERVER)?;
    if let Some(own) = fields.get("private") {
        if let Some(other) = fields.all().iter().find(|entry| entry.key != "private") {
            context
                .mistake(other.key_span, "the private server takes only a domain")
                .label("belongs to a server that is there already")
                .help("take this key or `private` away");
        }
        return domain(context, own).map(|domain| Server::Private { domain });
    }
    let own = fields.get("domain");
    if own.is_none() {
        context
            .mistake(node.span, "a server needs its `domain`")
            .label("which server?")
            .help("write `domain: example.org`, or `server: private`");
    }
    let domain_name = own.and_then(|node| domain(context, node));
    let host = fields.get("host").map(|node| domain(context, node));
    let port = fields.get("port").map(|node| context.integer(node, 1, 65_535));
    if let (Some(entry), None) = (fields.entry("port"), &host) {
        context
            .mistake(entry.key_span, "a port without a host")
            .label("of which host?")
            .help("add `host:`; without host and port DNS says both");
    }
    let from = fields.get("from").map(|node| sources(context, node)).unwrap_or_default();
    let security = security(context, fields, host.as_ref().and_then(Option::as_deref));
    let trust = trust(context, fields);
    Some(Server::Remote(Remote {
        domain: domain_name?,
        host: host.flatten(),
        port: port.flatten().and_then(|port| u16::try_from(port).ok()),
        from,
        security: security?,
        trust: trust?,
    }))
}

/// Reads the addresses to connect from: one, or a list.
fn sources(context: &mut Context, node: &Node) -> Vec<IpAddr> {
    let nodes = match &node.content {
        Content::Scalar { .. } => std::slice::from_ref(node),
        Content::Sequence(_) | Content::Mapping(_) => context.items(node, "a list of addresses"),
    };
    let mut sources = Vec::new();
    for node in nodes {
        let Some(text) = context.text(node, 64) else { continue };
        match text.parse::<IpAddr>() {
            Ok(address) if sources.contains(&address) => {
                context
                    .mistake(node.span, format!("{address} stands here twice"))
                    .label("the same once more")
                    .help("each address gives devices ports of its own, once");
            }
            Ok(address) => sources.push(address),
            Err(_) => {
                context
                    .mistake(node.span, format!("`{text}` is not an address"))
                    .label("an IP address of this machine")
                    .help("write addresses as `ip address` lists them, such as `from: [192.0.2.10, 192.0.2.11]`");
            }
        }
    }
    sources
}

fn security(context: &mut Context, fields: Fields, host: Option<&str>) -> Option<Security> {
    let Some(node) = fields.get("security") else { return Some(Security::StartTls) };
    let words =
        [("starttls", Security::StartTls), ("direct", Security::DirectTls), ("plain", Security::Plain)];
    let security = context.word(node, "a kind of security", &words)?;
    if security == Security::Plain && !host.is_some_and(is_loopback) {
        context
            .mistake(node.span, "without TLS everybody on the way reads the passwords")
            .label("only for loopback")
            .help(
                "`plain` goes with `host: 127.0.0.1`, `::1` or `localhost`; else use `starttls` or `direct`",
            );
        return None;
    }
    Some(security)
}

/// Whether `host` is this machine.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn trust(context: &mut Context, fields: Fields) -> Option<Trust> {
    let insecure = match fields.get("insecure") {
        Some(node) => context.boolean(node)?,
        None => false,
    };
    let mut given: Vec<_> = ["ca_file", "pin"].iter().filter_map(|key| fields.entry(key)).collect();
    given.extend(fields.entry("insecure").filter(|_| insecure));
    if let [first, second, ..] = given.as_slice() {
        context
            .mistake(second.key_span, format!("`{}` and `{}` contradict each other", first.key, second.key))
            .label("which certificates are believed?")
            .help("keep one of them");
        return None;
    }
    if let Some(node) = fields.get("ca_file") {
        let file = context.text(node, 500)?;
        return Some(Trust::CaFile(context.beside(file)));
    }
    if let Some(node) = fields.get("pin") {
        return pin(context, node).map(Trust::Pin);
    }
    Some(if insecure { Trust::Insecure } else { Trust::System })
}

/// Reads 32 bytes in hexadecimal, with or without colons.
fn pin(context: &mut Context, node: &Node) -> Option<[u8; 32]> {
    let text = context.scalar(node, "a SHA-256 in hexadecimal")?.replace(':', "");
    let mut pin = [0; 32];
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    match digits {
        Some(digits) if digits.len() == 64 => {
            for (byte, pair) in pin.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = pair[0] << 4 | pair[1];
            }
            Some(pin)
        }
        _ => {
            context
                .mistake(node.span, "a pin is a SHA-256: 64 hexadecimal digits")
                .label(format!("{} characters", text.chars().count()))
                .help("`openssl x509 -in cert.pem -outform der | sha256sum` prints it");
            None
        }
    }
}
