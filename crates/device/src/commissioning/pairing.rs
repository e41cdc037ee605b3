//! What becomes of pairing, in words for a person. Pairing itself is the stack's; the device takes LE Secure Connections
//! with Just Works.

use core::fmt;

/// Why a client that tried to pair is not paired, by the reason in the Pairing Failed command of whichever side gave up
/// (Core 5.4, Vol 3, Part H, 3.5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairingFailure {
    /// They agree on no way: the client has no LE Secure Connections, or insists on more than Just Works.
    NoCommonMethod,
    /// The client wants a shorter key than 16 bytes.
    ShortKey,
    /// The client, or whoever uses it, called it off.
    CalledOff,
    /// What one side proved is not what the other expected.
    NotProved,
    /// The client has the key of an earlier pairing, which the device has not, or not any more.
    NoBond,
    /// Any other reason, by its code.
    Other(u8),
}

impl PairingFailure {
    /// The failure with this reason.
    pub const fn of_reason(reason: u8) -> Self {
        match reason {
            0x02 | 0x03 | 0x05 => Self::NoCommonMethod,
            0x06 => Self::ShortKey,
            // A person's no comes as any of these.
            0x01 | 0x04 | 0x08 | 0x0C => Self::CalledOff,
            0x0B => Self::NotProved,
            other => Self::Other(other),
        }
    }

    /// What can be done about it.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::NoCommonMethod => {
                "pair with LE Secure Connections and Just Works; the device has no display and no keys"
            }
            Self::ShortKey => "let the client take keys of 16 bytes",
            Self::CalledOff => "try again, and say yes on the client",
            Self::NotProved | Self::NoBond | Self::Other(_) => {
                "remove the old pairing on the client, and try again"
            }
        }
    }
}

impl fmt::Display for PairingFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommonMethod => f.write_str("the client pairs in a way that the device does not"),
            Self::ShortKey => f.write_str("the client wants too short a key"),
            Self::CalledOff => f.write_str("the client called it off"),
            Self::NotProved => f.write_str("the two do not prove to each other who they are"),
            Self::NoBond => f.write_str("the client has a pairing that the device has not, or not any more"),
            Self::Other(code) => write!(f, "pairing failed (reason {code:#04x})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PairingFailure::{self, *};
    use alloc::string::ToString as _;

    #[test]
    fn every_reason_is_told_with_something_to_do() {
        for (reason, failure) in [
            (0x03, NoCommonMethod),
            (0x05, NoCommonMethod),
            (0x06, ShortKey),
            (0x01, CalledOff),
            (0x04, CalledOff),
            (0x0B, NotProved),
            (0x09, Other(0x09)),
        ] {
            assert_eq!(PairingFailure::of_reason(reason), failure);
            assert!(!failure.next_step().is_empty());
        }
        assert_eq!(Other(0x09).to_string(), "pairing failed (reason 0x09)");
    }
}
