//! What the machine is told from outside when it is started: a text that QEMU's loader leaves in memory, beyond what the
//! image uses (`-device loader,file=TEXT,addr=0x80800000,force-raw=on`).
//!
//! Its first line is the server's address; the rest is the authority to believe, in PEM.

use crate::read;
use alloc::{string::String, vec::Vec};
use core::net::SocketAddr;

/// Where it lies; `memory.x` ends before.
const TEXT: usize = 0x8080_0000;
/// Longest it may be, in bytes.
const LONGEST: usize = 65_536;

/// What it says.
pub(crate) struct Settings {
    /// Where the server is, whatever its domain.
    pub(crate) server: SocketAddr,
    /// The authority to believe, in PEM.
    pub(crate) authority: Vec<u8>,
}

impl Settings {
    /// Reads them; `None` where there are none.
    pub(crate) fn read() -> Option<Self> {
        let bytes: Vec<u8> = (TEXT..TEXT + LONGEST).map(read::<u8>).take_while(|byte| *byte != 0).collect();
        let text = String::from_utf8(bytes).ok()?;
        let (server, authority) = text.split_once('\n')?;
        Some(Self { server: server.parse().ok()?, authority: authority.as_bytes().to_vec() })
    }
}
