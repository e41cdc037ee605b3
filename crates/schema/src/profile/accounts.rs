//! Where the accounts of a fleet and of its observers come from: registered, listed, from a CSV file or from the
//! environment.

use super::{Accounts, Device, Server, people::jid, read::Surroundings};
use crate::{
    context::Context,
    diagnostic::Span,
    grammar::profile::{ACCOUNT, ACCOUNTS, FROM_ENVIRONMENT},
    source, suggest,
    yaml::{Content, Node},
};
use std::collections::HashMap;
use thingfleet_device::{instance::Commissioning, jid::BareJid, value::Secret};

/// An account and the place that names it.
struct Given {
    name: String,
    jid: BareJid,
    password: Secret,
    place: Span,
}

/// Reads where accounts come from, and gives the devices those that stand in the file.
pub(super) fn read(
    context: &mut Context,
    node: &Node,
    server: Option<&Server>,
    devices: &mut [Device],
    surroundings: &Surroundings,
) -> Accounts {
    let given = match &node.content {
        Content::Scalar { .. } => {
            // After a complaint about the word the fleet is not used anyway.
            let _ = context.word(node, "a source of accounts", &[("register", ())]);
            return Accounts::Register;
        }
        Content::Sequence(_) | Content::Mapping(_) => {
            let wanting = devices.iter().filter(|device| !is_commissioned(device));
            let names: Vec<_> = wanting.map(|device| device.name.clone()).collect();
            listed_or_elsewhere(context, node, &names, surroundings)
        }
    };
    if refused_by_private(context, node, server) {
        return Accounts::Register;
    }
    if let Some(given) = given {
        hand_out(context, node, given, server, devices);
    }
    Accounts::Given
}

/// Reads the accounts of observers, at least `needed`; `None` after a complaint.
pub(crate) fn of_observers(
    context: &mut Context,
    node: &Node,
    needed: usize,
    (server, devices): (Option<&Server>, &[Device]),
    surroundings: &Surroundings,
) -> Option<Vec<(BareJid, Secret)>> {
    if refused_by_private(context, node, server) {
        return None;
    }
    let names: Vec<_> = (1..=needed).map(|number| format!("observer-{number}")).collect();
    let given = listed_or_elsewhere(context, node, &names, surroundings)?;
    let of_device = |device: &Device| Some((device.account.as_ref()?.0.clone(), device.name.clone()));
    let mut users: HashMap<BareJid, String> = devices.iter().filter_map(of_device).collect();
    for account in &given {
        check(context, account, server, &mut users);
    }
    if given.len() < needed && context.is_clean() {
        let message = format!("{needed} observers need an account each, and {} are given", given.len());
        context
            .mistake(node.span, message)
            .label("too few")
            .help("add more, or let each observer watch more devices with `devices_each`");
    }
    Some(given.into_iter().map(|account| (account.jid, account.password)).collect())
}

/// Accounts that exist: a list of them, or from a file or the environment, where `names` say for whom; `None` after a
/// complaint.
fn listed_or_elsewhere(
    context: &mut Context,
    node: &Node,
    names: &[String],
    surroundings: &Surroundings,
) -> Option<Vec<Given>> {
    if let Content::Mapping(_) = node.content {
        return elsewhere(context, node, names, surroundings);
    }
    let items = context.items(node, "a list of accounts");
    Some(items.iter().filter_map(|item| listed(context, item, surroundings)).collect())
}

/// Complains about accounts on a private server, and tells whether it did.
fn refused_by_private(context: &mut Context, node: &Node, server: Option<&Server>) -> bool {
    let Some(Server::Private { .. }) = server else { return false };
    context
        .mistake(node.span, "a private server has no accounts yet")
        .label("given accounts")
        .help("take this key away; the program makes the accounts itself");
    true
}

