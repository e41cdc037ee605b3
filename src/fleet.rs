//! A fleet of devices: prepared, switched on one after the other, kept running, stopped together.
//!
//! Whoever holds the [`Fleet`] owns its tasks and its private server. What a device does is its own business; see
//! [`crate::driver`].

mod accounts;
mod befriend;
pub mod clock;
pub mod health;
mod limits;
mod supervisor;

use crate::{
    ble::Pool,
    driver::{Command, Driver, Equipment, Surroundings},
    label::{self, Label},
    memory::{Memories, Memory},
    network::Networks,
    server::{PrivateServer, StartError},
    state::{State, StateError},
    xmpp::{connect::Connector, tls::TrustError},
};
use befriend::Friend;
use clock::{Clock, wall_clock};
use health::{Events, Health};
use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use supervisor::{Supervisor, Turn};
use thingfleet_device::{
    commissioning::qr::Address,
    definition::Definition,
    instance::{Account, Instance},
    jid::BareJid,
};
use thingfleet_schema::profile::{self, Remote, Server, Trust};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

pub use accounts::AccountsError;

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
    seats: Arc<[Seat]>,
    health: Arc<Health>,
    remote: Remote,
    server: Option<PrivateServer>,
    stop: Option<oneshot::Sender<()>>,
    supervision: AbortOnDrop,
    /// Ends with the fleet at the latest.
    befriending: Option<AbortOnDrop>,
    /// Only of a fleet with commissioned devices.
    memories: Option<Memories>,
    /// Held until everything in it is written down.
    _state: Option<State>,
}

