//! `ctl inject`, `hold`, `set` and the other commands for devices.

use super::{Failure, Global, Named, print_json};
use crate::cli::output;
use clap::Args;
use thingfleet_control::{
    client::Client,
    command::{ButtonAction, Command, Order},
    value::Value,
};

/// Devices, and what happens to one of their sensors or actuators.
#[derive(Debug, Args)]
pub(super) struct Assignment {
    #[command(flatten)]
    devices: Named,
    /// A sensor or actuator, with its value where there is one: temp=95, powerOn=on, mode=eco
    #[arg(value_name = "CHANNEL[=VALUE]")]
    assignment: String,
}

#[derive(Debug, Args)]
pub(super) struct Press {
    #[command(flatten)]
    devices: Named,
    /// Keep it down
    #[arg(long, conflicts_with = "release")]
    hold: bool,
    /// Let it go
    #[arg(long)]
    release: bool,
}

impl Assignment {
    /// The channel and its value.
    fn value(&self) -> Result<(String, Value), Failure> {
        let parts = self.assignment.split_once('=');
        let (channel, word) =
            parts.ok_or_else(|| Failure::input("no value is given").help("write for example temp=95"))?;
        Ok((channel.to_owned(), Value::from_word(word)))
    }

    /// The channel alone.
    fn channel(&self) -> Result<String, Failure> {
        if self.assignment.contains('=') {
            return Err(Failure::input("a value makes no sense here").help("write for example temp"));
        }
        Ok(self.assignment.clone())
    }
}

pub(super) async fn inject(client: &Client, what: &Assignment, global: &Global) -> Result<(), Failure> {
    let (channel, value) = what.value()?;
    order(client, &what.devices, Command::Inject { channel, value }, global).await
}

pub(super) async fn hold(client: &Client, what: &Assignment, global: &Global) -> Result<(), Failure> {
    let (channel, value) = match what.value() {
        Ok((channel, value)) => (channel, Some(value)),
        Err(_) => (what.channel()?, None),
    };
    order(client, &what.devices, Command::Hold { channel, value }, global).await
}

pub(super) async fn release(client: &Client, what: &Assignment, global: &Global) -> Result<(), Failure> {
    order(client, &what.devices, Command::Release { channel: what.channel()? }, global).await
}

pub(super) async fn set(client: &Client, what: &Assignment, global: &Global) -> Result<(), Failure> {
    let (channel, value) = what.value()?;
    order(client, &what.devices, Command::Set { channel, value }, global).await
}

pub(super) async fn press(client: &Client, press: &Press, global: &Global) -> Result<(), Failure> {
    let action = match (press.hold, press.release) {
        (true, _) => ButtonAction::Hold,
        (_, true) => ButtonAction::Release,
        (false, false) => ButtonAction::Press,
    };
    order(client, &press.devices, Command::Button { action }, global).await
}

pub(super) async fn reset(client: &Client, devices: &Named, global: &Global) -> Result<(), Failure> {
    order(client, devices, Command::Reset {}, global).await
}

pub(super) async fn offline(client: &Client, devices: &Named, global: &Global) -> Result<(), Failure> {
    order(client, devices, Command::Offline {}, global).await
}

pub(super) async fn online(client: &Client, devices: &Named, global: &Global) -> Result<(), Failure> {
    order(client, devices, Command::Online {}, global).await
}

/// Has devices do something and prints what has become of it; fails if not all of them have done it.
pub(super) async fn order(
    client: &Client,
    devices: &Named,
    command: Command,
    global: &Global,
) -> Result<(), Failure> {
    let outcome = client.command(&Order { devices: devices.into(), command }).await?;
    if global.json {
        print_json("outcome", &outcome)?;
    } else {
        output::line(&format!("done: {}", outcome.done.join(", ")))?;
        for refusal in &outcome.refused {
            output::line(&format!("refused: {}: {}; {}", refusal.device, refusal.why, refusal.next_step))?;
        }
    }
    let all = outcome.done.len() + outcome.refused.len();
    if outcome.refused.is_empty() {
        Ok(())
    } else {
        Err(Failure::run(format!("{} of {all} devices have not done it", outcome.refused.len())))
    }
}
