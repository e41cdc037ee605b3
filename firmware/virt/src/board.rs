//! The machine as a board: what `thingfleet_firmware::platform` asks for.

use crate::{
    Serial,
    console::{Console, Half},
    entropy::Random,
    flash::Flash,
    net::Card,
    settings::Settings,
    time,
    tls::Trust,
};
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
};
use core::{fmt::Write as _, net::SocketAddr};
use embassy_net::{
    Config, Runner, Stack, StackResources,
    tcp::client::{TcpClient, TcpClientState, TcpConnection},
};
use embassy_time::Timer;
use embedded_nal_async::TcpConnect as _;
use mbedtls_rs::Session;
use thingfleet_device::{
    commissioning::{credentials, journey::NetworkFailure},
    io::{Colour, Event, FailureKind, Input, StreamFailure},
    time::UnixMillis,
};
use thingfleet_firmware::platform::{Network, Panel, Radio};
use thingfleet_link::H4;

/// Connections at a time: the one there is, and the last one's end.
const CONNECTIONS: usize = 2;
/// Bytes of room for what a connection sends, and for what it receives.
const SEND: usize = 2048;
const RECEIVE: usize = 4096;
/// Sockets of the network: those, and the one of DHCP.
const SOCKETS: usize = CONNECTIONS + 2;
/// Time between two looks at the serial line.
const LOOK: embassy_time::Duration = embassy_time::Duration::from_millis(20);

/// What could not be found or read when the machine started.
#[derive(Debug)]
pub struct Missing(pub &'static str);

/// The machine, with everything found.
pub struct Machine {
    /// Its Bluetooth line.
    pub radio: Line,
    /// Its network.
    pub network: Lan,
    /// What runs that network.
    pub runner: Runner<'static, Card>,
    /// Its flash.
    pub flash: Flash,
    /// Its serial line.
    pub panel: Terminal,
    /// Its randomness.
    pub random: Random,
    /// Its date.
    pub date: UnixMillis,
}

impl Machine {
    /// Finds everything; to be called once.
    ///
    /// # Errors
    /// [`Missing`] names what is not there.
    pub fn start() -> Result<Self, Missing> {
        time::init();
        // SAFETY: the handlers are there, and everything they touch is initialised statically.
        unsafe { riscv::interrupt::enable() };
        let mut random = Random::find().ok_or(Missing("a virtio-rng"))?;
        let card = Card::find().ok_or(Missing("a virtio network card"))?;
        let flash = Flash::find().ok_or(Missing("a virtio disk"))?;
        let console = Console::find().ok_or(Missing("a virtio console"))?;
        let Settings { server, authority } =
            Settings::read().ok_or(Missing("an address and an authority"))?;
        let trust = Trust::new(random, authority).ok_or(Missing("TLS"))?;
        let resources: &'static mut StackResources<SOCKETS> = Box::leak(Box::new(StackResources::new()));
        let seed = rand_core::Rng::next_u64(&mut random);
        let (stack, runner) = embassy_net::new(card, Config::dhcpv4(Default::default()), resources, seed);
        let state: &'static TcpClientState<CONNECTIONS, SEND, RECEIVE> =
            Box::leak(Box::new(TcpClientState::new()));
        Ok(Self {
            radio: Line(console),
            network: Lan { stack, client: TcpClient::new(stack, state), trust, server },
            runner,
            flash,
            panel: Terminal { line: String::new() },
            random,
            date: time::date(),
        })
    }
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
    stack: Stack<'static>,
    client: TcpClient<'static, CONNECTIONS, SEND, RECEIVE>,
    trust: Trust,
    server: SocketAddr,
}

impl Network for Lan {
    type Socket<'a> = TcpConnection<'a, CONNECTIONS, SEND, RECEIVE>;
    type Secured<'a> = Session<'a, Self::Socket<'a>>;

    async fn join(&self, network: &credentials::Network) -> Result<(), NetworkFailure> {
        if network.ssid == "nowhere" {
            return Err(NetworkFailure::NotFound);
        }
        self.stack.wait_config_up().await;
        Ok(())
    }

    async fn lost(&self) -> NetworkFailure {
        self.stack.wait_config_down().await;
        NetworkFailure::Lost
    }

    async fn leave(&self) {}

    async fn connect(&self, _domain: &str) -> Result<Self::Socket<'_>, StreamFailure> {
        let connected = self.client.connect(self.server).await;
        connected.map_err(|error| StreamFailure {
            kind: FailureKind::Unreachable,
            text: format!("no connection to {}: {error:?}", self.server),
        })
    }

    async fn secure<'a>(
        &'a self,
        socket: Self::Socket<'a>,
        domain: &str,
    ) -> Result<Self::Secured<'a>, StreamFailure> {
        self.trust.secure(socket, domain).await
    }
}

/// The serial line as a panel: a line of text for each thing that happens, and words for what a person does.
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
