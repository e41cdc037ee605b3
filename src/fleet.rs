//! A fleet of devices: prepared, switched on one after the other, kept running, stopped together.
//!
//! Whoever holds the [`Fleet`] owns its tasks and its private server. What a device does is its own business; see
//! [`crate::driver`].

mod accounts;
mod befriend;
pub mod clock;
mod crew;
pub mod health;
pub mod history;
mod limits;
mod supervisor;
pub(crate) mod tap;

use crate::{
    ble::Pool,
    driver::{Command, Driver, Equipment, Surroundings},
    label::{self, Label},
    load::meters::Meters,
    memory::Memories,
    network::Networks,
    server::{PrivateServer, StartError},
    state::{State, StateError},
    xmpp::{connect::Connector, tls::TrustError},
};
use befriend::Friend;
use clock::{Clock, wall_clock};
use crew::{AbortOnDrop, Launch, Recruiting};
use health::{Events, Health};
use std::{future::pending, sync::Arc, time::Duration};
use supervisor::{Supervisor, Turn};
use thingfleet_device::{definition::Definition, instance::Instance, jid::BareJid};
use thingfleet_schema::profile::{self, Remote, Server, Trust};
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use accounts::AccountsError;
pub(crate) use crew::Seat;
pub use crew::{AddError, Crew, Pace};
pub use limits::{LimitError, make_room};

/// How many devices of a fleet create nodes at the same time on the private server, which takes it well.
const PRIVATE_SETUPS: usize = 8;
/// The same on somebody's server. ejabberd's tables deadlock as soon as two do, and forty devices are then up in 3.5 s
/// instead of 0.6 s (measured on 23.01).
const REMOTE_SETUPS: usize = 1;
/// Largest fleet whose devices are made friends of the private server's person. Nobody looks at more at once, each
/// friend is a dozen stanzas for the server while the fleet comes up, and a device agrees whenever the person asks.
const MOST_FRIENDS: usize = 100;
/// Commands a device has not got round to; the sender of the next one waits.
const COMMANDS: usize = 16;
/// How long devices may take to say goodbye.
const GRACE: Duration = Duration::from_secs(5);

/// A running fleet. Dropping it ends its tasks without a goodbye.
#[derive(Debug)]
pub struct Fleet {
    crew: Arc<Crew>,
    connector: Arc<Connector>,
    remote: Remote,
    server: Option<PrivateServer>,
    stop: Option<oneshot::Sender<()>>,
    supervision: AbortOnDrop,
    /// Ends with the fleet at the latest.
    befriending: Option<AbortOnDrop>,
}

/// A step on the way to a running fleet, for people who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The private server is being started.
    StartingServer,
    /// Accounts are being registered.
    Registering {
        /// How many are done.
        done: usize,
        /// Of how many.
        of: usize,
    },
}

/// Why a fleet did not start.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The private server did not start.
    #[error(transparent)]
    Server(#[from] StartError),
    /// The certificates to believe cannot be read.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Devices have no accounts.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The fleet's state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// There is no thread that writes down what devices are given.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// Too few files may be open.
    #[error(transparent)]
    Files(#[from] LimitError),
}

impl FleetError {
    /// What a person can do about it.
    pub const fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::Server(error) => Some(error.next_step()),
            Self::Accounts(error) => Some(error.next_step()),
            Self::State(error) => Some(error.next_step()),
            Self::Trust(_) => Some("check `ca_file` in the profile"),
            Self::Files(_) | Self::Thread(_) => None,
        }
    }
}

