//! A claim on an adapter among all programs of this kind on the machine, so that two of them do not meet on one.
//!
//! BlueZ lets any number of programs advertise on an adapter, and the system any number of them open a serial line. A
//! name in the kernel's abstract namespace belongs to one process at a time and goes with it, however it ends.

use crate::ble::{Trouble, TroubleKind};
use std::{
    io::ErrorKind,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
};

/// The adapter is this program's until this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Claim {
    _name: UnixListener,
}

impl Claim {
    /// Claims an adapter of BlueZ's by its name, or a serial line by its path.
    ///
    /// # Errors
    /// Another program has it, or the system gives no sockets.
    pub(crate) fn of(adapter: &str) -> Result<Self, Trouble> {
        let name = SocketAddr::from_abstract_name(format!("thingfleet/{adapter}"));
        match name.and_then(|name| UnixListener::bind_addr(&name)) {
            Ok(listener) => Ok(Self { _name: listener }),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Err(Trouble {
                kind: TroubleKind::Busy,
                text: format!("another fleet, or a commissioner, on this machine has {adapter}"),
            }),
            Err(error) => {
                Err(Trouble { kind: TroubleKind::Stack, text: format!("claiming {adapter}: {error}") })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_has_one_owner_at_a_time() {
        let adapter = format!("hci-of-test-{}", std::process::id());
        let claim = Claim::of(&adapter).unwrap();
        assert_eq!(Claim::of(&adapter).unwrap_err().kind, TroubleKind::Busy);
        drop(claim);
        assert!(Claim::of(&adapter).is_ok());
    }
}
