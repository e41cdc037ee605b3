//! A fleet, or as many sessions without devices, in a process of its own.

use super::{name, sink::Process};
use crate::{
    Failure,
    measure::{processor_time, resident_memory},
    stage::{self, PATIENCE, Told},
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use thingfleet::{
    fleet::Fleet,
    xmpp::{
        connect::Connector,
        session::{Session, SessionEvent},
    },
};
use thingfleet_peers::{account, remote};
use thingfleet_schema::profile::{Remote, Security};
use tokio::{
    process::Command,
    sync::Semaphore,
    time::{interval, sleep, timeout},
};

/// The processor that fleets have for themselves.
const CORE: &str = "1";

/// Between two devices that are switched on: within what one core signs on, so that none waits beyond its time.
const STAGGER: Duration = Duration::from_millis(2);

/// Sessions without devices that sign on at the same time.
const SIGN_ONS: usize = 64;

/// Devices that create their nodes at the same time. The sink takes any number; real servers are spared more.
const SETUPS: usize = 64;

/// Publishes of a device before its pace: the user interface and its one value.
const FIRST: u64 = 2;

/// What is in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Devices, as `thingfleet run` has them.
    Devices,
    /// Their sessions alone.
    Sessions,
    /// The same with TLS from the first byte (XEP-0368) in place of STARTTLS.
    DirectSessions,
}

/// What one process runs.
#[derive(Args, Debug)]
pub(crate) struct Load {
    #[arg(value_enum)]
    kind: Kind,
    #[arg(long)]
    count: u32,
    /// Milliseconds between two publishes of a device
    #[arg(long)]
    period: u64,
    /// Seconds to measure for
    #[arg(long)]
    window: u64,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    ca: PathBuf,
}

/// What a process measured; the times in µs of processor.
pub(crate) struct Cost {
    /// KiB a device.
    pub(crate) memory: f64,
    pub(crate) sign_on: f64,
    pub(crate) devices_a_second: f64,
    pub(crate) publish: f64,
    /// Publishes a second.
    pub(crate) rate: f64,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Sessions => "sessions",
            Self::DirectSessions => "direct-sessions",
        }
    }
}

/// Runs a load in a process of its own and takes what it measured.
pub(crate) async fn in_a_process(
    kind: Kind,
    server: &Process,
    count: u32,
    period: Duration,
    window: u64,
) -> Result<Cost, Failure> {
    let mut process = Command::new("taskset");
    process.args(["-c", CORE]).arg(std::env::current_exe()?);
    process.args(["scale", kind.word(), "--count", &count.to_string(), "--window", &window.to_string()]);
    process.args(["--period", &period.as_millis().to_string(), "--port", &server.port.to_string(), "--ca"]);
    let told = Told::by(process.arg(&server.ca), &format!("{count} {}", kind.word())).await?;
    Ok(Cost {
        memory: told.figure("memory"),
        sign_on: told.figure("sign_on"),
        devices_a_second: told.figure("devices_a_second"),
        publish: told.figure("publish"),
        rate: told.figure("rate"),
    })
}

/// The whole of a process that [`in_a_process`] starts.
pub(crate) async fn child(load: Load) -> Result<(), Failure> {
    let remote = remote(load.port, load.ca);
    let told = match load.kind {
        Kind::Devices => {
            devices(remote, load.count, Duration::from_millis(load.period), Duration::from_secs(load.window))
                .await?
        }
        Kind::Sessions => sessions(remote, load.count).await?,
        Kind::DirectSessions => {
            sessions(Remote { security: Security::DirectTls, ..remote }, load.count).await?
        }
    };
    println!("{told}");
    // Nothing is left to say; the sink notices.
    std::process::exit(0);
}

async fn devices(remote: Remote, count: u32, period: Duration, window: Duration) -> Result<Value, Failure> {
    let (memory, processor, begun) = (resident_memory(), processor_time(), Instant::now());
    let definition = stage::sensor(Some(period));
    let device = |number| stage::device(&account(&name(number)), Arc::clone(&definition), STAGGER * number);
    let fleet = stage::fleet_with(remote, (0..count).map(device).collect(), SETUPS).await?;
    timeout(PATIENCE, stage::online(&fleet, count as usize)).await??;
    let mut tick = interval(Duration::from_millis(5));
    let all_set_up = async {
        while published(&fleet) < FIRST * u64::from(count) {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, all_set_up).await?;
    let (sign_on, seconds) = (processor_time().saturating_sub(processor), begun.elapsed().as_secs_f64());
    // Devices that were there early have published at their pace meanwhile, which is no part of signing on.
    let meanwhile = published(&fleet) - FIRST * u64::from(count);
    sleep(2 * period).await;
    let (before, earlier, from) = (processor_time(), published(&fleet), Instant::now());
    sleep(window).await;
    let used = processor_time().saturating_sub(before).as_secs_f64();
    let (publishes, lasted) = ((published(&fleet) - earlier) as f64, from.elapsed().as_secs_f64());
    let grown = resident_memory().saturating_sub(memory) as f64;
    let publish = used * 1e6 / publishes;
    Ok(json!({
        "memory": grown / 1024.0 / f64::from(count),
        "sign_on": (sign_on.as_secs_f64() * 1e6 - meanwhile as f64 * publish) / f64::from(count),
        "devices_a_second": f64::from(count) / seconds,
        "publish": publish,
        "rate": publishes / lasted,
    }))
}

fn published(fleet: &Fleet) -> u64 {
    fleet.health().snapshot().counts.published
}

/// Signs sessions on and lets them be; there is nothing to publish.
async fn sessions(remote: Remote, count: u32) -> Result<Value, Failure> {
    let connector = Arc::new(Connector::new(remote)?);
    let (memory, processor, begun) = (resident_memory(), processor_time(), Instant::now());
    let (up, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(SIGN_ONS)));
    for number in 0..count {
        let (connector, up, gate) = (Arc::clone(&connector), Arc::clone(&up), Arc::clone(&gate));
        tokio::spawn(async move {
            let mut turn = gate.acquire_owned().await.ok();
            let mut session = Session::new(connector);
            session.open(&account(&name(number)));
            loop {
                match session.next().await {
                    SessionEvent::Up { .. } => {
                        up.fetch_add(1, Relaxed);
                        turn = None;
                    }
                    SessionEvent::Down(failure) => {
                        eprintln!("bench: a session failed: {}", failure.text);
                        drop(turn);
                        return;
                    }
                    SessionEvent::Stanza(_) => {}
                }
            }
        });
    }
    let mut tick = interval(Duration::from_millis(5));
    let all_up = async {
        while up.load(Relaxed) < count as usize {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, all_up).await?;
    let grown = resident_memory().saturating_sub(memory) as f64;
    Ok(json!({
        "memory": grown / 1024.0 / f64::from(count),
        "sign_on": processor_time().saturating_sub(processor).as_secs_f64() * 1e6 / f64::from(count),
        "devices_a_second": f64::from(count) / begun.elapsed().as_secs_f64(),
    }))
}
