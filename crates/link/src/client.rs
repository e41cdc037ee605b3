//! The conversation with one client: each request is ignored, refused, left to the stack or delivered to the device.

use crate::{
    controller::Traffic,
    guard::att,
    peripheral::{Body, Happening, Order},
    pool::HeapPool,
    prepared::Prepared,
    table::Handles,
};
use alloc::vec::Vec;
use bt_hci::{
    param::ConnHandle,
    uuid::declarations::{PRIMARY_SERVICE, SECONDARY_SERVICE},
};
use embassy_futures::select::{Either3, select3};
use embassy_time::{Duration, with_timeout};
use thingfleet_device::{
    commissioning::{
        gatt::{AttError, Characteristic, Write},
        pairing::PairingFailure,
    },
    definition::Security,
};
use trouble_host::{
    Error, Identity,
    att::{AttClient, AttErrorCode, AttReq},
    gatt::{GattConnection, GattConnectionEvent, GattEvent},
};

/// How long the last answer may take to the air, and a connection to its end.
const FAREWELL: Duration = Duration::from_secs(2);
/// Length of a Prepare Write Request without its piece, in bytes (Core 5.4, Vol 3, Part F, 3.4.6.1).
const PREPARE: usize = 5;
/// Length of a client's own descriptor, in bytes (Core 5.4, Vol 3, Part G, 3.3.3.3).
const DESCRIPTOR: usize = 2;

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// The client left, or was sent away.
    Gone,
    /// The peripheral was ordered to stop.
    Stopped,
}

/// A client that is connected.
pub(crate) struct Client<'c> {
    connection: GattConnection<'c, 'c, HeapPool>,
    handles: &'c Handles,
    security: Security,
    traffic: &'c Traffic,
    prepared: Prepared,
    /// How much had been written to the controller before the last answer.
    before_answer: Option<u32>,
}

/// What becomes of a request.
enum Verdict {
    /// Nothing, not even an answer.
    Ignored,
    /// An error.
    Refused(AttErrorCode),
    /// The stack answers as it sees fit.
    Accepted,
    /// The stack answers with what the characteristic holds.
    Shown(Characteristic),
    /// The device decides.
    Delivered(Characteristic, Vec<u8>),
}

impl<'c> Client<'c> {
    pub(crate) fn new(
        connection: GattConnection<'c, 'c, HeapPool>,
        handles: &'c Handles,
        security: Security,
        traffic: &'c Traffic,
    ) -> Self {
        // It fails if the client is gone already, which shows soon enough.
        _ = connection.raw().set_bondable(true);
        Self { connection, handles, security, traffic, prepared: Prepared::default(), before_answer: None }
    }

    /// Talks until the client is gone. `give_key` answers a client that wants to encrypt with a key from before, and
    /// says whether there is one.
    pub(crate) async fn talk(
        mut self,
        body: &mut impl Body,
        give_key: impl AsyncFn(ConnHandle, Identity) -> bool,
    ) -> Parting {
        // The stack loses the news of a disconnection if too much else has happened at once.
        while self.connection.raw().is_connected() {
            match select3(self.connection.next(), body.order(), self.traffic.key_wanted()).await {
                Either3::First(GattConnectionEvent::Disconnected { .. }) => return Parting::Gone,
                Either3::First(GattConnectionEvent::Gatt { event }) => {
                    if self.answer(event, body).await.is_err() {
                        break;
                    }
                }
                Either3::First(GattConnectionEvent::PairingFailed(error)) => {
                    body.happened(Happening::PairingFailed(pairing_failure(&error))).await;
                }
                // Parameters of the link, and pairing, which the stack does by itself.
                Either3::First(_) => {}
                Either3::Second(Order::DisconnectClient) => break,
                Either3::Second(Order::Stop) => {
                    self.see_off().await;
                    return Parting::Stopped;
                }
                Either3::Third(handle) => {
                    if !give_key(handle, self.connection.raw().peer_identity()).await {
                        body.happened(Happening::PairingFailed(PairingFailure::NoBond)).await;
                    }
                }
            }
        }
        self.see_off().await;
        Parting::Gone
    }

    /// Ends the connection, once the last answer is on the air.
    async fn see_off(&self) {
        if let Some(before) = self.before_answer {
            // A controller that does not count is not waited for.
            _ = with_timeout(FAREWELL, self.traffic.settled_after(before)).await;
        }
        self.connection.raw().disconnect();
        let gone = async {
            while !matches!(self.connection.next().await, GattConnectionEvent::Disconnected { .. }) {}
        };
        _ = with_timeout(FAREWELL, gone).await;
    }

    async fn answer(
        &mut self,
        event: GattEvent<'c, 'c, HeapPool>,
        body: &mut impl Body,
    ) -> Result<(), Error> {
        let reply = match self.judge(&event) {
            Verdict::Ignored => {
                // Dropped as it is, the event would count as accepted.
                drop(event.into_payload());
                return Ok(());
            }
            Verdict::Refused(code) => event.reject(code),
            Verdict::Accepted => event.accept(),
            Verdict::Shown(characteristic) => {
                body.read(characteristic).await;
                event.accept()
            }
            Verdict::Delivered(characteristic, value) => {
                let encrypted = self.is_encrypted();
                match (body.write(Write { characteristic, value, encrypted }).await, event) {
                    (Some(Ok(())), GattEvent::Write(event)) => event.accept_unprocessed(),
                    (Some(Ok(())), event) => event.accept(),
                    (Some(Err(error)), event) => event.reject(self.code(error)),
                    (None, event) => {
                        // As above.
                        drop(event.into_payload());
                        return Ok(());
                    }
                }
            }
        }?;
        self.before_answer = Some(self.traffic.written());
        reply.send().await;
        Ok(())
    }

