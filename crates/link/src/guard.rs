//! What a controller hands over that the stack above may see.
//!
//! trouble-host 0.8.0 takes packets at their word and panics on some (a truncated ATT PDU, an unknown LE event), and a
//! client over the air writes them as it likes. So frames are put together here and looked at as a whole; what is
//! malformed is dropped, or turned into something that is answered as malformed ([`att`]).

pub(crate) mod att;

use crate::pool::{ATT_MTU, L2CAP_HEADER};
use alloc::vec::Vec;
use bt_hci::event::{Event, EventPacket};

/// Connections whose frames are put together at the same time; a device has one, a commissioner a few.
const LINKS: usize = 4;

/// Highest handle of a connection (Core 5.4, Vol 4, Part E, 5.3.1).
const LAST_LINK: u16 = 0x0EFF;

/// Fixed channels (Core 5.4, Vol 3, Part A, 2.1).
mod channel {
    pub(super) const ATT: u16 = 0x0004;
    pub(super) const SIGNALS: u16 = 0x0005;
    pub(super) const SECURITY: u16 = 0x0006;
}

/// Whether an event is one the stack knows, and as long as it should be.
pub(crate) fn is_event(event: EventPacket<'_>) -> bool {
    // Other codes would be ignored anyway.
    Event::try_from(event).is_ok_and(|event| !matches!(event, Event::Unknown { .. }))
}

/// L2CAP frames on their way in, in pieces.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    unfinished: Vec<(u16, Vec<u8>)>,
}

impl Frames {
    /// Takes a piece; gives the whole frame, header included, if that was the last one and the frame is sound.
    pub(crate) fn push(&mut self, handle: u16, is_first: bool, data: &[u8]) -> Option<Vec<u8>> {
        if handle > LAST_LINK {
            return None;
        }
        let before = self.forget(handle);
        let mut frame = if is_first { Vec::new() } else { before? };
        frame.extend_from_slice(data);
        let Some((length, _)) = header(&frame) else {
            self.keep(handle, frame);
            return None;
        };
        let whole = L2CAP_HEADER + length;
        if length > ATT_MTU || frame.len() > whole {
            return None;
        }
        if frame.len() < whole {
            self.keep(handle, frame);
            return None;
        }
        sound(frame)
    }

    /// Forgets the unfinished frame of a connection, and returns it.
    pub(crate) fn forget(&mut self, handle: u16) -> Option<Vec<u8>> {
        let place = self.unfinished.iter().position(|(other, _)| *other == handle)?;
        Some(self.unfinished.swap_remove(place).1)
    }

    fn keep(&mut self, handle: u16, frame: Vec<u8>) {
        if self.unfinished.len() == LINKS {
            self.unfinished.remove(0);
        }
        self.unfinished.push((handle, frame));
    }
}

/// Length and channel of a frame.
fn header(frame: &[u8]) -> Option<(usize, u16)> {
    let &[low, high, channel_low, channel_high] = frame.first_chunk::<L2CAP_HEADER>()?;
    Some((u16::from_le_bytes([low, high]).into(), u16::from_le_bytes([channel_low, channel_high])))
}

/// The frame as the stack may see it.
fn sound(frame: Vec<u8>) -> Option<Vec<u8>> {
    let (_, channel) = header(&frame)?;
    let content = &frame[L2CAP_HEADER..];
    match channel {
        channel::ATT => {
            let pdu = att::sound(content)?;
            let length = u16::try_from(pdu.len()).ok()?;
            let mut frame = Vec::with_capacity(L2CAP_HEADER + pdu.len());
            frame.extend(length.to_le_bytes());
            frame.extend(channel.to_le_bytes());
            frame.extend_from_slice(&pdu);
            Some(frame)
        }
        channel::SIGNALS => is_signal(content).then_some(frame),
        // The stack checks the lengths of these itself, and answers.
        channel::SECURITY => (content.len() >= 2).then_some(frame),
        // There are no other channels, since nobody can open one.
        _ => None,
    }
}

