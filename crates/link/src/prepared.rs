//! A long value on its way, in pieces (Core 5.4, Vol 3, Part F, 3.4.6).
//!
//! trouble-host keeps the pieces: of one attribute, one after another, up to [`MAX_VALUE`] bytes. Its own checks answer
//! everything else with Prepare Queue Full, and its sum of offset and length overflows; here is what a client is told
//! instead, before trouble-host sees the piece. A value that lost a piece is refused as a whole.

use thingfleet_device::commissioning::gatt::{AttError, MAX_VALUE};
use trouble_host::att::AttErrorCode;

/// The queue of one client.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Prepared {
    /// Nothing is in it.
    #[default]
    Empty,
    /// The beginning of a value.
    Value {
        /// The attribute it is for.
        handle: u16,
        /// How much of it is there, in bytes.
        length: usize,
    },
    /// A piece was refused, with this code.
    Spoilt(AttErrorCode),
}

impl Prepared {
    /// Takes a piece.
    ///
    /// # Errors
    /// What the client is told; trouble-host must not see the piece.
    pub(crate) fn piece(&mut self, handle: u16, offset: u16, length: usize) -> Result<(), AttErrorCode> {
        let so_far = match *self {
            Self::Empty => 0,
            Self::Value { handle: other, .. } if other != handle => {
                return Err(AttErrorCode::PREPARE_QUEUE_FULL);
            }
            Self::Value { length, .. } => length,
            Self::Spoilt(code) => return Err(code),
        };
        let refused = if usize::from(offset) + length > MAX_VALUE {
            AttErrorCode::new(AttError::InvalidLength.code())
        } else if usize::from(offset) != so_far {
            AttErrorCode::INVALID_OFFSET
        } else {
            *self = Self::Value { handle, length: so_far + length };
            return Ok(());
        };
        *self = Self::Spoilt(refused);
        Err(refused)
    }

    /// Empties the queue; gives the attribute whose value is whole now, if there is one.
    ///
    /// # Errors
    /// The code of the piece that was refused.
    pub(crate) fn finish(&mut self) -> Result<Option<u16>, AttErrorCode> {
        match core::mem::take(self) {
            Self::Empty => Ok(None),
            Self::Value { handle, .. } => Ok(Some(handle)),
            Self::Spoilt(code) => Err(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_order_make_a_value() {
        let mut queue = Prepared::default();
        assert_eq!(queue.finish(), Ok(None), "nothing to write is no mistake");
        assert_eq!(queue.piece(7, 0, 18), Ok(()));
        assert_eq!(queue.piece(7, 18, 494), Ok(()));
        assert_eq!(queue.finish(), Ok(Some(7)));
        assert_eq!(queue, Prepared::Empty);
        assert_eq!(queue.piece(7, 0, 0), Ok(()));
        assert_eq!(queue.finish(), Ok(Some(7)), "an empty value is a value");
    }

    #[test]
    fn a_value_that_lost_a_piece_is_refused_as_a_whole() {
        let mut queue = Prepared::default();
        assert_eq!(queue.piece(7, 0, 18), Ok(()));
        assert_eq!(queue.piece(7, 36, 18), Err(AttErrorCode::INVALID_OFFSET));
        assert_eq!(queue.piece(7, 18, 18), Err(AttErrorCode::INVALID_OFFSET));
        assert_eq!(queue.finish(), Err(AttErrorCode::INVALID_OFFSET));
        assert_eq!(queue.piece(7, 0, 18), Ok(()), "the next value is another matter");
    }

    #[test]
    fn a_value_too_long_is_refused_before_it_is_kept() {
        let mut queue = Prepared::default();
        assert_eq!(queue.piece(7, 0, 512), Ok(()));
        let refused = queue.piece(7, 512, 1).unwrap_err();
        assert_eq!(refused.to_u8(), 0x0D);
        assert_eq!(queue.finish(), Err(refused));
        assert_eq!(queue.piece(7, 0xFFFF, 18).unwrap_err().to_u8(), 0x0D);
    }

    #[test]
    fn a_second_value_waits_for_the_end_of_the_first() {
        let mut queue = Prepared::default();
        assert_eq!(queue.piece(7, 0, 18), Ok(()));
        assert_eq!(queue.piece(9, 0, 18), Err(AttErrorCode::PREPARE_QUEUE_FULL));
        assert_eq!(queue.finish(), Ok(Some(7)), "the first is whole all the same");
    }
}
