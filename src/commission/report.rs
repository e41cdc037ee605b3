//! What a commissioning tells while it goes and when it is over: steps with their times, and deviations.

use super::error::CommissionError;
use std::time::Duration;
use thingfleet_device::jid::BareJid;
use tokio::time::{Instant, timeout};

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Sign in as the owner.
    SignIn,
    /// Wait for the device's advertisement.
    Find,
    /// Connect to it.
    Connect,
    /// Encrypt the connection.
    Pair,
    /// Find out which characteristics it has.
    Discover,
    /// Read its name and its information.
    Read,
    /// Make its account.
    Register,
    /// Write its credentials.
    Write,
    /// Write Setup Done.
    SetupDone,
    /// Wait for the device to end the connection.
    Leave,
    /// Wait for its greeting.
    Hello,
    /// Send that back, and wait for `Setup done!`.
    Mirror,
    /// Become contacts.
    Befriend,
    /// Look at its nodes until one has a value.
    Values,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::SignIn,
        Self::Find,
        Self::Connect,
        Self::Pair,
        Self::Discover,
        Self::Read,
        Self::Register,
        Self::Write,
        Self::SetupDone,
        Self::Leave,
        Self::Hello,
        Self::Mirror,
        Self::Befriend,
        Self::Values,
    ];

    /// Short name, for programs: `sign-in`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Find => "find",
            Self::Connect => "connect",
            Self::Pair => "pair",
            Self::Discover => "discover",
            Self::Read => "read",
            Self::Register => "register",
            Self::Write => "write",
            Self::SetupDone => "setup-done",
            Self::Leave => "leave",
            Self::Hello => "hello",
            Self::Mirror => "mirror",
            Self::Befriend => "befriend",
            Self::Values => "values",
        }
    }

    /// What it does, for people: `sign in as the owner`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::SignIn => "sign in as the owner",
            Self::Find => "find the device",
            Self::Connect => "connect",
            Self::Pair => "pair",
            Self::Discover => "look at its services",
            Self::Read => "read its information",
            Self::Register => "register its account",
            Self::Write => "write its credentials",
            Self::SetupDone => "write Setup Done",
            Self::Leave => "let it leave Bluetooth",
            Self::Hello => "wait for its greeting",
            Self::Mirror => "send the greeting back",
            Self::Befriend => "become contacts",
            Self::Values => "read its values",
        }
    }

    /// How long it may take. The radio's times allow for a weak signal, that of the greeting for a device that tries a
    /// network more than once.
    pub const fn limit(self) -> Duration {
        Duration::from_secs(match self {
            // Half of it is patience: bluetoothd takes two seconds to end a connection (measured).
            Self::Leave => 10,
            Self::SetupDone => 15,
            Self::Find
            | Self::Connect
            | Self::Pair
            | Self::Discover
            | Self::Read
            | Self::Write
            | Self::Mirror
            | Self::Befriend
            | Self::Values => 30,
            Self::SignIn | Self::Register => 45,
            Self::Hello => 120,
        })
    }
}

/// How much something weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Other than in the thesis, and clients are known to cope.
    Note,
    /// Against the protocol.
    Deviation,
}

impl Weight {
    /// Its name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Deviation => "deviation",
        }
    }
}

/// Where a device differs from the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// In what.
    pub code: Code,
    /// The particulars, in words.
    pub text: String,
}

/// Declares the codes of deviations with name, weight and doc at once.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $name:literal $weight:ident,)*) => {
        /// What a device can differ in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// Short name, for programs: `no-name`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            /// How much it weighs.
            pub const fn weight(self) -> Weight {
                match self {
                    $(Self::$code => Weight::$weight,)*
                }
            }
        }
    };
}

