//! `thingfleet run` and `thingfleet demo`: a fleet until it is told to stop.

use super::{
    Failure, Global, dashboard, duration, events,
    interface::Interface,
    plans, profile as profiles,
    report::{self, Pulse},
    runtime,
    signals::Signals,
};
use clap::{Args, ValueHint};
use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use thingfleet::{
    control::Control,
    fleet::{
        Fleet, Progress,
        health::{Events, Notice, Snapshot},
    },
};
use thingfleet_control::client::Client;
use thingfleet_schema::{catalogue, plan::Plan, profile};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// Distance between two lines of health.
const PULSE: Duration = Duration::from_secs(1);
/// A year: a run without `--for` ends when it is told to.
const NO_END: Duration = Duration::from_hours(24 * 365);

const RUN_EXAMPLES: &str = "\
Examples:
  thingfleet run profiles/kitchen.yaml
  thingfleet run kitchen --for 5min
  thingfleet run kitchen --faults flaky-wifi --faults my-plan.yaml
  thingfleet run profiles/load-500.yaml --for 2min --json > health.jsonl
  thingfleet run kitchen --events --log info

Accounts that `accounts: register` makes are kept in $XDG_STATE_HOME/thingfleet/<fleet>/ (usually
~/.local/state) and used again by the next run. The first Ctrl-C lets the devices say goodbye, the second
ends the program at once.";

const DEMO_EXAMPLES: &str = "\
Examples:
  thingfleet demo
  thingfleet demo --for 20s
  thingfleet demo --faults power-cut
  thingfleet demo --events

