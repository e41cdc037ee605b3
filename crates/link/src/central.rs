//! Being a client: scan, connect, read and write, for whoever commissions a device.
//!
//! ```text
//!  Idle ── Scan ──► Scanning ── Connect ──► Connected ── Disconnect, or the device leaves ──► Idle
//!   └────────────────── Connect ──────────────┘
//! ```
//!
//! It does what it is asked, one request at a time, and has no time of its own: a new request gives up the one before.

mod long;

use crate::{
    controller::{Controller, Traffic},
    peripheral::Failure,
    pool::HeapPool,
};
use alloc::{vec, vec::Vec};
use bt_hci::{
    cmd::controller_baseband::Reset,
    param::{AddrKind, BdAddr, LeAdvReportsIter},
    transport::Transport,
};
use core::{future::Future, ops::ControlFlow};
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, signal::Signal};
use embassy_time::{Duration, with_timeout};
use long::LongWrites;
use thingfleet_device::commissioning::{
    gatt::{MAX_VALUE, Uuid},
    qr::Address,
};
use trouble_host::{
    BleHostError, Error, HostResources, IoCapabilities, Stack,
    central::Central,
    connection::{ConnectConfig, Connection, ConnectionEvent, RequestedConnParams, ScanConfig},
    gatt::GattClient,
    prelude::EventHandler,
    scan::{ScanSession, Scanner},
};

/// Services a device may have; more are an error of the stack.
const SERVICES: usize = 32;
/// Bonds are needed for as long as a connection lives.
const BONDS: usize = 1;
/// Listen all the time: whoever commissions has nothing else to do (Core 5.4, Vol 3, Part C, Appendix A).
const SCAN: Duration = Duration::from_millis(60);
/// Time between two connection events. Short, since every read and write takes two.
const INTERVAL: Duration = Duration::from_millis(15);
/// Silence after which a connection counts as lost.
const SUPERVISION: Duration = Duration::from_secs(4);
/// How long a connection may take to its end.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes around a value in a write (Core 5.4, Vol 3, Part F, 3.4.5.1).
const WRITE_HEADER: usize = 3;
/// The declaration of a characteristic (Core 5.4, Vol 3, Part G, 3.3.1).
const DECLARATION: u16 = 0x2803;

/// What a central is asked to do.
#[derive(Clone, PartialEq, Eq)]
pub enum Request {
    /// Scan until the next request.
    Scan,
    /// Connect to this address, random or public.
    Connect {
        /// The address.
        address: Address,
        /// Whether it is a random one.
        is_random: bool,
    },
    /// Encrypt the connection: Just Works.
    Pair,
    /// Find all characteristics.
    Discover,
    /// Read the value with this handle.
    Read(u16),
    /// Read the first value with this UUID.
    ReadByUuid(Uuid),
    /// Write this value, and wait for the response.
    Write(u16, Vec<u8>),
    /// End scan and connection.
    Disconnect,
}

impl core::fmt::Debug for Request {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Scan => "Scan",
            Self::Connect { .. } => "Connect",
            Self::Pair => "Pair",
            Self::Discover => "Discover",
            Self::Read(_) => "Read",
            Self::ReadByUuid(_) => "ReadByUuid",
            // The value may be a password.
            Self::Write(..) => "Write",
            Self::Disconnect => "Disconnect",
        })
    }
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// What was found.
    Characteristics(Vec<Characteristic>),
    /// What was read.
    Value(Vec<u8>),
}

/// Why nothing comes of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// There is no connection, or not any more.
    NotConnected,
    /// No connection came about, for this reason.
    NoConnection(Error),
    /// Pairing failed, for this reason.
    Pairing(Error),
    /// The device answered with this code of an ATT Error Response.
    Att(u8),
    /// The stack gave up.
    Stack(Error),
}

/// A characteristic of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Characteristic {
    /// The service it is in.
    pub service: Uuid,
    /// Its UUID.
    pub uuid: Uuid,
    /// Its properties, as on the air (Core 5.4, Vol 3, Part G, 3.3.1.1).
    pub properties: u8,
    /// Handle of its value.
    pub handle: u16,
}

/// An advertisement or a scan response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report<'r> {
    /// Who sent it.
    pub address: Address,
    /// Whether that is a random address.
    pub is_random: bool,
    /// The signal, in dBm.
    pub rssi: i8,
    /// What it says.
    pub data: &'r [u8],
}