codes! {
    /// It advertises no name.
    NoName "no-name" Deviation,
    /// Its name does not fit into its advertisement.
    NameTooLong "name-too-long" Deviation,
    /// It is called otherwise once it is connected.
    NameDiffers "name-differs" Deviation,
    /// It advertises without the service that takes credentials.
    NoServices "no-services" Deviation,
    /// It does not say how its writes are protected, as the reference firmware.
    NoManufacturerData "no-manufacturer-data" Note,
    /// It says so in a way that is not understood.
    UnknownManufacturerData "unknown-manufacturer-data" Deviation,
    /// Something waits to be commissioned, but not at the address in the code.
    AddressDiffers "address-differs" Deviation,
    /// It has this characteristic more than once; clients take any of them.
    DuplicateUuid "duplicate-uuid" Deviation,
    /// It lacks this characteristic.
    MissingCharacteristic "missing-characteristic" Deviation,
    /// This characteristic is in another service than in the table.
    MisplacedCharacteristic "misplaced-characteristic" Deviation,
    /// Setup Done is in a service of its own, as in the reference firmware.
    SecondService "second-service" Note,
    /// What should be readable is not.
    NotReadable "not-readable" Deviation,
    /// A credential can be read by anybody.
    ReadableCredential "readable-credential" Deviation,
    /// It can only be written without a response.
    NoWriteResponse "no-write-response" Deviation,
    /// A piece of information is empty.
    EmptyInformation "empty-information" Deviation,
    /// A piece of information is not plain ASCII.
    NotAscii "not-ascii" Deviation,
    /// It wants an encrypted link without having said so.
    EncryptionNotAnnounced "encryption-not-announced" Deviation,
    /// It wants sealed values without having said so.
    SealingNotAnnounced "sealing-not-announced" Deviation,
    /// It refused an empty password for a network without one.
    EmptyPasswordRefused "empty-password-refused" Deviation,
    /// It refused a valid value.
    WriteRefused "write-refused" Deviation,
    /// It kept the connection after Setup Done.
    StillConnected "still-connected" Deviation,
    /// It can still be found after Setup Done.
    StillAdvertising "still-advertising" Deviation,
    /// It greeted before it was told Setup Done.
    HelloTooEarly "hello-too-early" Deviation,
    /// It greets with words of its own.
    OtherGreeting "other-greeting" Note,
    /// Its greeting is no chat message.
    GreetingNotChat "greeting-not-chat" Deviation,
    /// It greeted again after the mirror.
    GreetsAgain "greets-again" Deviation,
    /// It did not react to the mirror.
    MirrorIgnored "mirror-ignored" Deviation,
    /// It never said `Setup done!`.
    NoSetupDone "no-setup-done" Deviation,
    /// It does not let its owner see its presence.
    NotInRoster "not-in-roster" Deviation,
    /// It did not ask to see its owner's presence.
    NoSubscription "no-subscription" Deviation,
    /// It lacks this node.
    MissingNode "missing-node" Deviation,
}

/// A step that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Took {
    /// Which.
    pub step: Step,
    /// How long it took.
    pub time: Duration,
}

