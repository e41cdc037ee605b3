//! `client say`: a text command, and the answer.

use super::{Failure, Global, Target};
use crate::cli::output;
use clap::Args;
use serde_json::json;
use std::time::Duration;
use thingfleet::xmpp::client::Client;
use thingfleet_device::{jid::BareJid, ns};
use tokio::time::timeout;

/// How long a device may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct SayArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// What to say
    #[arg(required = true)]
    words: Vec<String>,
}

pub(super) async fn say(
    client: &mut Client,
    arguments: &SayArguments,
    device: &BareJid,
    global: &Global,
) -> Result<(), Failure> {
    client.say(device.as_str(), &arguments.words.join(" "));
    let answered = async {
        loop {
            let stanza = client.next().await?;
            let from = stanza.get_attr("from").unwrap_or_default();
            // What the server kept from an earlier time (XEP-0203) answers an earlier question.
            let is_late = stanza.get(ns::DELAY, "delay").is_some();
            if stanza.name() != "message" || !device.covers(from) || is_late {
                continue;
            }
            if stanza.get_attr("type") == Some("error") {
                return Err(Failure::run(format!(
                    "{device} is not there, or does not take messages from you"
                )));
            }
            if let Some(body) = stanza.get(ns::CLIENT, "body") {
                return Ok::<_, Failure>(body.get_text().into_owned());
            }
        }
    };
    let answer = timeout(PATIENCE, answered).await.map_err(|_| {
        Failure::run(format!("{device} did not answer within {} s", PATIENCE.as_secs()))
            .help("only contacts may command a device; check its name and its owners")
    })??;
    if global.json {
        output::json(&json!({ "type": "answer", "device": device.as_str(), "text": answer }))?;
    } else {
        output::line(&answer)?;
    }
    Ok(())
}
