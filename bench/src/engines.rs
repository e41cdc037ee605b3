//! Three engines that put the same load on the same server: Tsung from Debian's packages, `thingfleet load`, and the
//! hand-written bound.
//!
//! Each runs as it is started by hand, in processes of its own that are looked at from outside (`watch`), on the same
//! accounts, at the same pace, at two sizes: what memory grows by between them is what a session takes.

mod bound;
mod log;
mod product;
mod tsung;
mod watch;

pub(crate) use bound::{Load, child};

use crate::{
    Failure,
    report::{Report, Section},
    stage::PATIENCE,
};
use std::{path::PathBuf, time::Duration};
use thingfleet::xmpp::register::Registrar;
use thingfleet_device::instance::Account;
use thingfleet_peers::{DOMAIN, Server, account};
use thingfleet_schema::profile::{Remote, Trust};
use tokio::time::{sleep, timeout};
use watch::Process;

/// Between two publishes of a session.
const PERIOD: Duration = Duration::from_secs(2);
/// Sessions that start in a second.
const ARRIVALS: u32 = 25;
/// How long the engine goes on after the last session has begun to sign on, at least.
const AFTERWARDS: Duration = Duration::from_mins(5);

/// The engines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Bound,
    Product,
    Tsung,
}

/// What an engine is to do.
struct Task {
    remote: Remote,
    ca: PathBuf,
    accounts: Vec<Account>,
    /// Where it finds its files and leaves others.
    directory: PathBuf,
}

/// What an engine has counted.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Sessions that are on at this moment.
    sessions: u64,
    /// Publishes that were answered since the mark before.
    published: u64,
}

/// What an engine took, all its processes together.
struct Cost {
    /// Bytes that are resident.
    memory: u64,
    /// µs of processor until all sessions were on, a session.
    session: f64,
    /// µs of processor a publish.
    publish: f64,
    /// Publishes that it counted in the window.
    publishes: u64,
    /// What else it told.
    remarks: Vec<String>,
}

impl Mark {
    /// The state at a later mark, with all publishes up to it.
    const fn followed_by(self, later: Self) -> Self {
        Self { sessions: later.sessions, published: self.published + later.published }
    }
}

impl Engine {
    const ALL: [Self; 3] = [Self::Bound, Self::Product, Self::Tsung];

    const fn title(self) -> &'static str {
        match self {
            Self::Bound => "hand-written bound",
            Self::Product => "thingfleet load",
            Self::Tsung => "Tsung",
        }
    }

    fn start(self, task: &Task) -> Result<Process, Failure> {
        match self {
            Self::Bound => bound::start(task),
            Self::Product => product::start(task),
            Self::Tsung => tsung::start(task),
        }
    }
}

/// Runs all engines, at both sizes.
pub(crate) async fn run(quick: bool, report: &mut Report) -> Result<(), Failure> {
    let (few, many, window) = if quick { (10, 50, 10) } else { (100, 500, 30) };
    let server = Server::ejabberd().await;
    let mut registrar = Registrar::new(server.connector(), DOMAIN);
    let mut accounts = Vec::new();
    for number in 1..=many {
        let account = account(&format!("d{number}"));
        registrar.register(&account.jid, &account.password).await.map_err(|error| error.to_string())?;
        accounts.push(account);
    }
    registrar.close().await;
    let mut costs = Vec::new();
    for engine in Engine::ALL {
        eprintln!("engines: {few} and {many} sessions of {}", engine.title());
        let small = measured(engine, &server, &accounts[..few], Duration::ZERO).await?;
        let large = measured(engine, &server, &accounts, Duration::from_secs(window)).await?;
        costs.push((engine, small, large));
    }
    tell(report, &costs, few, accounts.len(), server.name);
    Ok(())
}

