//! ATT PDUs in which every field is there (Core 5.4, Vol 3, Part F, 3.4).
//!
//! trouble-host reads fields without looking whether they are there. A request that lacks one must be answered with
//! Invalid PDU all the same, so it goes on as a request for handle 0, which means just that further up
//! ([`is_malformed`]). A sound request for handle 0 goes on as one for the last handle, which does not exist either.

use alloc::vec::Vec;
use thingfleet_device::commissioning::gatt::Uuid;
use trouble_host::att::{AttClient, AttReq};

/// Smallest MTU there is, in bytes (3.2.8).
const LEAST_MTU: u16 = 23;
/// A handle that no table of ours comes to.
const NOWHERE: u16 = 0xFFFF;

/// Opcodes with fields of their own (3.4.8).
mod opcode {
    pub(super) const ERROR_RSP: u8 = 0x01;
    pub(super) const EXCHANGE_MTU_REQ: u8 = 0x02;
    pub(super) const EXCHANGE_MTU_RSP: u8 = 0x03;
    pub(super) const FIND_INFORMATION_REQ: u8 = 0x04;
    pub(super) const FIND_INFORMATION_RSP: u8 = 0x05;
    pub(super) const FIND_BY_TYPE_VALUE_REQ: u8 = 0x06;
    pub(super) const FIND_BY_TYPE_VALUE_RSP: u8 = 0x07;
    pub(super) const READ_BY_TYPE_REQ: u8 = 0x08;
    pub(super) const READ_BY_TYPE_RSP: u8 = 0x09;
    pub(super) const READ_REQ: u8 = 0x0A;
    pub(super) const READ_BLOB_REQ: u8 = 0x0C;
    pub(super) const READ_BY_GROUP_TYPE_REQ: u8 = 0x10;
    pub(super) const READ_BY_GROUP_TYPE_RSP: u8 = 0x11;
    pub(super) const WRITE_REQ: u8 = 0x12;
    pub(super) const WRITE_RSP: u8 = 0x13;
    pub(super) const PREPARE_WRITE_REQ: u8 = 0x16;
    pub(super) const PREPARE_WRITE_RSP: u8 = 0x17;
    pub(super) const EXECUTE_WRITE_REQ: u8 = 0x18;
    pub(super) const EXECUTE_WRITE_RSP: u8 = 0x19;
    pub(super) const NOTIFICATION: u8 = 0x1B;
    pub(super) const INDICATION: u8 = 0x1D;
    pub(super) const READ_MULTIPLE_REQ: u8 = 0x20;
    pub(super) const WRITE_CMD: u8 = 0x52;
}

/// The PDU as the stack may see it; `None` if it must not.
pub(crate) fn sound(pdu: &[u8]) -> Option<Vec<u8>> {
    use opcode as o;
    let &[opcode, ref fields @ ..] = pdu else { return None };
    let is_sound = match opcode {
        o::EXCHANGE_MTU_REQ | o::EXCHANGE_MTU_RSP => return Some(with_mtu(opcode, fields)),
        o::READ_REQ => fields.len() == 2,
        o::FIND_INFORMATION_REQ | o::READ_BLOB_REQ => fields.len() == 4,
        o::WRITE_REQ => fields.len() >= 2,
        o::PREPARE_WRITE_REQ => fields.len() >= 4,
        o::EXECUTE_WRITE_REQ => fields.len() == 1,
        o::FIND_BY_TYPE_VALUE_REQ => fields.len() >= 6,
        o::READ_BY_TYPE_REQ | o::READ_BY_GROUP_TYPE_REQ => matches!(fields.len(), 6 | 20),
        o::READ_MULTIPLE_REQ => fields.len() >= 4 && fields.len() % 2 == 0,
        // Those without a right to an answer.
        o::WRITE_CMD | o::NOTIFICATION | o::INDICATION => {
            return (fields.len() >= 2).then(|| pdu.to_vec());
        }
        o::ERROR_RSP => return (fields.len() == 4).then(|| pdu.to_vec()),
        o::FIND_INFORMATION_RSP | o::FIND_BY_TYPE_VALUE_RSP => {
            return (fields.len() >= 4).then(|| pdu.to_vec());
        }
        // The stack knows no answers to prepared writes, which a client of ours makes all the same.
        o::PREPARE_WRITE_RSP => return (fields.len() >= 4).then(|| alloc::vec![o::WRITE_RSP]),
        o::EXECUTE_WRITE_RSP => return Some(alloc::vec![o::WRITE_RSP]),
        // Their first field is the length of each entry, with a handle or two in it.
        o::READ_BY_TYPE_RSP => return fields.first().filter(|each| **each >= 2).map(|_| pdu.to_vec()),
        o::READ_BY_GROUP_TYPE_RSP => return fields.first().filter(|each| **each >= 4).map(|_| pdu.to_vec()),
        // Either without fields, or unknown and answered so.
        _ => return Some(pdu.to_vec()),
    };
    Some(if is_sound { somewhere(opcode, fields) } else { malformed(opcode) })
}

