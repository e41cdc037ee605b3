//! The conversation with one client: each request is ignored, refused, left to the stack or delivered to the device.

use crate::{
    controller::Traffic,
    guard::att,
    peripheral::{Body, Order},
    pool::HeapPool,
    prepared::Prepared,
    table::Writable,
};
use alloc::vec::Vec;
use bt_hci::uuid::declarations::{PRIMARY_SERVICE, SECONDARY_SERVICE};
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, with_timeout};
use thingfleet_device::{
    commissioning::gatt::{AttError, Characteristic, Write},
    definition::Security,
};
use trouble_host::{
    Error,
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
    writable: &'c Writable,
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
    /// The device decides.
    Delivered(Characteristic, Vec<u8>),
}

impl<'c> Client<'c> {
    pub(crate) fn new(
        connection: GattConnection<'c, 'c, HeapPool>,
        writable: &'c Writable,
        security: Security,
        traffic: &'c Traffic,
    ) -> Self {
        // It fails if the client is gone already, which shows soon enough.
        _ = connection.raw().set_bondable(true);
        Self { connection, writable, security, traffic, prepared: Prepared::default(), before_answer: None }
    }

    /// Talks until the client is gone.
    pub(crate) async fn talk(mut self, body: &mut impl Body) -> Parting {
        // The stack loses the news of a disconnection if too much else has happened at once.
        while self.connection.raw().is_connected() {
            match select(self.connection.next(), body.order()).await {
                Either::First(GattConnectionEvent::Disconnected { .. }) => return Parting::Gone,
                Either::First(GattConnectionEvent::Gatt { event }) => {
                    if self.answer(event, body).await.is_err() {
                        break;
                    }
                }
                // Parameters of the link, and pairing, which the stack does by itself.
                Either::First(_) => {}
                Either::Second(Order::DisconnectClient) => break,
                Either::Second(Order::Stop) => {
                    self.see_off().await;
                    return Parting::Stopped;
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
            Verdict::Delivered(characteristic, value) => {
                let encrypted = self.is_encrypted();
                match (body.write(Write { characteristic, value, encrypted }).await, event) {
                    (Some(Ok(())), GattEvent::Write(event)) => event.accept_unprocessed(),
                    (Some(Ok(())), event) => event.accept(),
                    (Some(Err(error)), event) => event.reject(code(error)),
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
            AttReq::Read { .. }
            | AttReq::ReadBlob { .. }
            | AttReq::ExchangeMtu { .. }
            | AttReq::FindInformation { .. }
            | AttReq::FindByTypeValue { .. }
            | AttReq::ReadByType { .. }
            | AttReq::ReadByGroupType { .. } => Verdict::Accepted,
        }
    }

    /// A value for a characteristic of the device, or for a client's own descriptor.
    fn whole(&self, handle: u16, value: &[u8]) -> Verdict {
        match self.writable.find(handle) {
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
        let is_ours = self.writable.find(handle).is_some();
        if is_ours && self.security == Security::Encrypted && !self.is_encrypted() {
            // The device would say so at the end; a client that knows it now can pair now.
            return Verdict::Refused(code(AttError::InsufficientEncryption));
        }
        match self.prepared.piece(handle, offset, length) {
            Ok(()) => Verdict::Accepted,
            Err(code) => Verdict::Refused(code),
        }
    }

    fn is_encrypted(&self) -> bool {
        self.connection.raw().security_level().is_ok_and(|level| level.encrypted())
    }
}

fn code(error: AttError) -> AttErrorCode {
    AttErrorCode::new(error.code())
}
