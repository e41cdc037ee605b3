//! What a session costs: memory idle and publishing, and processor time a publish.
//!
//! Each kind of session lives in a process of its own with the same runtime, started by this program from its own
//! image, so that memory is not what another kind left behind. All use the same accounts on the same Prosody, the same
//! TLS settings and the same publish stanza, at the same pace.

mod crowd;
mod stanza_stream;

use crate::{
    Failure,
    measure::{processor_time, resident_memory},
    report::Report,
    stage::{PATIENCE, Told},
};
use clap::{Args, ValueEnum};
use crowd::Crowd;
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use thingfleet::xmpp::register::Registrar;
use thingfleet_peers::{DOMAIN, Server, account, remote};
use thingfleet_schema::profile::Trust;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

/// Between two publishes of a session.
const PERIOD: Duration = Duration::from_secs(2);

/// Between two sessions that start: within what Prosody signs on with half a core.
const STAGGER: Duration = Duration::from_millis(40);

/// For what is left of the start to settle.
const SETTLE: Duration = Duration::from_secs(3);

/// Kinds of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The product: a fleet of devices.
    Devices,
    /// The product's sessions without devices.
    Sessions,
    /// The hand-written lower bound.
    Lean,
    /// tokio-xmpp's `StanzaStream`.
    StanzaStream,
}

/// What one process runs.
#[derive(Args, Debug)]
pub(crate) struct Load {
    #[arg(value_enum)]
    kind: Kind,
    #[arg(long)]
    sessions: u32,
    /// Milliseconds between two publishes of a session; they are idle without it.
    #[arg(long)]
    period: Option<u64>,
    /// Seconds to measure for.
    #[arg(long)]
    window: u64,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    ca: PathBuf,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Devices, Self::Sessions, Self::Lean, Self::StanzaStream];

    /// Name on the command line.
    const fn word(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Sessions => "sessions",
            Self::Lean => "lean",
            Self::StanzaStream => "stanza-stream",
        }
    }

    /// Name in the report.
    const fn title(self) -> &'static str {
        match self {
            Self::Devices => "devices (the product)",
            Self::Sessions => "sessions alone (the product)",
            Self::Lean => "hand-written bound",
            Self::StanzaStream => "tokio-xmpp StanzaStream",
        }
    }
}

/// One figure of a kind's two processes, idle and publishing.
type Figure = fn(&(Kind, Cost, Cost)) -> f64;

/// What a process measured.
struct Cost {
    /// KiB a session.
    memory: f64,
    /// Processor time in µs a publish.
    publish: f64,
    publishes: f64,
    /// Processor time in ms to sign a session on.
    sign_on: f64,
}

/// Runs all kinds, idle and publishing.
pub(crate) async fn run(quick: bool, report: &mut Report) -> Result<(), Failure> {
    let (sessions, window) = if quick { (50, 6) } else { (500, 30) };
    let server = Server::prosody().await;
    let mut registrar = Registrar::new(server.connector(), DOMAIN);
    for number in 0..sessions {
        let account = account(&name(number));
        registrar.register(&account.jid, &account.password).await.map_err(|error| error.to_string())?;
    }
    registrar.close().await;
    let mut costs = Vec::new();
    for kind in Kind::ALL {
        eprintln!("sessions: {} {}, idle", sessions, kind.title());
        let idle = in_a_process(kind, &server, sessions, None, window.min(5)).await?;
        eprintln!("sessions: {} {}, publishing", sessions, kind.title());
        let busy = in_a_process(kind, &server, sessions, Some(PERIOD), window).await?;
        costs.push((kind, idle, busy));
    }
    let bound =
        costs.iter().position(|(kind, ..)| *kind == Kind::Lean).ok_or("the bound was not measured")?;
    let figures: [(&str, &str, Figure, Option<f64>); 4] = [
        ("memory an idle session", "KiB", |cost| cost.1.memory, Some(3.0)),
        ("memory a publishing session", "KiB", |cost| cost.2.memory, Some(3.0)),
        ("processor time a publish", "us", |cost| cost.2.publish, Some(2.0)),
        ("processor time a sign-on", "ms", |cost| cost.1.sign_on, None),
    ];
    for (title, unit, figure, target) in figures {
        let section = report.section(format!("{title}, {sessions} sessions on prosody, TLS"));
        let lower = figure(&costs[bound]);
        for cost in &costs {
            match cost.0 {
                Kind::Lean => section.row(cost.0.title(), lower, unit),
                Kind::Devices => {
                    section.compared(cost.0.title(), figure(cost), unit, ("bound", lower), target);
                }
                Kind::Sessions | Kind::StanzaStream => {
                    section.compared(cost.0.title(), figure(cost), unit, ("bound", lower), None);
                }
            }
        }
    }
    let section = report.section("in all of these");
    for (kind, _, busy) in &costs {
        section.row(format!("publishes measured, {}", kind.title()), busy.publishes, "");
    }
    section.remark("the bound signs on with PLAIN, the others with SCRAM-SHA-1; the product keeps stanzas for resumption");
    section
        .remark("memory is the growth of the process by resident pages; processor time is user and system");
    section.remark("a device's sign-on includes its roster, nodes, form and first values");
    Ok(())
}

async fn in_a_process(
    kind: Kind,
    server: &Server,
    sessions: u32,
    period: Option<Duration>,
    window: u64,
) -> Result<Cost, Failure> {
    let remote = server.remote();
    let Trust::CaFile(ca) = &remote.trust else { return Err("the server has a CA of its own".into()) };
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "child",
        kind.word(),
        "--sessions",
        &sessions.to_string(),
        "--window",
        &window.to_string(),
    ]);
    command.args(["--port", &server.port.to_string(), "--ca"]).arg(ca);
    if let Some(period) = period {
        command.args(["--period", &period.as_millis().to_string()]);
    }
    let told = Told::by(&mut command, kind.title()).await?;
    Ok(Cost {
        memory: told.figure("memory"),
        publish: told.figure("publish"),
        publishes: told.figure("publishes"),
        sign_on: told.figure("sign_on"),
    })
}

/// The whole of a process that [`run`] starts.
pub(crate) async fn child(load: Load) -> Result<(), Failure> {
    let remote = remote(load.port, load.ca);
    let sessions = load.sessions as usize;
    let (memory, processor) = (resident_memory(), processor_time());
    let crowd =
        Crowd::start(load.kind, remote, load.sessions, load.period.map(Duration::from_millis)).await?;
    timeout(PATIENCE, crowd.all_up(sessions)).await??;
    let sign_on = processor_time().saturating_sub(processor);
    sleep(SETTLE).await;
    let (before, earlier) = (processor_time(), crowd.published());
    sleep(Duration::from_secs(load.window)).await;
    let used = processor_time().saturating_sub(before);
    let publishes = crowd.published() - earlier;
    let grown = resident_memory().saturating_sub(memory);
    println!(
        "{}",
        json!({
            "memory": grown as f64 / 1024.0 / sessions as f64,
            "publish": used.as_secs_f64() * 1e6 / publishes as f64,
            "publishes": publishes,
            "sign_on": sign_on.as_secs_f64() * 1e3 / sessions as f64,
        })
    );
    // Nothing is left to say; the server notices.
    std::process::exit(0);
}

/// The account of one session.
fn name(number: u32) -> String {
    format!("d{number}")
}
