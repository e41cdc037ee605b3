//! The one loop of a device on a microcontroller: drain what it wants, wait for the next thing to happen, feed that back.
//!
//! It translates and never decides. The legs (radio, network, stream) are futures of the same task, so nothing here needs
//! a lock; they tell what happened through one bounded channel, and wait where it is full.

use crate::{
    air::Air,
    platform::{BEAT, Entropy, Network, Panel, Radio},
    station::Station,
    store::Store,
    stream::{Stream, Turn},
    time::Timekeeper,
    wall::{Knowledge, Wall},
};
use alloc::{collections::VecDeque, string::String};
use core::{cell::RefCell, fmt::Debug};
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, channel::Channel};
use embassy_time::Timer;
use embedded_storage_async::nor_flash::NorFlash;
use thingfleet_device::{
    commissioning::qr::Address,
    definition::Definition,
    device::Device,
    instance::Instance,
    io::{FailureKind, Input, Output, Session, StreamFailure},
    time::{Instant, UnixMillis},
};
use thingfleet_link::{clock::Clock, xmpp::client::Happening};

/// Milliseconds by which two clocks may differ and tell the same time: servers say it in whole seconds.
const SAME: u64 = 2000;
/// Milliseconds after which the time in the flash is renewed, which wears it out.
const KEEP_EVERY: u64 = 24 * 3_600_000;

/// What legs have told and the loop has not taken yet.
const UNREAD: usize = 4;

/// The way from the legs to the loop; a leg waits while it is full.
pub(crate) type Inbox = Channel<NoopRawMutex, Told, UNREAD>;

/// What a leg tells.
pub(crate) enum Told {
    /// Something for the device.
    Input(Input),
    /// Something of a stream.
    Stream(Turn, Happening),
    /// Something for whoever looks after the board.
    Trouble(String),
}

/// A board.
#[derive(Debug)]
pub struct Board<'b, R, N, F: NorFlash, P, E> {
    /// Its Bluetooth controller.
    pub radio: &'b mut R,
    /// Its random static address there.
    pub address: Address,
    /// Its network.
    pub network: &'b N,
    /// Its clock.
    pub wall: &'b Wall,
    /// What it keeps.
    pub store: &'b mut Store<F>,
    /// What is soldered to it.
    pub panel: &'b mut P,
    /// Its randomness.
    pub entropy: &'b mut E,
}

/// Is this device on this board, from power-on until it is stopped, which only [`Input::Stop`] of the panel does.
/// `instance.stored` is read from the flash, and `instance.epoch` from the clock.
pub async fn run<R, N, F, P, E>(
    definition: &Definition,
    mut instance: Instance,
    board: Board<'_, R, N, F, P, E>,
) where
    R: Radio,
    N: Network,
    F: NorFlash,
    F::Error: Debug,
    P: Panel,
    E: Entropy,
{
    let Board { radio, address, network, wall, store, panel, entropy } = board;
    let clock = Clock::start();
    match store.load().await {
        Ok(stored) => instance.stored = stored,
        Err(error) => panel.trouble(&alloc::format!("{error}")),
    }
    let kept = match store.load_time().await {
        Ok(kept) => kept.unwrap_or_default(),
        Err(error) => {
            panel.trouble(&alloc::format!("{error}"));
            UnixMillis::default()
        }
    };
    wall.not_before(kept);
    instance.epoch = wall.now();
    let entropy = RefCell::new(entropy);
    let timekeeper = Timekeeper { wall, entropy: &entropy };
    let inbox = Inbox::new();
    let legs = Legs { air: Air::new(), station: Station::new(), stream: Stream::new(clock) };
    let Legs { air, station, stream } = &legs;
    let body = Body {
        device: Device::new(definition, instance),
        clock,
        wall,
        kept,
        legs: &legs,
        store,
        panel,
        pending: VecDeque::new(),
    };
    let running = select3(
        air.run(radio, address, station, &inbox),
        station.run(network, air, stream, &timekeeper, &inbox),
        stream.run(network, &entropy, &inbox),
    );
    match select(body.run(&inbox), running).await {
        Either::First(()) => {}
        Either::Second(Either3::First(never) | Either3::Second(never) | Either3::Third(never)) => {
            match never {}
        }
    }
}

/// What the loop steers.
struct Legs {
    air: Air,
    station: Station,
    stream: Stream,
}

/// A device with everything around it.
struct Body<'b, F: NorFlash, P> {
    device: Device<&'b Definition>,
    clock: Clock,
    wall: &'b Wall,
    /// The latest moment that is in the flash.
    kept: UnixMillis,
    legs: &'b Legs,
    store: &'b mut Store<F>,
    panel: &'b mut P,
    /// What follows at once from what the device wanted.
    pending: VecDeque<Input>,
}

