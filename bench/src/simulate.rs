//! Simulated time: how fast devices live when nothing but the processor holds them up.
//!
//! The lower bound is a loop that only counts the ticks and writes each published value as a constant string of the
//! same length; everything above it is behaviour, rules, policies, stanzas and the state machines around them.

use crate::measure::processor_time;
use std::{hint::black_box, time::Duration};
use thingfleet_simulated::{Rig, Server, instance, kettle};

/// Devices of the target.
const DEVICES: u32 = 1000;

/// Simulated time of the target.
const DAY: Duration = Duration::from_hours(24);

/// Runs a sample of the target and prints what the whole of it would take.
pub(crate) fn run() {
    let sample = 20u32;
    let start = processor_time();
    let mut stanzas = 0;
    for device in 0..sample {
        let mut thing = instance();
        thing.name = format!("kettle-{device}");
        let mut rig = Rig::new(kettle(), thing, Server::new("ejabberd"));
        rig.keeps_history = false;
        rig.run_for(DAY);
        stanzas += rig.stanzas;
        black_box(&rig.device);
    }
    let whole = processor_time().saturating_sub(start).mul_f64(f64::from(DEVICES) / f64::from(sample));
    let hours = f64::from(DEVICES) * 24.0;
    println!(
        "simulated time: {DEVICES} devices x 24 h in {:.1} s on one core (target 60 s), {:.0} device-hours a second, {} stanzas a device",
        whole.as_secs_f64(),
        hours / whole.as_secs_f64(),
        stanzas / u64::from(sample),
    );
}