/// Whether a request is one that lacked something.
pub(crate) fn is_malformed(pdu: &AttClient<'_>) -> bool {
    let AttClient::Request(request) = pdu else { return false };
    match *request {
        AttReq::Read { handle }
        | AttReq::ReadBlob { handle, .. }
        | AttReq::Write { handle, .. }
        | AttReq::PrepareWrite { handle, .. } => handle == 0,
        AttReq::FindInformation { start_handle: start, end_handle: end }
        | AttReq::FindByTypeValue { start_handle: start, end_handle: end, .. }
        | AttReq::ReadByType { start, end, .. }
        | AttReq::ReadByGroupType { start, end, .. } => (start, end) == (0, 0),
        AttReq::ExecuteWrite { flags } => flags > 1,
        AttReq::ReadMultiple { handles } => handles.first_chunk() == Some(&[0, 0]),
        AttReq::ExchangeMtu { .. } => false,
    }
}

/// A request with all its fields, and zeros in them.
fn malformed(opcode: u8) -> Vec<u8> {
    let fields: &[u8] = match opcode {
        opcode::EXECUTE_WRITE_REQ => &[0xFF],
        opcode::READ_REQ | opcode::WRITE_REQ => &[0; 2],
        opcode::FIND_INFORMATION_REQ
        | opcode::READ_BLOB_REQ
        | opcode::PREPARE_WRITE_REQ
        | opcode::READ_MULTIPLE_REQ => &[0; 4],
        _ => &[0; 6],
    };
    [&[opcode], fields].concat()
}

/// A sound request that does not look like a malformed one.
fn somewhere(opcode: u8, fields: &[u8]) -> Vec<u8> {
    let mut pdu = [&[opcode], fields].concat();
    let is_at_zero = fields.starts_with(&[0, 0]);
    match opcode {
        opcode::READ_REQ
        | opcode::READ_BLOB_REQ
        | opcode::WRITE_REQ
        | opcode::PREPARE_WRITE_REQ
        | opcode::READ_MULTIPLE_REQ
            if is_at_zero =>
        {
            pdu[1..3].copy_from_slice(&NOWHERE.to_le_bytes());
        }
        opcode::FIND_INFORMATION_REQ
        | opcode::FIND_BY_TYPE_VALUE_REQ
        | opcode::READ_BY_TYPE_REQ
        | opcode::READ_BY_GROUP_TYPE_REQ
            if is_at_zero =>
        {
            // The range is as wrong with any other end.
            pdu[3..5].copy_from_slice(&NOWHERE.to_le_bytes());
        }
        _ => {}
    }
    // trouble-host takes the two forms of a type for different types, and reads the long one of a group past its end.
    // Every group has a short form (3.4.4.9), and none has the number 0.
    if matches!(opcode, opcode::READ_BY_TYPE_REQ | opcode::READ_BY_GROUP_TYPE_REQ)
        && let Some(&long) = pdu.get(5..).and_then(|kind| kind.as_array::<16>())
    {
        let short = Uuid(u128::from_le_bytes(long)).short();
        if let Some(short) = short.or_else(|| (opcode == opcode::READ_BY_GROUP_TYPE_REQ).then_some(0)) {
            pdu.truncate(5);
            pdu.extend(short.to_le_bytes());
        }
    }
    pdu
}

