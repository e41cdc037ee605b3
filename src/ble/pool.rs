//! The adapters of a fleet, each leased to one device at a time; the others queue in the order in which they asked.
//!
//! Two advertisements on one adapter share an address and a GATT database (measured on BlueZ), so a client would see
//! both devices' services: hence one device an adapter.

use super::{
    State, Trouble, TroubleKind, Wanted,
    bluez::BlueZ,
    hci::Hci,
    port::{Backend, Order, Port},
};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use thingfleet_schema::profile::{Adapter, Adapters};
use tokio::{sync::watch, time::sleep};

/// Time between two attempts at an adapter in trouble. A cause that goes away is noticed well within five seconds.
const AGAIN: Duration = Duration::from_secs(1);

/// The adapters of a fleet.
pub struct Pool {
    adapters: Adapters,
    bluez: BlueZ,
    hci: Hci,
    leases: Mutex<Leases>,
    /// Counts changes of the leases and of BlueZ's adapters, so that those who queue look again.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Leases {
    taken: HashSet<String>,
    /// Tickets of those who wait, in order.
    queue: VecDeque<u64>,
    next_ticket: u64,
}

/// An adapter that belongs to one device until it is dropped.
struct Lease<'p> {
    pool: &'p Pool,
    adapter: String,
}

/// A place in the queue, given up when it is dropped.
struct Place<'p> {
    pool: &'p Pool,
    ticket: u64,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("adapters", &self.adapters).finish_non_exhaustive()
    }
}

impl Pool {
    /// The adapters that a profile names.
    pub fn new(adapters: Adapters) -> Arc<Self> {
        Arc::new(Self {
            adapters,
            bluez: BlueZ::default(),
            hci: Hci::default(),
            leases: Mutex::default(),
            changed: watch::Sender::new(0),
        })
    }

    /// Is this peripheral on one adapter after another until it is ordered to stop.
    pub(super) async fn serve(&self, wanted: Wanted, mut port: Port) {
        loop {
            let Some(lease) = self.lease(&mut port).await else { return };
            let backend: &dyn Backend = if is_hci(&lease.adapter) { &self.hci } else { &self.bluez };
            match backend.serve(&lease.adapter, &wanted, &mut port).await {
                Ok(()) => return,
                Err(trouble) => {
                    tracing::warn!(
                        device = wanted.device,
                        adapter = lease.adapter,
                        kind = trouble.kind.name(),
                        text = trouble.text,
                        next_step = trouble.kind.next_step(),
                        "Bluetooth is down"
                    );
                    drop(lease);
                    port.state(State::Down(trouble)).await;
                }
            }
            if pause(&mut port).await.is_none() {
                return;
            }
        }
    }

    /// Waits for a free adapter, and says so; `None` when ordered to stop.
    async fn lease(&self, port: &mut Port) -> Option<Lease<'_>> {
        let place = self.place();
        let mut changed = self.changed.subscribe();
        let mut told = None;
        loop {
            let state = match self.names().await {
                Ok(names) => match self.take(&place, &names) {
                    Ok(adapter) => return Some(Lease { pool: self, adapter }),
                    Err(ahead) => State::Queued { ahead },
                },
                Err(trouble) => State::Down(trouble),
            };
            if told.as_ref() != Some(&state) {
                port.state(state.clone()).await;
                told = Some(state);
            }
            tokio::select! {
                _ = changed.changed() => {}
                // BlueZ's adapters come and go without a word to us while nobody serves on them.
                () = sleep(AGAIN) => {}
                order = port.order() => if order == Order::Stop { return None },
            }
        }
    }

    /// The adapters there are now, by name. With virtual controllers there is always one more.
    async fn names(&self) -> Result<Vec<String>, Trouble> {
        let names = match &self.adapters {
            Adapters::Auto => self.bluez.adapters().await?,
            Adapters::Named(adapters) => adapters.iter().map(name).collect(),
            Adapters::Virtual { address } => {
                let taken = self.lock().taken.len();
                (0..=taken).map(|number| format!("tcp:{address}#{number}")).collect()
            }
        };
        if names.is_empty() {
            let text = "BlueZ has no adapter".to_owned();
            return Err(Trouble { kind: TroubleKind::NoAdapter, text });
        }
        Ok(names)
    }

    fn place(&self) -> Place<'_> {
        let mut leases = self.lock();
        let ticket = leases.next_ticket;
        leases.next_ticket += 1;
        leases.queue.push_back(ticket);
        Place { pool: self, ticket }
    }

    /// Takes the first free adapter for the first in the queue, or says how many are ahead.
    fn take(&self, place: &Place<'_>, names: &[String]) -> Result<String, usize> {
        let mut leases = self.lock();
        let ahead = leases.queue.iter().take_while(|ticket| **ticket != place.ticket).count();
        let free: Vec<_> = names.iter().filter(|name| !leases.taken.contains(*name)).cloned().collect();
        // Whoever is far enough ahead gets one of the others.
        match free.into_iter().nth(ahead) {
            Some(adapter) => {
                leases.taken.insert(adapter.clone());
                Ok(adapter)
            }
            None => Err(ahead),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_changed(&self) {
        self.changed.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pool.lock().taken.remove(&self.adapter);
        self.pool.has_changed();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.lock().queue.retain(|ticket| *ticket != self.ticket);
        self.pool.has_changed();
    }
}

/// Waits before the next attempt; `None` when ordered to stop.
async fn pause(port: &mut Port) -> Option<()> {
    let mut over = std::pin::pin!(sleep(AGAIN));
    loop {
        tokio::select! {
            () = &mut over => return Some(()),
            order = port.order() => if order == Order::Stop { return None },
        }
    }
}

/// How an adapter is called in leases and messages.
fn name(adapter: &Adapter) -> String {
    match adapter {
        Adapter::BlueZ(name) => name.clone(),
        Adapter::Tcp(address) => format!("tcp:{address}"),
        Adapter::Serial { path, baud } => format!("serial:{}@{baud}", path.display()),
    }
}

fn is_hci(name: &str) -> bool {
    name.starts_with("tcp:") || name.starts_with("serial:")
}
