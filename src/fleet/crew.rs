//! The devices of a running fleet, for whoever steers them: looked at, told what to do, added and removed.
//!
//! Places are counted from zero and never move: a device that was removed leaves its place empty.

mod recruit;

pub use recruit::AddError;
pub(super) use recruit::Recruiting;

use super::{
    COMMANDS, Friend,
    health::{Health, Notice, What},
};
use crate::{
    driver::{Command, Look, Order, Request, Wanted, Watch},
    label,
    memory::Memory,
};
use futures::future::join_all;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use thingfleet_device::{
    commissioning::qr::{Address, QrCode},
    definition::{ChannelId, Definition},
    instance::{Account, Instance},
    jid::BareJid,
    time::Instant,
};
use thingfleet_schema::profile::{self, Adapters};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant as RealInstant,
};

/// The devices of a fleet.
#[derive(Debug)]
pub struct Crew {
    name: String,
    domain: String,
    adapters: Adapters,
    seats: RwLock<Vec<Arc<Seat>>>,
    health: Arc<Health>,
    pace: Mutex<Pace>,
    /// Devices to be switched on.
    launches: mpsc::UnboundedSender<Launch>,
    recruiting: AsyncMutex<Recruiting>,
}

/// How fast time passes in the devices' worlds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Seconds there in each second of real time.
    pub speed: f64,
    /// Whether it stands still all the same.
    pub is_paused: bool,
}

/// A device to be switched on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Launch {
    pub(super) place: usize,
    /// After this time.
    pub(super) after: Duration,
}

/// The place of one device in its fleet, whether it is running or not.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) definition: Arc<Definition>,
    /// What the profile calls that.
    pub(crate) definition_name: Arc<str>,
    pub(crate) instance: Instance,
    pub(crate) tags: Vec<String>,
    /// Memory and own address of a device that is commissioned over Bluetooth.
    pub(super) wireless: Option<(Memory, Address)>,
    /// The present task's channel, which has room for 32 requests from the start: hence the boxes.
    requests: watch::Sender<Option<mpsc::Sender<Box<Request>>>>,
    is_removed: AtomicBool,
}

/// A task that ends with its owner.
#[derive(Debug)]
pub(super) struct AbortOnDrop(pub(super) JoinHandle<()>);

impl Crew {
    pub(super) fn new(
        fleet: &profile::Fleet,
        domain: &str,
        seats: Vec<Seat>,
        recruiting: Recruiting,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Launch>) {
        let (launches, places) = mpsc::unbounded_channel();
        let crew = Self {
            name: fleet.name.clone(),
            domain: domain.to_owned(),
            adapters: fleet.adapters.clone(),
            health: Health::new(seats.iter().map(|seat| &*seat.instance.name)),
            seats: RwLock::new(seats.into_iter().map(Arc::new).collect()),
            pace: Mutex::new(Pace { speed: fleet.speed, is_paused: false }),
            launches,
            recruiting: AsyncMutex::new(recruiting),
        };
        (Arc::new(crew), places)
    }

    /// The fleet's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The XMPP domain it is on.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What the fleet is doing.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// How fast time passes in its devices' worlds.
    pub fn pace(&self) -> Pace {
        *self.lock_pace()
    }

    /// Changes how fast time passes, and returns once every device that runs knows.
    pub async fn set_pace(&self, change: impl FnOnce(&mut Pace)) {
        let (before, pace) = {
            let mut pace = self.lock_pace();
            let before = *pace;
            change(&mut pace);
            (before, *pace)
        };
        let speed = pace.effective();
        if pace != before {
            self.health.tell(What::Paced(pace));
        }
        // All at once: a fleet that is too fast is slow to answer, each device in its turn.
        let told = self.present().into_iter().map(|(_, seat)| async move {
            if seat.command(Command::Pace(speed)).await {
                seat.look().await;
            }
        });
        join_all(told).await;
    }

    /// What the device is that this is about, also if it was removed; none if it is about the fleet.
    pub fn definition(&self, notice: &Notice) -> Option<Arc<Definition>> {
        self.seat(notice.device?).map(|seat| Arc::clone(&seat.definition))
    }

