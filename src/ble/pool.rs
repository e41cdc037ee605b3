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
    collections::{HashMap, HashSet, VecDeque},
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
    bluez: Arc<BlueZ>,
    /// What serves on BlueZ's adapters, and what on HCI controllers.
    backends: [Arc<dyn Backend>; 2],
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
        let bluez = Arc::new(BlueZ::default());
        Self::with(adapters, Arc::clone(&bluez), [bluez, Arc::new(Hci::default())])
    }

    fn with(adapters: Adapters, bluez: Arc<BlueZ>, backends: [Arc<dyn Backend>; 2]) -> Arc<Self> {
        let changed = watch::Sender::new(0);
        Arc::new(Self { adapters, bluez, backends, leases: Mutex::default(), changed })
    }

    /// Is this peripheral on one adapter after another until it is ordered to stop.
    pub(super) async fn serve(&self, wanted: Wanted, mut port: Port) {
        // What was in the way of each adapter since it was last up. Such an adapter comes after those that may do.
        let mut troubles = HashMap::<String, Trouble>::new();
        loop {
            let Some(lease) = self.lease(&mut port, &troubles).await else { return };
            let backend = &self.backends[usize::from(is_hci(&lease.adapter))];
            let Err(trouble) = backend.serve(&lease.adapter, &wanted, &mut port).await else { return };
            if port.was_up() {
                troubles.clear();
            }
            let before = troubles.insert(lease.adapter.clone(), trouble.clone());
            drop(lease);
            // Each is tried again and again, and told once.
            if before.as_ref() != Some(&trouble) && port.state(State::Down(trouble.clone())).await {
                let Trouble { kind, text } = trouble;
                tracing::warn!(
                    device = wanted.device,
                    kind = kind.name(),
                    text,
                    next_step = kind.next_step(),
                    "Bluetooth is down"
                );
            }
            if pause(&mut port).await.is_none() {
                return;
            }
        }
    }

    /// Waits for a free adapter, and says so if it was not said before; `None` when ordered to stop.
    async fn lease(&self, port: &mut Port, troubles: &HashMap<String, Trouble>) -> Option<Lease<'_>> {
        let place = self.place();
        let mut changed = self.changed.subscribe();
        loop {
            let state = match self.names().await {
                Ok(names) => match self.take(&place, &names, troubles) {
                    Ok(adapter) => return Some(Lease { pool: self, adapter }),
                    Err(ahead) => State::Queued { ahead },
                },
                Err(trouble) => State::Down(trouble),
            };
            port.state(state).await;
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
            Adapters::Named(adapters) => adapters.iter().map(Adapter::to_string).collect(),
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
    fn take(
        &self,
        place: &Place<'_>,
        names: &[String],
        troubles: &HashMap<String, Trouble>,
    ) -> Result<String, usize> {
        let mut leases = self.lock();
        let ahead = leases.queue.iter().take_while(|ticket| **ticket != place.ticket).count();
        let mut free: Vec<_> = names.iter().filter(|name| !leases.taken.contains(*name)).cloned().collect();
        free.sort_by_key(|name| troubles.contains_key(name));
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

fn is_hci(name: &str) -> bool {
    name.starts_with("tcp:") || name.starts_with("serial:")
}

#[cfg(test)]
mod tests {
    use super::{
        super::radio::{Radio, RadioEvent},
        *,
    };
    use futures::{FutureExt as _, future::BoxFuture};
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use thingfleet_device::commissioning::{
        gatt::{Characteristic, Peripheral, Write},
        qr::Address,
    };
    use tokio::time::{Instant, timeout};

    /// A stack in memory: it advertises, and takes one value from a client that stays.
    #[derive(Default)]
    struct Fake {
        /// Whether it is, on every adapter.
        is_broken: AtomicBool,
        /// The adapters it is broken on.
        broken: Mutex<HashSet<&'static str>>,
    }

    impl Backend for Fake {
        fn serve<'a>(
            &'a self,
            adapter: &'a str,
            wanted: &'a Wanted,
            port: &'a mut Port,
        ) -> BoxFuture<'a, Result<(), Trouble>> {
            async move {
                if self.is_broken.load(SeqCst) {
                    return Err(Trouble { kind: TroubleKind::Controller, text: "unplugged".into() });
                }
                if self.broken.lock().unwrap().contains(adapter) {
                    return Err(Trouble { kind: TroubleKind::NoAdapter, text: adapter.into() });
                }
                port.advertising(adapter, wanted.address).await;
                loop {
                    match port.order().await {
                        Order::Stop => return Ok(()),
                        Order::DisconnectClient => {
                            port.client_connected().await;
                            let characteristic = Characteristic::Ssid;
                            let write = Write { characteristic, value: b"home".to_vec(), encrypted: false };
                            assert_eq!(port.write(write).await, Some(Ok(())));
                            port.client_gone().await;
                        }
                    }
                }
            }
            .boxed()
        }
    }

    fn pool(adapters: &[&str]) -> (Arc<Fake>, Arc<Pool>) {
        let fake = Arc::new(Fake::default());
        let named = adapters.iter().map(|name| Adapter::Tcp((*name).to_owned())).collect();
        let backends: [Arc<dyn Backend>; 2] = [fake.clone(), fake.clone()];
        (fake, Pool::with(Adapters::Named(named), Arc::default(), backends))
    }

    fn radio(pool: &Arc<Pool>, number: u8) -> Radio {
        let peripheral = Peripheral::new(&thingfleet_simulated::kettle(), &thingfleet_simulated::unboxed());
        let mut radio = Radio::new(Arc::clone(pool));
        let address = Address([0xC0, 0, 0, 0, 0, number]);
        radio.start(Wanted { device: format!("kettle-{number}"), peripheral, address });
        radio
    }

    async fn state(radio: &mut Radio) -> State {
        let event = timeout(Duration::from_mins(1), radio.next()).await.expect("something is told");
        match event {
            RadioEvent::State(state) => state,
            event => panic!("{event:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_adapter_is_one_device_at_a_time_in_the_order_they_asked() {
        let (_fake, pool) = pool(&["a"]);
        let mut first = radio(&pool, 1);
        assert!(matches!(state(&mut first).await, State::Advertising { adapter, .. } if adapter == "tcp:a"));
        let mut second = radio(&pool, 2);
        assert_eq!(state(&mut second).await, State::Queued { ahead: 0 });
        let mut third = radio(&pool, 3);
        assert_eq!(state(&mut third).await, State::Queued { ahead: 1 });
        first.closed().await;
        assert!(matches!(state(&mut second).await, State::Advertising { .. }));
        assert_eq!(state(&mut third).await, State::Queued { ahead: 0 });
        drop(second);
        assert!(
            matches!(state(&mut third).await, State::Advertising { .. }),
            "dropped is as good as stopped"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_adapter_in_trouble_is_tried_again_and_the_others_do_not_notice() {
        let (fake, pool) = pool(&["a", "b"]);
        let mut well = radio(&pool, 1);
        assert!(matches!(state(&mut well).await, State::Advertising { .. }));
        fake.is_broken.store(true, SeqCst);
        let mut troubled = radio(&pool, 2);
        let State::Down(trouble) = state(&mut troubled).await else { panic!("it is broken") };
        assert_eq!((trouble.kind, &*trouble.text), (TroubleKind::Controller, "unplugged"));
        fake.is_broken.store(false, SeqCst);
        let mended = Instant::now();
        while !matches!(state(&mut troubled).await, State::Advertising { .. }) {}
        assert!(mended.elapsed() < Duration::from_secs(5));
        assert!(timeout(Duration::from_secs(1), well.next()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_adapter_in_trouble_comes_after_those_that_may_do() {
        let (fake, pool) = pool(&["a", "b"]);
        fake.broken.lock().unwrap().insert("tcp:a");
        let mut one = radio(&pool, 1);
        assert!(matches!(state(&mut one).await, State::Down(trouble) if trouble.text == "tcp:a"));
        assert!(matches!(state(&mut one).await, State::Advertising { adapter, .. } if adapter == "tcp:b"));
    }

    #[tokio::test(start_paused = true)]
    async fn troubles_that_last_are_told_once_each() {
        let (fake, pool) = pool(&["a", "b"]);
        fake.broken.lock().unwrap().extend(["tcp:a", "tcp:b"]);
        let mut one = radio(&pool, 1);
        for adapter in ["tcp:a", "tcp:b"] {
            assert!(matches!(state(&mut one).await, State::Down(trouble) if trouble.text == adapter));
        }
        assert!(timeout(10 * AGAIN, one.next()).await.is_err(), "nothing is new");
        fake.broken.lock().unwrap().remove("tcp:a");
        assert!(matches!(state(&mut one).await, State::Advertising { adapter, .. } if adapter == "tcp:a"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_waits_for_its_answer() {
        let (_fake, pool) = pool(&["a"]);
        let mut radio = radio(&pool, 1);
        state(&mut radio).await;
        radio.disconnect_client();
        assert!(matches!(radio.next().await, RadioEvent::ClientConnected));
        let RadioEvent::Write(write, answer) = radio.next().await else { panic!("a write comes") };
        assert_eq!(write.value, b"home");
        radio.owes(answer);
        assert!(timeout(Duration::from_secs(1), radio.next()).await.is_err(), "not before the answer");
        radio.answer(Ok(()));
        assert!(matches!(radio.next().await, RadioEvent::ClientGone));
    }
}