impl<F: NorFlash, P: Panel> Body<'_, F, P>
where
    F::Error: Debug,
{
    async fn run(mut self, inbox: &Inbox) {
        loop {
            self.panel.alive();
            let wake = self.drain().await;
            if *self.device.session() == Session::Stopped {
                return self.leave(inbox).await;
            }
            let input = if let Some(input) = self.pending.pop_front() {
                input
            } else {
                let (alarm, beat) = (self.clock.at(wake), embassy_time::Instant::now() + BEAT);
                match select3(Timer::at(alarm.min(beat)), inbox.receive(), self.panel.input()).await {
                    Either3::First(()) if beat < alarm => continue,
                    Either3::First(()) => Input::Timeout,
                    Either3::Second(told) => match self.translate(told) {
                        Some(input) => input,
                        None => continue,
                    },
                    Either3::Third(input) => input,
                }
            };
            self.device.handle_input(self.clock.now(), input);
        }
    }

    /// Waits until the stream is closed and nothing is on the air; nobody wants to know any more what happens there.
    async fn leave(self, inbox: &Inbox) {
        let leaving = async {
            self.legs.stream.quiet().await;
            self.legs.air.off().await;
        };
        let unheard = async {
            loop {
                inbox.receive().await;
            }
        };
        let (Either::First(()) | Either::Second(())) = select(leaving, unheard).await;
    }

    /// Carries out everything the device wants, and returns when it wants to be asked again. What is to be kept is in the
    /// flash before anything that comes after it happens.
    async fn drain(&mut self) -> Instant {
        let Legs { air, station, stream } = self.legs;
        loop {
            match self.device.poll_output() {
                Output::OpenStream(account) => stream.open(account),
                Output::CloseStream => stream.close(),
                Output::CutStream(_) => {
                    if stream.cut() {
                        self.pending.push_back(Input::StreamDown(StreamFailure {
                            kind: FailureKind::Lost,
                            text: "the connection broke".into(),
                        }));
                    }
                }
                Output::Send(stanza) => stream.send(&stanza),
                Output::SendRaw(text) => stream.send_raw(text),
                // There is no fleet here to take turns with.
                Output::RequestSetup => self.pending.push_back(Input::SetupGranted),
                // A link of this body's is as good as the air is.
                Output::ReleaseSetup | Output::Impair(_) => {}
                Output::StartPeripheral => air.start(self.device.peripheral()),
                Output::StopPeripheral => air.stop(),
                Output::DisconnectClient => air.disconnect_client(),
                Output::GattAnswer(answer) => air.answer(answer),
                Output::JoinNetwork(network) => station.want(Some(network)),
                Output::LeaveNetwork => station.want(None),
                Output::Store(stored) => {
                    if let Err(error) = self.store.store(&stored).await {
                        self.panel.trouble(&alloc::format!("{error}"));
                    }
                }
                Output::Erase => {
                    if let Err(error) = self.store.erase().await {
                        self.panel.trouble(&alloc::format!("{error}"));
                    }
                    self.wall.forget();
                    self.kept = UnixMillis::default();
                }
                Output::ServerTime(date) => self.compare_clocks(date).await,
                Output::Led(colour) => self.panel.show(colour),
                Output::Event(event) => self.panel.happened(&event),
                Output::WaitUntil(moment) => return moment,
            }
        }
    }

    /// Takes the server's time where the clock knows none or another one: the server has shown who it is, and a time server
    /// cannot.
    async fn compare_clocks(&mut self, date: UnixMillis) {
        let difference = self.wall.now().0.abs_diff(date.0);
        if self.wall.knowledge() == Knowledge::AtLeast || difference > SAME {
            if let Err(error) = self.wall.told(date) {
                return self.panel.trouble(&alloc::format!("the clock of the XMPP server: {error}"));
            }
            self.pending.push_back(Input::Clock(self.wall.now()));
        }
        self.keep_time().await;
    }

    /// Keeps in the flash how late it is, if that was not done lately. Only a server whose certificate was good at that
    /// time brings it there, so that nobody can lead a device into a future in which no certificate is good.
    async fn keep_time(&mut self) {
        let now = self.wall.now();
        if now.0 < self.kept.0.saturating_add(KEEP_EVERY) {
            return;
        }
        match self.store.store_time(now).await {
            Ok(()) => self.kept = now,
            Err(error) => self.panel.trouble(&alloc::format!("{error}")),
        }
    }

    fn translate(&mut self, told: Told) -> Option<Input> {
        match told {
            Told::Input(input) => Some(input),
            Told::Trouble(what) => {
                self.panel.trouble(&what);
                None
            }
            Told::Stream(turn, happening) if self.legs.stream.is_of_now(turn, &happening) => {
                match happening {
                    Happening::Up { jid, resumed } => {
                        if self.wall.knowledge() != Knowledge::Own {
                            self.pending.push_back(Input::AskTime);
                        }
                        Some(Input::StreamUp { jid, resumed })
                    }
                    Happening::Down(failure) => Some(Input::StreamDown(failure)),
                    Happening::Stanza(stanza) => Some(Input::Stanza(stanza)),
                    // The stream's leg keeps it to itself.
                    Happening::StartTls => None,
                }
            }
            Told::Stream(..) => None,
        }
    }
}
