//! Fleet profiles from YAML: the file as a whole.

use super::{Accounts, Device, Fleet, Server, accounts, group, people::Defaults, server, wireless};
use crate::{
    context::{Context, Fields},
    diagnostic::Diagnostics,
    fault,
    grammar::profile::{MOST_DEVICES, PROFILE},
    load,
    source::{Disk, Loader, text},
    yaml::{self, Node},
};
use std::{collections::HashMap, path::Path};
use thingfleet_device::instance::Commissioning;

/// Device seconds a real second, at most.
const FASTEST: f64 = 100_000.0;

/// What a profile may look at apart from its own text.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where definitions, recordings and account lists come from.
    pub loader: &'a dyn Loader,
    /// The value of an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Default for Surroundings<'_> {
    /// This machine's disk and this process's environment.
    fn default() -> Self {
        Self { loader: &Disk, environment: &|name| std::env::var(name).ok() }
    }
}

/// Reads the profile in `text`. `path` is its name in complaints and the place from which relative paths start.
///
/// # Errors
/// All mistakes of the profile and of the definitions and account lists it names.
pub fn read(path: &str, text: &str, surroundings: &Surroundings) -> Result<Fleet, Diagnostics> {
    let mut context = Context::new(path, text);
    let root = yaml::parse(&mut context, text)?;
    let fleet = lower(&mut context, &root, surroundings);
    match fleet {
        Some(fleet) if context.is_clean() => Ok(fleet),
        Some(_) | None => Err(context.give_up()),
    }
}

/// Reads a profile from this machine's disk, with this process's environment.
///
/// # Errors
/// All mistakes of the profile and of what it names, or the one that it cannot be read.
pub fn read_file(path: &Path) -> Result<Fleet, Diagnostics> {
    read(&path.display().to_string(), &text(&Disk, path)?, &Surroundings::default())
}

fn lower(context: &mut Context, root: &Node, surroundings: &Surroundings) -> Option<Fleet> {
    let fields = context.fields(root, &PROFILE)?;
    let name = fields.get("fleet").and_then(|node| fleet_name(context, node));
    let description = fields.get("description").and_then(|node| context.text(node, 300)).unwrap_or_default();
    let seed = fields.get("seed").map_or(Some(1), |node| context.integer(node, 0, u64::MAX));
    let factor = speed(context, fields);
    let server = match fields.get("server") {
        Some(node) => server::read(context, node),
        None => Some(server::private()),
    };
    let setup_concurrency = fields.get("setup_concurrency").and_then(|node| {
        let most = context.integer(node, 1, 1000)?;
        usize::try_from(most).ok()
    });
    let adapters = wireless::adapters(context, fields);
    let networks = wireless::networks(context, fields, surroundings);
    let defaults = Defaults::default().overridden(context, fields);

    let (mut devices, complete) = devices(context, fields, &defaults, surroundings);
    let accounts = match fields.get("accounts") {
        // With groups missing, every account would seem to be for nobody.
        Some(node) if complete => accounts::read(context, node, server.as_ref(), &mut devices, surroundings),
        Some(_) | None => Accounts::Register,
    };
    if let Some(server) = &server {
        check_greetings(context, fields, server, &devices);
    }
    if let Some(node) = fields.get("faults") {
        let entries = fault::read(context, node);
        // With groups missing, faults would seem to be for nobody.
        if let (true, Some(seed)) = (complete, seed) {
            fault::give(context, &entries, &mut devices, seed, "");
        }
    }
    let around = load::Around {
        server: server.as_ref(),
        accounts: &accounts,
        devices: complete.then_some(&devices),
        surroundings,
    };
    let load = fields.get("load").and_then(|node| load::read(context, node, &around));
    Some(Fleet {
        name: name?,
        description: description.to_owned(),
        seed: seed?,
        speed: factor?,
        server: server?,
        accounts,
        setup_concurrency,
        adapters: adapters?,
        networks,
        devices,
        load,
    })
}

/// The name is a directory, too.
fn fleet_name(context: &mut Context, node: &Node) -> Option<String> {
    let name = context.text(node, 64)?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if name.bytes().all(fits) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some(name.to_owned());
    }
    context
        .mistake(node.span, format!("`{name}` cannot be the name of a fleet"))
        .label("names a directory")
        .help("lower-case letters, digits, '-' and '_', beginning with a letter or digit");
    None
}

fn speed(context: &mut Context, fields: Fields) -> Option<f64> {
    let Some(node) = fields.get("speed") else { return Some(1.0) };
    let speed = context.positive(node)?;
    if speed > FASTEST {
        context
            .mistake(node.span, format!("a speed of {speed} is too much"))
            .label(format!("at most {FASTEST}"))
            .help("`thingfleet trace` simulates as fast as it can");
        return None;
    }
    Some(speed)
}

/// The devices of all groups, and whether all groups could be read.
fn devices(
    context: &mut Context,
    fields: Fields,
    defaults: &Defaults,
    surroundings: &Surroundings,
) -> (Vec<Device>, bool) {
    let Some(node) = fields.get("groups") else { return (Vec::new(), false) };
    let items = context.items(node, "groups");
    if items.is_empty() && node.what() != "a mapping" {
        context
            .mistake(node.span, "a fleet without devices")
            .label("empty")
            .help("add `- definition: kettle`");
    }
    let mut names = group::Names::default();
    let mut definitions = HashMap::new();
    let mut devices = Vec::new();
    let mut complete = true;
    for item in items {
        match group::read(context, item, defaults, &mut definitions, &mut names, surroundings) {
            Some(more) => devices.extend(more),
            None => complete = false,
        }
        if devices.len() as u64 > MOST_DEVICES {
            context
                .mistake(item.span, format!("a fleet has at most {MOST_DEVICES} devices"))
                .label("too many with this group");
            return (devices, false);
        }
    }
    (devices, complete)
}

/// A greeting needs somebody to greet; on the private server that is its person.
fn check_greetings(context: &mut Context, fields: Fields, server: &Server, devices: &[Device]) {
    let lonely =
        |device: &&Device| device.commissioning == Commissioning::Handshake && device.owners.is_empty();
    if let (Server::Remote(_), Some(device)) = (server, devices.iter().find(lonely)) {
        let place = fields.entry("commissioning").or(fields.entry("groups"));
        let Some(entry) = place else { return };
        context
            .mistake(entry.key_span, format!("`{}` has nobody to greet", device.name))
            .label("handshake without owners")
            .help("add `owners: [you@example.org]`, or take `commissioning: preset`");
    }
}
