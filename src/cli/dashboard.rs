//! The dashboard: in front of a fleet of this process, or with `thingfleet attach` of one that runs elsewhere.

use super::{Failure, Global, ctl::Place, log::Hold, runtime, signals::Signals};
use clap::Args;
use std::{
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};
use thingfleet::control::Card;
use thingfleet_control::client::Client;
use thingfleet_tui::{app::Options, feed::Feed, run::run};

const EXAMPLES: &str = "\
Examples:
  thingfleet attach
  thingfleet attach --fleet kitchen --read-only
  thingfleet attach http://127.0.0.1:4040 --token-file token.txt

It finds the running fleet by itself; where several run, say which with --fleet. For a fleet on another machine,
bring its port here first: ssh -L 4040:127.0.0.1:4040. Leaving it leaves the fleet running.";

/// How the dashboard is used.
#[derive(Debug, Args)]
pub(super) struct Look {
    /// Only look: the dashboard changes nothing about the fleet
    #[arg(long)]
    read_only: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,
}

/// Arguments of `attach`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AttachArguments {
    /// Address of the fleet, `http://127.0.0.1:4040`; the one that runs on this machine unless given
    url: Option<String>,
    /// Name of the fleet, where several run
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    fleet: Option<String>,
    /// A file with the token of the fleet at that address; without it, the token is in `THINGFLEET_TOKEN`
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    look: Look,
}

impl AttachArguments {
    fn client(&self) -> Result<Client, Failure> {
        let token = match &self.token_file {
            Some(file) => Some(token_in(file)?),
            None => std::env::var("THINGFLEET_TOKEN").ok(),
        };
        Place::new(self.fleet.clone(), self.url.clone(), token).client()
    }
}

/// The token in a file: alone, or as a fleet writes it down for `ctl`.
fn token_in(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::environment(format!("cannot read {}: {error}", file.display())))?;
    let card: Option<Card> = serde_json::from_str(&text).ok();
    let token = card.map_or_else(|| text.trim().to_owned(), |card| card.token.reveal().to_owned());
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(Failure::input(format!("there is no token in {}", file.display()))
            .help("put the token that the fleet printed at its start into it, and nothing else"));
    }
    Ok(token)
}

/// Whether there is a terminal that can show the dashboard.
pub(super) fn has_terminal() -> bool {
    let can_draw = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    can_draw && io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// Shows a fleet until a person leaves.
pub(super) async fn show(client: Client, look: &Look, owns_fleet: bool, global: &Global) -> io::Result<()> {
    let options = Options {
        is_read_only: look.read_only,
        has_mouse: !look.no_mouse,
        has_colour: global.colour_on(&io::stdout()),
        owns_fleet,
    };
    let _hold = Hold::new();
    run(Feed::start(client), options).await
}

/// `thingfleet attach`.
pub(super) fn attach(arguments: &AttachArguments, global: &Global) -> Result<(), Failure> {
    let client = arguments.client()?;
    if !has_terminal() {
        return Err(Failure::environment("there is no terminal to draw on")
            .help("`thingfleet ctl list` and `thingfleet ctl events` print what there is"));
    }
    runtime()?.block_on(async {
        // A fleet that is not there is said before the screen is taken.
        client.fleet().await?;
        let mut signals = Signals::new()?;
        tokio::select! {
            shown = show(client, &arguments.look, false, global) => Ok(shown?),
            () = signals.asked() => Ok(()),
        }
    })
}