/// The place of one device in its fleet, whether it is running or not.
#[derive(Debug)]
struct Seat {
    definition: Arc<Definition>,
    instance: Instance,
    /// Memory and own address of a device that is commissioned over Bluetooth.
    wireless: Option<(Memory, Address)>,
    /// The present task's channel.
    commands: Mutex<Option<mpsc::Sender<Command>>>,
}

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

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
    #[error("{0}")]
    Files(String),
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
        limits::make_room(fleet.devices.len()).map_err(FleetError::Files)?;
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
        let connector = Arc::new(Connector::new(remote.clone())?);
        let accounts = if let Some(server) = &server {
            let person = &server.person().account;
            let domain = server.domain();
            accounts::on_private_server(fleet, &connector, domain, person, &registering).await?
        } else {
            let domain = &remote.domain;
            accounts::on_remote_server(fleet, &connector, domain, &mut state, &registering).await?
        };

        let person = server.as_ref().map(|server| &server.person().account);
        let seats: Arc<[Seat]> = fleet
            .devices
            .iter()
            .zip(accounts)
            .zip(label::own_addresses(fleet))
            .map(|((device, account), address)| {
                let is_commissioned = label::is_commissioned(device);
                let memories = memories.as_ref().filter(|_| is_commissioned);
                let wireless = memories.map(|memories| (memories.of(&device.name), address));
                Seat::new(fleet, device, account, wireless, person.map(|person| &person.jid))
            })
            .collect();
        let health = Health::new(seats.iter().map(|seat| &*seat.instance.name));
        let events = health.watch();
        let befriending = person.filter(|_| seats.len() <= MOST_FRIENDS).map(|person| {
            let friends = seats.iter().filter(|seat| seat.instance.owners.contains(&person.jid));
            let friends = friends.filter_map(Seat::friend).collect();
            AbortOnDrop(tokio::spawn(befriend::befriend(Arc::clone(&connector), person.clone(), friends)))
        });

        let setups = if server.is_some() { PRIVATE_SETUPS } else { REMOTE_SETUPS };
        let gate = Arc::new(Semaphore::new(fleet.setup_concurrency.unwrap_or(setups).max(1)));
        let pool = Pool::new(fleet.adapters.clone());
        let networks: Networks = fleet.networks.clone().map(Arc::from);
        let (crew, reports) = (Arc::clone(&seats), Arc::clone(&health));
        let mut supervisor = Supervisor::new(move |number| {
            let (crew, connector, gate) = (Arc::clone(&crew), Arc::clone(&connector), Arc::clone(&gate));
            let reporter = reports.reporter(number);
            let (pool, networks) = (Arc::clone(&pool), networks.clone());
            async move {
                let seat = &crew[number];
                let commands = seat.take();
                reporter.switched_on();
                let stored = seat.wireless.as_ref().and_then(|(memory, _)| memory.stored());
                let instance = Instance { epoch: wall_clock(), stored, ..seat.instance.clone() };
                let definition = Arc::clone(&seat.definition);
                let wireless = seat.wireless.clone();
                let equipment =
                    wireless.map(|(memory, address)| Equipment { pool, networks, memory, address });
                let surroundings = Surroundings { connector, clock: Clock::start(), gate, equipment };
                Driver::new(definition, instance, surroundings, commands, reporter).run().await;
            }
        });
        for (number, device) in fleet.devices.iter().enumerate() {
            supervisor.launch(number, device.starts_after);
        }
        let (stop, stopped) = oneshot::channel();
        let supervision =
            tokio::spawn(supervise(supervisor, Arc::clone(&seats), Arc::clone(&health), stopped));
        let fleet = Self {
            seats,
            health,
            remote,
            server,
            stop: Some(stop),
            supervision: AbortOnDrop(supervision),
            befriending,
            memories,
            _state: state,
        };
        Ok((fleet, events))
    }

    /// What the fleet is doing.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// The server it is on.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The private server, if it has one.
    pub fn server(&self) -> Option<&PrivateServer> {
        self.server.as_ref()
    }

    /// The devices' names and accounts, in the order of the profile. One that is commissioned has its account later.
    pub fn devices(&self) -> impl Iterator<Item = (&str, Option<&BareJid>, &Definition)> {
        self.seats.iter().map(|seat| {
            let jid = seat.instance.account.as_ref().map(|account| &account.jid);
            (&*seat.instance.name, jid, &*seat.definition)
        })
    }

    /// The labels of the devices that are commissioned over Bluetooth, as far as is known now. `fleet` is the profile
    /// it was started with.
    pub fn labels(&self, fleet: &profile::Fleet) -> Vec<Label> {
        label::labels(fleet, |place, _| {
            let (memory, _) = self.seats.get(place)?.wireless.as_ref()?;
            Some(label::Kept { key: memory.key()?.public(), address: memory.address() })
        })
    }

    /// Whether a device is waiting to be commissioned: it was given nothing yet.
    pub fn is_waiting(&self, device: &str) -> bool {
        let seat = self.seats.iter().find(|seat| seat.instance.name == device);
        let memory = seat.and_then(|seat| seat.wireless.as_ref());
        memory.is_some_and(|(memory, _)| memory.stored().is_none())
    }

    /// Does something to a device; waits while it has too many commands before it. Returns whether the device is
    /// there and switched on.
    pub async fn command(&self, device: &str, command: Command) -> bool {
        match self.seats.iter().find(|seat| seat.instance.name == device) {
            Some(seat) => seat.command(command).await,
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
        if let Some(memories) = self.memories.take() {
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
    seats: Arc<[Seat]>,
    health: Arc<Health>,
    mut stopped: oneshot::Receiver<()>,
) where
    F: Fn(usize) -> Task,
    Task: Future<Output = ()> + Send + 'static,
{
    loop {
        let turn = tokio::select! {
            turn = supervisor.next() => turn,
            _ = &mut stopped => break,
        };
        match turn {
            Some(Turn::Ended) => {}
            Some(Turn::Restarting { number, why, pause }) => {
                health.reporter(number).restarting();
                let device = &seats[number].instance.name;
                tracing::error!(device, why, ?pause, "the device's task failed; please report this as a bug");
            }
            None => return,
        }
    }
    let goodbye = async {
        for seat in &*seats {
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

impl Seat {
    fn new(
        fleet: &profile::Fleet,
        device: &profile::Device,
        account: Option<Account>,
        wireless: Option<(Memory, Address)>,
        person: Option<&BareJid>,
    ) -> Self {
        let owners = match (&*device.owners, person) {
            ([], Some(person)) => vec![person.clone()],
            (owners, _) => owners.to_vec(),
        };
        let instance = Instance {
            name: device.name.clone(),
            seed: fleet.seed,
            serial: device.serial.clone(),
            epoch: wall_clock(),
            speed: fleet.speed,
            starts: device.starts.clone(),
            account,
            owners,
            commissioning: device.commissioning,
            key: wireless.as_ref().and_then(|(memory, _)| memory.key()),
            stored: None,
            access: device.access.clone(),
            addressing: device.addressing.clone(),
            actuators: device.actuators,
        };
        Self { definition: Arc::clone(&device.definition), instance, wireless, commands: Mutex::new(None) }
    }

    fn friend(&self) -> Option<Friend> {
        Some(Friend {
            jid: self.instance.account.as_ref()?.jid.clone(),
            name: self.instance.name.clone(),
            group: self.definition.title.clone(),
        })
    }

    /// Takes the seat for a new task.
    fn take(&self) -> mpsc::Receiver<Command> {
        let (sender, receiver) = mpsc::channel(COMMANDS);
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    async fn command(&self, command: Command) -> bool {
        let sender = self.commands.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match sender {
            Some(sender) => sender.send(command).await.is_ok(),
            None => false,
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
