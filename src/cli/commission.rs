//! `thingfleet commission`: the client's part of commissioning, for our devices and for real ones.

mod progress;
mod summary;

use super::{
    Failure, Global, client, duration,
    failure::with_causes,
    output, runtime,
    secret::{self, Source},
    signals::Signals,
};
use clap::{Args, ValueEnum};
use progress::Progress;
use std::{path::PathBuf, sync::Arc, time::Duration};
use thingfleet::{
    commission::{self, Blame, BlueZ, CommissionError, DeviceAccount, Hci, Order, Report, central::Central},
    xmpp::connect::Connector,
};
use thingfleet_device::{
    commissioning::{
        credentials::Network,
        qr::{Address, QrCode},
    },
    instance::Account,
    jid::BareJid,
};
use thingfleet_schema::profile::{Adapter, Remote};
use tokio::time::{MissedTickBehavior, interval};

/// Distance between two looks of the moving line on a terminal.
const BEAT: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  thingfleet commission --scan
  thingfleet commission 'xmpp:iot-register?mac=AA:BB:CC:DD:EE:FF&algo=ed25519&key=...' --ssid home
  thingfleet commission CODE --ssid home --adapter tcp:127.0.0.1:6402 --json
  THINGFLEET_PASSWORD=... THINGFLEET_WIFI_PASSWORD=... thingfleet commission CODE --owner me@example.org --ssid home
  thingfleet commission CODE --owner me@example.org --password-file owner.txt --ssid home \\
      --jid kettle@example.org --no-register

CODE is the text of the device's QR code; quote it. While a fleet with a private server runs, the owner is its person
and --ssid is all it takes. On any other server give --owner, with the password in a file, in the environment, or at
the prompt. On BlueZ the adapter must not be the one that a peripheral of this machine advertises on.";

/// Arguments of `commission`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CommissionArguments {
    /// Text of the device's QR code: `xmpp:iot-register?mac=...&algo=ed25519&key=...`
    #[arg(required_unless_present = "scan")]
    code: Option<QrCode>,
    /// List what waits to be commissioned, and do nothing else
    #[arg(long, conflicts_with = "code")]
    scan: bool,
    /// Where to do it: `hci0`, `tcp:127.0.0.1:6402`, `serial:/dev/ttyACM0@115200`; `BlueZ`'s first unless given
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<Adapter>,
    /// Account of the owner; the person of the running private server unless given
    #[arg(long, value_name = "JID", value_parser = BareJid::parse)]
    owner: Option<BareJid>,
    /// File with the owner's password; otherwise the environment has it, or it is asked for
    #[arg(long, value_name = "FILE", requires = "owner")]
    password_file: Option<PathBuf>,
    /// Host to connect to instead of what DNS says
    #[arg(long, requires = "owner")]
    host: Option<String>,
    /// Port to connect to
    #[arg(long, requires = "host")]
    port: Option<u16>,
    /// Believe the certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE", requires = "owner")]
    ca_file: Option<PathBuf>,
    /// Name of the network the device is to join
    #[arg(long, required_unless_present = "scan")]
    ssid: Option<String>,
    /// File with the network's password; otherwise the environment (`THINGFLEET_WIFI_PASSWORD`) has it, or it has none
    #[arg(long, value_name = "FILE")]
    wifi_password_file: Option<PathBuf>,
    /// Account for the device; one named after the device, at the owner's server, unless given
    #[arg(long, value_name = "JID", value_parser = BareJid::parse)]
    jid: Option<BareJid>,
    /// The device's account exists already
    #[arg(long, requires = "jid")]
    no_register: bool,
    /// File with that account's password; otherwise the environment (`THINGFLEET_DEVICE_PASSWORD`) has it, or it is
    /// asked for
    #[arg(long, value_name = "FILE", requires = "no_register")]
    device_password_file: Option<PathBuf>,
    /// Whether values are sealed to the key in the code
    #[arg(long, value_enum, default_value_t = Seal::Auto)]
    seal: Seal,
    /// How long each step may take, or the scan; each has a time of its own unless given
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Seal {
    /// As the device announces it
    Auto,
    /// Never
    Never,
    /// Always
    Always,
}

pub(super) fn commission(arguments: &CommissionArguments, global: &Global) -> Result<(), Failure> {
    let Some(code) = arguments.code else { return scan(arguments, global) };
    let (remote, owner) = arguments.owner()?;
    let order = arguments.order(code, owner)?;
    let connector = Connector::new(remote).map_err(|error| Failure::environment(with_causes(&error)))?;
    let mut central = arguments.central(Some(code.address));
    let report = runtime()?.block_on(watched(central.as_mut(), &order, Arc::new(connector), global))?;
    summary::print(&report, &order, global)?;
    verdict(report)
}

