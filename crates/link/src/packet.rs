//! An HCI packet as it comes: its kind and its bytes, with no more than a look at its length.

use alloc::vec::Vec;
use bt_hci::{PacketKind, ReadHciError, transport::PacketToHost};
use embedded_io::Read;
use embedded_io_async::Read as AsyncRead;

/// Longest packet taken from a controller, in bytes. Controllers in use stay under 1,100.
pub(crate) const LONGEST: usize = 2048;

/// A packet from a controller (Core 5.4, Vol 4, Part E, 5.4).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet<'d> {
    /// An event, header included.
    Event(&'d [u8]),
    /// A piece of an L2CAP frame.
    Acl { handle: u16, is_first: bool, data: &'d [u8] },
    /// Audio, which no device of ours has.
    Other,
}

impl<'d> Packet<'d> {
    /// How many bytes of a packet's header there are, and how many follow it.
    fn header_length(kind: PacketKind) -> Option<usize> {
        match kind {
            PacketKind::Event => Some(2),
            PacketKind::SyncData => Some(3),
            PacketKind::AclData | PacketKind::IsoData => Some(4),
            PacketKind::Cmd => None,
        }
    }

    fn content_length(kind: PacketKind, header: &[u8]) -> usize {
        match (kind, header) {
            (PacketKind::AclData, &[.., low, high]) => u16::from_le_bytes([low, high]).into(),
            // Two bits of the length are reserved (Core 5.4, Vol 4, Part E, 5.4.5).
            (PacketKind::IsoData, &[.., low, high]) => (u16::from_le_bytes([low, high]) & 0x3FFF).into(),
            (_, &[.., length]) => length.into(),
            (_, &[]) => 0,
        }
    }

    /// A packet of that kind in these bytes, `length` of which are its header.
    fn new(kind: PacketKind, length: usize, bytes: &'d [u8]) -> Self {
        match (kind, bytes) {
            (PacketKind::Event, _) => Self::Event(bytes),
            (PacketKind::AclData, &[low, high, ..]) => {
                let word = u16::from_le_bytes([low, high]);
                let is_first = word >> 12 & 0b11 != 0b01;
                Self::Acl { handle: word & 0x0FFF, is_first, data: &bytes[length..] }
            }
            _ => Self::Other,
        }
    }
}

impl<'d> PacketToHost<'d> for Packet<'d> {
    fn read_hci<R: Read>(
        kind: PacketKind,
        reader: &mut R,
        buffer: &'d mut [u8],
    ) -> Result<Self, ReadHciError<R::Error>> {
        let length = Self::header_length(kind).ok_or(ReadHciError::InvalidValue)?;
        let header = buffer.get_mut(..length).ok_or(ReadHciError::BufferTooSmall)?;
        reader.read_exact(header)?;
        let whole = length + Self::content_length(kind, header);
        let content = buffer.get_mut(length..whole).ok_or(ReadHciError::BufferTooSmall)?;
        reader.read_exact(content)?;
        Ok(Self::new(kind, length, &buffer[..whole]))
    }

    async fn read_hci_async<R: AsyncRead>(
        kind: PacketKind,
        reader: &mut R,
        buffer: &'d mut [u8],
    ) -> Result<Self, ReadHciError<R::Error>> {
        let length = Self::header_length(kind).ok_or(ReadHciError::InvalidValue)?;
        let header = buffer.get_mut(..length).ok_or(ReadHciError::BufferTooSmall)?;
        reader.read_exact(header).await?;
        let whole = length + Self::content_length(kind, header);
        let content = buffer.get_mut(length..whole).ok_or(ReadHciError::BufferTooSmall)?;
        reader.read_exact(content).await?;
        Ok(Self::new(kind, length, &buffer[..whole]))
    }
}

/// A buffer for any packet.
pub(crate) fn buffer() -> Vec<u8> {
    alloc::vec![0; LONGEST]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: PacketKind, mut bytes: &[u8]) -> Option<(u8, usize)> {
        let mut buffer = buffer();
        match Packet::read_hci(kind, &mut bytes, &mut buffer).ok()? {
            Packet::Event(event) => Some((event[0], event.len())),
            Packet::Acl { is_first, data, .. } => Some((is_first.into(), data.len())),
            Packet::Other => Some((0xFF, 0)),
        }
    }

    #[test]
    fn a_packet_is_as_long_as_its_header_says() {
        assert_eq!(read(PacketKind::Event, &[0x0E, 3, 1, 2, 3]), Some((0x0E, 5)));
        assert_eq!(read(PacketKind::AclData, &[0x40, 0x20, 2, 0, 7, 7]), Some((1, 2)));
        assert_eq!(read(PacketKind::AclData, &[0x40, 0x10, 2, 0, 7, 7]), Some((0, 2)));
        assert_eq!(read(PacketKind::SyncData, &[0x40, 0x10, 1, 7]), Some((0xFF, 0)));
        assert_eq!(read(PacketKind::IsoData, &[0x40, 0x10, 1, 0xC0, 7]), Some((0xFF, 0)));
    }

    #[test]
    fn a_packet_that_is_cut_off_or_has_no_end_is_an_error() {
        assert_eq!(read(PacketKind::Event, &[0x0E, 3, 1, 2]), None);
        assert_eq!(read(PacketKind::Event, &[0x0E]), None);
        assert_eq!(read(PacketKind::AclData, &[0x40, 0x20, 0xFF, 0xFF, 1]), None);
        assert_eq!(read(PacketKind::Cmd, &[1, 2, 3]), None);
    }
}
