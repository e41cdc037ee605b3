//! What goes into a device and what comes out of it.

use crate::{
    commissioning::{
        credentials::{Network, Stored},
        gatt::{AttError, Write},
        journey::{NetworkFailure, Step},
        pairing::PairingFailure,
    },
    definition::ChannelId,
    fault::{
        Fault,
        link::{Cut, Impairments},
    },
    instance::Account,
    time::{Instant, UnixMillis},
    value::Value,
    xml::Element,
};
use alloc::{boxed::Box, string::String};
use core::time::Duration;

/// Something that happened to the device.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The moment last asked for with [`Output::WaitUntil`] has come, or is past.
    Timeout,
    /// The stream is authenticated and bound, or resumed without loss.
    StreamUp {
        /// The full JID it is bound to.
        jid: String,
        /// Whether the earlier session goes on (XEP-0198): nothing was lost.
        resumed: bool,
    },
    /// The stream is gone, or the attempt to open it failed. The device decides when to try again.
    StreamDown(StreamFailure),
    /// A stanza came in: `iq`, `message` or `presence` in `jabber:client`.
    Stanza(Box<Element>),
    /// The permission asked for with [`Output::RequestSetup`] is given.
    SetupGranted,
    /// A value set by hand at the device: a switch turned, a button pressed.
    Operate(ChannelId, Value),
    /// A reading replaced from outside, until the behaviour moves it on.
    Inject(ChannelId, Value),
    /// A channel held from outside, at this value or at the one it has: neither behaviours nor rules move it until it
    /// is released or set.
    Hold(ChannelId, Option<Value>),
    /// That channel released.
    Release(ChannelId),
    /// A client connected to the peripheral.
    ClientConnected,
    /// That client is gone, with whatever it had not finished.
    ClientGone,
    /// That client tried to pair, and is not paired.
    PairingFailed(PairingFailure),
    /// A client wrote a value. It is answered with [`Output::GattAnswer`] before anything else is waited for.
    GattWrite(Write),
    /// The network asked for with [`Output::JoinNetwork`] is joined.
    NetworkUp,
    /// That network cannot be joined, or is gone.
    NetworkDown(NetworkFailure),
    /// The button on the device is pressed (`true`) or released.
    Button(bool),
    /// Reset to factory settings, as the button does when it is held. A device that is not commissioned has nothing to
    /// forget.
    Reset,
    /// Be cut off from the network and from the air, until [`Input::Online`]; the world goes on.
    Offline,
    /// Come back from that, or try again after a failure that needed a person.
    Online,
    /// It is this late by the wall clock: a body that did not know it when it switched the device on has learnt it, or is
    /// corrected. What follows the time of day goes on from there; nothing else is moved.
    Clock(UnixMillis),
    /// Ask the server how late it is (XEP-0202), if there is a stream; answered with [`Output::ServerTime`] if the server
    /// answers.
    AskTime,
    /// Let time pass at this speed in the device's world, in its seconds a real second; zero stops it.
    Pace(f64),
    /// Let this go wrong from now on: for so long, or until it is cleared.
    Fault(Box<Fault>, Option<Duration>),
    /// End this fault, or all that go on.
    ClearFault(Option<FaultId>),
    /// Leave: say goodbye and close the stream.
    Stop,
}

/// Something the body has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open a stream with this account; answer with [`Input::StreamUp`] or [`Input::StreamDown`].
    OpenStream(Account),
    /// Close the stream, or give up opening it. No answer is expected.
    CloseStream,
    /// Send this stanza.
    Send(Element),
    /// Ask for permission to create nodes; answer with [`Input::SetupGranted`]. Servers deadlock when a whole fleet
    /// creates nodes at once (docs/PROTOCOL.md), so a body bounds how many devices do.
    RequestSetup,
    /// Give that permission back, or withdraw the request for it. Without either it means nothing.
    ReleaseSetup,
    /// Be the device's peripheral: advertise, and serve its table ([`crate::device::Device::peripheral`]).
    StartPeripheral,
    /// Be it no longer, once the last answer is out.
    StopPeripheral,
    /// Send the client away that does nothing.
    DisconnectClient,
    /// The answer to the write that has just come in.
    GattAnswer(Result<(), AttError>),
    /// Join this network; answer with [`Input::NetworkUp`] or [`Input::NetworkDown`].
    JoinNetwork(Network),
    /// Leave the network, or give up joining it. No answer is expected.
    LeaveNetwork,
    /// Keep this over a restart, instead of what was kept before.
    Store(Stored),
    /// Forget what was kept.
    Erase,
    /// Break the stream off, or the attempt to open it; answer with [`Input::StreamDown`] if there was one.
    CutStream(Cut),
    /// Send these bytes as they are, whatever they are.
    SendRaw(&'static str),
    /// Let the link be like this from now on, and the streams that were cut in silence be forgotten.
    Impair(Impairments),
    /// The server says that it is now this late, to the second; the device itself goes on as it was until it is told with
    /// [`Input::Clock`].
    ServerTime(UnixMillis),
    /// Show this colour.
    Led(Colour),
    /// Tell whoever watches.
    Event(Event),
    /// Nothing more to do until this moment; come back with [`Input::Timeout`] then. It is past where the world could
    /// not be brought up to date in one turn: come back at once, but not before anything else that happened.
    WaitUntil(Instant),
}

/// Colour of the status light (thesis 5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Booting, or stopped by a failure that needs a person.
    Red,
    /// Waiting to be commissioned over Bluetooth.
    Blue,
    /// Connecting.
    Yellow,
    /// Online.
    Green,
}

/// Why a stream is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFailure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What happened, in words, with the server's own text where there is one.
    pub text: String,
}

