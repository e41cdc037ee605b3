//! `client watch`: a device's values as they come.

use super::{
    Failure, Global, Target, refused,
    value::{self, Published},
};
use crate::cli::{duration, output};
use clap::Args;
use serde_json::json;
use std::{io, time::Duration};
use thingfleet::xmpp::client::Client;
use thingfleet_device::{jid::BareJid, unit::Unit};
use tokio::time::{Instant, sleep_until};

/// A year: a watch without `--for` ends when it is told to.
const NO_END: Duration = Duration::from_hours(24 * 365);

#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// End after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    span: Option<Duration>,
}

pub(super) async fn watch(
    client: &mut Client,
    arguments: &WatchArguments,
    device: &BareJid,
    global: &Global,
) -> Result<(), Failure> {
    value::subscribe(client, device).await.map_err(|error| refused(device, error))?;
    for published in value::stored(client, device).await.map_err(|error| refused(device, error))? {
        print(&published, global)?;
    }
    let end = Instant::now() + arguments.span.unwrap_or(NO_END);
    loop {
        tokio::select! {
            () = sleep_until(end) => break,
            stanza = client.next() => {
                for published in value::of_notification(&stanza?, device) {
                    print(&published, global)?;
                }
            }
        }
    }
    value::unsubscribe(client, device).await.map_err(|error| refused(device, error))
}

/// Prints a value with its unit.
pub(super) fn print(published: &Published, global: &Global) -> io::Result<()> {
    let Published { name, text, unit } = published;
    if global.json {
        return output::json(&json!({ "type": "value", "channel": name, "value": text, "unit": unit }));
    }
    let symbol = Unit::from_name(unit).map_or(unit.as_str(), |unit| unit.symbol());
    output::line(format!("{name} = {text} {symbol}").trim_end())
}