It prints how to join with any XMPP client, and `thingfleet client watch kettle` works while it runs.";

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArguments {
    /// A fleet profile, or the name of a shipped one: demo, kitchen, load-500, unboxing
    profile: PathBuf,
    #[command(flatten)]
    how: How,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub(crate) struct DemoArguments {
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// End by itself after this time; the exit code tells whether all went well
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    span: Option<Duration>,
    /// Print lines of health in place of the dashboard that a terminal gets
    #[arg(long)]
    headless: bool,
    /// Print every event of every device too
    #[arg(long)]
    events: bool,
    #[command(flatten)]
    look: dashboard::Look,
    /// A plan of faults, or the name of a shipped one (`thingfleet list`); may be given several times
    #[arg(long, value_name = "PLAN", value_hint = ValueHint::FilePath)]
    faults: Vec<PathBuf>,
    #[command(flatten)]
    interface: Interface,
}

pub(super) fn run(arguments: &RunArguments, global: &Global) -> Result<(), Failure> {
    let named = arguments.profile.display().to_string();
    broken(profiles::read(&arguments.profile)?, &named, &arguments.how, global)
}

pub(super) fn demo(arguments: &DemoArguments, global: &Global) -> Result<(), Failure> {
    let entry = catalogue::find_profile("demo").expect("the demo profile ships with the program");
    broken(profiles::read_shipped(entry)?, "demo", &arguments.how, global)
}

/// Runs a fleet with the plans of faults that it is to meet.
fn broken(mut profile: profile::Fleet, named: &str, how: &How, global: &Global) -> Result<(), Failure> {
    let plans = plans::apply(&how.faults, &mut profile)?;
    runtime()?.block_on(live(&profile, &plans, named, how, global))
}

/// Runs a fleet from start to summary.
async fn live(
    profile: &profile::Fleet,
    plans: &[Plan],
    named: &str,
    how: &How,
    global: &Global,
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let progress = ProgressLine::new();
    let show = |step| progress.show(step);
    let started = tokio::select! {
        started = Fleet::start(profile, &show) => started,
        // What was started is dropped, and the guardian of the private server cleans up.
        () = signals.asked() => return Err(Failure::run("stopped before the fleet was there")),
    };
    progress.clear();
    let (mut fleet, events) = started?;
    let events = how.events.then_some(events);
    let health = Arc::clone(fleet.health());

    let outcome = match how.interface.open(fleet.crew(), None).await {
        Ok(opened) => {
            let told = report::started(profile, named, &fleet, opened.control(), global);
            let told = told.and_then(|()| report::plans(plans, profile, global));
            let outcome = match told {
                Ok(()) => watch(&mut fleet, opened.control(), events, how, global, &mut signals).await,
                Err(error) => Err(error.into()),
            };
            signals.or_at_once(opened.stop()).await;
            outcome
        }
        Err(failure) => Err(failure),
    };
    // Before the goodbye, which turns everything into `stopped`.
    let (last, troubles) = (health.snapshot(), health.troubles());
    signals.or_at_once(fleet.stop()).await;
    outcome?;
    report::summary(&last, &troubles, global)?;
    verdict(&last)
}

/// Shows the dashboard or prints health until the time is over, somebody asks to stop, every device has given up, or the private server dies.
async fn watch(
    fleet: &mut Fleet,
    control: Option<&Control>,
    mut events: Option<Events>,
    how: &How,
    global: &Global,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let health = Arc::clone(fleet.health());
    let crew = Arc::clone(fleet.crew());
    let print = |notice: &Notice| events::print(notice, crew.definition(notice).as_deref(), global);
    let end = Instant::now() + how.span.unwrap_or(NO_END);
    let is_quiet = how.headless || how.events || global.json || !dashboard::has_terminal();
    if let (Some(control), false) = (control, is_quiet) {
        let client = Client::new(control.url(), control.token().clone())?;
        tokio::select! {
            () = sleep_until(end) => return Ok(()),
            () = signals.asked() => return Ok(()),
            words = fleet.server_died() => return Err(server_died(&words)),
            shown = dashboard::show(client, &how.look, true, global) => return Ok(shown?),
        }
    }
    let mut pulse = Pulse::new(&health);
    let mut beat = interval(PULSE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.tick().await;
    loop {
        tokio::select! {
            () = sleep_until(end) => return Ok(()),
            () = signals.asked() => return Ok(()),
            words = fleet.server_died() => return Err(server_died(&words)),
            Some(notice) = next(&mut events) => print(&notice)?,
            _ = beat.tick() => {
                pulse.print(&health, global)?;
                if health.snapshot().is_hopeless() {
                    // The events that tell why may not have been printed yet.
                    while let Some(notice) = events.as_mut().and_then(Events::ready) {
                        print(&notice)?;
                    }
                    return Ok(());
                }
            }
        }
    }
}

fn server_died(words: &str) -> Failure {
    Failure::environment(format!("the private server died: {words}"))
}

async fn next(events: &mut Option<Events>) -> Option<Arc<Notice>> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// Good is a run in which devices came online and none gave up. Those that wait to be commissioned do what they
/// should, as long as one of them can be found.
fn verdict(last: &Snapshot) -> Result<(), Failure> {
    let given_up: usize = last.failed.values().sum();
    if given_up > 0 {
        return Err(Failure::run(format!("{given_up} of {} devices gave up", last.devices)));
    }
    if last.ever_online == 0 && last.devices > last.commissioning {
        return Err(Failure::run("no device came online"));
    }
    let off_the_air: usize = last.off_the_air.values().sum();
    if last.ever_online == 0 && off_the_air > 0 && off_the_air == last.commissioning {
        return Err(Failure::run("no device can be found over Bluetooth"));
    }
    Ok(())
}

/// One line on a terminal's stderr that says what is taking time; silent elsewhere.
pub(super) struct ProgressLine {
    is_terminal: bool,
    shown: Mutex<bool>,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), shown: Mutex::new(false) }
    }

    pub(super) fn show(&self, step: Progress) {
        let text = match step {
            Progress::StartingServer => "starting the private server".to_owned(),
            Progress::Registering { done, of } => format!("registering accounts: {done} of {of}"),
        };
        tracing::debug!(text);
        if self.is_terminal {
            *self.shown.lock().expect("nothing panics while it is held") = true;
            let mut err = std::io::stderr().lock();
            // A progress line that cannot be shown is no reason to stop.
            _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
        }
    }

    pub(super) fn clear(&self) {
        if *self.shown.lock().expect("nothing panics while it is held") {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(ever_online: usize, failed: usize) -> Snapshot {
        let failed = (failed > 0).then_some(("authentication", failed));
        Snapshot { devices: 3, ever_online, failed: failed.into_iter().collect(), ..Snapshot::default() }
    }

    #[test]
    fn a_run_is_good_if_devices_came_online_and_none_gave_up() {
        assert!(verdict(&snapshot(3, 0)).is_ok());
        assert!(verdict(&snapshot(0, 0)).is_err());
        assert!(verdict(&snapshot(2, 1)).is_err());
    }

    #[test]
    fn devices_that_wait_to_be_commissioned_do_what_they_should_if_one_can_be_found() {
        let waiting = |commissioning, off_the_air| {
            let off_the_air = (off_the_air > 0).then_some(("no-adapter", off_the_air)).into_iter().collect();
            Snapshot { commissioning, off_the_air, ..snapshot(0, 0) }
        };
        assert!(verdict(&waiting(3, 0)).is_ok());
        assert!(verdict(&waiting(3, 2)).is_ok());
        assert!(verdict(&waiting(3, 3)).is_err());
        assert!(verdict(&waiting(2, 0)).is_err(), "the third should have come online");
        assert!(verdict(&Snapshot { ever_online: 1, ..waiting(2, 0) }).is_ok());
    }
}