    /// All places that are not empty, in order.
    pub(crate) fn present(&self) -> Vec<(usize, Arc<Seat>)> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        let present = seats.iter().enumerate().filter(|(_, seat)| !seat.is_removed.load(Relaxed));
        present.map(|(place, seat)| (place, Arc::clone(seat))).collect()
    }

    /// The device of this name and its place.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, Arc<Seat>)> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        let is_it = |seat: &Arc<Seat>| seat.instance.name == name && !seat.is_removed.load(Relaxed);
        let place = seats.iter().position(is_it)?;
        Some((place, Arc::clone(&seats[place])))
    }

    /// The seat at this place, also if its device was removed.
    pub(crate) fn seat(&self, place: usize) -> Option<Arc<Seat>> {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    /// Switches the device at this place on after a while, which is not on yet.
    pub(crate) fn switch_on(&self, place: usize, after: Duration) {
        // It fails only if the fleet is being stopped.
        _ = self.launches.send(Launch { place, after });
    }

    /// Removes the device at this place, which says goodbye first. Its account stays at the server.
    pub(crate) async fn remove(&self, place: usize) {
        let Some(seat) = self.seat(place) else { return };
        seat.is_removed.store(true, Relaxed);
        let at = seat.look().await.map_or(Instant::START, |look| look.at);
        self.health.reporter(place).removed(at);
        self.health.remove(place);
        seat.command(Command::Stop).await;
    }

    /// What the QR code on a device says that is commissioned over Bluetooth, if its address is known.
    pub(crate) fn code(&self, seat: &Seat) -> Option<QrCode> {
        let (memory, own) = seat.wireless.as_ref()?;
        let address = label::whereabouts(&self.adapters, *own, memory.address()).address()?;
        Some(QrCode { address, key: memory.key()?.public() })
    }

    fn lock_pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// Seconds of the world in each second of real time, standing still included.
    pub fn effective(self) -> f64 {
        if self.is_paused { 0.0 } else { self.speed }
    }
}

impl Seat {
    pub(super) fn new(
        seed: u64,
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
            seed,
            serial: device.serial.clone(),
            epoch: super::wall_clock(),
            speed: 1.0,
            starts: device.starts.clone(),
            account,
            owners,
            commissioning: device.commissioning,
            key: wireless.as_ref().and_then(|(memory, _)| memory.key()),
            stored: None,
            access: device.access.clone(),
            addressing: device.addressing.clone(),
            actuators: device.actuators,
            faults: device.faults.clone(),
            last_reset: None,
        };
        Self {
            definition: Arc::clone(&device.definition),
            definition_name: Arc::clone(&device.definition_name),
            instance,
            tags: device.tags.clone(),
            wireless,
            requests: watch::Sender::new(None),
            is_removed: AtomicBool::new(false),
        }
    }

    pub(super) fn friend(&self) -> Option<Friend> {
        Some(Friend {
            jid: self.instance.account.as_ref()?.jid.clone(),
            name: self.instance.name.clone(),
            group: self.definition.title.clone(),
        })
    }

    pub(super) fn is_removed(&self) -> bool {
        self.is_removed.load(Relaxed)
    }

    /// Takes the seat for a new task.
    pub(super) fn take(&self) -> mpsc::Receiver<Box<Request>> {
        let (sender, receiver) = mpsc::channel(COMMANDS);
        self.requests.send_replace(Some(sender));
        receiver
    }

    /// Does something to the device; waits while it has too many requests before it. Returns whether it is switched
    /// on.
    pub(crate) async fn command(&self, command: Command) -> bool {
        self.send(Request::Do(command)).await
    }

    /// Has the device do what somebody who steers it wants, as above, and tells so.
    pub(crate) async fn steer(&self, order: Order) -> bool {
        self.send(Request::Steer(order)).await
    }

    /// Looks at the device once it has done everything it was told; `None` if it is not switched on.
    pub(crate) async fn look(&self) -> Option<Look> {
        let (reply, look) = oneshot::channel();
        if self.send(Request::Look(reply)).await { look.await.ok() } else { None }
    }

    /// Waits until a condition holds for the device while it is switched on, however often that is.
    pub(crate) async fn wait(&self, wanted: &Wanted) -> Look {
        let mut tasks = self.requests.subscribe();
        loop {
            tasks.mark_unchanged();
            let (reply, look) = oneshot::channel();
            if self.send(Request::Watch(Watch { wanted: wanted.clone(), reply })).await
                && let Ok(look) = look.await
            {
                return look;
            }
            // It cannot fail: the sender is part of this seat.
            _ = tasks.changed().await;
        }
    }

    /// Has the device publish the value of a channel, which should have begun then. Waits while it has too many requests
    /// before it; returns whether it is switched on.
    pub(crate) fn publish(&self, channel: ChannelId, intended: RealInstant) -> bool {
        let sender = self.requests.borrow().clone();
        sender
            .is_some_and(|sender| sender.blocking_send(Box::new(Request::Publish(channel, intended))).is_ok())
    }

    async fn send(&self, request: Request) -> bool {
        let sender = self.requests.borrow().clone();
        match sender {
            Some(sender) => sender.send(Box::new(request)).await.is_ok(),
            None => false,
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
