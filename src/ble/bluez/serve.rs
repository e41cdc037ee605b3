//! One peripheral on one adapter, from setting up to leaving.
//!
//! ```text
//!  set up (power, name, pairing, services, advertisement) ─► serve ─ ordered to stop ─► leave (client, name)
//!         └──────────── trouble ────────────────────────────────┴─ trouble: everything registered is dropped
//! ```

use super::{
    BlueZ,
    agent::Welcome,
    bus::{Bus, Registered},
    clients::{Change, Clients},
    table::{Pieces, Request, application, own},
    trouble::{call, register},
};
use crate::ble::{
    Trouble, TroubleKind, Wanted,
    port::{Order, Port, Reads},
};
use bluer::{Adapter, AdapterEvent, AdapterProperty, adv::Advertisement};
use futures::{StreamExt as _, stream::BoxStream};
use std::{mem::take, pin::pin, sync::PoisonError, time::Duration};
use thingfleet_device::{
    commissioning::{
        gatt::{DEVICE_INFORMATION, PROVISIONING},
        qr::Address,
    },
    definition::Security,
};
use tokio::{sync::mpsc, time::timeout};

/// Writes that wait for the device; bluetoothd sends the next of a client when the one before is answered.
const REQUESTS: usize = 4;
/// How long after Powered an adapter may take to disappear: one that is unplugged is turned off first.
const UNPLUGGED: Duration = Duration::from_millis(300);
/// How long a client may take to go by itself once the peripheral leaves. It has the last answer by then.
const LINGER: Duration = Duration::from_millis(500);
/// How long an advertisement may take to be off the air, and a client that is sent away to be gone.
const GONE: Duration = Duration::from_secs(3);

/// What an adapter was like before a peripheral came.
#[derive(Debug, Clone)]
pub(super) struct Before {
    alias: String,
    is_pairable: bool,
}

/// A peripheral that is up, besides what bluetoothd has of it.
struct Up {
    events: BoxStream<'static, AdapterEvent>,
    clients: Clients,
    pieces: Pieces,
    requests: mpsc::Receiver<Request>,
    welcome: Option<Welcome>,
    address: Address,
}

/// The one who serves.
struct Server<'a> {
    bluez: &'a BlueZ,
    bus: &'a Bus,
    adapter: Adapter,
    wanted: &'a Wanted,
    registered: Registered,
    has_client: bool,
}

/// Serves a peripheral until it is ordered to stop and has left.
///
/// # Errors
/// The [`Trouble`] that ended it.
pub(super) async fn serve(
    bluez: &BlueZ,
    bus: &Bus,
    adapter: &str,
    wanted: &Wanted,
    port: &mut Port,
) -> Result<(), Trouble> {
    let adapter = call("looking for the adapter", async { bus.session.adapter(adapter) }).await?;
    let registered = Registered::default();
    let mut server = Server { bluez, bus, adapter, wanted, registered, has_client: false };
    let mut gone = pin!(bus.gone());
    let mut ended = tokio::select! {
        biased;
        trouble = &mut gone => {
            bus.keep(take(&mut server.registered));
            Err(trouble)
        }
        ended = server.run(port) => ended,
    };
    if ended.is_err() && server.registered.is_there() {
        // A bluetoothd that is being stopped takes its adapters away first.
        if let Ok(trouble) = timeout(UNPLUGGED, gone).await {
            bus.keep(take(&mut server.registered));
            ended = Err(trouble);
        }
    }
    if ended.is_err() && server.has_client {
        port.client_gone().await;
    }
    ended
}

