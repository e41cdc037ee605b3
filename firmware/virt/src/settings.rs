//! What the machine is told from outside when it is started: a text that QEMU's loader leaves in memory, beyond what the
//! image uses (`-device loader,file=TEXT,addr=0x80800000,force-raw=on`).
//!
//! Before the authority to believe, in PEM, stand lines of a word and what it is: `server` with the address of the XMPP
//! server, else it is where its domain is; `time` with address or name of the time server, else the usual one is asked;
//! `security` with how values are protected on the air, else it is as in the definition.

use crate::read;
use alloc::{string::String, vec::Vec};
use core::net::SocketAddrV4;
use thingfleet_device::definition::Security;
use thingfleet_net::{Place, TIME_SERVER};

/// Where it lies; `memory.x` ends before.
const TEXT: usize = 0x8080_0000;
/// Longest it may be, in bytes.
const LONGEST: usize = 65_536;

/// What it says.
pub(crate) struct Settings {
    /// Where the server is, whatever its domain.
    pub(crate) server: Option<SocketAddrV4>,
    /// Where the time server is.
    pub(crate) time_server: Place,
    /// How values are protected on the air.
    pub(crate) security: Option<Security>,
    /// The authority to believe, in PEM.
    pub(crate) authority: Vec<u8>,
}

impl Settings {
    /// Reads them; `None` where there are none.
    pub(crate) fn read() -> Option<Self> {
        let bytes: Vec<u8> = (TEXT..TEXT + LONGEST).map(read::<u8>).take_while(|byte| *byte != 0).collect();
        let text = String::from_utf8(bytes).ok()?;
        let (lines, authority) = text.split_at(text.find("-----BEGIN")?);
        let line =
            |word| lines.lines().filter_map(|line| line.split_once(' ')).find(|(name, _)| *name == word);
        let server = line("server").map(|(_, address)| address.parse()).transpose().ok()?;
        let time_server = Place::of_time_server(line("time").map_or(TIME_SERVER, |(_, place)| place));
        let security = match line("security") {
            None => None,
            Some((_, "open")) => Some(Security::Open),
            Some((_, "encrypted")) => Some(Security::Encrypted),
            Some((_, "sealed")) => Some(Security::Sealed),
            Some(_) => return None,
        };
        Some(Self { server, time_server, security, authority: authority.as_bytes().to_vec() })
    }
}
