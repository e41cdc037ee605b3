//! What a commissioning came to, and what a scan has found.

use super::progress::{deviation, milliseconds};
use crate::cli::{Global, output};
use serde_json::{Map, Value, json};
use std::io;
use thingfleet::commission::{Announced, Order, Report, Sighting, Weight};
use thingfleet_device::jid::BareJid;

/// Prints the summary. It holds no secret.
pub(super) fn print(report: &Report, order: &Order, global: &Global) -> io::Result<()> {
    if global.json {
        return output::json(&object(report, order));
    }
    if report.outcome.is_err() {
        // What went wrong stands in the complaint.
        return Ok(());
    }
    let known = &report.known;
    let name = known.name.as_deref().unwrap_or("the device");
    let jid = known.jid.as_ref().map_or("", BareJid::as_str);
    let seconds = report.total.as_secs_f64();
    output::line(&format!("{name} is {jid} now, and belongs to {} ({seconds:.1} s)", order.owner.jid))?;
    let count = |weight| report.deviations.iter().filter(|one| one.code.weight() == weight).count();
    match count(Weight::Deviation) {
        0 => output::line("it keeps to the protocol")?,
        1 => output::line("it deviates from the protocol in one thing")?,
        many => output::line(&format!("it deviates from the protocol in {many} things"))?,
    }
    output::line(&format!("watch it with: thingfleet client watch {jid}"))
}

fn object(report: &Report, order: &Order) -> Value {
    let known = &report.known;
    let steps: Vec<_> = report
        .steps
        .iter()
        .map(|took| json!({ "step": took.step.name(), "ms": milliseconds(took.time) }))
        .collect();
    let failure = report.outcome.as_ref().err().map(|(step, error)| {
        json!({ "step": step.name(), "text": error.to_string(), "next_step": error.next_step() })
    });
    let information: Map<_, _> =
        known.information.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    json!({
        "type": "summary",
        "outcome": if report.outcome.is_ok() { "done" } else { "failed" },
        "failure": failure,
        "address": order.code.address.to_string(),
        "name": known.name,
        "information": information,
        "security": known.security,
        "jid": known.jid.as_ref().map(BareJid::as_str),
        "registered": known.is_registered,
        "owner": order.owner.jid.as_str(),
        "channels": known.channels,
        "steps": steps,
        "ms": milliseconds(report.total),
        "deviations": report.deviations.iter().map(deviation).collect::<Vec<_>>(),
    })
}

/// Prints what waits to be commissioned, the nearest first.
pub(super) fn sightings(found: &[Sighting], global: &Global) -> io::Result<()> {
    let mut found: Vec<_> = found.iter().collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.rssi));
    for one in found {
        let address = one.peer.address;
        let name = one.name.as_deref().unwrap_or_default();
        let security = match one.announced() {
            Announced::Security(security) => security.name(),
            Announced::Nothing => "not announced",
            Announced::Unknown => "unknown",
        };
        if global.json {
            output::json(&json!({
                "type": "waiting",
                "address": address.to_string(),
                "name": one.name,
                "rssi": one.rssi,
                "security": security,
            }))?;
        } else {
            let rssi = one.rssi.map_or_else(String::new, |rssi| format!("{rssi} dBm"));
            output::line(format!("{address}  {rssi:>8}  {security:13}  {name}").trim_end())?;
        }
    }
    Ok(())
}
