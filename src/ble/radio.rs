//! One device's radio: the driver's end. It is off until the device wants to be a peripheral.

use super::{
    Pool, State, Wanted,
    port::{Order, Port},
};
use std::{future::pending, sync::Arc};
use thingfleet_device::commissioning::{
    gatt::{AttError, Characteristic, Write},
    pairing::PairingFailure,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Events the driver has not got round to; the backend waits when it is full.
const EVENTS: usize = 8;
/// Orders the backend has not got round to. The device gives at most one of each kind for an event.
const ORDERS: usize = 8;

/// What a radio tells.
#[derive(Debug)]
pub enum RadioEvent {
    /// Where the peripheral stands.
    State(State),
    /// A client connected.
    ClientConnected,
    /// The client is gone.
    ClientGone,
    /// A client read a characteristic, and has its answer.
    Read(Characteristic),
    /// The client tried to pair, and is not paired.
    PairingFailed(PairingFailure),
    /// A client wrote a value; the answer goes to [`Radio::answer`] by way of the driver.
    Write(Write, oneshot::Sender<Result<(), AttError>>),
}

/// A device's radio. Dropping it takes the peripheral from the air.
#[derive(Debug)]
pub struct Radio {
    pool: Arc<Pool>,
    running: Option<Running>,
    stopping: Option<JoinHandle<()>>,
    unanswered: Option<oneshot::Sender<Result<(), AttError>>>,
}

#[derive(Debug)]
struct Running {
    orders: mpsc::Sender<Order>,
    events: mpsc::Receiver<RadioEvent>,
    task: JoinHandle<()>,
}

impl Radio {
    /// A radio that is off.
    pub fn new(pool: Arc<Pool>) -> Self {
        Self { pool, running: None, stopping: None, unanswered: None }
    }

    /// Becomes this peripheral, as soon as an adapter is free.
    pub fn start(&mut self, wanted: Wanted) {
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (events, told) = mpsc::channel(EVENTS);
        let port = Port::new(events, ordered);
        let (pool, before) = (Arc::clone(&self.pool), self.stopping.take());
        let task = tokio::spawn(async move {
            // The old peripheral has to be off the air before the new one asks for an adapter.
            if let Some(before) = before {
                _ = before.await;
            }
            pool.serve(wanted, port).await;
        });
        self.running = Some(Running { orders, events: told, task });
    }

    /// Leaves the air, once the last answer is out.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.order(Order::Stop);
            self.stopping = Some(running.task);
        }
    }

    /// Sends the client away; a write of its that waits for an answer gets none.
    pub fn disconnect_client(&mut self) {
        self.unanswered = None;
        if let Some(running) = &self.running {
            running.order(Order::DisconnectClient);
        }
    }

    /// Answers the write that came last.
    pub fn answer(&mut self, answer: Result<(), AttError>) {
        if let Some(unanswered) = self.unanswered.take() {
            // It fails only if the client is gone.
            _ = unanswered.send(answer);
        }
    }

    /// Waits for what happens next; for ever while it is off. Cancel-safe.
    pub async fn next(&mut self) -> RadioEvent {
        let Some(running) = &mut self.running else { return pending().await };
        match running.events.recv().await {
            Some(event) => event,
            None => pending().await,
        }
    }

    /// Keeps what a write is answered to.
    pub fn owes(&mut self, answer: oneshot::Sender<Result<(), AttError>>) {
        self.unanswered = Some(answer);
    }

    /// Waits until the peripheral is off the air.
    pub async fn closed(mut self) {
        self.stop();
        if let Some(stopping) = self.stopping.take() {
            _ = stopping.await;
        }
    }
}

impl Running {
    fn order(&self, order: Order) {
        // A full channel has the same orders in it already; a closed one ends the backend as well.
        _ = self.orders.try_send(order);
    }
}
