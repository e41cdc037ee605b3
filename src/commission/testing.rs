//! A radio without air, for tests of the flow: one device, described by its advertisement, its table and its answers.

use super::{
    central::{AirError, Central, Found, Handle, Peer, Properties},
    sighting::Sighting,
};
use futures::{FutureExt as _, future::BoxFuture};
use std::{collections::VecDeque, future::pending};
use thingfleet_device::{
    commissioning::{
        advertisement::Advertisement,
        gatt::{Characteristic, DEVICE_INFORMATION, PROVISIONING},
        qr::Address,
    },
    definition::Security,
};

pub(super) const ADDRESS: Address = Address([0xC0, 0xFF, 0xEE, 0, 0, 1]);

/// The device and what was done with it.
#[derive(Debug)]
pub(super) struct FakeCentral {
    pub(super) sightings: VecDeque<Sighting>,
    pub(super) table: Vec<Found>,
    /// Connections that fail before one does not.
    pub(super) failures: u32,
    /// Answers to the next writes; after them all are taken.
    pub(super) answers: VecDeque<Result<(), AirError>>,
    pub(super) hangs: bool,
    /// What was done, in order.
    pub(super) done: Vec<String>,
    pub(super) written: Vec<(Characteristic, Vec<u8>)>,
}

impl FakeCentral {
    pub(super) fn new(security: Security) -> Self {
        let advertisement = Advertisement::new("Kettle", 0xFFFF, security);
        let sighting = Sighting::new(Peer { address: ADDRESS, is_random: true })
            .with_data(&advertisement.advertising_data())
            .with_data(&advertisement.scan_response());
        let found = |(number, characteristic): (u16, Characteristic)| Found {
            service: if characteristic.is_writable() { PROVISIONING } else { DEVICE_INFORMATION },
            uuid: characteristic.uuid(),
            properties: if characteristic.is_writable() { Properties::WRITE } else { Properties::READ },
            handle: Handle(number),
        };
        Self {
            sightings: [sighting].into(),
            table: (0..).zip(Characteristic::ALL).map(found).collect(),
            failures: 0,
            answers: VecDeque::new(),

            hangs: false,
            done: Vec::new(),
            written: Vec::new(),
        }
    }
}

impl Central for FakeCentral {
    fn sighting(&mut self) -> BoxFuture<'_, Result<Sighting, AirError>> {
        async move {
            match self.sightings.pop_front() {
                Some(sighting) => Ok(sighting),
                None => pending().await,
            }
        }
        .boxed()
    }

    fn connect(&mut self, _: Peer) -> BoxFuture<'_, Result<(), AirError>> {
        async move {
            self.done.push("connect".into());
            if self.failures > 0 {
                self.failures -= 1;
                return Err(AirError::NoConnection("it is shy".into()));
            }
            Ok(())
        }
        .boxed()
    }

    fn pair(&mut self) -> BoxFuture<'_, Result<(), AirError>> {
        self.done.push("pair".into());
        async { Ok(()) }.boxed()
    }

    fn table(&mut self) -> BoxFuture<'_, Result<Vec<Found>, AirError>> {
        async {
            if self.hangs {
                pending::<()>().await;
            }
            Ok(self.table.clone())
        }
        .boxed()
    }

    fn name(&mut self) -> BoxFuture<'_, Result<String, AirError>> {
        async { Ok("Kettle".to_owned()) }.boxed()
    }

    fn read(&mut self, _: Handle) -> BoxFuture<'_, Result<Vec<u8>, AirError>> {
        async { Ok(b"SN-1".to_vec()) }.boxed()
    }

    fn write<'a>(&'a mut self, handle: Handle, value: &'a [u8]) -> BoxFuture<'a, Result<(), AirError>> {
        async move {
            let characteristic = Characteristic::ALL[usize::from(handle.0)];
            self.done.push(characteristic.name().into());
            self.answers.pop_front().unwrap_or(Ok(()))?;
            self.written.push((characteristic, value.to_vec()));
            Ok(())
        }
        .boxed()
    }

    fn gone(&mut self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    fn disconnect(&mut self) -> BoxFuture<'_, ()> {
        self.done.push("disconnect".into());
        async {}.boxed()
    }
}
