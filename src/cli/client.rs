//! `thingfleet client`: a client's part, for people without a client. It sees a device as any other client does.

mod say;
mod set;
mod value;
mod watch;

use super::{Failure, Global, failure::with_causes, runtime, signals::Signals};
use clap::{Args, Subcommand};
use std::{path::PathBuf, sync::Arc};
use thingfleet::{
    server,
    xmpp::{
        client::{Client, IqError},
        connect::Connector,
    },
};
use thingfleet_device::{instance::Account, jid::BareJid, value::Secret};
use thingfleet_schema::profile::{Remote, Security, Trust};

/// The resource of this client; the server adds nothing to it.
const RESOURCE: &str = "thingfleet-client";

const EXAMPLES: &str = "\
Examples:
  thingfleet client watch kettle
  thingfleet client set kettle powerOn=1
  thingfleet client say kettle help
  THINGFLEET_PASSWORD=... thingfleet client --jid you@example.org watch kettle@example.org

While a fleet with a private server runs, the client signs in there as its person by itself and a device's name
will do. On any other server give --jid, and the password in the environment.";

const WATCH_EXAMPLES: &str = "\
Examples:
  thingfleet client watch kettle
  thingfleet client watch kettle --json
  thingfleet client watch kettle --for 1min";

const SET_EXAMPLES: &str = "\
Examples:
  thingfleet client set kettle powerOn=1
  thingfleet client set thermostat target=21.5

It waits for the device to report the value, and prints what it reports.";

const SAY_EXAMPLES: &str = "\
Examples:
  thingfleet client say kettle help
  thingfleet client say kettle powerOn on";

/// Arguments of `client`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ClientArguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

/// Whose account, on which server.
#[derive(Debug, Args)]
struct Place {
    /// Account to sign in with; the person of the running private server unless given
    #[arg(long, global = true, value_name = "JID", requires = "password")]
    jid: Option<String>,
    /// Its password; better in the environment, where others cannot see it
    #[arg(long, global = true, env = "THINGFLEET_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Host to connect to instead of what DNS says
    #[arg(long, global = true, requires = "jid")]
    host: Option<String>,
    /// Port to connect to
    #[arg(long, global = true, requires = "host")]
    port: Option<u16>,
    /// Believe the certificates in this PEM file, and no others
    #[arg(long, global = true, value_name = "FILE", requires = "jid")]
    ca_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a device's values as they come
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(watch::WatchArguments),
    /// Set an actuator
    #[command(after_help = SET_EXAMPLES)]
    Set(set::SetArguments),
    /// Say something and print the answer
    #[command(after_help = SAY_EXAMPLES)]
    Say(say::SayArguments),
}

/// Where a device is: a full JID, or a name on the server that is used.
#[derive(Debug, Clone, Args)]
struct Target {
    /// Name or JID of a device
    device: String,
}

impl Target {
    fn jid(&self, domain: &str) -> Result<BareJid, Failure> {
        let named = &self.device;
        let text = if named.contains('@') { named.clone() } else { format!("{named}@{domain}") };
        BareJid::parse(&text).map_err(|error| Failure::input(format!("{text}: {error}")))
    }
}

pub(super) fn client(arguments: &ClientArguments, global: &Global) -> Result<(), Failure> {
    let (remote, account) = arguments.place.resolve()?;
    let connector = Connector::new(remote).map_err(|error| Failure::environment(with_causes(&error)))?;
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let work = async {
            let mut client = Client::sign_in(Arc::new(connector), &account).await?;
            client.be_available();
            let domain = account.jid.domain();
            match &arguments.action {
                Action::Watch(watch) => {
                    watch::watch(&mut client, watch, &watch.target.jid(domain)?, global).await
                }
                Action::Set(set) => set::set(&mut client, set, &set.target.jid(domain)?, global).await,
                Action::Say(say) => say::say(&mut client, say, &say.target.jid(domain)?, global).await,
            }?;
            client.sign_out().await;
            Ok(())
        };
        tokio::select! {
            done = work => done,
            // The server closes what belongs to the stream when it breaks.
            () = signals.asked() => Ok(()),
        }
    })
}

impl Place {
    fn resolve(&self) -> Result<(Remote, Account), Failure> {
        let Some(jid) = &self.jid else { return found() };
        let jid = BareJid::parse(jid).map_err(|error| Failure::input(format!("--jid {jid}: {error}")))?;
        let remote = remote(&jid, self.host.clone(), self.port, self.ca_file.clone());
        let password = Secret::new(self.password.clone().unwrap_or_default());
        Ok((remote, Account { jid, password, resource: RESOURCE.into() }))
    }
}

/// The server of an account, as the command line describes it.
pub(super) fn remote(
    jid: &BareJid,
    host: Option<String>,
    port: Option<u16>,
    ca_file: Option<PathBuf>,
) -> Remote {
    Remote {
        domain: jid.domain().to_owned(),
        host,
        port,
        from: Vec::new(),
        security: Security::StartTls,
        trust: ca_file.map_or(Trust::System, Trust::CaFile),
    }
}

/// The one private server that is running.
pub(super) fn found() -> Result<(Remote, Account), Failure> {
    let mut running = server::running();
    let (Some(card), true) = (running.pop(), running.is_empty()) else {
        let (message, help) = match running.len() {
            0 => (
                "no fleet with a private server is running".to_owned(),
                "start `thingfleet demo` in another terminal, or give --jid, --host, --port and --ca-file",
            ),
            others => (
                format!("{} private servers are running", others + 1),
                "say which with --jid, --host, --port and --ca-file; each printed its own at the start",
            ),
        };
        return Err(Failure::environment(message).help(help));
    };
    Ok((card.remote(), Account { resource: RESOURCE.into(), ..card.account }))
}

/// Says for people why a device did not do what it was asked.
fn refused(device: &BareJid, error: IqError) -> Failure {
    match error {
        IqError::Down(failure) => failure.into(),
        error @ IqError::TimedOut => Failure::run(format!("{device}: {error}")),
        error @ IqError::Refused { .. } => Failure::run(format!("{device}: {error}")).help(
            "only contacts may read and control a device; check the name, and that it has this account as an owner",
        ),
    }
}
