//! Values that come in pieces: bluetoothd joins the prepared writes that follow one another and hands on the others
//! with an offset, each of which continues what its client wrote to that characteristic before.

use bluer::gatt::local::ReqError;
use std::collections::HashMap;
use thingfleet_device::commissioning::gatt::{Characteristic, MAX_VALUE};

/// The last values of one client at a time; at most [`MAX_VALUE`] bytes for each characteristic.
#[derive(Debug)]
pub(super) struct Assembly<C> {
    client: Option<C>,
    values: HashMap<Characteristic, Vec<u8>>,
}

impl<C> Default for Assembly<C> {
    fn default() -> Self {
        Self { client: None, values: HashMap::new() }
    }
}

impl<C: PartialEq> Assembly<C> {
    /// Puts a piece where it belongs, and gives the whole value as it is then.
    ///
    /// # Errors
    /// The piece begins after the end of what is there, or makes it too long (Core 5.4, Vol 3, Part F, 3.4.6.3).
    pub(super) fn put(
        &mut self,
        client: C,
        characteristic: Characteristic,
        offset: usize,
        piece: Vec<u8>,
    ) -> Result<Vec<u8>, ReqError> {
        if self.client.as_ref() != Some(&client) {
            self.forget();
            self.client = Some(client);
        }
        let value = self.values.entry(characteristic).or_default();
        if offset > value.len() {
            return Err(ReqError::InvalidOffset);
        }
        if offset + piece.len() > MAX_VALUE {
            return Err(ReqError::InvalidValueLength);
        }
        value.truncate(offset);
        value.extend(piece);
        Ok(value.clone())
    }

    /// Forgets everything: the client is gone.
    pub(super) fn forget(&mut self) {
        self.client = None;
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JID: Characteristic = Characteristic::Jid;

    #[test]
    fn a_piece_with_an_offset_continues_what_was_there() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.put(1, JID, 0, b"kettle@".to_vec()).unwrap(), b"kettle@");
        assert_eq!(assembly.put(1, Characteristic::Ssid, 0, b"home".to_vec()).unwrap(), b"home");
        assert_eq!(assembly.put(1, JID, 7, b"home.example".to_vec()).unwrap(), b"kettle@home.example");
    }

    #[test]
    fn a_whole_value_replaces_the_one_before() {
        let mut assembly = Assembly::default();
        assembly.put(1, JID, 0, b"long before".to_vec()).unwrap();
        assert_eq!(assembly.put(1, JID, 0, b"new".to_vec()).unwrap(), b"new");
        assert_eq!(assembly.put(1, JID, 0, Vec::new()).unwrap(), b"");
    }

    #[test]
    fn pieces_leave_no_gap_and_do_not_grow_for_ever() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.put(1, JID, 1, b"x".to_vec()), Err(ReqError::InvalidOffset));
        assert_eq!(assembly.put(1, JID, 0, vec![b'x'; MAX_VALUE]).unwrap().len(), MAX_VALUE);
        assert_eq!(assembly.put(1, JID, MAX_VALUE, b"x".to_vec()), Err(ReqError::InvalidValueLength));
        assert_eq!(assembly.put(1, JID, 0, vec![b'x'; MAX_VALUE + 1]), Err(ReqError::InvalidValueLength));
    }

    #[test]
    fn nobody_continues_what_another_began() {
        let mut assembly = Assembly::default();
        assembly.put(1, JID, 0, b"kettle@".to_vec()).unwrap();
        assert_eq!(assembly.put(2, JID, 7, b"evil.example".to_vec()), Err(ReqError::InvalidOffset));
        assembly.put(1, JID, 0, b"kettle@".to_vec()).unwrap();
        assembly.forget();
        assert_eq!(assembly.put(1, JID, 7, b"home.example".to_vec()), Err(ReqError::InvalidOffset));
    }
}