impl Fleet {
    /// Prepares server and accounts, and starts to switch the devices on. `progress` hears of the steps that take
    /// time. The events are there from the first one on; drop them if nobody looks.
    ///
    /// # Errors
    /// [`FleetError`]; nothing keeps running then.
    pub async fn start(
        fleet: &profile::Fleet,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(Self, Events), FleetError> {
        let (started, events) = Self::prepare(fleet, None, progress).await?;
        for (number, device) in fleet.devices.iter().enumerate() {
            started.crew.switch_on(number, device.starts_after);
        }
        Ok((started, events))
    }

    /// Prepares server and accounts, and switches nothing on: whoever measures does, by way of the crew.
    pub(crate) async fn prepare(
        fleet: &profile::Fleet,
        meters: Option<Arc<Meters>>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(Self, Events), FleetError> {
        make_room(fleet.devices.len())?;
        let (mut state, memories) = remember(fleet)?;
        let registering = |done, of| progress(Progress::Registering { done, of });
        let (server, remote) = match &fleet.server {
            Server::Private { domain } => {
                progress(Progress::StartingServer);
                let server = PrivateServer::start(domain).await?;
                let remote = server.remote();
                (Some(server), remote)
            }
            Server::Remote(remote) => (None, remote.clone()),
        };
        if remote.trust == Trust::Insecure {
            tracing::warn!(
                domain = remote.domain,
                "ANY certificate is accepted; anyone in between can read along"
            );
        }
        let connectors = Connector::new(remote.clone())?.each_source();
        let connector = Arc::clone(connectors.first().expect("there is one source at least"));
        let accounts = if let Some(server) = &server {
            let person = &server.person().account;
            let domain = server.domain();
            accounts::on_private_server(fleet, &connector, domain, person, &registering).await?
        } else {
            let domain = &remote.domain;
            accounts::on_remote_server(fleet, &connector, domain, &mut state, &registering).await?
        };

        let person = server.as_ref().map(|server| &server.person().account);
        let seats: Vec<Seat> = fleet
            .devices
            .iter()
            .zip(accounts)
            .zip(label::own_addresses(fleet))
            .map(|((device, account), address)| {
                let is_commissioned = label::is_commissioned(device);
                let memories = memories.as_ref().filter(|_| is_commissioned);
                let wireless = memories.map(|memories| (memories.of(&device.name), address));
                Seat::new(fleet.seed, device, account, wireless, person.map(|person| &person.jid))
            })
            .collect();
        let befriending = person.filter(|_| seats.len() <= MOST_FRIENDS).map(|person| {
            let friends = seats.iter().filter(|seat| seat.instance.owners.contains(&person.jid));
            let friends = friends.filter_map(Seat::friend).collect();
            AbortOnDrop(tokio::spawn(befriend::befriend(Arc::clone(&connector), person.clone(), friends)))
        });

        let setups = if server.is_some() { PRIVATE_SETUPS } else { REMOTE_SETUPS };
        let gate = Arc::new(Semaphore::new(fleet.setup_concurrency.unwrap_or(setups).max(1)));
        let pool = Pool::new(fleet.adapters.clone());
        let networks: Networks = fleet.networks.clone().map(Arc::from);
        let recruiting = Recruiting {
            seed: fleet.seed,
            connector: Arc::clone(&connector),
            accounts: fleet.accounts.clone(),
            person: person.cloned(),
            state,
            memories,
            befriending: Vec::new(),
        };
        let (crew, launches) = Crew::new(fleet, &remote.domain, seats, recruiting);
        let events = crew.health().watch();
        let all = Arc::clone(&crew);
        let supervisor = Supervisor::new(move |number| {
            let connector = Arc::clone(&connectors[number % connectors.len()]);
            let (crew, gate) = (Arc::clone(&all), Arc::clone(&gate));
            let (pool, networks) = (Arc::clone(&pool), networks.clone());
            let meters = meters.clone();
            async move {
                let Some(seat) = crew.seat(number).filter(|seat| !seat.is_removed()) else { return };
                let reporter = crew.health().reporter(number);
                let requests = seat.take();
                reporter.switched_on();
                let stored = seat.wireless.as_ref().and_then(|(memory, _)| memory.stored());
                // After the seat is taken, so that a change in between reaches the device as a request.
                let speed = crew.pace().effective();
                let instance = Instance { epoch: wall_clock(), speed, stored, ..seat.instance.clone() };
                let definition = Arc::clone(&seat.definition);
                let wireless = seat.wireless.clone();
                let equipment =
                    wireless.map(|(memory, address)| Equipment { pool, networks, memory, address });
                let probe = meters.and_then(|meters| meters.probe(number, &definition));
                let surroundings = Surroundings { connector, clock: Clock::start(), gate, equipment, probe };
                // A task that runs must not keep the fleet.
                drop(crew);
                Driver::new(definition, instance, surroundings, requests, reporter).run().await;
            }
        });
        let (stop, stopped) = oneshot::channel();
        let supervision = tokio::spawn(supervise(supervisor, Arc::clone(&crew), launches, stopped));
        let fleet = Self {
            crew,
            connector,
            remote,
            server,
            stop: Some(stop),
            supervision: AbortOnDrop(supervision),
            befriending,
        };
        Ok((fleet, events))
    }

    /// What the fleet is doing.
    pub fn health(&self) -> &Arc<Health> {
        self.crew.health()
    }

    /// Its devices, for whoever steers them.
    pub fn crew(&self) -> &Arc<Crew> {
        &self.crew
    }

    /// The server it is on.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The way to that server.
    pub(crate) fn connector(&self) -> Arc<Connector> {
        Arc::clone(&self.connector)
    }

    /// The private server, if it has one.
    pub fn server(&self) -> Option<&PrivateServer> {
        self.server.as_ref()
    }

    /// The devices' names and accounts, in the order of the profile. One that is commissioned has its account later.
    pub fn devices(&self) -> impl Iterator<Item = (String, Option<BareJid>, Arc<Definition>)> {
        self.crew.present().into_iter().map(|(_, seat)| {
            let jid = seat.instance.account.as_ref().map(|account| account.jid.clone());
            (seat.instance.name.clone(), jid, Arc::clone(&seat.definition))
        })
    }

    /// The labels of the devices that are commissioned over Bluetooth, as far as is known now. `fleet` is the profile
    /// it was started with.
    pub fn labels(&self, fleet: &profile::Fleet) -> Vec<Label> {
        label::labels(fleet, |place, _| {
            let seat = self.crew.seat(place)?;
            let (memory, _) = seat.wireless.as_ref()?;
            Some(label::Kept { key: memory.key()?.public(), address: memory.address() })
        })
    }

    /// Whether a device is waiting to be commissioned: it was given nothing yet.
    pub fn is_waiting(&self, device: &str) -> bool {
        let seat = self.crew.find(device).map(|(_, seat)| seat);
        let memory = seat.as_ref().and_then(|seat| seat.wireless.as_ref());
        memory.is_some_and(|(memory, _)| memory.stored().is_none())
    }

    /// Does something to a device; waits while it has too many commands before it. Returns whether the device is
    /// there and switched on.
    pub async fn command(&self, device: &str, command: Command) -> bool {
        match self.crew.find(device) {
            Some((_, seat)) => seat.command(command).await,
            None => false,
        }
    }

    /// Waits until the private server ends by itself, and gives its last words; for ever on somebody's server.
    /// Cancel-safe.
    pub async fn server_died(&mut self) -> String {
        match &mut self.server {
            Some(server) => server.died().await,
            None => pending().await,
        }
    }

    /// Lets all devices say goodbye, ends those that take too long, and stops the private server.
    pub async fn stop(mut self) {
        self.befriending = None;
        if let Some(stop) = self.stop.take() {
            // It fails only if all devices have ended already.
            _ = stop.send(());
        }
        _ = (&mut self.supervision.0).await;
        if let Some(memories) = self.crew.take_memories().await {
            memories.close().await;
        }
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }
}

/// Opens the fleet's state and the memories of its commissioned devices, if it has any.
fn remember(fleet: &profile::Fleet) -> Result<(Option<State>, Option<Memories>), FleetError> {
    let mut names = fleet
        .devices
        .iter()
        .filter(|device| label::is_commissioned(device))
        .map(|device| &*device.name)
        .peekable();
    if names.peek().is_none() {
        return Ok((None, None));
    }
    let state = State::open(&fleet.name)?;
    let mut devices = state.devices()?;
    devices.make_keys(names)?;
    let memories = match &fleet.server {
        Server::Private { .. } => Memories::volatile(devices),
        Server::Remote(_) => Memories::lasting(devices),
    };
    Ok((Some(state), Some(memories.map_err(FleetError::Thread)?)))
}

async fn supervise<F, Task>(
    mut supervisor: Supervisor<F>,
    crew: Arc<Crew>,
    mut launches: mpsc::UnboundedReceiver<Launch>,
    mut stopped: oneshot::Receiver<()>,
) where
    F: Fn(usize) -> Task,
    Task: Future<Output = ()> + Send + 'static,
{
    loop {
        let turn = tokio::select! {
            Some(turn) = supervisor.next() => turn,
            Some(Launch { place, after }) = launches.recv() => {
                supervisor.launch(place, after);
                continue;
            }
            _ = &mut stopped => break,
        };
        match turn {
            Turn::Ended => {}
            Turn::Restarting { number, why, pause } => {
                crew.health().reporter(number).restarting();
                let seat = crew.seat(number);
                let device = seat.as_ref().map(|seat| &*seat.instance.name);
                tracing::error!(device, why, ?pause, "the device's task failed; please report this as a bug");
            }
        }
    }
    let goodbye = async {
        for (_, seat) in crew.present() {
            seat.command(Command::Stop).await;
        }
    };
    if tokio::time::timeout(GRACE, goodbye).await.is_err() {
        tracing::warn!("not every device could be told to stop");
    }
    let aborted = supervisor.wind_down(GRACE).await;
    if aborted > 0 {
        tracing::warn!(aborted, "devices were ended without a goodbye");
    }
}
