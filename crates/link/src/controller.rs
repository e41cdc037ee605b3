//! A controller behind a transport: commands and their answers, packets in and out.
//!
//! It does what bt-hci's `ExternalController` does, and distrusts the other end: every command has its time, an answer
//! of another length is an error, and only sound packets come through ([`crate::guard`]).

use crate::{
    guard::{self, Frames},
    packet::{self, Packet},
};
use alloc::{borrow::ToOwned as _, vec::Vec};
use bt_hci::{
    ControllerToHostPacket, FromHciBytes as _,
    cmd::{self, AsyncCmd, Cmd, Opcode, SyncCmd, le::LeReadBufferSize},
    controller::{Controller as Hci, ControllerCmdAsync, ControllerCmdSync},
    data::{AclBroadcastFlag, AclPacket, AclPacketBoundary, IsoPacket, SyncPacket},
    event::{EventKind, EventPacket},
    param::{ConnHandle, Status},
    transport::Transport,
};
use core::{
    cell::{Cell, RefCell},
    fmt,
};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex, signal::Signal};
use embassy_time::{Duration, with_timeout};
use embedded_io::ErrorType;

/// How long a controller may take to answer a command. Those in use take milliseconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shortest pieces of frames that a controller may ask for, in bytes (Core 5.4, Vol 4, Part E, 7.8.2).
const LEAST_PIECE: u16 = 27;

/// Subevent code of LE Long Term Key Request (Core 5.4, Vol 4, Part E, 7.7.65.5).
const LONG_TERM_KEY_REQUEST: u8 = 0x05;

/// Why a controller is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControllerError<E> {
    /// The transport to it failed.
    Transport(E),
    /// It did not answer the command with this opcode.
    Silent(u16),
    /// It sent an event that answers a command and is too short to do so.
    Garbled,
}

impl<E: fmt::Display> fmt::Display for ControllerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(f),
            Self::Silent(opcode) => write!(f, "the controller does not answer (command {opcode:#06x})"),
            Self::Garbled => f.write_str("the controller sends what is no HCI"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for ControllerError<E> {}

impl<E: embedded_io::Error> embedded_io::Error for ControllerError<E> {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::Transport(error) => error.kind(),
            Self::Silent(_) => embedded_io::ErrorKind::TimedOut,
            Self::Garbled => embedded_io::ErrorKind::InvalidData,
        }
    }
}

/// What has gone to the controller, what of it has left for the air, and what the client wants of the peripheral itself.
#[derive(Default)]
pub(crate) struct Traffic {
    written: Cell<u32>,
    under_way: Cell<u32>,
    changed: Signal<NoopRawMutex, ()>,
    /// The connection that a client wants to encrypt with a key from before.
    key_wanted: Signal<NoopRawMutex, ConnHandle>,
}

impl Traffic {
    /// How many pieces of frames have been written so far.
    pub(crate) fn written(&self) -> u32 {
        self.written.get()
    }

    /// Waits until more has been written than that, and all of it is on the air.
    pub(crate) async fn settled_after(&self, written: u32) {
        while self.written.get() == written || self.under_way.get() > 0 {
            self.changed.wait().await;
        }
    }

    /// Waits until a client wants to encrypt this connection, with a key that it has.
    pub(crate) async fn key_wanted(&self) -> ConnHandle {
        self.key_wanted.wait().await
    }

    fn wrote(&self) {
        self.written.set(self.written.get().wrapping_add(1));
        self.under_way.set(self.under_way.get().saturating_add(1));
        self.changed.signal(());
    }

    fn left(&self, pieces: u32) {
        self.under_way.set(self.under_way.get().saturating_sub(pieces));
        self.changed.signal(());
    }
}

/// A controller behind a transport.
pub(crate) struct Controller<'t, T> {
    transport: T,
    traffic: &'t Traffic,
    frames: RefCell<Frames>,
    /// Held from a command to its answer; a controller need not take two at a time.
    turn: Mutex<NoopRawMutex, ()>,
    awaited: Cell<Option<Opcode>>,
    answer: Signal<NoopRawMutex, Answer>,
}

struct Answer {
    status: Status,
    parameters: Vec<u8>,
}

/// What a read has put into its buffer.
enum Read {
    Event,
    Frame(u16),
}

impl<'t, T: Transport> Controller<'t, T> {
    pub(crate) fn new(transport: T, traffic: &'t Traffic) -> Self {
        Self {
            transport,
            traffic,
            frames: RefCell::default(),
            turn: Mutex::new(()),
            awaited: Cell::new(None),
            answer: Signal::new(),
        }
    }

    async fn ask<C: Cmd>(&self, command: &C) -> Result<Answer, cmd::Error<ControllerError<T::Error>>> {
        let _turn = self.turn.lock().await;
        self.answer.reset();
        self.awaited.set(Some(C::OPCODE));
        self.transport
            .write(command)
            .await
            .map_err(|error| cmd::Error::Io(ControllerError::Transport(error)))?;
        let answer = with_timeout(PATIENCE, self.answer.wait()).await;
        self.awaited.set(None);
        let answer = answer.map_err(|_| cmd::Error::Io(ControllerError::Silent(C::OPCODE.to_raw())))?;
        // The stack above divides by it.
        if C::OPCODE == LeReadBufferSize::OPCODE && answer.status == Status::SUCCESS {
            let length = answer.parameters.first_chunk().map_or(0, |length| u16::from_le_bytes(*length));
            if length < LEAST_PIECE {
                return Err(cmd::Error::Io(ControllerError::Garbled));
            }
        }
        Ok(answer)
    }

