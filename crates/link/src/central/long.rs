//! Long writes of a client: values that do not fit into a packet go out in pieces and are put together by the device
//! (Core 5.4, Vol 3, Part G, 4.9.4).
//!
//! trouble-host 0.8.0 has no such requests for clients, and lets nobody else send any. Yet a Write Request with the
//! offset before its value has the very fields of a Prepare Write Request, so it is sent as one, with the opcode
//! changed on the way to the controller. The guard turns the answers into those to a write ([`crate::guard::att`]).

use crate::pool::HeapPool;
use alloc::vec::Vec;
use bt_hci::{
    PacketKind,
    transport::{PacketToController, PacketToHost, Transport},
};
use core::cell::Cell;
use embedded_io::{ErrorType, Write};
use embedded_io_async::Write as AsyncWrite;
use trouble_host::{BleHostError, Controller, Error, gatt::GattClient};

/// Bytes around a piece (Core 5.4, Vol 3, Part F, 3.4.6.1).
const HEADER: usize = 5;
/// Where the ATT PDU begins in an ACL packet, after its own header and that of the L2CAP frame.
const PDU: usize = 8;
/// The fixed channel of ATT.
const CHANNEL: [u8; 2] = [0x04, 0x00];

mod opcode {
    pub(super) const WRITE: u8 = 0x12;
    pub(super) const PREPARE: u8 = 0x16;
    pub(super) const EXECUTE: u8 = 0x18;
}

/// What becomes of the next Write Request on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disguise {
    Prepare,
    Execute,
    Cancel,
}

/// The long writes of a central.
#[derive(Debug, Default)]
pub(crate) struct LongWrites {
    disguise: Cell<Option<Disguise>>,
}

/// A transport on which they work.
pub(crate) struct Over<'l, T> {
    transport: T,
    long: &'l LongWrites,
}

impl LongWrites {
    pub(crate) fn over<T>(&self, transport: T) -> Over<'_, T> {
        Over { transport, long: self }
    }

    /// Writes a value in pieces.
    pub(crate) async fn write<C: Controller, const N: usize>(
        &self,
        client: &GattClient<'_, C, HeapPool, N>,
        mtu: usize,
        handle: u16,
        value: &[u8],
    ) -> Result<(), BleHostError<C::Error>> {
        for (number, piece) in (0..).zip(value.chunks(mtu - HEADER)) {
            let offset = u16::try_from(number * (mtu - HEADER)).map_err(|_| Error::InvalidValue)?;
            let fields = [&offset.to_le_bytes(), piece].concat();
            if let Err(error) = self.send(client, Disguise::Prepare, handle, &fields).await {
                // What the device has of it must not get into the next value.
                self.send(client, Disguise::Cancel, handle, &[]).await?;
                return Err(error);
            }
        }
        self.send(client, Disguise::Execute, handle, &[]).await
    }

    async fn send<C: Controller, const N: usize>(
        &self,
        client: &GattClient<'_, C, HeapPool, N>,
        disguise: Disguise,
        handle: u16,
        fields: &[u8],
    ) -> Result<(), BleHostError<C::Error>> {
        self.disguise.set(Some(disguise));
        client.write_handle(handle, fields).await
    }

    /// The bytes of an ACL packet as they go out.
    fn disguised(&self, mut packet: Vec<u8>) -> Vec<u8> {
        /// A packet that begins a frame (Core 5.4, Vol 4, Part E, 5.4.2).
        const FIRST: u8 = 0b00;
        let is_write = packet.get(1).is_some_and(|flags| flags >> 4 & 0b11 == FIRST)
            && packet.get(PDU - 2..=PDU) == Some(&[CHANNEL[0], CHANNEL[1], opcode::WRITE]);
        let Some(disguise) = self.disguise.get().filter(|_| is_write) else { return packet };
        self.disguise.set(None);
        match disguise {
            Disguise::Prepare => packet[PDU] = opcode::PREPARE,
            Disguise::Execute | Disguise::Cancel => {
                packet.truncate(PDU);
                packet.extend([opcode::EXECUTE, u8::from(disguise == Disguise::Execute)]);
                // The length of the packet, and of the frame in it.
                packet[2..4].copy_from_slice(&6u16.to_le_bytes());
                packet[4..6].copy_from_slice(&2u16.to_le_bytes());
            }
        }
        packet
    }
}

