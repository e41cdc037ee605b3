//! The commissioner's radio on a controller that speaks HCI over H4, on TCP or a serial line.
//!
//! The stack's futures must stay on their thread, so they have one; requests and answers go over channels.

use super::{
    central::{AirError, Central, Found, Handle, Peer, Properties},
    sighting::Sighting,
};
use crate::ble::{
    Trouble, TroubleKind,
    hci::{Line, connect, open, out_of_reach},
};
use embedded_io_adapters::tokio_1::FromTokio;
use futures::{FutureExt as _, future::BoxFuture};
use thingfleet_device::commissioning::{gatt::Uuid, qr::Address};
use thingfleet_link::{
    Failure, H4,
    central::{self, Answer, Pilot, Refusal, Report, Request},
};
use thingfleet_schema::profile::Adapter;
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::task::LocalPoolHandle;

/// Advertisements nobody has looked at yet. More are dropped: they come again many times a second.
const SIGHTINGS: usize = 64;
/// Device Name (Assigned Numbers, 3.8.1).
const DEVICE_NAME: Uuid = Uuid::assigned(0x2A00);

/// The radio on an HCI controller.
#[derive(Debug)]
pub struct Hci {
    adapter: Adapter,
    thread: LocalPoolHandle,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    requests: mpsc::Sender<Asked>,
    sightings: mpsc::Receiver<Sighting>,
    is_connected: watch::Receiver<bool>,
    is_scanning: bool,
    task: JoinHandle<Result<(), Trouble>>,
}

/// A request, and where its answer goes.
type Asked = (Request, oneshot::Sender<Result<Answer, Refusal>>);

impl Hci {
    /// A radio on this controller.
    pub fn new(adapter: Adapter) -> Self {
        Self { adapter, thread: LocalPoolHandle::new(1), running: None }
    }

    fn running(&mut self) -> &mut Running {
        let Self { adapter, thread, running } = self;
        running.get_or_insert_with(|| {
            // One request is under way; a second gives it up.
            let (requests, asked) = mpsc::channel(2);
            let (seen, sightings) = mpsc::channel(SIGHTINGS);
            let (connected, is_connected) = watch::channel(false);
            let seat = Seat { asked, answer: None, is_connecting: false, connected };
            let adapter = adapter.clone();
            let task = thread.spawn_pinned(move || run(adapter, seat, seen));
            Running { requests, sightings, is_connected, is_scanning: false, task }
        })
    }

    async fn ask(&mut self, request: Request) -> Result<Answer, AirError> {
        let running = self.running();
        let (answer, answered) = oneshot::channel();
        let sent = running.requests.send((request, answer)).await.is_ok();
        match if sent { answered.await.ok() } else { None } {
            Some(answer) => answer.map_err(air),
            None => Err(self.ended().await),
        }
    }

    /// Why the thread's work is over.
    async fn ended(&mut self) -> AirError {
        let Some(running) = self.running.take() else { return AirError::Lost };
        AirError::Trouble(match running.task.await {
            Ok(Err(trouble)) => trouble,
            Ok(Ok(())) => trouble(TroubleKind::Stack, "the Bluetooth stack ended".to_owned()),
            Err(error) => trouble(TroubleKind::Stack, format!("the Bluetooth stack gave up: {error}")),
        })
    }

    async fn value(&mut self, request: Request) -> Result<Vec<u8>, AirError> {
        match self.ask(request).await? {
            Answer::Value(value) => Ok(value),
            Answer::Done | Answer::Characteristics(_) => Err(AirError::Stack("it read nothing".to_owned())),
        }
    }
}

impl Central for Hci {
    fn sighting(&mut self) -> BoxFuture<'_, Result<Sighting, AirError>> {
        async move {
            if !self.running().is_scanning {
                self.ask(Request::Scan).await?;
                let running = self.running();
                running.is_scanning = true;
                // What was seen before belongs to an earlier scan.
                while running.sightings.try_recv().is_ok() {}
            }
            match self.running().sightings.recv().await {
                Some(sighting) => Ok(sighting),
                None => Err(self.ended().await),
            }
        }
        .boxed()
    }

    fn connect(&mut self, peer: Peer) -> BoxFuture<'_, Result<(), AirError>> {
        async move {
            self.running().is_scanning = false;
            let request = Request::Connect { address: peer.address, is_random: peer.is_random };
            self.ask(request).await.map(|_| ())
        }
        .boxed()
    }

    fn pair(&mut self) -> BoxFuture<'_, Result<(), AirError>> {
        async move { self.ask(Request::Pair).await.map(|_| ()) }.boxed()
    }

    fn table(&mut self) -> BoxFuture<'_, Result<Vec<Found>, AirError>> {
        async move {
            match self.ask(Request::Discover).await? {
                Answer::Characteristics(characteristics) => Ok(characteristics.iter().map(found).collect()),
                Answer::Done | Answer::Value(_) => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn name(&mut self) -> BoxFuture<'_, Result<String, AirError>> {
        async move {
            let name = self.value(Request::ReadByUuid(DEVICE_NAME)).await?;
            Ok(String::from_utf8_lossy(&name).into_owned())
        }
        .boxed()
    }

    fn read(&mut self, handle: Handle) -> BoxFuture<'_, Result<Vec<u8>, AirError>> {
        self.value(Request::Read(handle.0)).boxed()
    }

    fn write<'a>(&'a mut self, handle: Handle, value: &'a [u8]) -> BoxFuture<'a, Result<(), AirError>> {
        async move { self.ask(Request::Write(handle.0, value.to_vec())).await.map(|_| ()) }.boxed()
    }

    fn gone(&mut self) -> BoxFuture<'_, ()> {
        async move {
            // An error means that the radio is gone, and every connection with it.
            _ = self.running().is_connected.wait_for(|is_connected| !is_connected).await;
        }
        .boxed()
    }

    fn disconnect(&mut self) -> BoxFuture<'_, ()> {
        async move {
            if let Some(running) = &mut self.running {
                running.is_scanning = false;
                // Where that does not work there is nothing left to end.
                _ = self.ask(Request::Disconnect).await;
            }
        }
        .boxed()
    }
}

