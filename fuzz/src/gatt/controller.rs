//! A controller in memory: answers the commands of the stack above, and carries frames between it and a client.

use bt_hci::{
    PacketKind, ReadHciError,
    transport::{PacketToController, PacketToHost, Transport},
};
use embedded_io::ErrorType;
use std::{cell::RefCell, collections::VecDeque, future::poll_fn, rc::Rc, task::Poll};

/// The only connection there is.
const LINK: u16 = 0x0040;
const ATT: u16 = 0x0004;

/// What goes on between host and air.
#[derive(Default)]
pub(super) struct Air {
    /// Packets for the host, kind first.
    to_host: VecDeque<Vec<u8>>,
    /// ATT PDUs of the host, whole.
    answers: VecDeque<Vec<u8>>,
    frame: Vec<u8>,
    pub(super) is_advertising: bool,
    is_connected: bool,
}

impl Air {
    /// Whether everything sent to the host has been read by it.
    pub(super) fn is_quiet(&self) -> bool {
        self.to_host.is_empty()
    }

    pub(super) fn answer(&mut self) -> Option<Vec<u8>> {
        self.answers.pop_front()
    }

    pub(super) fn connect(&mut self) {
        self.is_advertising = false;
        self.is_connected = true;
        let [low, high] = LINK.to_le_bytes();
        let mut event = vec![0x3E, 19, 0x01, 0, low, high, 1, 1];
        event.extend([1, 2, 3, 4, 5, 0xC6, 24, 0, 0, 0, 100, 0, 0]);
        self.event(&event);
    }

    pub(super) fn disconnect(&mut self) {
        if std::mem::take(&mut self.is_connected) {
            let [low, high] = LINK.to_le_bytes();
            self.event(&[0x05, 4, 0, low, high, 0x13]);
        }
        self.answers.clear();
        self.frame.clear();
    }

    pub(super) fn pdu(&mut self, pdu: &[u8]) {
        self.frame(ATT, pdu);
    }

    /// A frame on a channel, in pieces of 27 bytes.
    pub(super) fn frame(&mut self, channel: u16, content: &[u8]) {
        let length = u16::try_from(content.len()).unwrap_or(u16::MAX).to_le_bytes();
        let frame = [&length, &channel.to_le_bytes(), content].concat();
        for (number, piece) in frame.chunks(27).enumerate() {
            self.acl(number == 0, piece);
        }
    }

    /// A piece of a frame, as it is.
    pub(super) fn acl(&mut self, is_first: bool, piece: &[u8]) {
        let flags: u16 = if is_first { 0b10 } else { 0b01 };
        let word = (LINK | flags << 12).to_le_bytes();
        let length = u16::try_from(piece.len()).expect("a piece is short").to_le_bytes();
        self.to_host.push_back([&[0x02], &word[..], &length, piece].concat());
    }

    /// An event, as it is.
    pub(super) fn event(&mut self, event: &[u8]) {
        self.to_host.push_back([&[0x04], event].concat());
    }

    fn take(&mut self, packet: &[u8]) {
        match *packet {
            [0x01, low, high, _, ref parameters @ ..] => self.command([low, high], parameters),
            [0x02, low, high, _, _, ref piece @ ..] => self.sent(u16::from_le_bytes([low, high]), piece),
            _ => {}
        }
    }

    fn command(&mut self, opcode: [u8; 2], parameters: &[u8]) {
        let [low, high] = opcode;
        let returned: &[u8] = match u16::from_le_bytes(opcode) {
            // LE Rand: the same at every run.
            0x2018 => &[7; 8],
            // LE Read Buffer Size: small pieces, so that long answers come in several.
            0x2002 => &[27, 0, 8],
            0x200F => &[8],
            // Read BD_ADDR
            0x1009 => &[1; 6],
            // LE Long Term Key Request Reply
            0x201A => &[0x40, 0],
            0x200A => {
                self.is_advertising = parameters == [1];
                &[]
            }
            // Disconnect
            0x0406 => {
                self.event(&[0x0F, 4, 0, 1, low, high]);
                return self.disconnect();
            }
            _ => &[],
        };
        let length = u8::try_from(4 + returned.len()).expect("returns are short");
        self.event(&[&[0x0E, length, 1, low, high, 0], returned].concat());
    }

    fn sent(&mut self, word: u16, piece: &[u8]) {
        if word >> 12 & 0b11 != 0b01 {
            self.frame.clear();
        }
        self.frame.extend_from_slice(piece);
        if let Some(&[low, high, cid_low, cid_high]) = self.frame.first_chunk()
            && self.frame.len() == 4 + usize::from(u16::from_le_bytes([low, high]))
        {
            let frame = std::mem::take(&mut self.frame);
            if u16::from_le_bytes([cid_low, cid_high]) == ATT {
                self.answers.push_back(frame[4..].to_vec());
            }
        }
        let [low, high] = LINK.to_le_bytes();
        self.event(&[0x13, 5, 1, low, high, 1, 0]);
    }
}

/// The host's end of it.
#[derive(Clone)]
pub(super) struct Wire(pub(super) Rc<RefCell<Air>>);

/// Nothing can go wrong with it but what is in the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbled;

impl std::fmt::Display for Garbled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no packet")
    }
}

impl std::error::Error for Garbled {}

impl embedded_io::Error for Garbled {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::InvalidData
    }
}

impl<E: embedded_io::Error> From<ReadHciError<E>> for Garbled {
    fn from(_: ReadHciError<E>) -> Self {
        Self
    }
}

impl ErrorType for Wire {
    type Error = Garbled;
}

impl Transport for Wire {
    async fn read<'a, P: PacketToHost<'a>>(&self, buffer: &'a mut [u8]) -> Result<P, Garbled> {
        let packet = poll_fn(|_| match self.0.borrow_mut().to_host.pop_front() {
            Some(packet) => Poll::Ready(packet),
            // Whoever polls does so until nothing moves; there is nobody to wake.
            None => Poll::Pending,
        })
        .await;
        let mut bytes = packet.as_slice();
        let kind = PacketKind::read(&mut bytes)?;
        Ok(P::read_hci(kind, &mut bytes, buffer)?)
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), Garbled> {
        let mut bytes = vec![0; 1 + packet.size()];
        bytes[0] = P::KIND as u8;
        packet.write_hci(&mut bytes[1..]).map_err(|_| Garbled)?;
        self.0.borrow_mut().take(&bytes);
        Ok(())
    }
}
