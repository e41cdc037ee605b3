//! Which fleet is meant: the one that runs, the one of a name, or one at an address.

use super::Failure;
use clap::Args;
use thingfleet::control::{self, Card};
use thingfleet_control::client::Client;
use thingfleet_device::value::Secret;

#[derive(Debug, Args)]
pub(in super::super) struct Place {
    /// Name of the fleet, where several run
    #[arg(long, global = true, value_name = "NAME")]
    fleet: Option<String>,
    /// Address of a fleet elsewhere: `http://127.0.0.1:4040`
    #[arg(long, global = true, conflicts_with = "fleet")]
    url: Option<String>,
    /// Its token; better in the environment, where others cannot see it
    #[arg(long, global = true, env = "THINGFLEET_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Place {
    /// The fleet of this name, or the one at this address with its token.
    pub(in super::super) fn new(fleet: Option<String>, url: Option<String>, token: Option<String>) -> Self {
        Self { fleet, url, token }
    }

    pub(in super::super) fn client(&self) -> Result<Client, Failure> {
        let Some(url) = &self.url else {
            let card = found(self.fleet.as_deref())?;
            return Ok(Client::new(&card.url, card.token)?);
        };
        let token = self.token.clone().ok_or_else(|| {
            Failure::input("no token is given for that fleet")
                .help("it printed one at its start; put it into THINGFLEET_TOKEN")
        })?;
        Ok(Client::new(url, Secret::new(token))?)
    }
}

/// The one fleet that is running, or the one of this name.
fn found(name: Option<&str>) -> Result<Card, Failure> {
    let running = control::running()
        .map_err(|error| Failure::environment(format!("cannot look for running fleets: {error}")))?;
    chosen(running, name)
}

fn chosen(mut running: Vec<Card>, name: Option<&str>) -> Result<Card, Failure> {
    let names: Vec<_> = running.iter().map(|card| card.fleet.clone()).collect();
    running.retain(|card| name.is_none_or(|name| card.fleet == name));
    let (Some(card), true) = (running.pop(), running.is_empty()) else {
        let (message, help) = match (name, &*names) {
            (_, []) => (
                "no fleet is running".to_owned(),
                "start `thingfleet demo` in another terminal; a fleet with --no-control is not found"
                    .to_owned(),
            ),
            (Some(name), _) if !names.iter().any(|one| one == name) => {
                (format!("no fleet {name:?} is running"), format!("these are: {}", names.join(", ")))
            }
            (Some(name), _) => (
                format!("several fleets {name:?} are running"),
                "say which with --url and THINGFLEET_TOKEN; each printed its own at its start".to_owned(),
            ),
            (None, _) => (
                format!("{} fleets are running", names.len()),
                format!("say which with --fleet: {}", names.join(", ")),
            ),
        };
        return Err(Failure::environment(message).help(help));
    };
    Ok(card)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_chosen_only_where_there_is_no_doubt() {
        let cards = |names: &[&str]| -> Vec<Card> {
            let card = |name: &&str| Card {
                fleet: (*name).to_owned(),
                url: "http://127.0.0.1:1".into(),
                token: Secret::new("x"),
            };
            names.iter().map(card).collect()
        };
        for (running, name, is_found) in [
            (&["a"][..], None, true),
            (&["a", "b"], Some("b"), true),
            (&[], None, false),
            (&["a", "b"], None, false),
            (&["a"], Some("b"), false),
            (&["a", "a"], Some("a"), false),
        ] {
            assert_eq!(chosen(cards(running), name).is_ok(), is_found, "{running:?} {name:?}");
        }
    }
}
