//! Between a backend and the radio of one device: what the air tells goes up, orders come down.

use super::{State, Trouble, Wanted, radio::RadioEvent};
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};
use thingfleet_device::commissioning::{
    gatt::{AttError, Characteristic, Write},
    pairing::PairingFailure,
    qr::Address,
};
use tokio::sync::{mpsc, oneshot};

/// A Bluetooth stack that can be a device's peripheral.
pub(super) trait Backend: Send + Sync {
    /// Serves the peripheral on this adapter until it is ordered to stop and the last answer is out.
    ///
    /// # Errors
    /// The [`Trouble`] that ended it; the pool tries again.
    fn serve<'a>(
        &'a self,
        adapter: &'a str,
        wanted: &'a Wanted,
        port: &'a mut Port,
    ) -> BoxFuture<'a, Result<(), Trouble>>;
}

/// What a radio wants of its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Send the client away, and go on advertising.
    DisconnectClient,
    /// Be the peripheral no longer.
    Stop,
}

/// Tells what clients read, which is of interest to watchers only.
#[derive(Debug, Clone)]
pub(super) struct Reads(mpsc::Sender<RadioEvent>);

impl Reads {
    /// Tells that a client read a characteristic; not if the device has too much else to look after.
    pub(super) fn tell(&self, characteristic: Characteristic) {
        _ = self.0.try_send(RadioEvent::Read(characteristic));
    }
}

/// A backend's end.
#[derive(Debug)]
pub(super) struct Port {
    events: mpsc::Sender<RadioEvent>,
    orders: mpsc::Receiver<Order>,
    /// What was told last of where the peripheral stands, by whoever had the port.
    told: Arc<Mutex<Option<State>>>,
}

impl Port {
    /// The end between these channels.
    pub(super) fn new(events: mpsc::Sender<RadioEvent>, orders: mpsc::Receiver<Order>) -> Self {
        Self { events, orders, told: Arc::default() }
    }

    /// The same end for another who gets the orders.
    pub(super) fn with_orders(&self, orders: mpsc::Receiver<Order>) -> Self {
        Self { events: self.events.clone(), orders, told: Arc::clone(&self.told) }
    }

    /// Tells where the peripheral stands; nothing if that was told last. Gives whether it was news.
    pub(super) async fn state(&self, state: State) -> bool {
        let before = self.told.lock().unwrap_or_else(PoisonError::into_inner).replace(state.clone());
        let is_news = before.as_ref() != Some(&state);
        if is_news {
            self.tell(RadioEvent::State(state)).await;
        }
        is_news
    }

    /// Whether it was told last that the peripheral can be found, or that a client came.
    pub(super) fn was_up(&self) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*told, None | Some(State::Advertising { .. }))
    }

    /// Tells that it can be found.
    pub(super) async fn advertising(&self, adapter: &str, address: Address) {
        self.state(State::Advertising { adapter: adapter.to_owned(), address }).await;
    }

    /// Tells that a client connected. Nobody else can until it is gone, so what is advertised then is news again.
    pub(super) async fn client_connected(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.tell(RadioEvent::ClientConnected).await;
    }

    /// Tells that it is gone.
    pub(super) async fn client_gone(&self) {
        self.tell(RadioEvent::ClientGone).await;
    }

    /// Tells that it tried to pair, and is not paired.
    pub(super) async fn pairing_failed(&self, why: PairingFailure) {
        self.tell(RadioEvent::PairingFailed(why)).await;
    }

    /// Hands in a whole value, and waits for what the client is to be told: nothing where the device sends it away
    /// instead, or is switched off with the write on its desk. The order that says so follows.
    pub(super) async fn write(&self, write: Write) -> Option<Result<(), AttError>> {
        let (answer, answered) = oneshot::channel();
        self.tell(RadioEvent::Write(write, answer)).await;
        answered.await.ok()
    }

    /// The way to tell of reads, for those that are answered elsewhere.
    pub(super) fn reads(&self) -> Reads {
        Reads(self.events.clone())
    }

    /// Waits for the next order. Cancel-safe.
    pub(super) async fn order(&mut self) -> Order {
        self.orders.recv().await.unwrap_or(Order::Stop)
    }

    async fn tell(&self, event: RadioEvent) {
        // It fails only when the radio is gone, and then an order to stop is on its way.
        _ = self.events.send(event).await;
    }
}