/// Has an engine sign sessions on and publish for `window`, and gives what it took.
async fn measured(
    engine: Engine,
    server: &Server,
    accounts: &[Account],
    window: Duration,
) -> Result<Cost, Failure> {
    let remote = server.remote();
    let Trust::CaFile(ca) = remote.trust.clone() else { return Err("the server has a CA of its own".into()) };
    let directory = tempfile::tempdir()?;
    let task = Task { remote, ca, accounts: accounts.to_vec(), directory: directory.path().to_owned() };
    let mut process = engine.start(&task)?;
    let sessions = accounts.len() as u64;
    let mut before = Mark::default();
    let all_on = async {
        while before.sessions < sessions {
            before = before.followed_by(process.mark().await?);
        }
        Ok::<_, Failure>(())
    };
    timeout(PATIENCE, all_on).await.map_err(|_| format!("{} of {sessions} signed on", before.sessions))??;
    let signed_on = process.processor_time()?;
    // One mark for what is left of the start to settle, one to begin with.
    let settled = process.mark().await?;
    let mut last = process.mark().await?;
    let (before_window, since) = (process.processor_time()?, std::time::Instant::now());
    let mut publishes = 0;
    while publishes == 0 || since.elapsed() < window {
        last = timeout(PATIENCE, process.mark()).await??;
        publishes += last.published;
    }
    let used = process.processor_time()?.saturating_sub(before_window);
    let memory = process.resident_memory()?;
    let mut remarks = process.stop().await?;
    if last.sessions < sessions || settled.sessions < sessions {
        remarks.push(format!("{}: {} of {sessions} sessions at the end", engine.title(), last.sessions));
    }
    // What is left of this engine's sessions ends before the next one takes their accounts.
    sleep(Duration::from_secs(3)).await;
    let publish = used.as_secs_f64() * 1e6 / publishes as f64;
    let started = signed_on.as_secs_f64() * 1e6 - publish * before.published as f64;
    Ok(Cost { memory, session: started / sessions as f64, publish, publishes, remarks })
}

fn tell(report: &mut Report, costs: &[(Engine, Cost, Cost)], few: usize, many: usize, server: &str) {
    let between = |cost: &(Engine, Cost, Cost)| {
        (cost.2.memory as f64 - cost.1.memory as f64) / 1024.0 / (many - few) as f64
    };
    let title =
        format!("engines, {many} sessions on {server}, STARTTLS, a publish each {} s", PERIOD.as_secs());
    let section = report.section(title);
    figure(section, costs, "memory of all its processes", "MiB", |cost| cost.2.memory as f64 / 1_048_576.0);
    figure(section, costs, &format!("memory a session, between {few} and {many}"), "KiB", between);
    figure(section, costs, "processor time until a session is on", "us", |cost| cost.2.session);
    figure(section, costs, "processor time a publish", "us", |cost| cost.2.publish);
    for (engine, _, large) in costs {
        section.row(format!("publishes measured, {}", engine.title()), large.publishes as f64, "");
    }
    for remark in costs.iter().flat_map(|(_, small, large)| small.remarks.iter().chain(&large.remarks)) {
        section.remark(remark);
    }
    section.remark("Tsung and the bound sign on with PLAIN, thingfleet with SCRAM; its start of the engine is in the time");
    section.remark("the bound and Tsung publish one stanza; a device has roster, form and nodes besides");
}

/// One figure of all engines, as ratios to the bound's.
fn figure(
    section: &mut Section,
    costs: &[(Engine, Cost, Cost)],
    what: &str,
    unit: &'static str,
    of: impl Fn(&(Engine, Cost, Cost)) -> f64,
) {
    let lower = costs.iter().find(|(engine, ..)| *engine == Engine::Bound).map_or(f64::NAN, &of);
    for cost in costs {
        let title = format!("{what}, {}", cost.0.title());
        match cost.0 {
            Engine::Bound => section.row(title, lower, unit),
            Engine::Product | Engine::Tsung => {
                section.compared(title, of(cost), unit, ("bound", lower), None);
            }
        }
    }
}
