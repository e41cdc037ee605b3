//! Fleets and devices as tables for people, and as JSON for programs.

use super::{Global, faults::settings, print_json};
use crate::cli::output;
use std::io;
use thingfleet_control::snapshot::{Bluetooth, Channel, Colour, Device, Fleet, Source};
use thingfleet_device::unit::Unit;

/// Prints a fleet.
pub(super) fn fleet(fleet: &Fleet, global: &Global) -> io::Result<()> {
    if global.json {
        return print_json("fleet", fleet);
    }
    let states: Vec<_> = fleet.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let pace = match (fleet.paused, fleet.lagging) {
        (true, _) => ", paused".to_owned(),
        (false, 0) => format!(", speed {}", fleet.speed),
        (false, lagging) => format!(", speed {}, too fast for {lagging} of them", fleet.speed),
    };
    output::line(&format!(
        "fleet {} on {}: {} devices ({}){pace}",
        fleet.name,
        fleet.domain,
        fleet.devices,
        states.join(", ")
    ))
}

/// Prints devices, one a line.
pub(super) fn devices(devices: &[Device], global: &Global) -> io::Result<()> {
    if global.json {
        return devices.iter().try_for_each(|device| print_json("device", device));
    }
    let mut rows = vec![["NAME", "KIND", "STATE", "TAGS", "VALUES"].map(str::to_owned)];
    rows.extend(devices.iter().map(|device| {
        let values: Vec<_> =
            device.channels.iter().map(|channel| format!("{}={}", channel.name, channel.value)).collect();
        [
            device.name.clone(),
            device.kind.clone(),
            device.state.to_string(),
            device.tags.join(","),
            values.join(" "),
        ]
    }));
    aligned(&rows)
}

/// Prints a device with all it has.
pub(super) fn device(device: &Device, global: &Global) -> io::Result<()> {
    if global.json {
        return print_json("device", device);
    }
    let light = device.led.map_or("off", Colour::name);
    output::line(&format!(
        "{} ({}, {}): {}, light {light}",
        device.name, device.title, device.kind, device.state
    ))?;
    if let Some(jid) = &device.jid {
        output::line(&format!("  jid        {jid}"))?;
    }
    if let Some(stage) = &device.stage {
        output::line(&format!("  stage      {stage}"))?;
    }
    if let Some(bluetooth) = &device.bluetooth {
        output::line(&format!("  bluetooth  {}", peripheral(bluetooth)))?;
    }
    if let Some(trouble) = &device.trouble {
        output::line(&format!("  trouble    {}: {}; {}", trouble.kind, trouble.text, trouble.next_step))?;
    }
    if device.lag_seconds > 0.0 {
        output::line(&format!("  lag        {:.0} s behind the fleet's speed", device.lag_seconds))?;
    }
    for active in &device.faults {
        output::line(format!("  fault      {} {}", active.fault.fault, settings(&active.fault)).trim_end())?;
    }
    let mut rows = vec![["  CHANNEL", "VALUE", "SOURCE", "AGE"].map(str::to_owned)];
    rows.extend(device.channels.iter().map(|channel| {
        let symbol = channel.unit.as_deref().and_then(Unit::from_name).map_or("", Unit::symbol);
        let value = format!("{} {symbol}", channel.value);
        let age = format!("{:.0} s", channel.age_seconds);
        [format!("  {}", channel.name), value.trim_end().to_owned(), source(channel), age]
    }));
    aligned(&rows)
}

fn source(channel: &Channel) -> String {
    match (channel.source, &channel.set_by) {
        (Source::Behaviour, _) => "behaviour".to_owned(),
        (Source::Injected, _) => "injected".to_owned(),
        (Source::Held, _) => "held".to_owned(),
        (Source::Set, Some(by)) => format!("set by {by}"),
        (Source::Set, None) => "set at the device".to_owned(),
    }
}

fn peripheral(bluetooth: &Bluetooth) -> String {
    match bluetooth {
        Bluetooth::Queued { ahead } => format!("waits for an adapter; {ahead} come first"),
        Bluetooth::Advertising { adapter, address } => format!("advertises on {adapter} as {address}"),
        Bluetooth::Down(trouble) => format!("{}; {}", trouble.text, trouble.next_step),
    }
}

/// Prints rows in columns.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> io::Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let cells: Vec<_> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        output::line(cells.join("  ").trim_end())?;
    }
    Ok(())
}