/// Commissions, and shows how it goes. Ctrl-C ends it cleanly, the second one at once.
async fn watched(
    central: &mut dyn Central,
    order: &Order,
    connector: Arc<Connector>,
    global: &Global,
) -> Result<Report, Failure> {
    let mut signals = Signals::new()?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let progress = Progress::new(global);
    let watcher = |told: &commission::Told<'_>| progress.tell(told);
    let stopped = async {
        // An error means that nobody will ask any more.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let mut work = std::pin::pin!(commission::commission(central, order, connector, &watcher, stopped));
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let report = loop {
        tokio::select! {
            report = &mut work => break report,
            _ = beat.tick() => progress.beat(),
            () = signals.asked() => {
                // It has not ended, so it still listens.
                _ = stop.send(());
                break signals.or_at_once(work).await;
            }
        }
    };
    progress.clear();
    Ok(report)
}

/// What a report means for the exit code.
fn verdict(report: Report) -> Result<(), Failure> {
    let Err((step, error)) = report.outcome else { return Ok(()) };
    let text = match &error {
        CommissionError::TimedOut { .. } | CommissionError::Stopped => error.to_string(),
        _ => format!("could not {}: {error}", step.title()),
    };
    let failure = match error.blame() {
        Blame::Device => Failure::run(text),
        Blame::Input => Failure::input(text),
        Blame::Environment => Failure::environment(text),
    };
    Err(failure.help(error.next_step()))
}

fn scan(arguments: &CommissionArguments, global: &Global) -> Result<(), Failure> {
    /// Long enough for every device nearby: they advertise many times a second.
    const SPAN: Duration = Duration::from_secs(5);
    let mut central = arguments.central(None);
    let span = arguments.timeout.unwrap_or(SPAN);
    let found = runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let looking = commission::scan(central.as_mut(), span);
        signals.or_at_once(looking).await.map_err(|error| {
            let error = CommissionError::from(error);
            Failure::environment(format!("cannot scan: {error}")).help(error.next_step())
        })
    })?;
    summary::sightings(&found, global)?;
    if found.is_empty() && !global.json {
        output::line("nothing waits to be commissioned here")?;
    }
    Ok(())
}

impl CommissionArguments {
    fn owner(&self) -> Result<(Remote, Account), Failure> {
        let Some(jid) = &self.owner else {
            let (remote, account) = client::found()?;
            return Ok((remote, Account { resource: resource()?, ..account }));
        };
        let source = Source { file: self.password_file.as_deref(), variable: "THINGFLEET_PASSWORD" };
        let password = secret::read(&source, Some(&format!("password of {jid}")))?;
        let remote = client::remote(jid, self.host.clone(), self.port, self.ca_file.clone());
        Ok((remote, Account { jid: jid.clone(), password, resource: resource()? }))
    }

    fn order(&self, code: QrCode, owner: Account) -> Result<Order, Failure> {
        let wifi = Source { file: self.wifi_password_file.as_deref(), variable: "THINGFLEET_WIFI_PASSWORD" };
        let account = match &self.jid {
            None => DeviceAccount::Made,
            Some(jid) if self.no_register => {
                let source = Source {
                    file: self.device_password_file.as_deref(),
                    variable: "THINGFLEET_DEVICE_PASSWORD",
                };
                DeviceAccount::Existing(
                    jid.clone(),
                    secret::read(&source, Some(&format!("password of {jid}")))?,
                )
            }
            Some(jid) => DeviceAccount::Named(jid.clone()),
        };
        let ssid = self.ssid.clone().unwrap_or_default();
        if ssid.is_empty() || ssid.len() > 32 {
            return Err(Failure::input(format!(
                "--ssid has {} bytes; a network's name has 1 to 32",
                ssid.len()
            )));
        }
        let password = secret::read(&wifi, None)?;
        if password.reveal().len() > 64 {
            return Err(Failure::input("the network's password is too long; it has at most 64 bytes"));
        }
        Ok(Order {
            code,
            owner,
            network: Network { ssid, password },
            account,
            seal: match self.seal {
                Seal::Auto => commission::Seal::Auto,
                Seal::Never => commission::Seal::Never,
                Seal::Always => commission::Seal::Always,
            },
            limit: self.timeout,
        })
    }

    fn central(&self, target: Option<Address>) -> Box<dyn Central> {
        match &self.adapter {
            None => Box::new(BlueZ::new(None, target)),
            Some(Adapter::BlueZ(name)) => Box::new(BlueZ::new(Some(name.clone()), target)),
            Some(adapter) => Box::new(Hci::new(adapter.clone())),
        }
    }
}

/// The resource of the owner's session: one of its own for each run, since a server ends the older of two that are the
/// same.
fn resource() -> Result<String, Failure> {
    let random = getrandom::u32();
    let random =
        random.map_err(|error| Failure::environment(format!("the system has no randomness: {error}")))?;
    Ok(format!("thingfleet-commission-{random:08x}"))
}
