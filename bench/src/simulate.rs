//! Simulated time: how fast devices live when nothing but the processor holds them up.

use crate::{measure::processor_time, report::Report};
use std::{hint::black_box, time::Duration};
use thingfleet_device::{
    definition::Definition,
    time::{Instant, UnixMillis},
    trace::Trace,
};
use thingfleet_schema::catalogue;
use thingfleet_simulated::{Rig, Server, instance, kettle};

/// Devices of the target.
const DEVICES: f64 = 1000.0;

/// Simulated time of the target.
const DAY: Duration = Duration::from_hours(24);

/// Seconds the target may take.
const MOST: f64 = 60.0;

/// Runs samples of the target and reports what the whole of it takes.
pub(crate) fn run(quick: bool, report: &mut Report) {
    eprintln!("simulated time");
    let sample = if quick { 5 } else { 50 };
    let section = report.section("simulated time, processor time of one core");
    let whole = seconds(sample, complete);
    section.bounded("1,000 kettles x 24 h, stanzas and all", whole, "s", MOST);
    section.row("the same, a second and core", DEVICES * 24.0 / whole, "device-hours");
    for entry in catalogue::all() {
        let definition = entry.definition();
        let whole = seconds(sample / 5, |device| world_alone(&definition, device));
        section.row(format!("{} alone, 1,000 x 24 h", entry.name), whole, "s");
    }
    section.remark(format!("{sample} kettles, {} of each other kind, scaled up to 1,000", sample / 5));
    section.remark("alone: behaviours, rules and publish policies, without agent and stanzas");
}

/// Processor seconds of the whole target, by a sample of its devices.
fn seconds(sample: u32, mut live: impl FnMut(u32)) -> f64 {
    let start = processor_time();
    (0..sample).for_each(&mut live);
    let used = processor_time().saturating_sub(start);
    used.as_secs_f64() * DEVICES / f64::from(sample)
}

fn complete(device: u32) {
    let mut thing = instance();
    thing.name = format!("kettle-{device}");
    let mut rig = Rig::new(kettle(), thing, Server::new("ejabberd"));
    rig.keeps_history = false;
    rig.run_for(DAY);
    black_box((rig.stanzas, &rig.device));
}

fn world_alone(definition: &Definition, device: u32) {
    let mut sent = 0u64;
    let mut trace = Trace::new(definition, &format!("{}-{device}", definition.kind), 7, UnixMillis(0));
    let counted: Result<(), ()> = trace.run(Instant::START.plus(DAY), &mut |_| {
        sent += 1;
        Ok(())
    });
    counted.expect("counting cannot fail");
    black_box(sent);
}