/// An exchange of MTUs; too small a one, or none, counts as the least there is.
fn with_mtu(opcode: u8, fields: &[u8]) -> Vec<u8> {
    let mtu = fields.try_into().map_or(LEAST_MTU, |mtu| u16::from_le_bytes(mtu).max(LEAST_MTU));
    let [low, high] = mtu.to_le_bytes();
    alloc::vec![opcode, low, high]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_pdu_passes_as_it_is() {
        let pdus: &[&[u8]] = &[
            &[0x0A, 3, 0],
            &[0x12, 3, 0],
            &[0x12, 3, 0, 1, 2],
            &[0x16, 3, 0, 0, 0],
            &[0x18, 1],
            &[0x08, 1, 0, 0xFF, 0xFF, 3, 0x28],
            &[0x52, 3, 0],
            &[0x01, 0x0A, 3, 0, 0x0A],
            &[0x1E],
            &[0x99, 1],
        ];
        for pdu in pdus {
            assert_eq!(sound(pdu).as_deref(), Some(*pdu));
        }
    }

    #[test]
    fn a_request_cut_off_anywhere_becomes_one_that_is_answered_as_malformed() {
        let whole: &[&[u8]] = &[
            &[0x04, 1, 0, 2, 0],
            &[0x06, 1, 0, 2, 0, 0, 0x28],
            &[0x08, 1, 0, 2, 0, 3, 0x28],
            &[0x0A, 3, 0],
            &[0x0C, 3, 0, 0, 0],
            &[0x10, 1, 0, 2, 0, 0, 0x28],
            &[0x12, 3, 0],
            &[0x16, 3, 0, 0, 0],
            &[0x18, 1],
            &[0x20, 3, 0, 4, 0],
        ];
        for pdu in whole {
            for length in 1..pdu.len() {
                let mended = sound(&pdu[..length]).expect("it is answered");
                assert_eq!(mended[0], pdu[0]);
                assert!(mended.len() >= pdu.len());
                assert!(mended[1..].iter().all(|field| matches!(field, 0 | 0xFF)), "{mended:?}");
            }
        }
        assert_eq!(sound(&[]), None);
    }

    #[test]
    fn what_has_no_right_to_an_answer_is_dropped() {
        for pdu in [&[0x52, 3][..], &[0x1B, 3], &[0x01, 0x0A], &[0x09], &[0x09, 1, 2], &[0x11, 3, 1]] {
            assert_eq!(sound(pdu), None, "{pdu:?}");
        }
    }

    #[test]
    fn a_sound_request_for_handle_0_is_not_taken_for_a_malformed_one() {
        assert_eq!(sound(&[0x0A, 0, 0]), Some(alloc::vec![0x0A, 0xFF, 0xFF]));
        assert_eq!(sound(&[0x04, 0, 0, 0, 0]), Some(alloc::vec![0x04, 0, 0, 0xFF, 0xFF]));
        assert!(is_malformed(&AttClient::Request(AttReq::Read { handle: 0 })));
        assert!(!is_malformed(&AttClient::Request(AttReq::Read { handle: 0xFFFF })));
    }

    #[test]
    fn a_long_type_goes_on_in_its_short_form_if_it_has_one() {
        let mut pdu = alloc::vec![0x10, 1, 0, 0xFF, 0xFF];
        pdu.extend(Uuid::assigned(0x2800).to_le_bytes());
        assert_eq!(sound(&pdu), Some(alloc::vec![0x10, 1, 0, 0xFF, 0xFF, 0x00, 0x28]));
        pdu[5] = 0x77;
        assert_eq!(sound(&pdu), Some(alloc::vec![0x10, 1, 0, 0xFF, 0xFF, 0, 0]));
        pdu[0] = 0x08;
        assert_eq!(sound(&pdu), Some(pdu.clone()));
    }

    #[test]
    fn no_mtu_is_smaller_than_the_least() {
        assert_eq!(sound(&[0x02, 0, 0]), Some(alloc::vec![0x02, 23, 0]));
        assert_eq!(sound(&[0x02]), Some(alloc::vec![0x02, 23, 0]));
        assert_eq!(sound(&[0x02, 5, 2]), Some(alloc::vec![0x02, 5, 2]));
    }
}