/// Whoever steers a central.
pub trait Pilot {
    /// Waits for the next request; `None` ends it. Has to be cancel-safe.
    fn request(&mut self) -> impl Future<Output = Option<Request>>;

    /// Is told what came of the last one.
    fn answer(&mut self, answer: Result<Answer, Refusal>);

    /// Is told that the device is gone.
    fn lost(&mut self);
}

/// Is a client, with this random static address, on the controller behind a transport, until its pilot ends it.
/// Everything that is seen while it scans goes to `seen`.
///
/// # Errors
/// [`Failure`].
pub async fn explore<T: Transport>(
    transport: T,
    address: Address,
    pilot: &mut impl Pilot,
    seen: impl Fn(&Report<'_>),
) -> Result<(), Failure<T::Error>> {
    let (traffic, long) = (Traffic::default(), LongWrites::default());
    let mut resources = HostResources::<HeapPool, 1, 1, 1, BONDS>::new();
    let stack = trouble_host::new(Controller::new(long.over(transport), &traffic), &mut resources)
        .set_random_address(trouble_host::Address::random(little_endian(address)))
        .set_io_capabilities(IoCapabilities::NoInputNoOutput)
        .build();
    let mut runner = stack.runner();
    let reports = Reports(seen);
    let explore = async {
        let mut central = stack.central();
        let mut scan = None;
        let mut next = pilot.request().await;
        while let Some(request) = next {
            let connection = match request {
                Request::Scan => {
                    if scan.is_none() {
                        scan = Some(begin_scan(&mut central).await?);
                    }
                    pilot.answer(Ok(Answer::Done));
                    None
                }
                Request::Connect { address, is_random } => {
                    end(&mut scan).await;
                    let kind = if is_random { AddrKind::RANDOM } else { AddrKind::PUBLIC };
                    let peer = trouble_host::Address { kind, addr: BdAddr::new(little_endian(address)) };
                    match select(connect(&mut central, peer), pilot.request()).await {
                        Either::First(Ok(connection)) => Some(connection),
                        Either::First(Err(BleHostError::BleHost(error))) => {
                            pilot.answer(Err(Refusal::NoConnection(error)));
                            None
                        }
                        Either::First(Err(error)) => return Err(error.into()),
                        Either::Second(request) => {
                            next = request;
                            continue;
                        }
                    }
                }
                Request::Disconnect => {
                    end(&mut scan).await;
                    pilot.answer(Ok(Answer::Done));
                    None
                }
                Request::Pair
                | Request::Discover
                | Request::Read(_)
                | Request::ReadByUuid(_)
                | Request::Write(..) => {
                    pilot.answer(Err(Refusal::NotConnected));
                    None
                }
            };
            next = match connection {
                Some(connection) => converse(&stack, &connection, &long, pilot).await?,
                None => pilot.request().await,
            };
        }
        end(&mut scan).await;
        // A controller that is not ours alone would go on as it is.
        stack.command(Reset::new()).await?;
        Ok(())
    };
    match select(runner.run_with_handler(&reports), explore).await {
        Either::First(Err(failure)) => Err(failure.into()),
        // It runs until it fails.
        Either::First(Ok(())) => Err(Failure::Stack(Error::Other)),
        Either::Second(outcome) => outcome,
    }
}

struct Reports<F>(F);

impl<F: Fn(&Report<'_>)> EventHandler for Reports<F> {
    fn on_adv_reports(&self, reports: LeAdvReportsIter<'_>) {
        for report in reports.flatten() {
            let mut address = [0; 6];
            address.copy_from_slice(report.addr.raw());
            address.reverse();
            let is_random =
                matches!(report.addr_kind, AddrKind::RANDOM | AddrKind::RESOLVABLE_PRIVATE_OR_RANDOM);
            (self.0)(&Report { address: Address(address), is_random, rssi: report.rssi, data: report.data });
        }
    }
}

type Stacked<'s, 't, T> = Stack<'s, Controller<'t, T>, HeapPool>;
type Fault<T> = BleHostError<crate::ControllerError<<T as embedded_io::ErrorType>::Error>>;

async fn begin_scan<'s, T: Transport>(
    central: &mut Central<'s, Controller<'_, T>, HeapPool>,
) -> Result<ScanSession<'s, false>, Fault<T>> {
    let config = ScanConfig { active: true, interval: SCAN, window: SCAN, ..ScanConfig::default() };
    Scanner::new(central).scan(&config).await
}

async fn end(scan: &mut Option<ScanSession<'_, false>>) {
    if let Some(scan) = scan.take() {
        scan.stop().await;
    }
}