impl Server<'_> {
    async fn run(&mut self, port: &mut Port) -> Result<(), Trouble> {
        let reads = port.reads();
        let mut up = tokio::select! {
            up = self.set_up(reads) => up?,
            () = stopped(port) => return Ok(()),
        };
        port.advertising(self.adapter.name(), up.address).await;
        loop {
            tokio::select! {
                event = up.events.next() => match event {
                    Some(event) => self.adapter_event(event, &mut up, port).await?,
                    None => return Err(self.unplugged()),
                },
                (address, is_connected) = up.clients.next() => {
                    let change = up.clients.take(address, is_connected);
                    self.tell(change, &up.pieces, up.address, port).await;
                }
                Some(request) = up.requests.recv() => {
                    let change = up.clients.take_writer(request.client);
                    self.tell(change, &up.pieces, up.address, port).await;
                    if let Some(answer) = port.write(request.write).await {
                        // It fails only if bluetoothd no longer waits: the client went in the middle of it.
                        _ = request.answer.send(answer);
                    } else {
                        // Who lets go of the answer sends an error, so that comes after the end of the link.
                        let (gone, answer) = (up.clients.disconnect(), request.answer);
                        tokio::spawn(async move {
                            gone.await;
                            drop(answer);
                        });
                    }
                }
                order = port.order() => match order {
                    Order::DisconnectClient => {
                        tokio::spawn(up.clients.disconnect());
                    }
                    Order::Stop => break,
                },
            }
        }
        self.leave(up).await;
        Ok(())
    }

    async fn adapter_event(
        &mut self,
        event: AdapterEvent,
        up: &mut Up,
        port: &mut Port,
    ) -> Result<(), Trouble> {
        match event {
            AdapterEvent::DeviceAdded(address) => up.clients.watch(address).await,
            AdapterEvent::DeviceRemoved(address) => {
                let change = up.clients.take(address, false);
                self.tell(change, &up.pieces, up.address, port).await;
            }
            AdapterEvent::PropertyChanged(AdapterProperty::Powered(false)) => {
                return Err(self.turned_off(&mut up.events).await);
            }
            AdapterEvent::PropertyChanged(AdapterProperty::ActiveAdvertisingInstances(0)) => {
                // It may be late news of another program's that has just ended.
                let now = self.adapter.active_advertising_instances();
                if call(&self.doing("asking"), now).await? == 0 {
                    let text = format!("bluetoothd has dropped the advertisement on {}", self.adapter.name());
                    return Err(Trouble { kind: TroubleKind::Stack, text });
                }
            }
            AdapterEvent::PropertyChanged(_) => {}
        }
        Ok(())
    }

    async fn tell(&mut self, change: Option<Change>, pieces: &Pieces, address: Address, port: &mut Port) {
        match change {
            Some(Change::Connected) => {
                self.has_client = true;
                port.client_connected().await;
            }
            Some(Change::Gone) => {
                self.has_client = false;
                pieces.lock().unwrap_or_else(PoisonError::into_inner).forget();
                port.client_gone().await;
                // bluetoothd goes on with what it was told to advertise.
                port.advertising(self.adapter.name(), address).await;
            }
            None => {}
        }
    }
}

/// Up.
impl Server<'_> {
    async fn set_up(&mut self, reads: Reads) -> Result<Up, Trouble> {
        let (adapter, peripheral) = (self.adapter.clone(), &self.wanted.peripheral);
        let events = call(&self.doing("watching"), adapter.events()).await?.boxed();
        self.turn_on().await?;
        let others = call(&self.doing("asking"), adapter.active_advertising_instances()).await?;
        if others > 0 {
            let text = format!("another program advertises on {}", adapter.name());
            return Err(Trouble { kind: TroubleKind::Busy, text });
        }
        let welcome = self.dress().await?;
        let address = Address(call(&self.doing("asking"), adapter.address()).await?.0);
        let clients = Clients::of(&adapter).await?;

        let (requests, requested) = mpsc::channel(REQUESTS);
        let pieces = Pieces::default();
        let application = application(peripheral, &requests, &pieces, &reads);
        let publishing = adapter.clone();
        let publishing = async move { publishing.serve_gatt_application(application).await };
        self.registered.application =
            Some(register(&self.doing("publishing services on"), publishing).await?);
        let advertisement = self.advertisement();
        let advertising = async move { adapter.advertise(advertisement).await };
        self.registered.advertisement = Some(register(&self.doing("advertising on"), advertising).await?);
        let requests = requested;
        Ok(Up { events, clients, pieces, requests, welcome, address })
    }

    /// Turns the adapter on, unless somebody has turned it off while it was in use.
    async fn turn_on(&self) -> Result<(), Trouble> {
        let adapter = &self.adapter;
        if call(&self.doing("asking"), adapter.is_powered()).await? {
            return Ok(());
        }
        if self.bluez.turned_off().contains(adapter.name()) {
            return Err(self.off());
        }
        call(&self.doing("turning on"), adapter.set_powered(true)).await.map_err(|trouble| {
            // bluetoothd just says that it failed.
            let kind =
                if trouble.kind == TroubleKind::Stack { TroubleKind::PoweredOff } else { trouble.kind };
            Trouble { kind, ..trouble }
        })
    }

    /// Gives the adapter the device's name (Device Name, 0x2A00, is the adapter's alias), and lets clients pair where
    /// the device wants an encrypted link. Appearance (0x2A01) is bluetoothd's own; D-Bus has no way to it.
    async fn dress(&self) -> Result<Option<Welcome>, Trouble> {
        let (adapter, peripheral) = (&self.adapter, &self.wanted.peripheral);
        let alias = call(&self.doing("asking"), adapter.alias()).await?;
        let is_pairable = call(&self.doing("asking"), adapter.is_pairable()).await?;
        self.bluez
            .before()
            .entry(adapter.name().to_owned())
            .or_insert_with(|| Before { alias: alias.clone(), is_pairable });
        if alias != peripheral.name {
            call(&self.doing("naming"), adapter.set_alias(peripheral.name.clone())).await?;
        }
        match peripheral.security {
            Security::Open | Security::Sealed => Ok(None),
            Security::Encrypted => {
                let welcome = self.bus.agent.welcome(adapter.name()).await?;
                call(&self.doing("making pairable"), adapter.set_pairable(true)).await?;
                Ok(Some(welcome))
            }
        }
    }

    /// What is in the 31 bytes of the device's own advertisement; bluetoothd puts the name into the scan response.
    fn advertisement(&self) -> Advertisement {
        let peripheral = &self.wanted.peripheral;
        let advertisement = &peripheral.advertisement;
        Advertisement {
            service_uuids: [PROVISIONING, DEVICE_INFORMATION].map(own).into(),
            manufacturer_data: [(advertisement.company, advertisement.manufacturer.to_vec())].into(),
            local_name: Some(peripheral.name.clone()),
            discoverable: Some(true),
            ..Advertisement::default()
        }
    }
}

