//! Bluetooth: devices that wait to be commissioned, as peripherals on BlueZ or on HCI controllers.
//!
//! ```text
//!  driver ── Radio ──(orders, events)── lease of an adapter from the Pool ── Backend: BlueZ or HCI ── the air
//! ```
//!
//! What is written and how it is answered is the device's business; here is only who advertises on which adapter.

mod bluez;
pub(crate) mod cause;
mod claim;
pub(crate) mod hci;
mod pool;
mod port;
mod radio;

pub use pool::Pool;
pub use radio::{Radio, RadioEvent};

use std::fmt;
use thingfleet_device::commissioning::{gatt::Peripheral, qr::Address};

/// A peripheral that a device wants to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The device's name in its fleet, for messages.
    pub device: String,
    /// Its table and its advertisement.
    pub peripheral: Peripheral,
    /// The random static address for controllers whose address is ours to choose; the same at every run.
    pub address: Address,
}

/// Where a device's peripheral stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Another device has the adapter; so many are before this one.
    Queued {
        /// How many come first.
        ahead: usize,
    },
    /// It can be found and connected to.
    Advertising {
        /// The adapter: `hci0`, `tcp:127.0.0.1:6402`.
        adapter: String,
        /// The address on the air.
        address: Address,
    },
    /// Something is in the way. It tries again by itself.
    Down(Trouble),
}

/// What is in a peripheral's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of trouble.
    pub kind: TroubleKind,
    /// What happened, in words, with the system's own text where there is one.
    pub text: String,
}

/// Kind of a [`Trouble`]; each has its own next step for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TroubleKind {
    /// There is no D-Bus system bus.
    NoBus,
    /// bluetoothd does not run.
    NoDaemon,
    /// D-Bus does not let this user talk to bluetoothd.
    Denied,
    /// The adapter is not there.
    NoAdapter,
    /// The adapter is off, and cannot be turned on.
    PoweredOff,
    /// Another program has the adapter.
    Busy,
    /// The controller cannot be reached, or its connection broke.
    Controller,
    /// The stack refused something, or did not answer in time.
    Stack,
}

impl TroubleKind {
    /// Short name, for states and counters: `no-daemon`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoBus => "no-bus",
            Self::NoDaemon => "no-daemon",
            Self::Denied => "denied",
            Self::NoAdapter => "no-adapter",
            Self::PoweredOff => "powered-off",
            Self::Busy => "busy",
            Self::Controller => "controller",
            Self::Stack => "stack",
        }
    }

    /// What a person can do about it who runs a fleet.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::NoBus => "start D-Bus, or use `adapters: virtual` where there is none",
            Self::NoDaemon => "start bluetoothd (systemctl start bluetooth), or use `adapters: virtual`",
            Self::Denied => "join the group `bluetooth`, or ask an administrator for access to org.bluez",
            Self::NoAdapter => "plug an adapter in, or use `adapters: virtual`",
            Self::PoweredOff => "turn the adapter on (bluetoothctl power on; rfkill unblock bluetooth)",
            Self::Busy => "stop the other program that advertises on it, or give this fleet another adapter",
            Self::Controller => {
                "check that the controller listens there (scripts/air.py, rootcanal), and that no other program has it"
            }
            Self::Stack => "see bluetoothd's log (journalctl -u bluetooth)",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
