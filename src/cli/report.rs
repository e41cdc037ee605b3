//! What `run` and `demo` print about a fleet as a whole: how to join, its health each second, a summary.

use super::{Global, output};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io, time::Instant};
use thingfleet::{
    control::Control,
    fleet::{
        Fleet,
        health::{Health, Snapshot, Trouble},
    },
};
use thingfleet_device::jid::BareJid;
use thingfleet_schema::{plan::Plan, profile};

/// Troubled devices named in a line of health; the summary names more.
const NAMED_IN_PULSE: usize = 1;
/// Waiting devices named at the start.
const NAMED_AT_START: usize = 8;
/// Troubled devices named in the summary.
const NAMED_IN_SUMMARY: usize = 20;

/// Tells what was started, how to join and how to steer it. Two secrets are printed, which live for the run and on
/// loopback: the password of the person on the private server, and the token of the control interface. `named` is what
/// the profile is called on the command line.
pub(super) fn started(
    profile: &profile::Fleet,
    named: &str,
    fleet: &Fleet,
    control: Option<&Control>,
    global: &Global,
) -> io::Result<()> {
    if global.json {
        return output::json(&started_json(profile, fleet, control));
    }
    joining(profile, named, fleet)?;
    control.map_or(Ok(()), steering)
}

/// Tells how to steer a fleet, with the token of its control interface.
pub(super) fn steering(control: &Control) -> io::Result<()> {
    output::line(
        "steer it from another terminal with `thingfleet ctl list`, or over HTTP (docs/CONTROL.md):",
    )?;
    output::line(&format!("  address      {}", control.url()))?;
    output::line(&format!("  token        {}\n", control.token().reveal()))
}

/// Tells which plans of faults the fleet meets, and how many of its devices.
pub(super) fn plans(plans: &[Plan], profile: &profile::Fleet, global: &Global) -> io::Result<()> {
    let all = profile.devices.len();
    for plan in plans {
        let Plan { name, description, faults, devices } = plan;
        if global.json {
            output::json(&json!({ "type": "plan", "name": name, "faults": faults, "devices": devices }))?;
        } else {
            output::line(&format!("faults {name}, for {devices} of {all} devices: {description}"))?;
        }
    }
    Ok(())
}

/// Tells where the fleet is, and how to join it.
fn joining(profile: &profile::Fleet, named: &str, fleet: &Fleet) -> io::Result<()> {
    let devices = profile.devices.len();
    let Some(server) = fleet.server() else {
        output::line(&format!("fleet {}: {devices} devices on {}", profile.name, fleet.remote().domain))?;
        return waiting(profile, named, fleet);
    };
    let account = &server.person().account;
    let address = server.address();
    output::line(&format!("fleet {}: {devices} devices on a private server (Prosody)", profile.name))?;
    output::line("\njoin with any XMPP client:")?;
    output::line(&format!("  account      {}", account.jid))?;
    output::line(&format!("  password     {}", account.password.reveal()))?;
    output::line(&format!("  server       {}, port {} (STARTTLS)", address.ip(), address.port()))?;
    output::line(&format!("  certificate  signed by {}", server.ca_file().display()))?;
    // One that is commissioned has its address from whoever does that.
    if let Some((first, ..)) = fleet.devices().find(|(_, account, _)| account.is_some()) {
        output::line("\nor without one, from another terminal:")?;
        output::line(&format!("  thingfleet client watch {first}"))?;
        output::line(&format!("  thingfleet client say {first} help"))?;
    }
    waiting(profile, named, fleet)?;
    output::line("")
}

/// Tells how to see the codes of the devices that wait to be commissioned.
fn waiting(profile: &profile::Fleet, named: &str, fleet: &Fleet) -> io::Result<()> {
    let labels = fleet.labels(profile);
    let waiting: Vec<_> = labels.iter().filter(|label| fleet.is_waiting(&label.device)).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let count = waiting.len();
    output::line(&format!(
        "\nwaiting to be commissioned over Bluetooth: {count}; their codes, from another terminal:"
    ))?;
    for label in waiting.iter().take(NAMED_AT_START) {
        output::line(&format!("  thingfleet qr {named} {}", label.device))?;
    }
    if count > NAMED_AT_START {
        output::line(&format!(
            "  … and {} more; thingfleet qr {named} --sheet labels.html",
            count - NAMED_AT_START
        ))?;
    }
    Ok(())
}