/// Kind of a stream failure; each has its own next step for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The server's address cannot be found.
    Unresolved,
    /// No connection: refused, unreachable, timed out.
    Unreachable,
    /// The certificate or the TLS handshake was refused.
    Tls,
    /// The server offers no TLS where it is required.
    NoTls,
    /// User name or password refused, or the account does not exist (servers do not tell which).
    Authentication,
    /// The account is disabled or expired.
    AccountDisabled,
    /// No common authentication mechanism.
    NoMechanism,
    /// Another session took this one's place.
    Conflict,
    /// The server closed the stream because of a policy: rate, size, connection count.
    Policy,
    /// Another stream error.
    StreamError,
    /// The connection broke.
    Lost,
    /// The server does not speak XMPP as it should.
    Protocol,
}

impl FailureKind {
    /// Whether trying again can help without a person doing something first.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Authentication | Self::AccountDisabled | Self::NoMechanism | Self::Conflict => false,
            Self::Unresolved
            | Self::Unreachable
            | Self::Tls
            | Self::NoTls
            | Self::Policy
            | Self::StreamError
            | Self::Lost
            | Self::Protocol => true,
        }
    }

    /// Short name, for states and counters: `authentication`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unresolved => "unresolved",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::NoTls => "no-tls",
            Self::Authentication => "authentication",
            Self::AccountDisabled => "account-disabled",
            Self::NoMechanism => "no-mechanism",
            Self::Conflict => "conflict",
            Self::Policy => "policy",
            Self::StreamError => "stream-error",
            Self::Lost => "lost",
            Self::Protocol => "protocol",
        }
    }

    /// What a person can do about it.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Unresolved => "check the server's name, or give `host` and `port`",
            Self::Unreachable => "check that the server runs and that host and port are right",
            Self::Tls => "give the server's CA with `ca_file`, or check the certificate's name and dates",
            Self::NoTls => "turn STARTTLS on at the server, or use `security: plain` on loopback",
            Self::Authentication => "check the account and its password, or let `accounts: register` make it",
            Self::AccountDisabled => "ask the server's administrator about the account",
            Self::NoMechanism => "turn SCRAM-SHA-1, SCRAM-SHA-256 or PLAIN on at the server",
            Self::Conflict => {
                "another session uses this account and resource; give each device its own account"
            }
            Self::Policy => "the server limits this client; see its shaper and limit settings",
            Self::StreamError | Self::Protocol => "see the server's log",
            Self::Lost => "nothing: the device reconnects by itself",
        }
    }
}

/// Something worth telling: what a watcher, a recorder or a test sees of a device.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The session changed its state.
    Session(Session),
    /// A channel has a new value.
    Reading(ChannelId, Value),
    /// The server has acknowledged a published item of this channel.
    Published(ChannelId),
    /// The server refused to publish or to answer a request.
    PublishFailed {
        /// The item or node.
        what: String,
        /// The server's error condition and text.
        why: String,
    },
    /// A contact or a person at the device set an actuator.
    Actuated {
        /// The actuator.
        channel: ChannelId,
        /// Its new value.
        value: Value,
        /// Who did it, as far as the server says.
        by: Option<String>,
    },
    /// A request was refused and the old value reported again.
    Refused {
        /// What was asked, shortened: an item id, a command, a stanza.
        what: String,
        /// Who asked, if known.
        by: Option<String>,
        /// Why it was refused.
        why: String,
    },
    /// A rule fired.
    Rule(u16),
    /// The nodes are there and configured.
    NodesReady {
        /// How many were missing and created.
        created: u8,
        /// How many had another configuration and were mended.
        repaired: u8,
        /// The actuator mode in force.
        mode: ActuatorModeInForce,
    },
    /// The nodes cannot be set up as the profile wants; the device stays online without them.
    SetupFailed {
        /// What the server refused and how.
        why: String,
        /// What a person can do about it.
        next_step: &'static str,
    },
    /// The greeting of the owner has come to this (thesis 4.3).
    Handshake(Handshake),
    /// A step of being commissioned over Bluetooth.
    Commissioning(Step),
    /// Something begins to go wrong.
    FaultBegan(FaultId, Box<Fault>),
    /// It has ended; what is over at once ends as it begins.
    FaultEnded(FaultId),
    /// Its world cannot keep its speed on this machine and falls behind (`true`), or has caught up again.
    Lagging(bool),
}

/// Names one fault of one device, from when it begins: 1, 2, 3, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub u32);

/// The actuator mode that was settled on for this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActuatorModeInForce {
    /// Items are stored.
    Persistent,
    /// Items are passed on and mirrored.
    Transient,
}

/// Steps of greeting an owner (thesis 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Hello was sent.
    HelloSent,
    /// The owner sent it back.
    Mirrored,
    /// The owner is in the roster.
    OwnerAdded,
    /// `Setup done!` was sent.
    Done,
}

/// State of a device's session, as a watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// Waiting to be commissioned over Bluetooth.
    Commissioning,
    /// Joining the network.
    Joining,
    /// Opening a stream.
    Connecting,
    /// Bound; roster and nodes are being set up.
    SettingUp,
    /// Bound, in the roster of its people, publishing.
    Online,
    /// The stream broke; trying again after this many milliseconds.
    Waiting {
        /// Why.
        failure: StreamFailure,
        /// Time until the next attempt.
        retry_in_ms: u64,
    },
    /// A failure that needs a person; no more attempts.
    Failed(StreamFailure),
    /// Cut off on request; comes back on request.
    Offline,
    /// Without power; comes back by itself.
    Off,
    /// Stopped on request.
    Stopped,
}
