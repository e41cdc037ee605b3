//! `client set`: publishes a value for an actuator and waits for the device to report.

use super::{Failure, Global, Target, refused, value, watch::print};
use clap::Args;
use std::time::Duration;
use thingfleet::xmpp::client::Client;
use thingfleet_device::{jid::BareJid, ns, xml::Element};
use tokio::time::timeout;

/// How long a device may take to report what it was told.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct SetArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// The actuator and its new value; booleans are 1 and 0
    #[arg(value_name = "ACTUATOR=VALUE")]
    assignment: String,
}

pub(super) async fn set(
    client: &mut Client,
    arguments: &SetArguments,
    device: &BareJid,
    global: &Global,
) -> Result<(), Failure> {
    let (name, wanted) = arguments
        .assignment
        .split_once('=')
        .ok_or_else(|| Failure::input("no value is given").help("write for example powerOn=1"))?;
    value::subscribe(client, device).await.map_err(|error| refused(device, error))?;
    let val = Element::new(ns::IOT, "val").text(wanted.to_owned());
    let item = Element::new(ns::PUBSUB, "item").attr("id", value::actuator_item(name)).child(val);
    let publish = Element::new(ns::PUBSUB, "publish").attr("node", value::ACTUATORS).child(item);
    let request = Element::new(ns::PUBSUB, "pubsub").child(publish);
    client.iq("set", Some(device.as_str()), request).await.map_err(|error| refused(device, error))?;

    let mut last = None;
    let reported = timeout(PATIENCE, async {
        loop {
            let stanza = client.next().await?;
            let values = value::of_notification(&stanza, device);
            if let Some(one) = values.into_iter().find(|one| one.name == name) {
                if means(&one.text, wanted) {
                    return Ok::<_, Failure>(one);
                }
                last = Some(one);
            }
        }
    });
    let Ok(reported) = reported.await else {
        let message = match last {
            Some(last) => format!("{device} did not take {wanted} for {name} and reports {}", last.text),
            None => format!("{device} did not report {name} within {} s", PATIENCE.as_secs()),
        };
        let help = format!("`thingfleet client say {} help` lists what it has", device.local());
        return Err(Failure::run(message).help(help));
    };
    print(&reported?, global)?;
    value::unsubscribe(client, device).await.map_err(|error| refused(device, error))
}

/// Whether a reported text is the wanted value, in whatever spelling it was written.
fn means(reported: &str, wanted: &str) -> bool {
    let plain = |text: &str| match text.to_ascii_lowercase().as_str() {
        "on" | "true" => "1".to_owned(),
        "off" | "false" => "0".to_owned(),
        other => other.replace(',', "."),
    };
    let (reported, wanted) = (plain(reported), plain(wanted));
    match (reported.parse::<f64>(), wanted.parse::<f64>()) {
        (Ok(reported), Ok(wanted)) => (reported - wanted).abs() < 1e-9,
        _ => reported == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_value_mean_the_same() {
        for (reported, wanted) in
            [("1", "on"), ("0", "false"), ("21.50", "21.5"), ("0.5", "0,5"), ("eco", "Eco")]
        {
            assert!(means(reported, wanted), "{reported} {wanted}");
        }
        assert!(!means("1", "banana"));
        assert!(!means("21", "22"));
    }
}