fn started_json(profile: &profile::Fleet, fleet: &Fleet, control: Option<&Control>) -> Value {
    let remote = fleet.remote();
    let person = fleet.server().map(|server| {
        let account = &server.person().account;
        json!({ "jid": account.jid.as_str(), "password": account.password.reveal() })
    });
    let ca_file = fleet.server().map(thingfleet::server::PrivateServer::ca_file);
    let mut devices: Vec<_> = fleet
        .devices()
        .map(|(name, jid, definition)| json!({ "name": name, "jid": jid.as_ref().map(BareJid::as_str), "kind": definition.kind }))
        .collect();
    // Those that are commissioned over Bluetooth tell their code, or null as long as their address is not known.
    let mut labels = fleet.labels(profile).into_iter().peekable();
    for device in &mut devices {
        if let Some(label) = labels.next_if(|label| device["name"] == json!(label.device)) {
            device["code"] = json!(label.code().map(|code| code.to_string()));
        }
    }
    json!({
        "type": "started",
        "fleet": profile.name,
        "server": { "domain": remote.domain, "host": remote.host, "port": remote.port, "ca_file": ca_file },
        "person": person,
        "devices": devices,
        "control": control.map(steering_json),
    })
}

/// Where a fleet is steered, with the token of its control interface.
pub(super) fn steering_json(control: &Control) -> Value {
    json!({ "url": control.url(), "token": control.token().reveal(), "file": control.file() })
}

/// Prints lines of health; remembers the last one, since rates are what happened in between.
pub(super) struct Pulse {
    begun: Instant,
    last: (Instant, Snapshot),
}

impl Pulse {
    pub(super) fn new(health: &Health) -> Self {
        let now = Instant::now();
        Self { begun: now, last: (now, health.snapshot()) }
    }

    pub(super) fn print(&mut self, health: &Health, global: &Global) -> io::Result<()> {
        let (now, snapshot) = (Instant::now(), health.snapshot());
        let span = (now - self.last.0).as_secs_f64().max(1e-3);
        let rate = |after: u64, before: u64| (after.saturating_sub(before)) as f64 / span;
        let events = rate(snapshot.counts.events, self.last.1.counts.events);
        let publishes = rate(snapshot.counts.published, self.last.1.counts.published);
        let elapsed = now - self.begun;
        if global.json {
            let mut value = health_json("health", &snapshot);
            value["seconds"] = json!(elapsed.as_secs_f64());
            value["events_per_second"] = json!(events);
            value["publishes_per_second"] = json!(publishes);
            output::json(&value)?;
        } else {
            let mut parts = vec![format!("{publishes:.0} publishes/s"), format!("{events:.0} events/s")];
            for (count, word) in [
                (snapshot.counts.publish_failures, "publishes refused"),
                (snapshot.counts.setup_failures, "setups refused"),
                (snapshot.counts.refusals, "requests refused"),
                (snapshot.counts.restarts, "restarts"),
            ] {
                if count > 0 {
                    parts.push(format!("{count} {word}"));
                }
            }
            let text = format!("{:>5} s  {}; {}", elapsed.as_secs(), states(&snapshot), parts.join(", "));
            output::line(&text)?;
            let troubles = health.troubles();
            for trouble in troubles.iter().take(NAMED_IN_PULSE) {
                output::line(&trouble_line(trouble))?;
            }
            if troubles.len() > NAMED_IN_PULSE {
                output::line(&format!("         … and {} more", troubles.len() - NAMED_IN_PULSE))?;
            }
        }
        self.last = (now, snapshot);
        Ok(())
    }
}