    /// Takes an event that answers a command.
    fn answered(&self, opcode: [u8; 2], status: u8, parameters: &[u8]) {
        let raw = u16::from_le_bytes(opcode);
        if self.awaited.get().is_some_and(|awaited| awaited.to_raw() == raw) {
            self.answer.signal(Answer { status: Status::from(status), parameters: parameters.to_vec() });
        }
    }

    /// Takes an event; `Ok` says whether the stack wants it.
    fn event(&self, event: &EventPacket<'_>) -> Result<bool, ControllerError<T::Error>> {
        match (event.kind, event.data) {
            // An answer to nothing says only how many commands it takes (Core 5.4, Vol 4, Part E, 7.7.14).
            (EventKind::CommandComplete, &[_, 0, 0, ..]) => Ok(false),
            (EventKind::CommandComplete, &[_, low, high, status, ref rest @ ..]) => {
                self.answered([low, high], status, rest);
                Ok(false)
            }
            (EventKind::CommandStatus, &[status, _, low, high]) => {
                self.answered([low, high], status, &[]);
                Ok(false)
            }
            (EventKind::CommandComplete | EventKind::CommandStatus, _) => Err(ControllerError::Garbled),
            _ if !guard::is_event(event.clone()) => Ok(false),
            (EventKind::NumberOfCompletedPackets, &[_, ref entries @ ..]) => {
                let count = |entry: &[u8]| u32::from(u16::from_le_bytes([entry[2], entry[3]]));
                self.traffic.left(entries.chunks_exact(4).map(count).sum());
                Ok(true)
            }
            (EventKind::DisconnectionComplete, &[_, low, high, _]) => {
                self.frames.borrow_mut().forget(u16::from_le_bytes([low, high]));
                // What was under way will not be counted any more (4.1.1); a device has no second connection.
                self.traffic.left(u32::MAX);
                Ok(true)
            }
            // The stack hangs up where it has no key, and the client never learns that its own is of no use any more.
            (EventKind::Le, &[LONG_TERM_KEY_REQUEST, low, high, ..]) => {
                self.traffic.key_wanted.signal(ConnHandle::new(u16::from_le_bytes([low, high])));
                Ok(false)
            }
            _ => Ok(true),
        }
    }
}

fn event_packet<E>(bytes: &[u8]) -> Result<EventPacket<'_>, ControllerError<E>> {
    EventPacket::from_hci_bytes_complete(bytes).map_err(|_| ControllerError::Garbled)
}

impl<T: Transport> ErrorType for Controller<'_, T> {
    type Error = ControllerError<T::Error>;
}

impl<T: Transport> Hci for Controller<'_, T> {
    type Buffer<'a> = Vec<u8>;

    fn alloc_buf(&self) -> Result<Self::Buffer<'_>, Self::Error> {
        Ok(Vec::new())
    }

    async fn write_acl_data(&self, packet: &AclPacket<'_>) -> Result<(), Self::Error> {
        self.transport.write(packet).await.map_err(ControllerError::Transport)?;
        self.traffic.wrote();
        Ok(())
    }

    async fn write_sync_data(&self, packet: &SyncPacket<'_>) -> Result<(), Self::Error> {
        self.transport.write(packet).await.map_err(ControllerError::Transport)
    }

    async fn write_iso_data(&self, packet: &IsoPacket<'_>) -> Result<(), Self::Error> {
        self.transport.write(packet).await.map_err(ControllerError::Transport)
    }

    async fn read<'a>(
        &self,
        buffer: &'a mut Self::Buffer<'_>,
    ) -> Result<ControllerToHostPacket<'a>, Self::Error> {
        let mut raw = packet::buffer();
        let read = loop {
            match self.transport.read(&mut raw).await.map_err(ControllerError::Transport)? {
                Packet::Event(event) => {
                    if self.event(&event_packet(event)?)? {
                        event.clone_into(buffer);
                        break Read::Event;
                    }
                }
                Packet::Acl { handle, is_first, data } => {
                    if let Some(frame) = self.frames.borrow_mut().push(handle, is_first, data) {
                        *buffer = frame;
                        break Read::Frame(handle);
                    }
                }
                Packet::Other => {}
            }
        };
        Ok(match read {
            Read::Event => ControllerToHostPacket::Event(event_packet(buffer)?),
            Read::Frame(handle) => ControllerToHostPacket::Acl(AclPacket::new(
                ConnHandle::new(handle),
                AclPacketBoundary::FirstFlushable,
                AclBroadcastFlag::PointToPoint,
                buffer,
            )),
        })
    }
}

impl<T: Transport, C: SyncCmd> ControllerCmdSync<C> for Controller<'_, T> {
    async fn exec(&self, command: &C) -> Result<C::Return, cmd::Error<Self::Error>> {
        let Answer { status, parameters } = self.ask(command).await?;
        status.to_result()?;
        C::Return::from_hci_bytes_complete(&parameters).map_err(|_| cmd::Error::Io(ControllerError::Garbled))
    }
}

impl<T: Transport, C: AsyncCmd> ControllerCmdAsync<C> for Controller<'_, T> {
    async fn exec(&self, command: &C) -> Result<(), cmd::Error<Self::Error>> {
        self.ask(command).await?.status.to_result()?;
        Ok(())
    }
}
