//! The Wi-Fi half of the radio, and TCP/IP and TLS over it.

use crate::entropy::Random;
use embassy_executor::Spawner;
use embassy_futures::select::select;
use embassy_net::Runner;
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex};
use esp_hal::{peripherals::WIFI, rng::Rng};
use esp_radio::wifi::{
    AuthenticationMethodConfig, Config as Joining, ConnectionError, ControllerConfig, DisconnectReason,
    Interface, WifiController, WifiError, sta::StationConfig,
};
use thingfleet_device::{
    commissioning::{credentials, journey::NetworkFailure},
    io::StreamFailure,
};
use thingfleet_firmware::{carried::Carried, platform::Network, time::TimeFailure, wall::Wall};
use thingfleet_net::{Internet, Socket};
use thingfleet_tls::{Session, Trust};

/// The network.
pub(crate) struct Wireless {
    /// What the radio is switched on with; it is on while there is a controller.
    controller: Mutex<NoopRawMutex, (WIFI<'static>, Option<WifiController<'static>>)>,
    internet: Internet,
    trust: Trust,
}

impl Wireless {
    /// Starts TCP/IP; the radio stays off until a network is joined.
    pub(crate) fn start(
        wifi: WIFI<'static>,
        carried: &Carried,
        wall: &'static Wall,
        spawner: Spawner,
    ) -> Result<Self, &'static str> {
        let roots = carried.roots.clone().into_bytes();
        let trust = Trust::new(Random, roots, wall).ok_or("TLS")?;
        let seed = u64::from(Rng::new().random());
        let (internet, runner) = Internet::new(Interface::station(), seed, carried);
        spawner.spawn(run(runner).map_err(|_| "room for a task")?);
        Ok(Self { controller: Mutex::new((wifi, None)), internet, trust })
    }
}

#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Interface>) {
    runner.run().await;
}

impl Network for Wireless {
    type Socket<'a> = Socket<'a>;
    type Secured<'a> = Session<'a, Self::Socket<'a>>;

    async fn join(&self, network: &credentials::Network) -> Result<(), NetworkFailure> {
        let mut radio = self.controller.lock().await;
        let (wifi, controller) = &mut *radio;
        let config = ControllerConfig::default().with_initial_config(station(network)?);
        // SAFETY: the controller before this one is gone when this one comes.
        let wifi = unsafe { wifi.clone_unchecked() };
        *controller = None;
        let started = WifiController::new(wifi, config).map_err(not_started)?;
        controller.insert(started).connect_async().await.map_err(|error| not_joined(&error))?;
        self.internet.up().await;
        Ok(())
    }

    async fn lost(&self) -> NetworkFailure {
        let radio = self.controller.lock().await;
        if let (_, Some(controller)) = &*radio {
            select(controller.wait_for_disconnect_async(), self.internet.down()).await;
        }
        NetworkFailure::Lost
    }

    async fn leave(&self) {
        let (_, controller) = &mut *self.controller.lock().await;
        // With it goes the memory that it had.
        *controller = None;
    }

    async fn connect(&self, domain: &str) -> Result<Self::Socket<'_>, StreamFailure> {
        self.internet.connect(domain).await
    }

    async fn secure<'a>(
        &'a self,
        socket: Self::Socket<'a>,
        domain: &str,
    ) -> Result<Self::Secured<'a>, StreamFailure> {
        self.trust.secure(socket, domain).await
    }

    async fn ask_time(&self, request: &[u8], answer: &mut [u8]) -> Result<usize, TimeFailure> {
        self.internet.ask_time(request, answer).await
    }
}

/// The settings of a network, with WPA or WPA2 where there is a password.
fn station(network: &credentials::Network) -> Result<Joining, NetworkFailure> {
    let ssid = network.ssid.as_str().try_into().map_err(|_| NetworkFailure::NotFound)?;
    let password = network.password.reveal();
    let authentication = if password.is_empty() {
        AuthenticationMethodConfig::Open
    } else {
        let password = password.try_into().map_err(|_| NetworkFailure::WrongPassword)?;
        AuthenticationMethodConfig::WpaWpa2Personal(password)
    };
    let station = StationConfig::default().with_ssid(ssid).with_authentication(authentication);
    Ok(Joining::Station(station))
}

fn not_started(error: WifiError) -> NetworkFailure {
    match error {
        WifiError::InvalidSsid => NetworkFailure::NotFound,
        WifiError::InvalidPassword => NetworkFailure::WrongPassword,
        // Whatever else it is may be over at the next attempt.
        _ => NetworkFailure::TimedOut,
    }
}

fn not_joined(error: &ConnectionError) -> NetworkFailure {
    let ConnectionError::Failed(details) = error else { return NetworkFailure::TimedOut };
    match details.reason {
        DisconnectReason::NoAccessPointFound | DisconnectReason::NoAccessPointFoundInRssiThreshold => {
            NetworkFailure::NotFound
        }
        DisconnectReason::AuthenticationFailed
        | DisconnectReason::FourWayHandshakeTimeout
        | DisconnectReason::HandshakeTimeout
        | DisconnectReason::MicFailure
        | DisconnectReason::NoAccessPointFoundInAuthmodeThreshold
        | DisconnectReason::NoAccessPointFoundWithCompatibleSecurity => NetworkFailure::WrongPassword,
        // Espressif's list is open, and most of it says that the access point did not answer as it should.
        _ => NetworkFailure::TimedOut,
    }
}
