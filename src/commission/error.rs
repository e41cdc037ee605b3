//! Why a commissioning comes to nothing, and what a person can do about it.

use super::{att, central::AirError, report::Step, sighting::Sighting};
use crate::{ble::TroubleKind, xmpp::client::IqError};
use std::time::Duration;
use thingfleet_device::{
    commissioning::{gatt::Characteristic, qr::Address},
    io::StreamFailure,
    jid::BareJid,
};

/// Why a device was not commissioned.
#[derive(Debug, thiserror::Error)]
pub enum CommissionError {
    /// The owner cannot sign in, or lost the stream.
    #[error("{}", .0.text)]
    Owner(StreamFailure),
    /// The device is not in reach.
    #[error("{address} is not to be found{}", elsewhere(.waiting))]
    NotFound {
        /// The address in the code.
        address: Address,
        /// Others that wait to be commissioned.
        waiting: Vec<Sighting>,
    },
    /// Something failed over the air.
    #[error(transparent)]
    Air(#[from] AirError),
    /// The device lacks what is needed.
    #[error("the device has no characteristic {}", names(.0))]
    Missing(Vec<Characteristic>),
    /// The device did not take a value.
    #[error("the device did not take {}: {error}", .characteristic.name())]
    Refused {
        /// Which.
        characteristic: Characteristic,
        /// What it answered.
        #[source]
        error: AirError,
    },
    /// The value does not fit into a characteristic.
    #[error("{} has {length} bytes; at most {most} fit", .characteristic.name())]
    TooLong {
        /// Which.
        characteristic: Characteristic,
        /// Its length.
        length: usize,
        /// What would fit.
        most: usize,
    },
    /// There is such an account already.
    #[error("the account {0} exists already")]
    Exists(BareJid),
    /// The server does not make the account.
    #[error("the account was not made: {why}")]
    NotRegistered {
        /// What the server says.
        why: String,
        /// What can be done about it.
        next_step: &'static str,
    },
    /// The device waits at this address again: it gave up on what it was given.
    #[error("the device waits at {0} again: it could not do with what it was given")]
    GaveUp(Address),
    /// The device answered a message with an error.
    #[error("{device} does not take messages: {condition}")]
    Unreachable {
        /// The device's account.
        device: BareJid,
        /// The server's words.
        condition: String,
    },
    /// The device's nodes cannot be read.
    #[error("the values of {device} cannot be read: {why}")]
    NoValues {
        /// The device's account.
        device: BareJid,
        /// Why.
        why: String,
    },
    /// A step took too long.
    #[error("could not {} within {} s", .step.title(), .limit.as_secs())]
    TimedOut {
        /// Which.
        step: Step,
        /// The time it had.
        limit: Duration,
    },
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
}

/// What kind of failure it is, for exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The device, or what it was given.
    Device,
    /// What was asked for.
    Input,
    /// The server, the adapter, or what else the program needs.
    Environment,
}

impl CommissionError {
    /// Whose matter it is.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Owner(_) | Self::NotRegistered { .. } | Self::Air(AirError::Trouble(_)) => {
                Blame::Environment
            }
            Self::TooLong { .. } | Self::Exists(_) => Blame::Input,
            Self::NotFound { .. }
            | Self::Air(_)
            | Self::Missing(_)
            | Self::Refused { .. }
            | Self::GaveUp(_)
            | Self::Unreachable { .. }
            | Self::NoValues { .. }
            | Self::TimedOut { .. }
            | Self::Stopped => Blame::Device,
        }
    }

    /// What a person can do about it.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Owner(failure) => failure.kind.next_step(),
            Self::NotFound { waiting, .. } if waiting.is_empty() => {
                "check that it waits to be commissioned (blue light; hold its button for 5 s to reset it), that it \
                 has power, and that it is near; `thingfleet commission --scan` lists what waits"
            }
            Self::NotFound { .. } => "check that the code is the one on this device",
            Self::Air(error) | Self::Refused { error, .. } => air(error),
            Self::Missing(_) => "check that this is a device of this kind, and that its firmware is complete",
            Self::TooLong { .. } => "choose a shorter password or JID",
            Self::Exists(_) => {
                "choose another with --jid, or give it with --no-register and its password if it is free"
            }
            Self::NotRegistered { next_step, .. } => next_step,
            Self::GaveUp(_) => late(Step::Hello),
            Self::Unreachable { .. } => "check that the device is online with the account it was given",
            Self::NoValues { .. } => {
                "see whether personal eventing (PEP) is enabled at the server, and look at the device's log"
            }
            Self::TimedOut { step, .. } => late(*step),
            Self::Stopped => "nothing: what was begun was taken back, as far as it could be",
        }
    }
}

impl From<StreamFailure> for CommissionError {
    fn from(failure: StreamFailure) -> Self {
        Self::Owner(failure)
    }
}

/// Of requests to the owner's own server.
impl From<IqError> for CommissionError {
    fn from(error: IqError) -> Self {
        match error {
            IqError::Down(failure) => Self::Owner(failure),
            IqError::Refused { .. } | IqError::TimedOut => {
                Self::NotRegistered { why: error.to_string(), next_step: "see the server's log" }
            }
        }
    }
}

fn air(error: &AirError) -> &'static str {
    match error {
        AirError::Trouble(trouble) => radio(trouble.kind),
        AirError::NoConnection(_) => "go nearer, and check that nobody else is connected to it",
        AirError::Lost => "go nearer; a device sends clients away that do nothing for a while",
        AirError::Pairing(_) => {
            "remove the old pairing on both sides (bluetoothctl remove ADDRESS, reset the device) and try again"
        }
        AirError::Att(code) => att::next_step(*code),
        AirError::Stack(_) => {
            "try again; if it stays, see the log of the Bluetooth stack (journalctl -u bluetooth)"
        }
    }
}

const fn radio(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::NoBus => "start D-Bus, or go without: --adapter tcp:127.0.0.1:6402 (scripts/air.py)",
        TroubleKind::NoDaemon => {
            "start bluetoothd (systemctl start bluetooth), or go without: --adapter tcp:127.0.0.1:6402"
        }
        TroubleKind::NoAdapter => "plug an adapter in, or name another with --adapter",
        TroubleKind::Busy => "end the other program that uses it, or name another with --adapter",
        TroubleKind::Denied | TroubleKind::PoweredOff | TroubleKind::Controller | TroubleKind::Stack => {
            kind.next_step()
        }
    }
}

const fn late(step: Step) -> &'static str {
    match step {
        Step::SignIn | Step::Register => "check that the server runs and that host and port are right",
        Step::Find => "check that it waits to be commissioned, and that it is near",
        Step::Connect | Step::Discover | Step::Read | Step::Write | Step::SetupDone | Step::Leave => {
            "go nearer, or switch the device off and on again"
        }
        Step::Pair => "remove the old pairing on both sides (bluetoothctl remove ADDRESS) and try again",
        Step::Hello => {
            "check name and password of the Wi-Fi (2.4 GHz?), and that the server can be reached from the device's \
             place; a device that cannot join goes back to waiting"
        }
        Step::Mirror | Step::Befriend => "look at the device's log; it is online",
        Step::Values => "look at the device's log; it is online, and publishes nothing",
    }
}

fn names(characteristics: &[Characteristic]) -> String {
    characteristics.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ")
}

fn elsewhere(waiting: &[Sighting]) -> String {
    if waiting.is_empty() {
        return String::new();
    }
    let addresses: Vec<_> = waiting.iter().map(|one| one.peer.address.to_string()).collect();
    format!("; {} waits to be commissioned", addresses.join(" and "))
}