/// Tells how the run went.
pub(super) fn summary(last: &Snapshot, troubles: &[Trouble], global: &Global) -> io::Result<()> {
    if global.json {
        let mut value = health_json("summary", last);
        value["troubles"] = troubles.iter().map(trouble_json).collect();
        return output::json(&value);
    }
    output::line(&format!("\n{} of {} devices came online", last.ever_online, last.devices))?;
    output::line(&format!("at the end: {}", states(last)))?;
    output::line(&format!(
        "{} values published, {} refused; {} actuations, {} requests refused; {} stanzas sent, {} received",
        last.counts.published,
        last.counts.publish_failures,
        last.counts.actuations,
        last.counts.refusals,
        last.counts.sent,
        last.counts.received
    ))?;
    if last.counts.restarts > 0 {
        output::line(&format!("{} device tasks were restarted; please report that", last.counts.restarts))?;
    }
    for trouble in troubles.iter().take(NAMED_IN_SUMMARY) {
        output::line(&trouble_line(trouble))?;
    }
    if troubles.len() > NAMED_IN_SUMMARY {
        output::line(&format!("         … and {} more", troubles.len() - NAMED_IN_SUMMARY))?;
    }
    Ok(())
}

fn states(snapshot: &Snapshot) -> String {
    let mut parts = vec![format!("{}/{} online", snapshot.online, snapshot.devices)];
    for (count, word) in [
        (snapshot.commissioning, "to be commissioned"),
        (snapshot.joining, "joining a network"),
        (snapshot.connecting, "connecting"),
        (snapshot.setting_up, "setting up"),
        (snapshot.off, "not switched on yet"),
        (snapshot.restarting, "restarting"),
        (snapshot.offline, "offline"),
        (snapshot.stopped, "stopped"),
        (snapshot.lagging, "too fast for this machine"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    for (kinds, word) in [
        (&snapshot.off_the_air, "not on the air"),
        (&snapshot.waiting, "waiting"),
        (&snapshot.failed, "failed"),
    ] {
        if let Some(text) = by_kind(kinds) {
            parts.push(format!("{} {word} ({text})", kinds.values().sum::<usize>()));
        }
    }
    parts.join(", ")
}

fn by_kind(kinds: &BTreeMap<&'static str, usize>) -> Option<String> {
    let parts: Vec<_> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn trouble_line(trouble: &Trouble) -> String {
    format!("         {}: {}: {}; {}", trouble.device, trouble.kind, trouble.text, trouble.next_step)
}

fn trouble_json(trouble: &Trouble) -> Value {
    json!({
        "device": &*trouble.device,
        "kind": trouble.kind,
        "text": trouble.text,
        "next_step": trouble.next_step,
    })
}

fn health_json(kind: &str, snapshot: &Snapshot) -> Value {
    json!({
        "type": kind,
        "devices": snapshot.devices,
        "off": snapshot.off,
        "commissioning": snapshot.commissioning,
        "advertising": snapshot.advertising,
        "queued": snapshot.queued,
        "off_the_air": snapshot.off_the_air,
        "joining": snapshot.joining,
        "connecting": snapshot.connecting,
        "setting_up": snapshot.setting_up,
        "online": snapshot.online,
        "waiting": snapshot.waiting,
        "failed": snapshot.failed,
        "restarting": snapshot.restarting,
        "offline": snapshot.offline,
        "stopped": snapshot.stopped,
        "ever_online": snapshot.ever_online,
        "lagging": snapshot.lagging,
        "events": snapshot.counts.events,
        "published": snapshot.counts.published,
        "publish_failures": snapshot.counts.publish_failures,
        "setup_failures": snapshot.counts.setup_failures,
        "actuations": snapshot.counts.actuations,
        "refusals": snapshot.counts.refusals,
        "stanzas_sent": snapshot.counts.sent,
        "stanzas_received": snapshot.counts.received,
        "restarts": snapshot.counts.restarts,
        "missed_events": snapshot.missed_events,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_health_names_what_is_not_as_it_should_be() {
        let snapshot = Snapshot {
            devices: 5,
            online: 2,
            setting_up: 1,
            waiting: BTreeMap::from([("unreachable", 1)]),
            failed: BTreeMap::from([("authentication", 1)]),
            ..Snapshot::default()
        };
        assert_eq!(
            states(&snapshot),
            "2/5 online, 1 setting up, 1 waiting (unreachable 1), 1 failed (authentication 1)"
        );
        let snapshot = Snapshot {
            devices: 4,
            commissioning: 3,
            joining: 1,
            off_the_air: BTreeMap::from([("no-adapter", 2)]),
            ..Snapshot::default()
        };
        assert_eq!(
            states(&snapshot),
            "0/4 online, 3 to be commissioned, 1 joining a network, 2 not on the air (no-adapter 2)"
        );
    }
}
