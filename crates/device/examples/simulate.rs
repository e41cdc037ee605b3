//! Measures the core alone: devices through simulated time, publish decisions included, on one thread, for each shipped
//! definition. What the same costs with stanzas around it is `make bench`'s business.
//!
//! `cargo run --release -p thingfleet-device --example simulate -- [DEVICES] [HOURS]`

use std::{env, process::ExitCode, time};
use thingfleet_device::{
    definition::Definition,
    time::{Instant, UnixMillis},
    trace::Trace,
};
use thingfleet_schema::catalogue;

fn main() -> ExitCode {
    let number = |index: usize, default: u64| match env::args().nth(index) {
        Some(text) => text.parse().ok(),
        None => Some(default),
    };
    let (Some(devices), Some(hours)) = (number(1, 10), number(2, 24)) else {
        eprintln!("usage: simulate [DEVICES] [HOURS]");
        return ExitCode::from(2);
    };
    println!(
        "{:20} {:>9} {:>10} {:>18} {:>12}",
        "definition", "channels", "ns a tick", "1000 devices, 24 h", "values sent"
    );
    for entry in catalogue::all() {
        measure(&entry.definition(), devices, hours);
    }
    ExitCode::SUCCESS
}

fn measure(definition: &Definition, devices: u64, hours: u64) {
    let span = time::Duration::from_hours(hours);
    let mut sent = 0u64;
    let began = now();
    for index in 0..devices {
        let mut trace = Trace::new(definition, &format!("{}-{index}", definition.kind), 7, UnixMillis(0));
        let counted: Result<(), ()> = trace.run(Instant::START.plus(span), &mut |_| {
            sent += 1;
            Ok(())
        });
        counted.expect("counting cannot fail");
    }
    let seconds = began.elapsed().as_secs_f64();
    let ticks = devices as f64 * (span.as_secs_f64() / definition.tick.as_secs_f64());
    println!(
        "{:20} {:>9} {:>10.0} {:>16.1} s {:>12}",
        definition.kind,
        definition.channels.len(),
        seconds * 1e9 / ticks,
        seconds * 1000.0 * 24.0 / (devices * hours) as f64,
        sent,
    );
}

#[expect(clippy::disallowed_methods, reason = "this program measures; nothing it simulates sees the clock")]
fn now() -> time::Instant {
    time::Instant::now()
}
