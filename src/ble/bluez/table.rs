//! The GATT application that bluetoothd serves: the device's table as it is, with writes handed on whole.

use super::assembly::Assembly;
use crate::ble::port::Reads;
use bluer::{
    Address,
    gatt::local::{
        Application, Characteristic as Published, CharacteristicNotify, CharacteristicNotifyMethod,
        CharacteristicRead, CharacteristicReadFun, CharacteristicWrite, CharacteristicWriteFun,
        CharacteristicWriteMethod, ReqError, Service,
    },
};
use futures::FutureExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use thingfleet_device::{
    commissioning::gatt::{AttError, Characteristic, Peripheral, Uuid, Write},
    definition::Security,
};
use tokio::sync::{mpsc, oneshot};

/// A write, with where its answer goes.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) client: Address,
    pub(super) write: Write,
    pub(super) answer: oneshot::Sender<Result<(), AttError>>,
}

/// What clients have written in pieces so far.
pub(super) type Pieces = Arc<Mutex<Assembly<Address>>>;

/// The table of a peripheral; what is written goes to `requests`, and what is read is told to `reads`.
pub(super) fn application(
    peripheral: &Peripheral,
    requests: &mpsc::Sender<Request>,
    pieces: &Pieces,
    reads: &Reads,
) -> Application {
    let publish = |characteristic: &Characteristic| {
        let mut published = Published { uuid: own(characteristic.uuid()), ..Published::default() };
        if characteristic.is_writable() {
            published.write = Some(written(*characteristic, peripheral.security, requests, pieces));
        } else if let Some(value) = peripheral.value(*characteristic) {
            published.read = Some(CharacteristicRead {
                read: true,
                fun: read(*characteristic, value, reads),
                ..Default::default()
            });
            published.notify = peripheral.notify.then(subscribed);
        }
        published
    };
    let services = peripheral.services.iter().map(|service| Service {
        uuid: own(service.uuid),
        primary: true,
        characteristics: service.characteristics.iter().map(publish).collect(),
        ..Service::default()
    });
    Application { services: services.collect(), ..Application::default() }
}

pub(super) fn own(uuid: Uuid) -> bluer::Uuid {
    bluer::Uuid::from_u128(uuid.0)
}

fn read(characteristic: Characteristic, value: &str, reads: &Reads) -> CharacteristicReadFun {
    let (value, reads) = (value.as_bytes().to_vec(), reads.clone());
    Box::new(move |request| {
        // The pieces of a long one are one read.
        if request.offset == 0 {
            reads.tell(characteristic);
        }
        let rest = value.get(usize::from(request.offset)..).map(<[u8]>::to_vec);
        async move { rest.ok_or(ReqError::InvalidOffset) }.boxed()
    })
}

/// The information never changes while the peripheral is up, so a subscription is taken and stays silent.
fn subscribed() -> CharacteristicNotify {
    CharacteristicNotify {
        notify: true,
        method: CharacteristicNotifyMethod::Fun(Box::new(|session| session.stopped().boxed())),
        ..Default::default()
    }
}

fn written(
    characteristic: Characteristic,
    security: Security,
    requests: &mpsc::Sender<Request>,
    pieces: &Pieces,
) -> CharacteristicWrite {
    let encrypted = match security {
        Security::Encrypted => true,
        Security::Open | Security::Sealed => false,
    };
    let (requests, pieces) = (requests.clone(), Arc::clone(pieces));
    let take: CharacteristicWriteFun = Box::new(move |value, request| {
        // bluetoothd asks in advance whether a long write may come; what it is worth shows when it is there.
        if request.prepare_authorize {
            return async { Ok(()) }.boxed();
        }
        let (client, offset) = (request.device_address, usize::from(request.offset));
        let whole =
            pieces.lock().unwrap_or_else(PoisonError::into_inner).put(client, characteristic, offset, value);
        let requests = requests.clone();
        async move {
            let (answer, answered) = oneshot::channel();
            let write = Write { characteristic, value: whole?, encrypted };
            let closed = |_| ReqError::NotPermitted;
            requests.send(Request { client, write, answer }).await.map_err(closed)?;
            answered.await.unwrap_or(Err(AttError::WriteNotPermitted)).map_err(refusal)
        }
        .boxed()
    });
    CharacteristicWrite {
        write: true,
        encrypt_write: encrypted,
        method: CharacteristicWriteMethod::Fun(take),
        ..Default::default()
    }
}

/// The nearest that BlueZ has: it turns names of D-Bus errors into ATT codes, and has no name for most codes. bluer
/// sends no text, in which later versions of BlueZ would look for an application's code, so those of ours arrive as
/// what BlueZ takes `Failed` for.
const fn refusal(error: AttError) -> ReqError {
    match error {
        AttError::WriteNotPermitted => ReqError::NotPermitted,
        AttError::InvalidLength => ReqError::InvalidValueLength,
        // BlueZ itself refuses writes on a link that is not encrypted before they come here.
        AttError::InsufficientEncryption => ReqError::NotAuthorized,
        AttError::ValueNotAllowed | AttError::Incomplete | AttError::NotSealed => ReqError::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_an_error_of_bluez() {
        let errors = [
            (AttError::WriteNotPermitted, ReqError::NotPermitted),
            (AttError::InsufficientEncryption, ReqError::NotAuthorized),
            (AttError::InvalidLength, ReqError::InvalidValueLength),
            (AttError::ValueNotAllowed, ReqError::Failed),
            (AttError::Incomplete, ReqError::Failed),
            (AttError::NotSealed, ReqError::Failed),
        ];
        for (error, expected) in errors {
            assert_eq!(refusal(error), expected);
        }
    }
}