    fn judge(&mut self, event: &GattEvent<'c, 'c, HeapPool>) -> Verdict {
        let pdu = event.payload().incoming();
        let AttClient::Request(request) = &pdu else {
            // Nothing of ours is written without an answer, and commands are never answered with an error.
            return Verdict::Ignored;
        };
        if att::is_malformed(&pdu) {
            if let AttReq::ExecuteWrite { .. } = request {
                // The stack forgets the pieces whatever the request is answered.
                self.prepared = Prepared::Empty;
            }
            return Verdict::Refused(AttErrorCode::INVALID_PDU);
        }
        if let GattEvent::NotAllowed(_) = event {
            // With the error that the stack found.
            return Verdict::Accepted;
        }
        match *request {
            AttReq::Write { handle, data } => self.whole(handle, data),
            AttReq::PrepareWrite { handle, offset, value } => self.piece(handle, offset, value.len()),
            AttReq::ExecuteWrite { flags: 0 } => {
                self.prepared = Prepared::Empty;
                Verdict::Accepted
            }
            AttReq::ExecuteWrite { .. } => match (self.prepared.finish(), event) {
                (Ok(Some(handle)), GattEvent::Write(event)) => {
                    event.with_data(|_, data| self.whole(handle, data))
                }
                (Ok(_), _) => Verdict::Accepted,
                (Err(code), _) => Verdict::Refused(code),
            },
            AttReq::FindInformation { start_handle: start, end_handle: end }
            | AttReq::FindByTypeValue { start_handle: start, end_handle: end, .. }
            | AttReq::ReadByType { start, end, .. }
            | AttReq::ReadByGroupType { start, end, .. }
                if start == 0 || start > end =>
            {
                Verdict::Refused(AttErrorCode::INVALID_HANDLE)
            }
            AttReq::ReadByGroupType { group_type, .. }
                if group_type != PRIMARY_SERVICE.into() && group_type != SECONDARY_SERVICE.into() =>
            {
                Verdict::Refused(AttErrorCode::UNSUPPORTED_GROUP_TYPE)
            }
            AttReq::ReadMultiple { .. } => Verdict::Refused(AttErrorCode::REQUEST_NOT_SUPPORTED),
            AttReq::Read { handle } => {
                self.handles.readable(handle).map_or(Verdict::Accepted, Verdict::Shown)
            }
            AttReq::ReadBlob { .. }
            | AttReq::ExchangeMtu { .. }
            | AttReq::FindInformation { .. }
            | AttReq::FindByTypeValue { .. }
            | AttReq::ReadByType { .. }
            | AttReq::ReadByGroupType { .. } => Verdict::Accepted,
        }
    }

    /// A value for a characteristic of the device, or for a client's own descriptor.
    fn whole(&self, handle: u16, value: &[u8]) -> Verdict {
        match self.handles.writable(handle) {
            Some(characteristic) => Verdict::Delivered(characteristic, value.to_vec()),
            None if value.len() == DESCRIPTOR => Verdict::Accepted,
            None => Verdict::Refused(AttErrorCode::INVALID_ATTRIBUTE_VALUE_LENGTH),
        }
    }

    fn piece(&mut self, handle: u16, offset: u16, length: usize) -> Verdict {
        if length + PREPARE > usize::from(self.connection.raw().att_mtu()) {
            // It could not be sent back, as the answer has to.
            return Verdict::Refused(AttErrorCode::INVALID_PDU);
        }
        let is_ours = self.handles.writable(handle).is_some();
        if is_ours && self.security == Security::Encrypted && !self.is_encrypted() {
            // The device would say so at the end; a client that knows it now can pair now.
            return Verdict::Refused(self.code(AttError::InsufficientEncryption));
        }
        match self.prepared.piece(handle, offset, length) {
            Ok(()) => Verdict::Accepted,
            Err(code) => Verdict::Refused(code),
        }
    }

    fn is_encrypted(&self) -> bool {
        self.connection.raw().security_level().is_ok_and(|level| level.encrypted())
    }

    /// How an error is told. To a client that has no key to encrypt with, or none any more, Insufficient Authentication
    /// says that it has to pair first (Core 5.4, Vol 3, Part C, 10.3.1).
    fn code(&self, error: AttError) -> AttErrorCode {
        match error {
            AttError::InsufficientEncryption if !self.connection.raw().is_bonded_peer() => {
                AttErrorCode::INSUFFICIENT_AUTHENTICATION
            }
            error => AttErrorCode::new(error.code()),
        }
    }
}

fn pairing_failure(error: &Error) -> PairingFailure {
    // What the stack tells the client where it has no better reason (Core 5.4, Vol 3, Part H, 3.5.5).
    const UNSPECIFIED: u8 = 0x08;
    match error {
        Error::Security(reason) => PairingFailure::of_reason((*reason).into()),
        _ => PairingFailure::Other(UNSPECIFIED),
    }
}