/// What is told while it goes.
#[derive(Debug)]
pub enum Told<'a> {
    /// A step begins.
    Begun(Step),
    /// It is over, and this came of it.
    Ended(Took, &'a str),
    /// It is over, and came to nothing.
    Failed(Took, &'a CommissionError),
    /// Something was noticed.
    Noticed(&'a Deviation),
}

/// What has become known of the device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Its name over the air.
    pub name: Option<String>,
    /// Its information: what it is called in the table, and its value.
    pub information: Vec<(&'static str, String)>,
    /// Its account.
    pub jid: Option<BareJid>,
    /// Whether that account was made on the way.
    pub is_registered: bool,
    /// How its writes were protected: `open`, `encrypted`, `sealed`.
    pub security: Option<&'static str>,
    /// Names of the channels that have a value.
    pub channels: Vec<String>,
}

/// A commissioning that is over.
#[derive(Debug)]
pub struct Report {
    /// What it came to.
    pub outcome: Result<(), (Step, CommissionError)>,
    /// Each step that was begun.
    pub steps: Vec<Took>,
    /// From the first step to the last.
    pub total: Duration,
    /// In what the device differs from the protocol.
    pub deviations: Vec<Deviation>,
    /// What has become known of it.
    pub known: Known,
}

/// Whoever watches.
pub type Watcher<'w> = &'w (dyn Fn(&Told<'_>) + Sync);

/// Keeps what happens, and tells it on.
pub(super) struct Log<'w> {
    watcher: Watcher<'w>,
    limit: Option<Duration>,
    begun: Instant,
    pub(super) step: Step,
    steps: Vec<Took>,
    deviations: Vec<Deviation>,
    pub(super) known: Known,
}

impl<'w> Log<'w> {
    pub(super) fn new(watcher: Watcher<'w>, limit: Option<Duration>) -> Self {
        Self {
            watcher,
            limit,
            begun: Instant::now(),
            step: Step::SignIn,
            steps: Vec::new(),
            deviations: Vec::new(),
            known: Known::default(),
        }
    }

    /// Goes through a step, in its time. `work` gives what comes of it, and words for it.
    pub(super) async fn step<T>(
        &mut self,
        step: Step,
        work: impl AsyncFnOnce(&mut Self) -> Result<(T, String), CommissionError>,
    ) -> Result<T, CommissionError> {
        let limit = self.limit(step);
        let late = CommissionError::TimedOut { step, limit };
        self.patiently(step, late, work).await
    }

    /// The same, with an error of its own for taking too long.
    pub(super) async fn patiently<T>(
        &mut self,
        step: Step,
        late: CommissionError,
        work: impl AsyncFnOnce(&mut Self) -> Result<(T, String), CommissionError>,
    ) -> Result<T, CommissionError> {
        (self.watcher)(&Told::Begun(step));
        self.step = step;
        let begun = Instant::now();
        let done = timeout(self.limit(step), work(self)).await.unwrap_or(Err(late));
        let took = Took { step, time: begun.elapsed() };
        self.steps.push(took);
        match &done {
            Ok((_, words)) => (self.watcher)(&Told::Ended(took, words)),
            Err(error) => (self.watcher)(&Told::Failed(took, error)),
        }
        done.map(|(value, _)| value)
    }

    /// How long a step may take.
    pub(super) fn limit(&self, step: Step) -> Duration {
        self.limit.unwrap_or(step.limit())
    }

    /// Notes a deviation; the same one once only.
    pub(super) fn notice(&mut self, code: Code, text: impl Into<String>) {
        let deviation = Deviation { code, text: text.into() };
        if !self.deviations.contains(&deviation) {
            (self.watcher)(&Told::Noticed(&deviation));
            self.deviations.push(deviation);
        }
    }

    pub(super) fn notice_all(&mut self, deviations: impl IntoIterator<Item = Deviation>) {
        deviations.into_iter().for_each(|one| self.notice(one.code, one.text));
    }

    pub(super) fn report(self, outcome: Result<(), CommissionError>) -> Report {
        Report {
            outcome: outcome.map_err(|error| (self.step, error)),
            steps: self.steps,
            total: self.begun.elapsed(),
            deviations: self.deviations,
            known: self.known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_step_and_every_deviation_has_a_name_of_its_own() {
        let steps: BTreeSet<_> = Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(steps.len(), Step::ALL.len());
        let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_takes_too_long_ends_in_its_time() {
        let mut log = Log::new(&|_| {}, None);
        let done = log.step(Step::Find, async |_| std::future::pending::<Result<((), _), _>>().await).await;
        assert!(matches!(done, Err(CommissionError::TimedOut { step: Step::Find, .. })));
        let report = log.report(done);
        assert_eq!(report.steps, [Took { step: Step::Find, time: Step::Find.limit() }]);
    }
}
