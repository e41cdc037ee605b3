//! The leg that is a device's peripheral while the device wants to be one.

use crate::{
    body::{Inbox, Told},
    platform::Radio,
    station::Station,
};
use alloc::{boxed::Box, format};
use core::cell::Cell;
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, channel::Channel, signal::Signal};
use embassy_time::{Duration, Timer};
use thingfleet_device::{
    commissioning::{
        gatt::{AttError, Characteristic, Peripheral, Write},
        qr::Address,
    },
    io::Input,
};
use thingfleet_link::{Body, Happening, Order, serve};

/// Orders on their way; one of each is all there can be.
const ORDERS: usize = 4;
/// Time after which a controller that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the loop tells this leg.
pub(crate) struct Air {
    wanted: Signal<NoopRawMutex, Box<Peripheral>>,
    orders: Channel<NoopRawMutex, Order, ORDERS>,
    answer: Signal<NoopRawMutex, Option<Result<(), AttError>>>,
    is_on: Cell<bool>,
    went_off: Signal<NoopRawMutex, ()>,
}

impl Air {
    pub(crate) fn new() -> Self {
        Self {
            wanted: Signal::new(),
            orders: Channel::new(),
            answer: Signal::new(),
            is_on: Cell::new(false),
            went_off: Signal::new(),
        }
    }

    /// Be this peripheral, as soon as the last one is off the air.
    pub(crate) fn start(&self, peripheral: Peripheral) {
        self.is_on.set(true);
        self.wanted.signal(Box::new(peripheral));
    }

    /// Be it no longer, once the last answer is out.
    pub(crate) fn stop(&self) {
        if self.wanted.try_take().is_some() {
            // It had not begun.
            return self.is_off();
        }
        self.order(Order::Stop);
    }

    /// Send the client away.
    pub(crate) fn disconnect_client(&self) {
        self.answer.signal(None);
        self.order(Order::DisconnectClient);
    }

    /// The answer to the write that has come in.
    pub(crate) fn answer(&self, answer: Result<(), AttError>) {
        self.answer.signal(Some(answer));
    }

    /// Waits until nothing is on the air.
    pub(crate) async fn off(&self) {
        while self.is_on.get() {
            self.went_off.wait().await;
        }
        // Somebody else may wait for the same.
        self.went_off.signal(());
    }

    /// Is the peripheral whenever it is wanted. The radio has one antenna: nothing is on the air before the network is
    /// left.
    pub(crate) async fn run(
        &self,
        radio: &mut impl Radio,
        address: Address,
        station: &Station,
        inbox: &Inbox,
    ) -> ! {
        loop {
            let peripheral = self.wanted.wait().await;
            self.is_on.set(true);
            self.orders.clear();
            station.off().await;
            let mut client = Client { air: self, inbox, is_connected: false };
            loop {
                // On the heap, so that a stream has that memory once nothing is on the air.
                let serving = Box::pin(serve(radio.switch_on(), &peripheral, address, &mut client));
                let served = serving.await;
                if client.is_connected {
                    client.tell(Input::ClientGone).await;
                    client.is_connected = false;
                }
                let Err(failure) = served else { break };
                inbox.send(Told::Trouble(format!("the Bluetooth controller: {failure}"))).await;
                Timer::after(AGAIN).await;
                if self.is_told_to_stop() {
                    break;
                }
            }
            self.is_off();
        }
    }

    fn is_told_to_stop(&self) -> bool {
        core::iter::from_fn(|| self.orders.try_receive().ok()).any(|order| order == Order::Stop)
    }

    fn is_off(&self) {
        self.is_on.set(false);
        self.went_off.signal(());
    }

    fn order(&self, order: Order) {
        // It is full only if the peripheral is not there to take them; then it has nothing to do with them either.
        _ = self.orders.try_send(order);
    }
}

/// The device as its peripheral sees it.
struct Client<'a> {
    air: &'a Air,
    inbox: &'a Inbox,
    is_connected: bool,
}

impl Client<'_> {
    async fn tell(&self, input: Input) {
        self.inbox.send(Told::Input(input)).await;
    }
}

impl Body for Client<'_> {
    async fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Advertising => {}
            Happening::ClientConnected => {
                self.is_connected = true;
                self.tell(Input::ClientConnected).await;
            }
            Happening::ClientGone => {
                self.is_connected = false;
                self.tell(Input::ClientGone).await;
            }
            Happening::PairingFailed(why) => self.tell(Input::PairingFailed(why)).await,
        }
    }

    async fn read(&mut self, _characteristic: Characteristic) {}

    async fn write(&mut self, write: Write) -> Option<Result<(), AttError>> {
        self.air.answer.reset();
        self.tell(Input::GattWrite(write)).await;
        self.air.answer.wait().await
    }

    async fn order(&mut self) -> Order {
        self.air.orders.receive().await
    }
}
