//! What the codes of ATT Error Responses mean to whoever writes to a device (Core 5.4, Vol 3, Part F, 3.4.1.1).

use thingfleet_device::commissioning::gatt::AttError;

/// Insufficient Authentication.
const AUTHENTICATION: u8 = 0x05;
/// Encryption Key Size Too Short.
const KEY_SIZE: u8 = 0x0C;

/// Whether the link has to be encrypted first.
pub(super) const fn wants_encryption(code: u8) -> bool {
    matches!(code, AUTHENTICATION | KEY_SIZE) || code == AttError::InsufficientEncryption.code()
}

/// Whether the value has to be sealed.
pub(super) const fn wants_sealing(code: u8) -> bool {
    code == AttError::NotSealed.code()
}

/// A code in words.
pub(super) const fn meaning(code: u8) -> &'static str {
    match code {
        0x01 => "invalid handle",
        0x02 => "reading is not permitted",
        0x03 => "writing is not permitted",
        0x04 => "invalid PDU",
        AUTHENTICATION => "the link is not authenticated",
        0x06 => "the request is not supported",
        0x07 => "invalid offset",
        0x08 => "not authorised",
        0x09 => "too many long writes at once",
        KEY_SIZE => "the encryption key is too short",
        0x0D => "the value has a wrong length",
        0x0E => "it failed for no named reason",
        0x0F => "the link is not encrypted",
        0x11 => "the device has no room",
        0x13 => "the value is not allowed",
        0x80 => "something is missing before Setup Done",
        0x81 => "the value is not sealed to the device's key",
        0x82..=0x9F => "an error of the device's own",
        _ => "an error without a meaning here",
    }
}

/// What a person can do about it.
pub(super) const fn next_step(code: u8) -> &'static str {
    match code {
        0x03 => "the device takes no credentials now; reset it (hold its button for 5 s) and try again",
        AUTHENTICATION | KEY_SIZE | 0x08 | 0x0F => {
            "remove the old pairing on both sides (bluetoothctl remove ADDRESS, reset the device) and try again"
        }
        0x07 | 0x09 | 0x0D | 0x11 => "the value does not fit the device; choose a shorter password or JID",
        0x13 => "check that JIDs are bare and all values are plain text",
        0x80 => "a value was lost on the way; try again",
        0x81 => "check that the code is the one on this device, or try --seal always",
        _ => "switch the device off and on again, and look at its log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_our_own_devices_has_words_of_its_own() {
        let refusals = [
            AttError::WriteNotPermitted,
            AttError::InsufficientEncryption,
            AttError::InvalidLength,
            AttError::ValueNotAllowed,
            AttError::Incomplete,
            AttError::NotSealed,
        ];
        let words: std::collections::BTreeSet<_> = refusals.iter().map(|one| meaning(one.code())).collect();
        assert_eq!(words.len(), refusals.len());
        assert!(wants_encryption(AttError::InsufficientEncryption.code()));
        assert!(wants_sealing(AttError::NotSealed.code()));
    }
}