/// One account of a list.
fn listed(context: &mut Context, item: &Node, surroundings: &Surroundings) -> Option<Given> {
    let fields = context.fields(item, &ACCOUNT)?;
    let name = fields.get("name").and_then(|node| context.text(node, 64));
    let jid = fields.get("jid").and_then(|node| jid(context, node));
    let password = fields.get("password").and_then(|node| password(context, node, surroundings));
    Some(Given { name: name?.to_owned(), jid: jid?, password: password?, place: fields.get("name")?.span })
}

pub(super) fn password(context: &mut Context, node: &Node, surroundings: &Surroundings) -> Option<Secret> {
    if let Content::Mapping(_) = node.content {
        let fields = context.fields(node, &FROM_ENVIRONMENT)?;
        let node = fields.get("env")?;
        let name = context.scalar(node, "the name of an environment variable")?;
        let value = (surroundings.environment)(name).filter(|value| !value.is_empty());
        if value.is_none() {
            context
                .mistake(node.span, format!("the environment variable {name} is not set"))
                .label("empty or not there")
                .help(format!("start the program with {name}=… before it"));
        }
        return value.map(Secret::new);
    }
    context.scalar(node, "a password").map(Secret::new)
}

/// Accounts from a file or the environment; `None` after a complaint.
fn elsewhere(
    context: &mut Context,
    node: &Node,
    names: &[String],
    surroundings: &Surroundings,
) -> Option<Vec<Given>> {
    let fields = context.fields(node, &ACCOUNTS)?;
    match (fields.get("file"), fields.get("environment")) {
        (Some(node), None) => from_file(context, node, surroundings),
        (None, Some(node)) => from_environment(context, node, names, surroundings),
        (Some(_), Some(_)) | (None, None) => {
            context
                .mistake(node.span, "accounts come from one place")
                .label("one of `file` and `environment`")
                .help("write `accounts: { file: accounts.csv }` or `accounts: { environment: HOME }`");
            None
        }
    }
}

fn from_environment(
    context: &mut Context,
    node: &Node,
    names: &[String],
    surroundings: &Surroundings,
) -> Option<Vec<Given>> {
    let prefix = context.scalar(node, "a prefix of variables")?;
    let mut given = Vec::new();
    for name in names {
        let stem = format!("{prefix}_{}", name.to_ascii_uppercase().replace(['-', '.'], "_"));
        let [jid_name, password_name] = [format!("{stem}_JID"), format!("{stem}_PASSWORD")];
        let mut variable = |variable: &str| {
            let value = (surroundings.environment)(variable).filter(|value| !value.is_empty());
            if value.is_none() {
                context
                    .mistake(node.span, format!("the environment variable {variable} is not set"))
                    .label(format!("for `{name}`"));
            }
            value
        };
        let (Some(jid), Some(password)) = (variable(&jid_name), variable(&password_name)) else { continue };
        match BareJid::parse(&jid) {
            Ok(jid) => given.push(Given {
                name: name.clone(),
                jid,
                password: Secret::new(password),
                place: node.span,
            }),
            Err(error) => {
                context
                    .mistake(node.span, format!("the environment variable {jid_name} is no JID: {error}"))
                    .label(format!("for `{name}`"));
            }
        }
    }
    Some(given)
}

