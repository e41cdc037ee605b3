//! Who is connected to an adapter. bluetoothd tells it device by device, so each device it knows is watched.

use super::trouble::call;
use crate::ble::Trouble;
use bluer::{Adapter, Address, DeviceEvent, DeviceProperty};
use futures::{
    StreamExt as _, future,
    stream::{self, BoxStream, SelectAll},
};
use std::{collections::HashSet, future::Future};

/// The clients of a peripheral: whoever connects while it is up. A headset that has been on the adapter before is none.
pub(super) struct Clients {
    adapter: Adapter,
    links: SelectAll<BoxStream<'static, (Address, bool)>>,
    others: HashSet<Address>,
    connected: HashSet<Address>,
}

/// A change that the device has to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// There is a client now.
    Connected,
    /// There is none any more.
    Gone,
}

impl Clients {
    /// Starts to watch; what is connected now stays out of it.
    ///
    /// # Errors
    /// What bluetoothd has against it.
    pub(super) async fn of(adapter: &Adapter) -> Result<Self, Trouble> {
        let mut clients = Self {
            adapter: adapter.clone(),
            links: SelectAll::new(),
            others: HashSet::new(),
            connected: HashSet::new(),
        };
        let what = format!("listing what is connected to {}", adapter.name());
        for address in call(&what, adapter.device_addresses()).await? {
            let Ok(device) = adapter.device(address) else { continue };
            // It may be gone by now.
            if device.is_connected().await.unwrap_or(false) {
                clients.others.insert(address);
            }
            clients.watch(address).await;
        }
        Ok(clients)
    }

    /// Watches a device that bluetoothd has come to know.
    pub(super) async fn watch(&mut self, address: Address) {
        let Ok(device) = self.adapter.device(address) else { return };
        let Ok(events) = device.events().await else { return };
        // It may have been connected from the beginning: then there is no change to hear of.
        let now = stream::once(async move { device.is_connected().await.unwrap_or(false) });
        let then = events.filter_map(|event| {
            future::ready(match event {
                DeviceEvent::PropertyChanged(DeviceProperty::Connected(connected)) => Some(connected),
                DeviceEvent::PropertyChanged(_) => None,
            })
        });
        self.links.push(now.chain(then).map(move |connected| (address, connected)).boxed());
    }

    /// Waits for a device to connect or to leave. Cancel-safe.
    pub(super) async fn next(&mut self) -> (Address, bool) {
        match self.links.next().await {
            Some(link) => link,
            None => future::pending().await,
        }
    }

    /// Takes in that a device is connected or not.
    pub(super) fn take(&mut self, address: Address, is_connected: bool) -> Option<Change> {
        if !is_connected {
            self.others.remove(&address);
            let was_last = self.connected.remove(&address) && self.connected.is_empty();
            return was_last.then_some(Change::Gone);
        }
        if self.others.contains(&address) {
            return None;
        }
        let is_first = self.connected.is_empty();
        self.connected.insert(address);
        is_first.then_some(Change::Connected)
    }

    /// Takes in that a device writes: so it is a client, whenever it connected.
    pub(super) fn take_writer(&mut self, address: Address) -> Option<Change> {
        self.others.remove(&address);
        self.take(address, true)
    }

    /// Whether there is a client.
    pub(super) fn is_empty(&self) -> bool {
        self.connected.is_empty()
    }

    /// Ends the connections of all clients.
    pub(super) fn disconnect(&self) -> impl Future<Output = ()> + Send + use<> {
        let devices: Vec<_> =
            self.connected.iter().filter_map(|client| self.adapter.device(*client).ok()).collect();
        async move {
            for device in devices {
                if let Err(trouble) = call("disconnecting a client", device.disconnect()).await {
                    // It went by itself, most likely.
                    tracing::debug!(%trouble, client = %device.address(), "client not disconnected");
                }
            }
        }
    }
}
