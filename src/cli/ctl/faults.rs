//! `ctl fault`, `clear` and `faults`: lets something go wrong, ends it, and shows what goes wrong.

use super::{Failure, Global, Named, act::order, print_json, table::aligned};
use crate::cli::{duration, faults::kinds, output};
use clap::Args;
use std::{io, time::Duration};
use thingfleet_control::{
    client::Client,
    command::Command,
    fault::{ActiveFault, FaultSpec},
    snapshot::Device,
};

/// What is to go wrong.
#[derive(Debug, Args)]
pub(super) struct Begin {
    #[command(flatten)]
    devices: Named,
    /// The kind; `thingfleet faults` lists them
    #[arg(value_name = "FAULT", value_parser = kinds(), hide_possible_values = true)]
    fault: String,
    /// What it is set to: channel=temp, amount=5, delay=2s, share=20%; `thingfleet faults FAULT` lists them
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// How long it lasts; until it is cleared unless given
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    span: Option<Duration>,
}

/// What is to end.
#[derive(Debug, Args)]
pub(super) struct Clear {
    #[command(flatten)]
    devices: Named,
    /// Only faults of this kind
    #[arg(value_name = "FAULT", value_parser = kinds(), hide_possible_values = true)]
    fault: Option<String>,
    /// Only the fault with this number; `thingfleet ctl faults DEVICE` shows it
    #[arg(long, conflicts_with = "fault")]
    id: Option<u32>,
}

impl Begin {
    fn spec(&self) -> Result<FaultSpec, Failure> {
        let for_seconds = self.span.map(|span| span.as_secs_f64());
        let mut spec = FaultSpec { fault: self.fault.clone(), for_seconds, ..FaultSpec::default() };
        for setting in &self.settings {
            set(&mut spec, setting).map_err(|why| {
                let help =
                    format!("write for example delay=2s; `thingfleet faults {}` lists them", self.fault);
                Failure::input(why).help(help)
            })?;
        }
        Ok(spec)
    }
}

/// Takes one `key=value`; says what is wrong with it.
fn set(spec: &mut FaultSpec, setting: &str) -> Result<(), String> {
    let (key, value) =
        setting.split_once('=').ok_or_else(|| format!("{setting:?} sets nothing to anything"))?;
    let text = || Some(value.to_owned());
    let span = || duration::parse(value).map(|span| Some(span.as_secs_f64()));
    match key {
        "channel" => spec.channel = text(),
        "amount" => spec.amount = Some(value.parse().map_err(|_| format!("{value:?} is no number"))?),
        "delay" => spec.delay = span()?,
        "jitter" => spec.jitter = span()?,
        "share" => {
            spec.share = Some(share(value).ok_or_else(|| format!("{value:?} is no share; write 20%"))?);
        }
        "direction" => spec.direction = text(),
        "characteristic" => spec.characteristic = text(),
        "text" => spec.text = text(),
        _ => return Err(format!("no fault has a setting {key:?}")),
    }
    Ok(())
}

/// Reads `20%` as 0.2.
fn share(text: &str) -> Option<f64> {
    let percent = text.strip_suffix('%')?.trim_end().parse::<f64>().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

pub(super) async fn begin(client: &Client, what: &Begin, global: &Global) -> Result<(), Failure> {
    order(client, &what.devices, Command::Fault { fault: what.spec()? }, global).await
}

pub(super) async fn clear(client: &Client, clear: &Clear, global: &Global) -> Result<(), Failure> {
    let command = Command::Clear { id: clear.id, kind: clear.fault.clone() };
    order(client, &clear.devices, command, global).await
}

/// Prints what goes wrong with a device.
pub(super) fn faults(device: &Device, global: &Global) -> io::Result<()> {
    if global.json {
        return device.faults.iter().try_for_each(|fault| print_json("fault", fault));
    }
    if device.faults.is_empty() {
        return output::line(&format!("nothing goes wrong with {}", device.name));
    }
    let mut rows = vec![["ID", "FAULT", "SETTINGS", "SINCE", "LEFT"].map(str::to_owned)];
    rows.extend(device.faults.iter().map(|active| {
        let [since, left] = times(active);
        [active.id.to_string(), active.fault.fault.clone(), settings(&active.fault), since, left]
    }));
    aligned(&rows)
}

/// Since when on the device's own clock, and for how much longer.
fn times(active: &ActiveFault) -> [String; 2] {
    let left = active.left_seconds.map_or("until cleared".to_owned(), |left| format!("{left:.0} s"));
    [format!("{:.0} s", active.since_seconds), left]
}

/// The settings that were given: `channel=temp amount=5`.
pub(super) fn settings(spec: &FaultSpec) -> String {
    let seconds = |seconds: f64| format!("{seconds}s");
    let fields = [
        ("channel", spec.channel.clone()),
        ("amount", spec.amount.map(|amount| amount.to_string())),
        ("delay", spec.delay.map(seconds)),
        ("jitter", spec.jitter.map(seconds)),
        ("share", spec.share.map(|share| format!("{}%", share * 100.0))),
        ("direction", spec.direction.clone()),
        ("characteristic", spec.characteristic.clone()),
        ("text", spec.text.clone()),
    ];
    let given = fields.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
    given.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_as_they_are_shown() {
        let mut spec = FaultSpec::default();
        for setting in ["channel=temp", "amount=-2.5", "delay=1.5s", "share=20%", "text=a=b"] {
            set(&mut spec, setting).unwrap();
        }
        assert_eq!(settings(&spec), "channel=temp amount=-2.5 delay=1.5s share=20% text=a=b");
    }

    #[test]
    fn what_sets_nothing_is_refused() {
        for setting in ["temp", "colour=red", "amount=much", "delay=2", "share=0.2", "share=200%"] {
            assert!(set(&mut FaultSpec::default(), setting).is_err(), "{setting}");
        }
    }
}