/// Accounts of a CSV file. Its lines are never shown, since they contain passwords.
fn from_file(context: &mut Context, node: &Node, surroundings: &Surroundings) -> Option<Vec<Given>> {
    let file = context.text(node, 500)?;
    let path = context.beside(file);
    let mut complain = |problem: String| {
        context
            .mistake(node.span, format!("{}: {problem}", path.display()))
            .label("this list of accounts")
            .help("its first line is `name,jid,password`; the path is relative to this file");
    };
    let text = match source::text(surroundings.loader, &path) {
        Ok(text) => text,
        Err(problem) => {
            complain(problem.list().first().map(|one| one.message.clone()).unwrap_or_default());
            return None;
        }
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    let place = |name: &str| header.iter().position(|one| one.trim_start_matches('\u{feff}') == name);
    let (Some(name), Some(jid), Some(password)) = (place("name"), place("jid"), place("password")) else {
        complain("a column is missing".to_owned());
        return None;
    };
    let mut given = Vec::new();
    let mut clean = true;
    for record in reader.records() {
        let row = match &record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let cell = |index| record.get(index).filter(|cell| !cell.is_empty());
                match (cell(name), cell(jid).map(BareJid::parse), cell(password)) {
                    (Some(name), Some(Ok(jid)), Some(password)) => {
                        Ok((name.to_owned(), jid, password.to_owned()))
                    }
                    (_, Some(Err(error)), _) => Err(format!("line {line} has no JID: {error}")),
                    _ => Err(format!("line {line} lacks a name, JID or password")),
                }
            }
            Err(error) => Err(match error.position() {
                Some(position) => format!("line {} has too few or too many columns", position.line()),
                None => "it is no CSV".to_owned(),
            }),
        };
        match row {
            Ok((name, jid, password)) => {
                given.push(Given { name, jid, password: Secret::new(password), place: node.span });
            }
            Err(problem) => {
                complain(problem);
                clean = false;
            }
        }
    }
    clean.then_some(given)
}

/// Gives each device its account, and tells which are missing, left over or used twice.
fn hand_out(
    context: &mut Context,
    node: &Node,
    given: Vec<Given>,
    server: Option<&Server>,
    devices: &mut [Device],
) {
    let places: HashMap<String, usize> =
        devices.iter().enumerate().map(|(index, device)| (device.name.clone(), index)).collect();
    let mut users: HashMap<BareJid, String> = HashMap::new();
    for account in given {
        if context.is_full() {
            return;
        }
        check(context, &account, server, &mut users);
        let Some(&index) = places.get(&account.name) else {
            let help = suggest::closest(&account.name, places.keys().map(String::as_str));
            context
                .mistake(account.place, format!("no device is named `{}`", account.name))
                .label("an account for nobody")
                .maybe_help(help.map(|near| format!("did you mean `{near}`?")));
            continue;
        };
        if is_commissioned(&devices[index]) {
            context
                .mistake(account.place, format!("`{}` gets its account over Bluetooth", account.name))
                .label("an account it will never use")
                .help("take it away, or give the device another way of `commissioning`");
            continue;
        }
        devices[index].account = Some((account.jid, account.password));
    }
    let lacks_one = |device: &&Device| device.account.is_none() && !is_commissioned(device);
    let without: Vec<&str> = devices.iter().filter(lacks_one).map(|device| device.name.as_str()).collect();
    if let (Some(first), true) = (without.first(), context.is_clean()) {
        let message = match without.len() {
            1 => format!("`{first}` has no account"),
            more => format!("`{first}` and {} more have no account", more - 1),
        };
        context.mistake(node.span, message).label("not in here");
    }
}

/// Complains about an account of another server, and about one that somebody has already.
fn check(
    context: &mut Context,
    account: &Given,
    server: Option<&Server>,
    users: &mut HashMap<BareJid, String>,
) {
    if let Some(Server::Remote(remote)) = server
        && account.jid.domain() != remote.domain
    {
        context
            .mistake(account.place, format!("{} is not an account of {}", account.jid, remote.domain))
            .label(format!("for `{}`", account.name));
    }
    if let Some(first) = users.insert(account.jid.clone(), account.name.clone()) {
        context
            .mistake(
                account.place,
                format!("`{first}` and `{}` share the account {}", account.name, account.jid),
            )
            .label("two of the fleet, one account")
            .help("each device and each observer needs an account of its own");
    }
}

/// Whether a device gets its account from whoever commissions it.
fn is_commissioned(device: &Device) -> bool {
    match device.commissioning {
        Commissioning::Bluetooth => true,
        Commissioning::Preset | Commissioning::Handshake => false,
    }
}
