//! The attributes of a device's table, from its [`Peripheral`], and which handle is which characteristic.

use crate::pool::HeapPool;
use alloc::vec::Vec;
use bt_hci::uuid::{characteristic, service};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use thingfleet_device::commissioning::gatt::{self, Characteristic, MAX_VALUE, Peripheral};
use trouble_host::prelude::{
    AsGatt, AttributeServer, AttributeTable, CharacteristicProp, CharacteristicProps, Service, Uuid,
};

/// Attributes a table has room for. The largest has 36: 5 of Generic Access, 1 of Generic Attribute, 3 services, and 11
/// characteristics with 2 each, 5 of which have a descriptor.
const ROOM: usize = 40;

/// The server of a table, for one client at a time.
pub(crate) type Server<'v> = AttributeServer<'v, NoopRawMutex, HeapPool, ROOM, 1>;

/// What the attributes hold, for as long as a server borrows it.
pub(crate) struct Values {
    appearance: [u8; 2],
    /// One for each characteristic, in the order of the table; empty where a client writes. A written value is never
    /// kept in the table: it goes to the device, and may be a password.
    characteristics: Vec<Vec<u8>>,
}

impl Values {
    pub(crate) fn new(peripheral: &Peripheral) -> Self {
        let characteristics = peripheral.services.iter().flat_map(|service| &service.characteristics);
        let value = |own: &Characteristic| peripheral.value(*own).unwrap_or_default().as_bytes().to_vec();
        Self {
            appearance: peripheral.appearance.to_le_bytes(),
            characteristics: characteristics.map(value).collect(),
        }
    }
}

/// The handles of the characteristics' values.
#[derive(Debug)]
pub(crate) struct Handles(Vec<(u16, Characteristic)>);

impl Handles {
    /// The characteristic that is written with this handle.
    pub(crate) fn writable(&self, handle: u16) -> Option<Characteristic> {
        self.find(handle).filter(|characteristic| characteristic.is_writable())
    }

    /// The characteristic that is read with this handle.
    pub(crate) fn readable(&self, handle: u16) -> Option<Characteristic> {
        self.find(handle).filter(|characteristic| !characteristic.is_writable())
    }

    fn find(&self, handle: u16) -> Option<Characteristic> {
        self.0.iter().find_map(|(own, characteristic)| (*own == handle).then_some(*characteristic))
    }
}

/// Builds the table.
pub(crate) fn build<'v>(peripheral: &'v Peripheral, values: &'v mut Values) -> (Server<'v>, Handles) {
    let mut table = AttributeTable::new();
    // Not by way of trouble-host's `GapConfig`, which takes names of up to 22 bytes only.
    let mut access = table.add_service(Service::new(service::GAP));
    access.add_characteristic_ro(characteristic::DEVICE_NAME, peripheral.name.as_str());
    access.add_characteristic_ro(characteristic::APPEARANCE, &values.appearance);
    table.add_service(Service::new(service::GATT));
    let mut handles = Vec::new();
    let mut stores = values.characteristics.iter_mut();
    for service in &peripheral.services {
        let mut builder = table.add_service(Service::new(uuid(service.uuid)));
        for characteristic in &service.characteristics {
            let store = stores.next().map_or(&mut [][..], Vec::as_mut_slice);
            let value = Bytes(store.to_vec());
            let built = builder.add_characteristic(
                uuid(characteristic.uuid()),
                properties(*characteristic, peripheral),
                value,
                store,
            );
            handles.push((built.build().handle, *characteristic));
        }
    }
    (Server::new(table), Handles(handles))
}

fn properties(characteristic: Characteristic, peripheral: &Peripheral) -> CharacteristicProps {
    if characteristic.is_writable() {
        [CharacteristicProp::Write].into()
    } else if peripheral.notify {
        [CharacteristicProp::Read, CharacteristicProp::Notify].into()
    } else {
        [CharacteristicProp::Read].into()
    }
}

fn uuid(uuid: gatt::Uuid) -> Uuid {
    uuid.short().map_or_else(|| Uuid::new_long(uuid.to_le_bytes()), Uuid::new_short)
}

/// A value of any length, for trouble-host's builder.
struct Bytes(Vec<u8>);

impl AsGatt for Bytes {
    const MIN_SIZE: usize = 0;
    const MAX_SIZE: usize = MAX_VALUE;

    fn as_gatt(&self) -> &[u8] {
        &self.0
    }
}
