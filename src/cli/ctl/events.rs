//! `ctl events`: what devices tell, as they tell it or up to now.

use super::{Devices, Failure, Global, print_json};
use crate::cli::events;
use clap::Args;
use std::{collections::HashSet, io};
use thingfleet_control::{
    client::{Client, Told},
    command::Selection,
};

#[derive(Debug, Args)]
pub(super) struct EventsArguments {
    #[command(flatten)]
    devices: Devices,
    /// Only events after the one with this sequence number; 0 for all that are kept
    #[arg(long, value_name = "N")]
    since: Option<u64>,
    /// Go on with those that come
    #[arg(long)]
    follow: bool,
}

pub(super) async fn events(
    client: &Client,
    arguments: &EventsArguments,
    global: &Global,
) -> Result<(), Failure> {
    let selection = Selection::from(&arguments.devices);
    if arguments.follow {
        let mut stream = client.events(&selection, arguments.since).await?;
        while let Some(told) = stream.next().await? {
            print(&told, global)?;
        }
        return Ok(());
    }
    // Up to the latest one, which may be of a device that is not meant, so the fleet must not leave any out.
    let (latest, since) = (client.fleet().await?.latest_event, arguments.since.unwrap_or(0));
    let meant: HashSet<_> = client.devices(&selection).await?.into_iter().map(|device| device.name).collect();
    let mut stream = client.events(&Selection::default(), Some(since)).await?;
    let mut seen = since;
    while seen < latest {
        let Some(told) = stream.next().await? else { break };
        let is_meant = match &told {
            Told::Event(event) => meant.contains(&event.device),
            Told::Gap(_) => true,
        };
        seen = match &told {
            Told::Event(event) => event.seq,
            Told::Gap(gap) => gap.to,
        };
        if is_meant {
            print(&told, global)?;
        }
    }
    Ok(())
}

fn print(told: &Told, global: &Global) -> io::Result<()> {
    match told {
        Told::Event(event) if global.json => print_json("event", event),
        Told::Event(event) => events::line(&event.device, event.device_seconds, &event.what),
        Told::Gap(gap) if global.json => print_json("gap", gap),
        Told::Gap(gap) => {
            crate::cli::output::line(&format!("… {} to {} are not kept any more", gap.from, gap.to))
        }
    }
}
