//! A board on a desk: what [`thingfleet_firmware::platform`] asks for, on an operating system.
//!
//! With it the firmware's own loop runs in tests, against real servers and a real Bluetooth central. Its controller is
//! behind TCP, its network is this machine's, and its panel is two channels.

use embedded_io_adapters::tokio_1::FromTokio;
use std::{
    future::pending,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use thingfleet_device::{
    commissioning::{credentials, journey::NetworkFailure},
    io::{Colour, Event, FailureKind, Input, StreamFailure},
    time::UnixMillis,
};
use thingfleet_firmware::{
    platform::{Entropy, Network, Panel, Radio},
    time::TimeFailure,
    wall::Wall,
};
use thingfleet_link::H4;
use tokio::{
    io::{ReadHalf, WriteHalf, split},
    net::{TcpStream, UdpSocket},
    sync::{mpsc, watch},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig,
        pki_types::{ServerName, UnixTime},
        time_provider::TimeProvider,
    },
};

/// A controller that speaks H4 on a port of this machine.
#[derive(Debug)]
pub struct Controller(pub SocketAddr);

impl Radio for Controller {
    type Hci<'a> = H4<FromTokio<ReadHalf<TcpStream>>, FromTokio<WriteHalf<TcpStream>>>;

    fn switch_on(&mut self) -> Self::Hci<'_> {
        // A controller that is not there is one that says nothing: the other end is closed at once.
        let connected = std::net::TcpStream::connect(self.0).or_else(|_| nobody()).expect("loopback works");
        connected.set_nonblocking(true).expect("a socket can be set so");
        let (reader, writer) = split(TcpStream::from_std(connected).expect("inside a runtime"));
        H4::new(FromTokio::new(reader), FromTokio::new(writer))
    }
}

/// A connection that nobody is behind.
fn nobody() -> io::Result<std::net::TcpStream> {
    let listener = StdListener::bind("127.0.0.1:0")?;
    std::net::TcpStream::connect(listener.local_addr()?)
}

/// This machine's network, with one server in it. Every wireless network is in reach, except `nowhere`.
#[derive(Debug)]
pub struct Lan {
    /// Where the server is, whatever its domain.
    pub server: SocketAddr,
    /// Where the time server is, if there is one.
    pub time_server: Option<SocketAddr>,
    /// Which certificates are believed, by the dates of the next.
    pub trust: Arc<ClientConfig>,
    /// The clock of the board.
    pub wall: Arc<Wall>,
    /// Whether the network is there.
    pub is_there: watch::Sender<bool>,
}

impl Lan {
    /// A network that is there, without a time server.
    pub fn new(server: SocketAddr, mut trust: ClientConfig, wall: Arc<Wall>) -> Self {
        trust.time_provider = Arc::new(Calendar(Arc::clone(&wall)));
        let is_there = watch::channel(true).0;
        Self { server, time_server: None, trust: Arc::new(trust), wall, is_there }
    }
}

/// A board's clock as rustls wants it.
#[derive(Debug)]
struct Calendar(Arc<Wall>);

impl TimeProvider for Calendar {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().0)))
    }
}

impl Network for Lan {
    type Socket<'a> = FromTokio<TcpStream>;
    type Secured<'a> = FromTokio<TlsStream<TcpStream>>;

    async fn join(&self, network: &credentials::Network) -> Result<(), NetworkFailure> {
        if network.ssid == "nowhere" { Err(NetworkFailure::NotFound) } else { Ok(()) }
    }

    async fn lost(&self) -> NetworkFailure {
        match self.is_there.subscribe().wait_for(|is_there| !is_there).await {
            Ok(_) => NetworkFailure::Lost,
            Err(_) => pending().await,
        }
    }

    async fn ask_time(&self, request: &[u8], answer: &mut [u8]) -> Result<usize, TimeFailure> {
        let server = self.time_server.ok_or_else(|| TimeFailure::Unreachable("there is none".to_owned()))?;
        let exchange = async {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
            // From then on it takes nothing from anybody else.
            socket.connect(server).await?;
            socket.send(request).await?;
            socket.recv(answer).await
        };
        exchange.await.map_err(|error: io::Error| TimeFailure::Unreachable(error.to_string()))
    }

    async fn leave(&self) {}

    async fn connect(&self, _domain: &str) -> Result<Self::Socket<'_>, StreamFailure> {
        match TcpStream::connect(self.server).await {
            Ok(socket) => Ok(FromTokio::new(socket)),
            Err(error) => Err(StreamFailure { kind: FailureKind::Unreachable, text: error.to_string() }),
        }
    }

    async fn secure<'a>(
        &'a self,
        socket: Self::Socket<'a>,
        domain: &str,
    ) -> Result<Self::Secured<'a>, StreamFailure> {
        let failed = |text: String| StreamFailure { kind: FailureKind::Tls, text };
        let name = ServerName::try_from(domain.to_owned()).map_err(|error| failed(error.to_string()))?;
        let connector = TlsConnector::from(Arc::clone(&self.trust));
        let secured = connector.connect(name, socket.into_inner()).await;
        secured.map(FromTokio::new).map_err(|error| failed(error.to_string()))
    }
}

/// Something on the panel.
#[derive(Debug)]
pub enum Shown {
    /// The colour of the light.
    Led(Colour),
    /// What the device does.
    Event(Event),
    /// What does not work.
    Trouble(String),
}

/// A panel of two channels.
#[derive(Debug)]
pub struct Front {
    /// Where everything is shown.
    pub shown: mpsc::UnboundedSender<Shown>,
    /// What is done to it; the device stops when that is closed.
    pub done: mpsc::UnboundedReceiver<Input>,
}

impl Front {
    fn tell(&self, shown: Shown) {
        // Nobody needs to look.
        _ = self.shown.send(shown);
    }
}

impl Panel for Front {
    fn show(&mut self, colour: Colour) {
        self.tell(Shown::Led(colour));
    }

    fn happened(&mut self, event: &Event) {
        self.tell(Shown::Event(event.clone()));
    }

    fn trouble(&mut self, what: &str) {
        self.tell(Shown::Trouble(what.to_owned()));
    }

    async fn input(&mut self) -> Input {
        self.done.recv().await.unwrap_or(Input::Stop)
    }
}

/// The system's date.
pub fn today() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The system's randomness.
#[derive(Debug)]
pub struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has randomness");
    }
}
