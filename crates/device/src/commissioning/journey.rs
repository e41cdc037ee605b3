//! The stages of a new device's life, from an empty memory to `Setup done!`, and every step between them.
//!
//! ```text
//!        ┌──────────────────────────────── factory reset, from anywhere ─────────────────────────────────┐
//!        │          ┌─ gave up ─┬──────────────── gave up ──────────────┬──────────────┐                 │
//!        ▼          ▼           │                                       │              │                 │
//!  Unprovisioned ─ write ─► Collecting ─ Setup Done ─► JoiningNetwork ─ up ─► OpeningSession ─ hello ─► HelloSent
//!        ▲                      │                            ▲                    ▲    │                 │   ▲
//!        └─ client gone, idle ──┘                            └──── network down ──┤    │              mirror │ owner not added
//!                                                                                 │    │                 ▼   │
//!                                                              stream down ───────┘    │               Mirrored
//!                                                                                      │ owner is             │
//!                                                                                      │ a contact       added│
//!                                                                                      └──► OwnerInRoster ◄───┘
//!                                                                                                 │ nodes
//!                                                                                                 ▼
//!                                                                                                Done
//! ```
//!
//! A stage has a deadline up to `Mirrored`; when it passes the device gives up, forgets what it was given and waits
//! for a client again. From `OwnerInRoster` on the owner has the device: it keeps its credentials and tries for ever.

use super::{gatt::Characteristic, pairing::PairingFailure};
use alloc::{string::String, vec::Vec};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Where a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Its memory is empty; it advertises.
    Unprovisioned,
    /// A client has written something.
    Collecting,
    /// It has all it needs, advertises no more and joins the network.
    JoiningNetwork,
    /// It signs on.
    OpeningSession,
    /// It has greeted its owner.
    HelloSent,
    /// The owner has sent the greeting back.
    Mirrored,
    /// The owner is a contact, and was told `Setup done!`; nodes are being made.
    OwnerInRoster,
    /// It belongs to its owner.
    Done,
}

/// What moves a device from stage to stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A client has written a value that was accepted.
    Written,
    /// The client that wrote is gone, or was sent away.
    ClientGone,
    /// Setup Done was written, and nothing is missing.
    SetupDone,
    /// The network is joined.
    NetworkUp,
    /// The network is lost.
    NetworkDown,
    /// The stream is lost.
    StreamDown,
    /// The session has come to this stage, [`Stage::HelloSent`] or later.
    Reached(Stage),
    /// A deadline has passed, or a failure is for good.
    GaveUp,
    /// The button was held.
    Reset,
}

/// A step that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Illegal {
    /// Where the device stands.
    pub stage: Stage,
    /// What does not move it.
    pub happening: Happening,
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} does not happen in {:?}", self.happening, self.stage)
    }
}

impl core::error::Error for Illegal {}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 8] = [
        Self::Unprovisioned,
        Self::Collecting,
        Self::JoiningNetwork,
        Self::OpeningSession,
        Self::HelloSent,
        Self::Mirrored,
        Self::OwnerInRoster,
        Self::Done,
    ];

    /// The stage after something happened.
    ///
    /// # Errors
    /// [`Illegal`] for what cannot happen in this stage.
    pub const fn next(self, happening: Happening) -> Result<Self, Illegal> {
        use Happening as H;
        Ok(match (self, happening) {
            (_, H::Reset)
            | (Self::Unprovisioned | Self::Collecting, H::ClientGone)
            | (
                Self::Collecting
                | Self::JoiningNetwork
                | Self::OpeningSession
                | Self::HelloSent
                | Self::Mirrored,
                H::GaveUp,
            ) => Self::Unprovisioned,
            (Self::Unprovisioned | Self::Collecting, H::Written) => Self::Collecting,
            (Self::Collecting, H::SetupDone)
            | (
                Self::JoiningNetwork | Self::OpeningSession | Self::HelloSent | Self::Mirrored,
                H::NetworkDown,
            ) => Self::JoiningNetwork,
            (Self::JoiningNetwork, H::NetworkUp)
            | (Self::OpeningSession | Self::HelloSent | Self::Mirrored, H::StreamDown) => {
                Self::OpeningSession
            }
            (Self::OpeningSession | Self::Mirrored, H::Reached(Self::HelloSent)) => Self::HelloSent,
            (Self::OpeningSession | Self::HelloSent, H::Reached(Self::Mirrored)) => Self::Mirrored,
            (Self::OpeningSession | Self::HelloSent | Self::Mirrored, H::Reached(Self::OwnerInRoster)) => {
                Self::OwnerInRoster
            }
            (
                Self::OpeningSession | Self::HelloSent | Self::Mirrored | Self::OwnerInRoster,
                H::Reached(Self::Done),
            ) => Self::Done,
            // The owner has the device; network and stream come and go.
            (Self::OwnerInRoster | Self::Done, H::NetworkUp | H::NetworkDown | H::StreamDown) => self,
            (stage, happening) => return Err(Illegal { stage, happening }),
        })
    }

    /// Whether a client may write.
    pub const fn takes_writes(self) -> bool {
        matches!(self, Self::Unprovisioned | Self::Collecting)
    }

    /// Short name, for states and reports: `hello-sent`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unprovisioned => "unprovisioned",
            Self::Collecting => "collecting",
            Self::JoiningNetwork => "joining-network",
            Self::OpeningSession => "opening-session",
            Self::HelloSent => "hello-sent",
            Self::Mirrored => "mirrored",
            Self::OwnerInRoster => "owner-in-roster",
            Self::Done => "done",
        }
    }
}

/// Why a network cannot be joined, or was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetworkFailure {
    /// No network of that name is in reach.
    NotFound,
    /// The password is wrong.
    WrongPassword,
    /// It took too long.
    TimedOut,
    /// It was joined, and is gone.
    Lost,
}

impl NetworkFailure {
    /// What happened, in words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::NotFound => "no network of that name is in reach",
            Self::WrongPassword => "the network does not take the password",
            Self::TimedOut => "the network does not answer",
            Self::Lost => "the network is gone",
        }
    }

    /// What a person can do about it.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::NotFound => "check the network's name, and that it is in reach of the device",
            Self::WrongPassword => "commission it again with the network's password",
            Self::TimedOut => "look at the network's access point",
            Self::Lost => "nothing: the device joins again by itself",
        }
    }
}

/// Something that happened on the way, for watchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The device is in this stage now.
    Entered(Stage),
    /// A client connected over Bluetooth.
    ClientConnected,
    /// That client is gone.
    ClientGone,
    /// That client tried to pair, and is not paired. It may try again.
    PairingFailed(PairingFailure),
    /// A client wrote this value, and it was accepted.
    Written(Characteristic),
    /// A client wrote this value, and it was refused.
    Rejected {
        /// Where it was written.
        characteristic: Characteristic,
        /// Why it was refused.
        why: super::credentials::Rejection,
    },
    /// Setup Done was written too early: these are missing.
    Incomplete(Vec<Characteristic>),
    /// An attempt to join the network failed, or the network was lost.
    NetworkFailed {
        /// The network.
        ssid: String,
        /// Why.
        why: NetworkFailure,
    },
    /// The device gave up on what it was given, and forgot it.
    GaveUp {
        /// Why.
        why: String,
        /// What a person can do about it.
        next_step: &'static str,
    },
    /// It was reset to factory settings.
    Reset,
}
