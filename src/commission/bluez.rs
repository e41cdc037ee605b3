//! The commissioner's radio on BlueZ: bluetoothd scans, connects and pairs, asked over D-Bus.
//!
//! What bluetoothd remembers of a device from an earlier life of it is removed before a scan: a bond that the device
//! has forgotten makes pairing fail, and a cached advertisement says nothing about today.

use super::{
    central::{AirError, Central, Found, Handle, Peer, Properties},
    sighting::Sighting,
};
use crate::ble::{Trouble, cause::of_bluer};
use bluer::{
    Adapter, AdapterEvent, AddressType, Device, DeviceEvent, DeviceProperty, DiscoveryFilter,
    DiscoveryTransport, ErrorKind, Session,
    agent::{Agent, AgentHandle},
    gatt::{
        CharacteristicFlags, WriteOp,
        remote::{Characteristic, CharacteristicWriteRequest},
    },
};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::BoxStream};
use std::time::Duration;
use thingfleet_device::commissioning::{gatt::Uuid, qr::Address};
use tokio::time::{Instant, sleep_until};

/// How long one scan lasts before the next begins: some controllers report an advertisement once a scan only.
const SCAN: Duration = Duration::from_millis(1500);

/// The radio on BlueZ.
#[derive(Default)]
pub struct BlueZ {
    adapter: Option<String>,
    target: Option<Address>,
    open: Option<Open>,
    scan: Option<Scan>,
    connection: Option<Connection>,
}

struct Open {
    adapter: Adapter,
    session: Session,
}

struct Scan {
    events: BoxStream<'static, AdapterEvent>,
    until: Instant,
}

struct Connection {
    device: Device,
    characteristics: Vec<Characteristic>,
    /// Says yes to Just Works for as long as it lives.
    agent: Option<AgentHandle>,
}

impl std::fmt::Debug for BlueZ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlueZ").field("adapter", &self.adapter).finish_non_exhaustive()
    }
}

impl BlueZ {
    /// A radio on this adapter, BlueZ's first unless named, that will look for `target`.
    pub fn new(adapter: Option<String>, target: Option<Address>) -> Self {
        Self { adapter, target, ..Self::default() }
    }

    async fn open(&mut self) -> Result<&Open, AirError> {
        if self.open.is_none() {
            let session = Session::new().await.map_err(|error| trouble(&error))?;
            let adapter = match &self.adapter {
                Some(name) => session.adapter(name),
                None => session.default_adapter().await,
            };
            let adapter = adapter.map_err(|error| trouble(&error))?;
            adapter.set_powered(true).await.map_err(|error| trouble(&error))?;
            self.open = Some(Open { adapter, session });
        }
        Ok(self.open.as_ref().expect("it was opened"))
    }

    async fn begin_scan(&mut self, is_first: bool) -> Result<(), AirError> {
        self.scan = None;
        let target = self.target;
        let Open { adapter, .. } = self.open().await?;
        if let Some(target) = target.filter(|_| is_first) {
            // It fails for a device that is not remembered.
            _ = adapter.remove_device(bluer::Address(target.0)).await;
        }
        let filter = DiscoveryFilter {
            transport: DiscoveryTransport::Le,
            duplicate_data: true,
            ..DiscoveryFilter::default()
        };
        match adapter.set_discovery_filter(filter).await {
            // The scan before is just ending, with the same filter.
            Err(error) if error.kind == ErrorKind::DiscoveryActive => {}
            set => set.map_err(|error| trouble(&error))?,
        }
        let events = adapter.discover_devices_with_changes().await.map_err(|error| trouble(&error))?.boxed();
        self.scan = Some(Scan { events, until: Instant::now() + SCAN });
        Ok(())
    }

    fn connection(&self) -> Result<&Connection, AirError> {
        self.connection.as_ref().ok_or(AirError::Lost)
    }

    fn characteristic(&self, handle: Handle) -> Result<&Characteristic, AirError> {
        let characteristic = self.connection()?.characteristics.get(usize::from(handle.0));
        characteristic.ok_or_else(|| AirError::Stack(format!("there is no characteristic {}", handle.0)))
    }
}