/// Whether this is one signal of a kind that has a meaning without channels of its own (Core 5.4, Vol 3, Part A, 4).
/// Others are answered by the stack as not understood, unless they are answers themselves.
fn is_signal(content: &[u8]) -> bool {
    /// Rejects, disconnections, answers and credits: none can be meant for us.
    const NOT_FOR_US: [u8; 11] = [0x01, 0x03, 0x05, 0x06, 0x07, 0x09, 0x0B, 0x15, 0x16, 0x18, 0x1A];
    let Some((&[code, identifier, low, high], data)) = content.split_first_chunk() else { return false };
    identifier != 0
        && data.len() == usize::from(u16::from_le_bytes([low, high]))
        && !NOT_FOR_US.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bt_hci::FromHciBytes as _;

    const LINK: u16 = 0x40;

    fn frame(channel: u16, content: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        frame.extend(u16::try_from(content.len()).unwrap().to_le_bytes());
        frame.extend(channel.to_le_bytes());
        frame.extend_from_slice(content);
        frame
    }

    fn pass(frame: &[u8]) -> Option<Vec<u8>> {
        Frames::default().push(LINK, true, frame)
    }

    #[test]
    fn events_that_are_unknown_or_of_another_length_stay_outside() {
        let passes = |bytes| is_event(EventPacket::from_hci_bytes_complete(bytes).unwrap());
        assert!(passes(&[0x05, 4, 0, 0x40, 0, 0x13]), "disconnection complete");
        assert!(!passes(&[0x05, 3, 0, 0x40, 0]));
        assert!(!passes(&[0x3E, 0]));
        assert!(!passes(&[0x3E, 3, 0xEE, 1, 2]), "an LE event that nobody knows");
        assert!(!passes(&[0x77, 1, 1]));
        assert!(!passes(&[0x13, 5, 2, 0x40, 0, 1, 0]), "counts two entries, has one");
    }

    #[test]
    fn a_frame_in_pieces_comes_out_whole() {
        let whole = frame(4, &[0x0A, 3, 0]);
        let mut frames = Frames::default();
        assert_eq!(frames.push(LINK, true, &whole[..2]), None);
        assert_eq!(frames.push(7, false, &[1, 2, 3]), None, "no beginning");
        assert_eq!(frames.push(LINK, false, &whole[2..5]), None);
        assert_eq!(frames.push(LINK, false, &whole[5..]), Some(whole.clone()));
        assert_eq!(frames.push(LINK, false, &whole[5..]), None, "nothing is left over");
        assert_eq!(pass(&whole), Some(whole));
    }

    #[test]
    fn a_frame_longer_than_it_says_or_than_any_is_dropped() {
        let mut longer = frame(4, &[0x0A, 3, 0]);
        longer.push(9);
        assert_eq!(pass(&longer), None);
        let mut frames = Frames::default();
        assert_eq!(frames.push(LINK, true, &[0xFF, 0xFF, 4, 0, 1]), None);
        assert!(frames.unfinished.is_empty(), "it is not waited for");
    }

    #[test]
    fn unfinished_frames_are_bounded_and_forgotten_with_their_connection() {
        let mut frames = Frames::default();
        for link in 0..100 {
            assert_eq!(frames.push(link, true, &[9, 0]), None);
        }
        assert_eq!(frames.push(0x0F00, true, &[9, 0]), None, "no connection has this handle");
        assert_eq!(frames.unfinished.len(), LINKS);
        assert!(frames.forget(99).is_some());
        assert_eq!(frames.push(99, false, &[4, 0]), None);
    }

    #[test]
    fn only_fixed_channels_and_signals_that_mean_something_pass() {
        assert_eq!(pass(&frame(0x40, b"data")), None);
        assert_eq!(pass(&frame(0x3A, b"data")), None);
        assert_eq!(pass(&frame(6, &[1])), None);
        let update = [0x12, 1, 8, 0, 6, 0, 6, 0, 0, 0, 100, 0];
        assert!(pass(&frame(5, &update)).is_some());
        assert_eq!(pass(&frame(5, &update[..9])), None);
        assert_eq!(pass(&frame(5, &[0x15, 1, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99, 99])), None);
        assert_eq!(pass(&frame(5, &[0x06, 1, 4, 0, 0, 0, 0, 0])), None);
        assert_eq!(pass(&frame(5, &[])), None);
    }
}