/// The pilot's seat, on the thread.
struct Seat {
    asked: mpsc::Receiver<Asked>,
    answer: Option<oneshot::Sender<Result<Answer, Refusal>>>,
    is_connecting: bool,
    connected: watch::Sender<bool>,
}

impl Pilot for Seat {
    async fn request(&mut self) -> Option<Request> {
        let (request, answer) = self.asked.recv().await?;
        self.is_connecting = matches!(request, Request::Connect { .. });
        self.answer = Some(answer);
        Some(request)
    }

    fn answer(&mut self, answer: Result<Answer, Refusal>) {
        if self.is_connecting && answer.is_ok() {
            self.connected.send_replace(true);
        }
        if let Some(waiting) = self.answer.take() {
            // It fails if nobody waits any longer.
            _ = waiting.send(answer);
        }
    }

    fn lost(&mut self) {
        self.connected.send_replace(false);
        self.answer(Err(Refusal::NotConnected));
    }
}

async fn run(adapter: Adapter, mut seat: Seat, seen: mpsc::Sender<Sighting>) -> Result<(), Trouble> {
    match &adapter {
        Adapter::Tcp(address) => match connect(address).await {
            Ok(stream) => run_on(stream, &mut seat, &seen).await,
            Err(error) => Err(out_of_reach(address, &error)),
        },
        Adapter::Serial { path, baud } => {
            let path = path.display().to_string();
            let Line { port, claim: _claim } = open(&path, *baud)?;
            run_on(port, &mut seat, &seen).await
        }
        Adapter::BlueZ(name) => Err(trouble(TroubleKind::NoAdapter, format!("{name} is no HCI controller"))),
    }
}

async fn run_on(
    stream: impl AsyncRead + AsyncWrite,
    seat: &mut Seat,
    seen: &mpsc::Sender<Sighting>,
) -> Result<(), Trouble> {
    let (reader, writer) = tokio::io::split(stream);
    let transport = H4::new(FromTokio::new(BufReader::new(reader)), FromTokio::new(writer));
    let report = |report: &Report<'_>| {
        let peer = Peer { address: report.address, is_random: report.is_random };
        let rssi = (report.rssi != UNKNOWN_RSSI).then(|| report.rssi.into());
        let sighting = Sighting { rssi, ..Sighting::new(peer).with_data(report.data) };
        // A full channel has enough to look at.
        _ = seen.try_send(sighting);
    };
    let explored = central::explore(transport, own_address()?, seat, report).await;
    explored.map_err(|failure| {
        let kind = match failure {
            Failure::Controller(_) => TroubleKind::Controller,
            Failure::Stack(_) => TroubleKind::Stack,
        };
        trouble(kind, failure.to_string())
    })
}

/// The RSSI of a controller that does not measure it (Core 5.4, Vol 4, Part E, 7.7.65.2).
const UNKNOWN_RSSI: i8 = 127;

/// A random static address (Core 5.4, Vol 6, Part B, 1.3.2.1).
fn own_address() -> Result<Address, Trouble> {
    let mut bytes = [0; 6];
    let random = getrandom::fill(&mut bytes);
    random.map_err(|error| trouble(TroubleKind::Stack, format!("the system has no randomness: {error}")))?;
    bytes[0] |= 0b1100_0000;
    Ok(Address(bytes))
}

fn found(characteristic: &central::Characteristic) -> Found {
    Found {
        service: characteristic.service,
        uuid: characteristic.uuid,
        properties: Properties(characteristic.properties),
        handle: Handle(characteristic.handle),
    }
}

fn air(refusal: Refusal) -> AirError {
    match refusal {
        Refusal::NotConnected => AirError::Lost,
        Refusal::NoConnection(error) => AirError::NoConnection(format!("{error:?}")),
        Refusal::Pairing(error) => AirError::Pairing(format!("{error:?}")),
        Refusal::Att(code) => AirError::Att(code),
        Refusal::Stack(error) => AirError::Stack(format!("{error:?}")),
    }
}

fn trouble(kind: TroubleKind, text: String) -> Trouble {
    Trouble { kind, text }
}
