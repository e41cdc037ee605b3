//! The machine as a board: what `thingfleet_firmware::platform` asks for.

use crate::{
    Serial,
    console::{Console, Half},
    entropy::Random,
    flash::Flash,
    meter::{self, memory, metered, work},
    net::Card,
    time,
};
use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt::{self, Write as _};
use embassy_executor::Spawner;
use embassy_net::Runner;
use embassy_time::Timer;
use thingfleet_device::{
    commissioning::{credentials, journey::NetworkFailure},
    io::{Colour, Event, Input, StreamFailure},
};
use thingfleet_firmware::{
    carried::Carried,
    platform::{Network, Panel, Radio},
    time::TimeFailure,
    wall::Wall,
};
use thingfleet_link::H4;
use thingfleet_net::{Internet, Socket};
use thingfleet_tls::{Session, Trust};

/// Time between two looks at the serial line.
const LOOK: embassy_time::Duration = embassy_time::Duration::from_millis(20);

/// What was not there when the machine started.
#[derive(Debug)]
pub struct Missing(&'static str);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What the machine has.
pub struct Machine {
    /// Its Bluetooth line.
    pub radio: Line,
    /// Its network card.
    pub card: Card,
    /// Its flash.
    pub flash: Flash,
    /// Its serial line.
    pub panel: Terminal,
    /// Its randomness.
    pub random: Random,
}

impl Machine {
    /// Finds everything; to be called once. What it takes of the heap for itself (virtio's queues) is not counted as the
    /// device's.
    ///
    /// # Errors
    /// [`Missing`] names what is not there.
    pub fn start() -> Result<Self, Missing> {
        time::init();
        // SAFETY: the handlers are there, and everything they touch is initialised statically.
        unsafe { riscv::interrupt::enable() };
        let random = Random::find().ok_or(Missing("a virtio-rng"))?;
        let card = Card::find().ok_or(Missing("a virtio network card"))?;
        let flash = Flash::find().ok_or(Missing("a virtio disk"))?;
        let console = Console::find().ok_or(Missing("a virtio console"))?;
        meter::ready();
        Ok(Self { radio: Line(console), card, flash, panel: Terminal { line: String::new() }, random })
    }
}

/// Runs the network. In a task of its own: every look at a socket wakes it, and would wake whoever looks.
#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Card>) -> ! {
    metered(runner.run()).await
}

/// The line to a Bluetooth controller.
pub struct Line(Console);

impl Radio for Line {
    type Hci<'a> = H4<Half<'a>, Half<'a>>;

    fn switch_on(&mut self) -> Self::Hci<'_> {
        H4::new(Half(&self.0), Half(&self.0))
    }
}

/// The machine's network. Every wireless network is in reach, except `nowhere`, and each of them is the cable.
pub struct Lan {
    internet: Internet,
    trust: Trust,
}

impl Lan {
    /// Sets it up for this device, whose wall clock that is; to be called once.
    ///
    /// # Errors
    /// [`Missing`] names what is not there.
    pub fn start(
        card: Card,
        mut random: Random,
        carried: &Carried,
        wall: &'static Wall,
        spawner: Spawner,
    ) -> Result<Self, Missing> {
        let trust = Trust::new(random, carried.roots.clone().into_bytes(), wall).ok_or(Missing("TLS"))?;
        let seed = rand_core::Rng::next_u64(&mut random);
        let (internet, runner) = Internet::new(card, seed, carried);
        spawner.spawn(run(runner).map_err(|_| Missing("room for a task"))?);
        Ok(Self { internet, trust })
    }
}

impl Network for Lan {
    type Socket<'a> = Socket<'a>;
    type Secured<'a> = Session<'a, Self::Socket<'a>>;

    async fn join(&self, network: &credentials::Network) -> Result<(), NetworkFailure> {
        if network.ssid == "nowhere" {
            return Err(NetworkFailure::NotFound);
        }
        self.internet.up().await;
        Ok(())
    }

    async fn lost(&self) -> NetworkFailure {
        self.internet.down().await;
        NetworkFailure::Lost
    }

    async fn ask_time(&self, request: &[u8], answer: &mut [u8]) -> Result<usize, TimeFailure> {
        self.internet.ask_time(request, answer).await
    }

    async fn leave(&self) {}

    async fn connect(&self, domain: &str) -> Result<Self::Socket<'_>, StreamFailure> {
        self.internet.connect(domain).await
    }

    async fn secure<'a>(
        &'a self,
        socket: Self::Socket<'a>,
        domain: &str,
    ) -> Result<Self::Secured<'a>, StreamFailure> {
        let before = work();
        let secured = self.trust.secure(socket, domain).await;
        say("handshake", &format!("{}", work() - before));
        secured
    }
}

/// The serial line as a panel: a line of text for each thing that happens, and words for what a person does. `cost` asks
/// for the instructions so far, and the bytes of heap now and at most since that was asked last.
pub struct Terminal {
    line: String,
}

impl Panel for Terminal {
    fn show(&mut self, colour: Colour) {
        say("led", &format!("{colour:?}"));
    }

    fn happened(&mut self, event: &Event) {
        say("event", &format!("{event:?}"));
    }

    fn trouble(&mut self, what: &str) {
        say("trouble", what);
    }

    async fn input(&mut self) -> Input {
        loop {
            while let Some(byte) = Serial::take() {
                if byte != b'\n' {
                    self.line.push(char::from(byte));
                    continue;
                }
                match core::mem::take(&mut self.line).trim() {
                    "press" => return Input::Button(true),
                    "release" => return Input::Button(false),
                    "stop" => return Input::Stop,
                    // What no person can do to it, but a mistake in it could.
                    "panic" => panic!("the serial line wants it"),
                    "cost" => {
                        let (used, peak) = memory();
                        say("cost", &format!("{} {used} {peak}", work()));
                    }
                    other => say("trouble", &(other.to_string() + " is nothing a person can do here")),
                }
            }
            Timer::after(LOOK).await;
        }
    }
}

fn say(what: &str, how: &str) {
    // The serial line takes everything.
    _ = writeln!(Serial, "{what} {how}");
}