async fn connect<'s, T: Transport>(
    central: &mut Central<'s, Controller<'_, T>, HeapPool>,
    peer: trouble_host::Address,
) -> Result<Connection<'s, HeapPool>, Fault<T>> {
    let peers = [peer];
    let config = ConnectConfig {
        scan_config: ScanConfig {
            filter_accept_list: &peers,
            interval: SCAN,
            window: SCAN,
            ..ScanConfig::default()
        },
        connect_params: RequestedConnParams {
            min_connection_interval: INTERVAL,
            max_connection_interval: 2 * INTERVAL,
            supervision_timeout: SUPERVISION,
            ..RequestedConnParams::default()
        },
    };
    central.connect(&config).await
}

/// Does what is asked on a connection. Returns the request that it cannot be for.
async fn converse<T: Transport>(
    stack: &Stacked<'_, '_, T>,
    connection: &Connection<'_, HeapPool>,
    long: &LongWrites,
    pilot: &mut impl Pilot,
) -> Result<Option<Request>, Fault<T>> {
    // With it the MTUs are exchanged.
    let client = match select(GattClient::<_, _, SERVICES>::new(stack, connection), pilot.request()).await {
        Either::First(Ok(client)) => client,
        Either::First(Err(BleHostError::BleHost(error))) => {
            pilot.answer(Err(Refusal::NoConnection(error)));
            return Ok(pilot.request().await);
        }
        Either::First(Err(error)) => return Err(error),
        Either::Second(request) => {
            leave(connection).await;
            return Ok(request);
        }
    };
    let paired = Signal::new();
    let link = Link { connection, client: &client, paired: &paired, long };
    pilot.answer(Ok(Answer::Done));
    let over = select3(client.task(), watch(stack, connection, &paired), link.obey(pilot)).await;
    match over {
        Either3::First(Err(error @ BleHostError::Controller(_))) | Either3::Third(Err(error)) => Err(error),
        Either3::Third(Ok(request)) => {
            leave(connection).await;
            if let Some(Request::Disconnect) = request {
                pilot.answer(Ok(Answer::Done));
                return Ok(pilot.request().await);
            }
            Ok(request)
        }
        Either3::First(_) | Either3::Second(()) => {
            pilot.lost();
            Ok(pilot.request().await)
        }
    }
}

async fn leave(connection: &Connection<'_, HeapPool>) {
    connection.disconnect();
    let gone = async { while !matches!(connection.next().await, ConnectionEvent::Disconnected { .. }) {} };
    _ = with_timeout(FAREWELL, gone).await;
}

/// Watches a connection until it is gone.
async fn watch<T: Transport>(
    stack: &Stacked<'_, '_, T>,
    connection: &Connection<'_, HeapPool>,
    paired: &Signal<NoopRawMutex, Result<(), Error>>,
) {
    // The stack loses the news of a disconnection if too much else has happened at once.
    while connection.is_connected() {
        match connection.next().await {
            ConnectionEvent::Disconnected { .. } => return,
            ConnectionEvent::PairingComplete { .. } => paired.signal(Ok(())),
            ConnectionEvent::PairingFailed(error) => paired.signal(Err(error)),
            ConnectionEvent::RequestConnectionParams(request) => {
                // A device that cannot have its way has to live with ours.
                _ = request.accept(None, stack).await;
            }
            _ => {}
        }
    }
}

/// A connection at work.
struct Link<'l, 'c, T: Transport> {
    connection: &'l Connection<'c, HeapPool>,
    client: &'l GattClient<'c, Controller<'l, T>, HeapPool, SERVICES>,
    paired: &'l Signal<NoopRawMutex, Result<(), Error>>,
    long: &'l LongWrites,
}

impl<T: Transport> Link<'_, '_, T> {
    /// Does what is asked until that is something else than work on this connection.
    async fn obey(&self, pilot: &mut impl Pilot) -> Result<Option<Request>, Fault<T>> {
        let mut next = pilot.request().await;
        loop {
            let request = match next {
                None | Some(Request::Scan | Request::Connect { .. } | Request::Disconnect) => {
                    return Ok(next);
                }
                Some(request) => request,
            };
            next = match select(self.carry_out(&request), pilot.request()).await {
                Either::First(Err(error @ BleHostError::Controller(_))) => return Err(error),
                Either::First(done) => {
                    pilot.answer(done.map_err(|error| refusal(&request, error)));
                    pilot.request().await
                }
                Either::Second(request) => request,
            };
        }
    }

