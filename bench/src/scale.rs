//! What a device costs in fleets of growing size: memory, signing on, publishing.
//!
//! The server is a sink in a process of its own, on a core of its own, so that no server is the limit; each fleet has a
//! process of its own on the other core. What is judged is processor time, which other work on the machine disturbs
//! less than the clock on the wall.

mod fleet;
mod plot;
mod sink;

pub(crate) use fleet::{Load, child};
pub(crate) use sink::{Place, child as sink_child};

use crate::{Failure, report::Report};
use fleet::{Cost, Kind, in_a_process};
use sink::Process;
use std::time::Duration;

/// Devices of the fleets.
const SIZES: [u32; 5] = [100, 300, 1_000, 3_000, 10_000];

/// Between two publishes of a device.
const PERIOD: Duration = Duration::from_secs(2);

/// The same for the greatest rate: ten thousand devices publish more than ten thousand times a second.
const FAST: Duration = Duration::from_millis(900);

/// Most a device may cost (issue 5, section 3).
const MOST_MEMORY: f64 = 40.0;
/// Most processor time of a sign-on, in µs: a thousand a second on one core.
const MOST_SIGN_ON: f64 = 1_000.0;
/// Most processor time of a publish, in µs: ten thousand a second on one core.
const MOST_PUBLISH: f64 = 100.0;

/// The account of one device.
fn name(number: u32) -> String {
    format!("d{number}")
}

/// Runs fleets of all sizes, and writes the picture of what they cost.
pub(crate) async fn run(quick: bool, report: &mut Report) -> Result<(), Failure> {
    let (sizes, window) = if quick { (&SIZES[..2], 5) } else { (&SIZES[..], 20) };
    let mut costs = Vec::new();
    for devices in sizes.iter().copied() {
        let sign_on = async |kind| {
            let server = Process::start(devices).await?;
            eprintln!("scale: {devices} sessions sign on");
            let sessions = in_a_process(kind, &server, devices, PERIOD, 1).await?;
            server.stop().await?;
            Ok::<_, Failure>(sessions)
        };
        let (sessions, direct) = (sign_on(Kind::Sessions).await?, sign_on(Kind::DirectSessions).await?);
        let server = Process::start(devices).await?;
        eprintln!("scale: {devices} devices");
        let cost = in_a_process(Kind::Devices, &server, devices, PERIOD, window).await?;
        server.stop().await?;
        tell(report, devices, [&sessions, &direct], &cost);
        costs.push((devices, sessions, cost));
    }
    let largest = *sizes.last().ok_or("no sizes")?;
    let server = Process::start(largest).await?;
    eprintln!("scale: {largest} devices, a publish each {} ms", FAST.as_millis());
    let before = server.used().await?;
    let fast = in_a_process(Kind::Devices, &server, largest, FAST, window).await?;
    let after = server.used().await?;
    server.stop().await?;
    let section = report.section(format!("{largest} devices that publish each {} s", FAST.as_secs_f64()));
    section.row("publishes a second", fast.rate, "/s");
    section.bounded("processor time a publish", fast.publish, "us", MOST_PUBLISH);
    section.row("publishes a second one core has time for", 1e6 / fast.publish, "/s");
    section.row(
        "processor time of the sink a publish, sign-on included",
        (after - before).micros_a_publish(),
        "us",
    );
    if !quick {
        plot::write(&costs)?;
    }
    Ok(())
}

fn tell(report: &mut Report, devices: u32, [sessions, direct]: [&Cost; 2], cost: &Cost) {
    let section = report.section(format!("{devices} devices on the sink, TLS and SCRAM-SHA-256"));
    section.bounded("memory a publishing device, all included", cost.memory, "KiB", MOST_MEMORY);
    section.bounded("processor time to sign a session on", sessions.sign_on, "us", MOST_SIGN_ON);
    section.bounded("the same with TLS at once", direct.sign_on, "us", MOST_SIGN_ON);
    section.row(
        "processor time to sign a device on, with roster, nodes and first values",
        cost.sign_on,
        "us",
    );
    section.row("sign-ons a second one core has time for", 1e6 / sessions.sign_on, "/s");
    section.row("the same with TLS at once", 1e6 / direct.sign_on, "/s");
    section.row("devices online a second, as measured", cost.devices_a_second, "/s");
    section.bounded("processor time a publish", cost.publish, "us", MOST_PUBLISH);
    section.row("publishes a second, as asked for", cost.rate, "/s");
}