impl Central for BlueZ {
    fn sighting(&mut self) -> BoxFuture<'_, Result<Sighting, AirError>> {
        async move {
            if self.scan.is_none() {
                self.begin_scan(true).await?;
            }
            loop {
                let Some(scan) = &mut self.scan else { return Err(AirError::Lost) };
                let event = tokio::select! {
                    event = scan.events.next() => event,
                    () = sleep_until(scan.until) => None,
                };
                match event {
                    Some(AdapterEvent::DeviceAdded(address)) => {
                        // It is gone again if there is nothing to be known.
                        let device =
                            self.open().await?.adapter.device(address).map_err(|error| trouble(&error))?;
                        if let Some(sighting) = look(device).await {
                            return Ok(sighting);
                        }
                    }
                    Some(AdapterEvent::DeviceRemoved(_) | AdapterEvent::PropertyChanged(_)) => {}
                    None => self.begin_scan(false).await?,
                }
            }
        }
        .boxed()
    }

    fn connect(&mut self, peer: Peer) -> BoxFuture<'_, Result<(), AirError>> {
        async move {
            self.scan = None;
            let Open { adapter, .. } = self.open().await?;
            let device = adapter.device(bluer::Address(peer.address.0)).map_err(|error| trouble(&error))?;
            device.connect().await.map_err(|error| match error.kind {
                ErrorKind::Internal(_) | ErrorKind::NotReady | ErrorKind::NotAuthorized => trouble(&error),
                _ => AirError::NoConnection(error.to_string()),
            })?;
            self.connection = Some(Connection { device, characteristics: Vec::new(), agent: None });
            Ok(())
        }
        .boxed()
    }

    fn pair(&mut self) -> BoxFuture<'_, Result<(), AirError>> {
        async move {
            let Open { session, .. } = self.open().await?;
            let agent = session.register_agent(Agent::default()).await.map_err(|error| trouble(&error))?;
            let connection = self.connection.as_mut().ok_or(AirError::Lost)?;
            connection.agent = Some(agent);
            // While bluetoothd still looks for services, it forgets to answer (5.66): it has one request at a time on
            // its desk for both. Discovery needs no encryption.
            connection.device.services().await.map_err(|error| operation(&error))?;
            if connection.device.is_paired().await.map_err(|error| operation(&error))? {
                return Ok(());
            }
            connection.device.pair().await.map_err(|error| AirError::Pairing(error.to_string()))
        }
        .boxed()
    }

    fn table(&mut self) -> BoxFuture<'_, Result<Vec<Found>, AirError>> {
        async move {
            let connection = self.connection.as_mut().ok_or(AirError::Lost)?;
            let mut found = Vec::new();
            connection.characteristics.clear();
            for service in connection.device.services().await.map_err(|error| operation(&error))? {
                let service_uuid = Uuid(service.uuid().await.map_err(|error| operation(&error))?.as_u128());
                for characteristic in service.characteristics().await.map_err(|error| operation(&error))? {
                    let number = u16::try_from(connection.characteristics.len());
                    let Ok(number) = number else { return Ok(found) };
                    found.push(Found {
                        service: service_uuid,
                        uuid: Uuid(characteristic.uuid().await.map_err(|error| operation(&error))?.as_u128()),
                        properties: properties(
                            &characteristic.flags().await.map_err(|error| operation(&error))?,
                        ),
                        handle: Handle(number),
                    });
                    connection.characteristics.push(characteristic);
                }
            }
            Ok(found)
        }
        .boxed()
    }

    /// bluetoothd reads it when it connects, and keeps Generic Access to itself.
    fn name(&mut self) -> BoxFuture<'_, Result<String, AirError>> {
        async move {
            let name = self.connection()?.device.name().await.map_err(|error| operation(&error))?;
            Ok(name.unwrap_or_default())
        }
        .boxed()
    }

    fn read(&mut self, handle: Handle) -> BoxFuture<'_, Result<Vec<u8>, AirError>> {
        async move { self.characteristic(handle)?.read().await.map_err(|error| operation(&error)) }.boxed()
    }

    fn write<'a>(&'a mut self, handle: Handle, value: &'a [u8]) -> BoxFuture<'a, Result<(), AirError>> {
        async move {
            let request = CharacteristicWriteRequest {
                op_type: WriteOp::Request,
                ..CharacteristicWriteRequest::default()
            };
            self.characteristic(handle)?.write_ext(value, &request).await.map_err(|error| operation(&error))
        }
        .boxed()
    }

    fn gone(&mut self) -> BoxFuture<'_, ()> {
        async move {
            let Ok(connection) = self.connection() else { return };
            let Ok(mut events) = connection.device.events().await else { return };
            if !connection.device.is_connected().await.unwrap_or(false) {
                return;
            }
            while let Some(event) = events.next().await {
                if matches!(event, DeviceEvent::PropertyChanged(DeviceProperty::Connected(false))) {
                    return;
                }
            }
        }
        .boxed()
    }

    fn disconnect(&mut self) -> BoxFuture<'_, ()> {
        async move {
            self.scan = None;
            let Some(Connection { device, agent, .. }) = self.connection.take() else { return };
            // It fails when the device has left by itself.
            _ = device.disconnect().await;
            if let (Some(agent), Some(open)) = (agent, &self.open) {
                drop(agent);
                // The device is never met over Bluetooth again with this bond.
                _ = open.adapter.remove_device(device.address()).await;
            }
        }
        .boxed()
    }
}

