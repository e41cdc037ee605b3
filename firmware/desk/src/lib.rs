//! A board on a desk: what [`thingfleet_firmware::platform`] asks for, on an operating system.
//!
//! With it the firmware's own loop runs in tests, against real servers and a real Bluetooth central. Its controller is
//! behind TCP, its network is this machine's, its flash is a file or memory, and its panel is two channels.

use embedded_io_adapters::tokio_1::FromTokio;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use std::{
    future::pending,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    path::PathBuf,
    sync::Arc,
};
use thingfleet_device::{
    commissioning::{credentials, journey::NetworkFailure},
    io::{Colour, Event, FailureKind, Input, StreamFailure},
};
use thingfleet_firmware::platform::{Entropy, Network, Panel, Radio};
use thingfleet_link::H4;
use tokio::{
    io::{ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::{mpsc, watch},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, pki_types::ServerName},
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
    /// Which certificates are believed.
    pub trust: Arc<ClientConfig>,
    /// Whether the network is there.
    pub is_there: watch::Sender<bool>,
}

impl Lan {
    /// A network that is there.
    pub fn new(server: SocketAddr, trust: ClientConfig) -> Self {
        Self { server, trust: Arc::new(trust), is_there: watch::channel(true).0 }
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

/// Flash of the ESP32's kind, in memory, and in a file if it has one.
#[derive(Debug)]
pub struct Flash {
    bytes: Vec<u8>,
    file: Option<PathBuf>,
}

/// Bytes that are erased at a time.
const PAGE: usize = 4096;
/// All of it.
pub const FLASH: u32 = 4 * 4096;

impl Flash {
    /// Flash that is gone with its value.
    pub fn in_memory() -> Self {
        Self { bytes: vec![0xFF; FLASH as usize], file: None }
    }

    /// Flash that outlives the program.
    pub fn in_file(file: PathBuf) -> Self {
        let mut bytes = std::fs::read(&file).unwrap_or_default();
        bytes.resize(FLASH as usize, 0xFF);
        Self { bytes, file: Some(file) }
    }

    fn keep(&self) -> Result<(), FlashError> {
        match &self.file {
            Some(file) => std::fs::write(file, &self.bytes).map_err(FlashError),
            None => Ok(()),
        }
    }
}

/// The file cannot be written.
#[derive(Debug)]
pub struct FlashError(pub io::Error);

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Flash {
    type Error = FlashError;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let start = offset as usize;
        bytes.copy_from_slice(&self.bytes[start..start + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.bytes[from as usize..to as usize].fill(0xFF);
        self.keep()
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let start = offset as usize;
        self.bytes[start..start + bytes.len()].iter_mut().zip(bytes).for_each(|(kept, byte)| *kept &= byte);
        self.keep()
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

/// The system's randomness.
#[derive(Debug)]
pub struct System;

impl Entropy for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has randomness");
    }
}
