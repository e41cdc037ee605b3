//! What a fault does to a device's bytes: for the body, which has them.
//!
//! The device says how its link is to be from now on; a body that can does it, and one that cannot (a real radio has
//! its own mind) leaves it.

use super::Direction;
use core::time::Duration;

/// How the link of a device is impaired; as it is by default, it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, and any of them go together")]
pub struct Impairments {
    /// Attempts to connect end like this.
    pub refused: Option<Refused>,
    /// Each attempt to connect takes this much longer.
    pub slow_start: Duration,
    /// Bytes are this much later, in each direction.
    pub latency: Duration,
    /// They are up to this much later again; their order stays.
    pub jitter: Duration,
    /// Most bytes a second in each direction.
    pub bandwidth: Option<u32>,
    /// Bytes of this direction vanish, while the connection stays open.
    pub black_hole: Option<Direction>,
    /// Nothing is read or written: the device hangs.
    pub is_stalled: bool,
    /// An earlier session is not taken up again (XEP-0198).
    pub forgets_session: bool,
    /// Another client uses the same account and resource.
    pub has_rival: bool,
    /// Streams that were cut in silence stay open on the server's side.
    pub keeps_silent: bool,
}

/// How attempts to connect end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no network.
    NoNetwork,
    /// The server's name is not found.
    NoName,
    /// The server's certificate is refused.
    Tls,
}

/// How a stream is broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// With a reset: both sides know at once.
    Reset,
    /// In silence: the device knows, and the server goes on believing in the stream as long as
    /// [`Impairments::keeps_silent`] holds.
    Silent,
}

impl Impairments {
    /// Whether the link is as it should be.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