/// What bluetoothd knows of a device.
async fn look(device: Device) -> Option<Sighting> {
    let is_random = device.address_type().await.ok()? == AddressType::LeRandom;
    let peer = Peer { address: Address(device.address().0), is_random };
    let services = device.uuids().await.ok().flatten().unwrap_or_default();
    let manufacturer = device.manufacturer_data().await.ok().flatten().unwrap_or_default();
    Some(Sighting {
        rssi: device.rssi().await.ok().flatten(),
        name: device.name().await.ok().flatten(),
        services: services.into_iter().map(|uuid| Uuid(uuid.as_u128())).collect(),
        manufacturer: manufacturer.into_iter().collect(),
        ..Sighting::new(peer)
    })
}

fn properties(flags: &CharacteristicFlags) -> Properties {
    [
        (flags.read, Properties::READ),
        (flags.write_without_response, Properties::WRITE_WITHOUT_RESPONSE),
        (flags.write, Properties::WRITE),
        (flags.notify, Properties::NOTIFY),
    ]
    .into_iter()
    .filter(|(is_set, _)| *is_set)
    .fold(Properties::default(), |all, (_, one)| all.and(one))
}

/// An error of an operation on a connected device. bluetoothd tells ATT errors as words.
fn operation(error: &bluer::Error) -> AirError {
    match (&error.kind, error.message.as_str()) {
        (ErrorKind::NotPermitted, "Read not permitted") => AirError::Att(0x02),
        (ErrorKind::NotPermitted, "Write not permitted") => AirError::Att(0x03),
        (ErrorKind::NotPermitted, _) => AirError::Att(0x0F),
        (ErrorKind::InvalidArguments, "Invalid offset") | (ErrorKind::InvalidOffset, _) => {
            AirError::Att(0x07)
        }
        (ErrorKind::InvalidArguments, "Invalid Length") | (ErrorKind::InvalidLength, _) => {
            AirError::Att(0x0D)
        }
        (ErrorKind::NotAuthorized, _) => AirError::Att(0x08),
        (ErrorKind::NotSupported, _) => AirError::Att(0x06),
        (ErrorKind::Failed, "Not connected") | (ErrorKind::ServicesUnresolved | ErrorKind::NotFound, _) => {
            AirError::Lost
        }
        (ErrorKind::Failed, text) => match att_code(text) {
            Some(code) => AirError::Att(code),
            None => AirError::Stack(text.to_owned()),
        },
        _ => trouble(error),
    }
}

/// The code in `Operation failed with ATT error: 0x80`.
fn att_code(text: &str) -> Option<u8> {
    u8::from_str_radix(text.split_once("ATT error: 0x")?.1.trim(), 16).ok()
}

/// An error of the adapter, the daemon or the bus.
fn trouble(error: &bluer::Error) -> AirError {
    AirError::Trouble(Trouble { kind: of_bluer(error), text: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ErrorKind, message: &str) -> AirError {
        operation(&bluer::Error { kind, message: message.to_owned() })
    }

    #[test]
    fn the_devices_refusals_come_through_the_daemons_words() {
        assert_eq!(of(ErrorKind::Failed, "Operation failed with ATT error: 0x80"), AirError::Att(0x80));
        assert_eq!(of(ErrorKind::Failed, "Operation failed with ATT error: 0x13"), AirError::Att(0x13));
        assert_eq!(of(ErrorKind::NotPermitted, "Write not permitted"), AirError::Att(0x03));
        assert_eq!(of(ErrorKind::NotPermitted, "Not paired"), AirError::Att(0x0F));
        assert_eq!(of(ErrorKind::InvalidArguments, "Invalid Length"), AirError::Att(0x0D));
        assert_eq!(of(ErrorKind::Failed, "Not connected"), AirError::Lost);
        assert!(matches!(of(ErrorKind::Failed, "le-connection-abort-by-local"), AirError::Stack(_)));
    }
}
