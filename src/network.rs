//! The wireless networks that emulated devices find: names, passwords, how long joining takes.
//!
//! A device joins one before it opens its session and has no other use for it; its stanzas go over the host's own
//! network.

use futures::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use thingfleet_device::commissioning::{credentials::Network, journey::NetworkFailure};
use thingfleet_schema::profile;
use tokio::time::sleep;

/// Time to find, authenticate and get an address with a good signal.
const QUICK: Duration = Duration::from_millis(200);
/// Signal in dBm from which on it takes no longer than that.
const GOOD: i8 = -60;
/// Signal in dBm under which nothing is found.
const LOST: i8 = -90;
/// How much longer it takes for each dB under a good signal.
const SLOWER: Duration = Duration::from_millis(50);

/// The networks of a fleet; `None` means that every network is there and takes every password.
pub type Networks = Option<Arc<[profile::Network]>>;

/// A device's place in the air: it has joined a network, is joining one, or neither.
pub(crate) struct Station {
    networks: Networks,
    joining: Option<BoxFuture<'static, Result<(), NetworkFailure>>>,
}

impl Station {
    /// A device that has joined nothing.
    pub(crate) fn new(networks: Networks) -> Self {
        Self { networks, joining: None }
    }

    /// Begins to join.
    pub(crate) fn join(&mut self, network: &Network) {
        let (pause, outcome) = self.look_up(network);
        self.joining = Some(Box::pin(async move {
            sleep(pause).await;
            outcome
        }));
    }

    /// Leaves, or stops joining.
    pub(crate) fn leave(&mut self) {
        self.joining = None;
    }

    /// Waits for what comes of joining; for ever if nothing is being joined. Cancel-safe.
    pub(crate) async fn joined(&mut self) -> Result<(), NetworkFailure> {
        let Some(joining) = &mut self.joining else { return std::future::pending().await };
        let outcome = joining.as_mut().await;
        self.joining = None;
        outcome
    }

    fn look_up(&self, wanted: &Network) -> (Duration, Result<(), NetworkFailure>) {
        let Some(networks) = &self.networks else { return (QUICK, Ok(())) };
        let in_reach = |network: &&profile::Network| {
            network.ssid == wanted.ssid && network.is_present && network.signal >= LOST
        };
        let Some(network) = networks.iter().find(in_reach) else {
            return (QUICK, Err(NetworkFailure::NotFound));
        };
        let weak = u32::from(GOOD.saturating_sub(network.signal).max(0).unsigned_abs());
        let outcome =
            if network.password == wanted.password { Ok(()) } else { Err(NetworkFailure::WrongPassword) };
        (QUICK + SLOWER * weak, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_device::value::Secret;
    use tokio::time::Instant;

    async fn join(networks: Networks, ssid: &str, password: &str) -> (Duration, Result<(), NetworkFailure>) {
        let mut station = Station::new(networks);
        let begun = Instant::now();
        station.join(&Network { ssid: ssid.into(), password: Secret::new(password) });
        let outcome = station.joined().await;
        (begun.elapsed(), outcome)
    }

    fn home() -> Arc<[profile::Network]> {
        let network = |ssid: &str, signal, is_present| profile::Network {
            ssid: ssid.into(),
            password: Secret::new("hunter22"),
            signal,
            is_present,
        };
        Arc::from([
            network("home", -50, true),
            network("garden", -85, true),
            network("cellar", -95, true),
            network("holiday", -50, false),
        ])
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_lets_in_who_knows_its_password() {
        assert_eq!(join(Some(home()), "home", "hunter22").await, (QUICK, Ok(())));
        assert_eq!(join(Some(home()), "home", "hunter23").await.1, Err(NetworkFailure::WrongPassword));
        assert_eq!(join(None, "any", "").await, (QUICK, Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn an_absent_or_too_weak_network_is_not_found() {
        for ssid in ["holiday", "cellar", "nobody's"] {
            assert_eq!(join(Some(home()), ssid, "hunter22").await.1, Err(NetworkFailure::NotFound), "{ssid}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_weak_signal_takes_its_time() {
        let (time, outcome) = join(Some(home()), "garden", "hunter22").await;
        assert_eq!((time, outcome), (Duration::from_millis(200 + 25 * 50), Ok(())));
    }
}
