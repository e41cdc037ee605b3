//! H4: packets on a stream of bytes, each with a byte before it that says which kind it is (Core 5.4, Vol 4, Part A).

use alloc::vec;
use bt_hci::{
    PacketKind, ReadHciError,
    transport::{PacketToController, PacketToHost, Transport, WithIndicator},
};
use core::fmt;
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex};
use embedded_io::{ErrorType, ReadExactError};
use embedded_io_async::{Read, Write};

/// A controller at the other end of a TCP connection or a serial line.
#[derive(Debug)]
pub struct H4<R, W> {
    reader: Mutex<NoopRawMutex, R>,
    writer: Mutex<NoopRawMutex, W>,
}

/// Why a stream of packets ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum H4Error<E> {
    /// Reading or writing failed.
    Io(E),
    /// The other end closed it.
    Closed,
    /// There is something in it that is no packet, so that nothing after it can be one.
    Garbled,
}

impl<E: fmt::Display> fmt::Display for H4Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Closed => f.write_str("the controller closed the connection"),
            Self::Garbled => f.write_str("what comes is no HCI"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for H4Error<E> {}

impl<E: embedded_io::Error> embedded_io::Error for H4Error<E> {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::Closed => embedded_io::ErrorKind::ConnectionReset,
            Self::Garbled => embedded_io::ErrorKind::InvalidData,
        }
    }
}

impl<E: embedded_io::Error> From<ReadHciError<E>> for H4Error<E> {
    fn from(error: ReadHciError<E>) -> Self {
        match error {
            ReadHciError::Read(ReadExactError::Other(error)) => Self::Io(error),
            ReadHciError::Read(ReadExactError::UnexpectedEof) => Self::Closed,
            ReadHciError::BufferTooSmall | ReadHciError::InvalidValue => Self::Garbled,
        }
    }
}

impl<R: Read, W: Write> H4<R, W> {
    /// Packets on these two directions. The reader should be buffered: it is read in small pieces.
    pub fn new(reader: R, writer: W) -> Self {
        Self { reader: Mutex::new(reader), writer: Mutex::new(writer) }
    }
}

impl<E: embedded_io::Error, R: ErrorType<Error = E>, W: ErrorType<Error = E>> ErrorType for H4<R, W> {
    type Error = H4Error<E>;
}

impl<E: embedded_io::Error, R: Read<Error = E>, W: Write<Error = E>> Transport for H4<R, W> {
    async fn read<'a, P: PacketToHost<'a>>(&self, buffer: &'a mut [u8]) -> Result<P, Self::Error> {
        let mut reader = self.reader.lock().await;
        let kind = PacketKind::read_async(&mut *reader).await?;
        Ok(P::read_hci_async(kind, &mut *reader, buffer).await?)
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), Self::Error> {
        let packet = WithIndicator::new(packet);
        // In one piece: a packet is small, and a write is a system call.
        let mut bytes = vec![0; packet.size()];
        packet.write_hci(bytes.as_mut_slice()).map_err(|_| H4Error::Garbled)?;
        let mut writer = self.writer.lock().await;
        writer.write_all(&bytes).await.map_err(H4Error::Io)?;
        writer.flush().await.map_err(H4Error::Io)
    }
}
