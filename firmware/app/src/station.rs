//! The leg that is in a wireless network while the device wants to be.

use crate::{
    air::Air,
    body::{Inbox, Told},
    platform::{self, Entropy},
    stream::Stream,
    time::Timekeeper,
};
use core::cell::Cell;
use embassy_futures::select::{Either, select};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, signal::Signal};
use thingfleet_device::{commissioning::credentials::Network, io::Input};

/// What the loop tells this leg.
pub(crate) struct Station {
    wanted: Signal<NoopRawMutex, Option<Network>>,
    is_on: Cell<bool>,
    went_off: Signal<NoopRawMutex, ()>,
}

impl Station {
    pub(crate) fn new() -> Self {
        Self { wanted: Signal::new(), is_on: Cell::new(false), went_off: Signal::new() }
    }

    /// Join this network, or leave the one there is.
    pub(crate) fn want(&self, network: Option<Network>) {
        if network.is_some() {
            self.is_on.set(true);
        }
        self.wanted.signal(network);
    }

    /// Waits until it is in no network.
    pub(crate) async fn off(&self) {
        while self.is_on.get() {
            self.went_off.wait().await;
        }
        // Somebody else may wait for the same.
        self.went_off.signal(());
    }

    /// Joins and leaves as it is told. The radio has one antenna: nothing is joined before Bluetooth is off; and a stream
    /// has its time to say goodbye.
    pub(crate) async fn run(
        &self,
        network: &impl platform::Network,
        air: &Air,
        stream: &Stream,
        timekeeper: &Timekeeper<'_, impl Entropy>,
        inbox: &Inbox,
    ) -> ! {
        let mut wanted = self.wanted.wait().await;
        loop {
            let Some(credentials) = wanted else {
                stream.quiet().await;
                network.leave().await;
                self.is_on.set(false);
                self.went_off.signal(());
                wanted = self.wanted.wait().await;
                continue;
            };
            let stay = async {
                air.off().await;
                match network.join(&credentials).await {
                    Ok(()) => {
                        // Certificates have dates, so this comes before any of them is looked at.
                        let is_known = timekeeper.learn(network, inbox).await;
                        inbox.send(Told::Input(Input::NetworkUp)).await;
                        match select(network.lost(), timekeeper.keep(network, is_known, inbox)).await {
                            Either::First(failure) => failure,
                            Either::Second(never) => never,
                        }
                    }
                    Err(failure) => failure,
                }
            };
            wanted = match select(stay, self.wanted.wait()).await {
                Either::First(failure) => {
                    network.leave().await;
                    inbox.send(Told::Input(Input::NetworkDown(failure))).await;
                    self.wanted.wait().await
                }
                Either::Second(next) => next,
            };
        }
    }
}