/// Down.
impl Server<'_> {
    /// Takes everything from the air and leaves the adapter as it was.
    async fn leave(&mut self, mut up: Up) {
        self.registered.advertisement = None;
        // The next peripheral on this adapter takes an advertisement that is still there for another program's.
        let off_the_air = async {
            while let Some(event) = up.events.next().await {
                if let AdapterEvent::PropertyChanged(AdapterProperty::ActiveAdvertisingInstances(0)) = event {
                    break;
                }
            }
        };
        _ = timeout(GONE, off_the_air).await;
        if timeout(LINGER, all_gone(&mut up.clients)).await.is_err() {
            tokio::spawn(up.clients.disconnect());
            _ = timeout(GONE, all_gone(&mut up.clients)).await;
        }
        self.registered.application = None;
        drop(up.welcome);
        let Some(before) = self.bluez.before().remove(self.adapter.name()) else { return };
        if let Err(trouble) = self.undress(before).await {
            tracing::warn!(%trouble, adapter = self.adapter.name(), "the adapter keeps the device's name");
        }
    }

    async fn undress(&self, Before { alias, is_pairable }: Before) -> Result<(), Trouble> {
        let adapter = &self.adapter;
        // An empty alias stands for the system's name, also when that changes.
        let system = call(&self.doing("asking"), adapter.system_name()).await?;
        let alias = if alias == system { String::new() } else { alias };
        call(&self.doing("naming"), adapter.set_alias(alias)).await?;
        if self.wanted.peripheral.security == Security::Encrypted {
            call(&self.doing("asking"), adapter.set_pairable(is_pairable)).await?;
        }
        Ok(())
    }

    /// Finds out why the adapter is off: it is being unplugged, or somebody wants it so.
    async fn turned_off(&self, events: &mut BoxStream<'static, AdapterEvent>) -> Trouble {
        let mut stays_off = true;
        let unplugged = timeout(UNPLUGGED, async {
            while let Some(event) = events.next().await {
                if let AdapterEvent::PropertyChanged(AdapterProperty::Powered(on)) = event {
                    stays_off = !on;
                }
            }
        });
        if unplugged.await.is_ok() {
            return self.unplugged();
        }
        if stays_off {
            self.bluez.turned_off().insert(self.adapter.name().to_owned());
        }
        self.off()
    }

    fn off(&self) -> Trouble {
        let text = format!("{} was turned off", self.adapter.name());
        Trouble { kind: TroubleKind::PoweredOff, text }
    }

    fn unplugged(&self) -> Trouble {
        Trouble { kind: TroubleKind::NoAdapter, text: format!("{} is gone", self.adapter.name()) }
    }

    fn doing(&self, what: &str) -> String {
        format!("{what} {}", self.adapter.name())
    }
}

async fn stopped(port: &mut Port) {
    while port.order().await != Order::Stop {}
}

async fn all_gone(clients: &mut Clients) {
    while !clients.is_empty() {
        let (address, is_connected) = clients.next().await;
        _ = clients.take(address, is_connected);
    }
}