    async fn carry_out(&self, request: &Request) -> Result<Answer, Fault<T>> {
        match request {
            Request::Pair => {
                self.paired.reset();
                if !self.connection.security_level()?.encrypted() {
                    self.connection.set_bondable(true)?;
                    self.connection.request_security()?;
                    self.paired.wait().await?;
                }
                Ok(Answer::Done)
            }
            Request::Discover => self.discover().await.map(Answer::Characteristics),
            Request::Read(handle) => {
                let mut value = vec![0; MAX_VALUE];
                let length = self.client.read_handle(*handle, &mut value).await?;
                value.truncate(length);
                Ok(Answer::Value(value))
            }
            Request::ReadByUuid(uuid) => {
                let first = |_: u16, value: &[u8]| ControlFlow::Break(value.to_vec());
                let value = self.client.read_by_type(1, u16::MAX, &stacks(*uuid), first).await?;
                value.map(Answer::Value).ok_or(Error::NotFound.into())
            }
            Request::Write(handle, value) => {
                self.write(*handle, value).await?;
                Ok(Answer::Done)
            }
            // These are not for a connection.
            Request::Scan | Request::Connect { .. } | Request::Disconnect => Err(Error::InvalidState.into()),
        }
    }

    /// All characteristics, in one sweep over all services.
    async fn discover(&self) -> Result<Vec<Characteristic>, Fault<T>> {
        let services = self.client.services().await?;
        let mut found = Vec::new();
        let take = |declaration: u16, value: &[u8]| {
            let service = services.iter().find(|service| service.handle_range().contains(&declaration));
            if let (Some(service), &[properties, low, high, ref uuid @ ..]) = (service, value)
                && let (Some(service), Some(uuid)) = (ours(service.uuid().as_raw()), ours(uuid))
            {
                let handle = u16::from_le_bytes([low, high]);
                found.push(Characteristic { service, uuid, properties, handle });
            }
            ControlFlow::<()>::Continue(())
        };
        let declaration = trouble_host::prelude::Uuid::new_short(DECLARATION);
        self.client.read_by_type(1, u16::MAX, &declaration, take).await?;
        Ok(found)
    }

    /// Writes a value; one that does not fit into a packet in pieces (Core 5.4, Vol 3, Part G, 4.9.4).
    async fn write(&self, handle: u16, value: &[u8]) -> Result<(), Fault<T>> {
        let mtu = usize::from(self.connection.att_mtu());
        if value.len() <= mtu - WRITE_HEADER {
            return self.client.write_handle(handle, value).await;
        }
        self.long.write(self.client, mtu, handle, value).await
    }
}

fn refusal<E>(request: &Request, error: BleHostError<E>) -> Refusal {
    match error {
        BleHostError::BleHost(Error::Att(code)) => Refusal::Att(code.to_u8()),
        // An error of the controller ends the central as well.
        BleHostError::BleHost(Error::Disconnected) | BleHostError::Controller(_) => Refusal::NotConnected,
        BleHostError::BleHost(error) if *request == Request::Pair => Refusal::Pairing(error),
        BleHostError::BleHost(error) => Refusal::Stack(error),
    }
}

fn little_endian(address: Address) -> [u8; 6] {
    let mut bytes = address.0;
    bytes.reverse();
    bytes
}

/// A UUID off the air.
fn ours(raw: &[u8]) -> Option<Uuid> {
    match *raw {
        [low, high] => Some(Uuid::assigned(u16::from_le_bytes([low, high]))),
        _ => Some(Uuid(u128::from_le_bytes(raw.try_into().ok()?))),
    }
}

/// A UUID as the stack has it.
fn stacks(uuid: Uuid) -> trouble_host::prelude::Uuid {
    match uuid.short() {
        Some(short) => trouble_host::prelude::Uuid::new_short(short),
        None => trouble_host::prelude::Uuid::new_long(uuid.to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_off_the_air_is_short_or_long() {
        assert_eq!(ours(&[0x0A, 0x18]), Some(Uuid::assigned(0x180A)));
        assert_eq!(ours(&Uuid(7).to_le_bytes()), Some(Uuid(7)));
        assert_eq!(ours(&[1, 2, 3]), None);
    }

    #[test]
    fn a_request_keeps_its_value_to_itself() {
        assert_eq!(alloc::format!("{:?}", Request::Write(3, b"secret".to_vec())), "Write");
    }
}