impl<T: ErrorType> ErrorType for Over<'_, T> {
    type Error = T::Error;
}

impl<T: Transport> Transport for Over<'_, T> {
    async fn read<'a, P: PacketToHost<'a>>(&self, buffer: &'a mut [u8]) -> Result<P, Self::Error> {
        self.transport.read(buffer).await
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), Self::Error> {
        if P::KIND != PacketKind::AclData || self.long.disguise.get().is_none() {
            return self.transport.write(packet).await;
        }
        let mut bytes = Vec::with_capacity(packet.size());
        match packet.write_hci(Bytes(&mut bytes)) {
            Ok(()) => self.transport.write(&Acl(self.long.disguised(bytes))).await,
            Err(never) => match never {},
        }
    }
}

/// An ACL packet as bytes.
struct Acl(Vec<u8>);

impl PacketToController for Acl {
    const KIND: PacketKind = PacketKind::AclData;

    fn size(&self) -> usize {
        self.0.len()
    }

    fn write_hci<W: Write>(&self, mut writer: W) -> Result<(), W::Error> {
        writer.write_all(&self.0)
    }

    async fn write_hci_async<W: AsyncWrite>(&self, mut writer: W) -> Result<(), W::Error> {
        writer.write_all(&self.0).await
    }
}

/// Bytes that are written to.
struct Bytes<'b>(&'b mut Vec<u8>);

impl ErrorType for Bytes<'_> {
    type Error = core::convert::Infallible;
}

impl Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Write Request to handle 3, with these fields, in one packet on connection 0x40.
    fn write_request(fields: &[u8]) -> Vec<u8> {
        let pdu = [&[opcode::WRITE, 3, 0], fields].concat();
        let length = |extra: usize| u16::try_from(pdu.len() + extra).unwrap().to_le_bytes();
        [&[0x40, 0x00], &length(4)[..], &length(0), &CHANNEL, &pdu].concat()
    }

    #[test]
    fn a_piece_is_a_write_with_its_offset_before_it() {
        let long = LongWrites::default();
        long.disguise.set(Some(Disguise::Prepare));
        let packet = long.disguised(write_request(&[18, 0, b'x']));
        assert_eq!(packet[PDU..], [0x16, 3, 0, 18, 0, b'x']);
        assert_eq!(long.disguised(write_request(b"y"))[PDU], 0x12, "only the next one");
    }

    #[test]
    fn the_end_has_a_length_of_its_own() {
        let long = LongWrites::default();
        long.disguise.set(Some(Disguise::Execute));
        assert_eq!(long.disguised(write_request(&[])), [0x40, 0x00, 6, 0, 2, 0, 4, 0, 0x18, 1]);
        long.disguise.set(Some(Disguise::Cancel));
        assert_eq!(long.disguised(write_request(&[])).last(), Some(&0));
    }

    #[test]
    fn other_packets_go_out_as_they_are() {
        let long = LongWrites::default();
        long.disguise.set(Some(Disguise::Prepare));
        let mut continued = write_request(b"x");
        continued[1] = 0b0001_0000;
        assert_eq!(long.disguised(continued.clone()), continued);
        let read = [0x40, 0x00, 7, 0, 3, 0, 4, 0, 0x0A, 3, 0].to_vec();
        assert_eq!(long.disguised(read.clone()), read);
        assert_eq!(long.disguised(Vec::new()), []);
        assert_eq!(long.disguise.get(), Some(Disguise::Prepare), "it is still to come");
    }
}
