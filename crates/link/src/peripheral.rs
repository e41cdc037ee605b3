//! Being a device's peripheral: advertise, serve its table to one client at a time, hand whole values in.
//!
//! ```text
//!  Advertising ── client ──► Connected ── client gone, sent away ──► Advertising
//!      └───────── order to stop ──────────┴──► last answer out, client sent away, controller quiet
//! ```

use crate::{
    client::{Client, Parting},
    controller::{Controller, ControllerError, Traffic},
    pool::HeapPool,
    table::{self, Values},
};
use bt_hci::{
    cmd::{
        controller_baseband::Reset,
        info::ReadBdAddr,
        le::{LeLongTermKeyRequestNegativeReply, LeLongTermKeyRequestReply},
    },
    param::ConnHandle,
    transport::Transport,
};
use core::{fmt, future::Future, pin::pin};
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_time::{Duration, Timer};
use thingfleet_device::commissioning::{
    gatt::{AttError, Characteristic, Peripheral, Write},
    pairing::PairingFailure,
    qr::Address,
};
use trouble_host::{
    BleHostError, HostResources, Identity, IoCapabilities, Stack,
    advertise::{Advertisement, AdvertisementParameters},
    connection::Connection,
    peripheral::Advertiser,
};

/// Time between two advertisements (Core 5.4, Vol 3, Part C, Appendix A: 30 to 150 ms while somebody is looking).
const INTERVAL: Duration = Duration::from_millis(100);
/// Time between two looks at a controller that has nothing to tell: one that is cut off does not say so.
const ROUND: Duration = Duration::from_secs(2);
/// Bonds that a client may take: one for the address it comes with, and one for its identity.
const BONDS_OF_ONE: usize = 2;
/// Room for bonds, which are remembered as long as the peripheral is up. A client that finds none cannot pair, so there
/// is always some for the next.
const BONDS: usize = 4 * BONDS_OF_ONE;

/// What a peripheral tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It can be found and connected to.
    Advertising,
    /// A client connected.
    ClientConnected,
    /// The client is gone.
    ClientGone,
    /// The client tried to pair, and is not paired. It may try again.
    PairingFailed(PairingFailure),
}

/// What a peripheral is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Send the client away, if there is one, and advertise again.
    DisconnectClient,
    /// Be the peripheral no longer.
    Stop,
}

/// Whoever has a device behind it.
pub trait Body {
    /// Is told what happened.
    fn happened(&mut self, happening: Happening) -> impl Future<Output = ()>;

    /// Is told that a client reads a characteristic, which the table answers.
    fn read(&mut self, characteristic: Characteristic) -> impl Future<Output = ()>;

    /// Answers a whole value. The client waits for it, and nothing else happens meanwhile. With `None` it gets no
    /// answer, and an order to send it away has to follow.
    fn write(&mut self, write: Write) -> impl Future<Output = Option<Result<(), AttError>>>;

    /// Waits for the next order. Has to be cancel-safe.
    fn order(&mut self) -> impl Future<Output = Order>;
}

/// Why a peripheral ended without an order.
#[derive(Debug)]
pub enum Failure<E> {
    /// The controller is of no use any more.
    Controller(ControllerError<E>),
    /// The controller refused a command, or the stack above it gave up.
    Stack(trouble_host::Error),
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller(error) => error.fmt(f),
            Self::Stack(error) => write!(f, "the controller does not do what it is told: {error:?}"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Failure<E> {}

impl<E> From<BleHostError<ControllerError<E>>> for Failure<E> {
    fn from(error: BleHostError<ControllerError<E>>) -> Self {
        match error {
            BleHostError::Controller(error) => Self::Controller(error),
            BleHostError::BleHost(error) => Self::Stack(error),
        }
    }
}

impl<E> From<trouble_host::Error> for Failure<E> {
    fn from(error: trouble_host::Error) -> Self {
        Self::Stack(error)
    }
}

/// Is this peripheral, with this random static address, on the controller behind a transport, until it is ordered to
/// stop. The last answer is on the air by then, and the controller quiet.
///
/// # Errors
/// [`Failure`]: the body has been told what happened before, and has to take a client for gone.
pub async fn serve<T: Transport>(
    transport: T,
    peripheral: &Peripheral,
    address: Address,
    body: &mut impl Body,
) -> Result<(), Failure<T::Error>> {
    let traffic = Traffic::default();
    let mut resources = HostResources::<HeapPool, 1, 1, 1, BONDS>::new();
    let mut little_endian = address.0;
    little_endian.reverse();
    let stack = trouble_host::new(Controller::new(transport, &traffic), &mut resources)
        .set_random_address(trouble_host::Address::random(little_endian))
        .set_io_capabilities(IoCapabilities::NoInputNoOutput)
        .build();
    let mut runner = stack.runner();
    let mut values = Values::new(peripheral);
    let (server, handles) = table::build(peripheral, &mut values);
    let give_key = async |handle, identity| give_key(&stack, handle, identity).await;
    let present = async {
        let mut radio = stack.peripheral();
        let data = peripheral.advertisement.advertising_data();
        let response = peripheral.advertisement.scan_response();
        let advertisement =
            Advertisement::ConnectableScannableUndirected { adv_data: &data, scan_data: &response };
        let parameters = AdvertisementParameters {
            interval_min: INTERVAL,
            interval_max: INTERVAL,
            ..AdvertisementParameters::default()
        };
        loop {
            let advertiser = radio.advertise(&parameters, advertisement).await?;
            body.happened(Happening::Advertising).await;
            let Some(connection) = first_client(&stack, advertiser, body).await? else { break };
            let connection = connection.with_attribute_server(&server)?;
            body.happened(Happening::ClientConnected).await;
            let client = Client::new(connection, &handles, peripheral.security, &traffic);
            let parting = match select(client.talk(body, give_key), silence(&stack)).await {
                Either::First(parting) => parting,
                Either::Second(failure) => return Err(failure),
            };
            body.happened(Happening::ClientGone).await;
            match parting {
                Parting::Gone => forget_the_oldest(&stack),
                Parting::Stopped => break,
            }
        }
        // A controller that is not ours alone would go on advertising.
        stack.command(Reset::new()).await?;
        Ok(())
    };
    match select(runner.run(), present).await {
        Either::First(Err(failure)) => Err(failure.into()),
        // It runs until it fails.
        Either::First(Ok(())) => Err(Failure::Stack(trouble_host::Error::Other)),
        Either::Second(outcome) => outcome,
    }
}

/// Waits for a client, and looks whether the controller still answers; `None` when ordered to stop.
async fn first_client<'d, T: Transport>(
    stack: &Stack<'_, Controller<'_, T>, HeapPool>,
    advertiser: Advertiser<'d, Controller<'_, T>, HeapPool>,
    body: &mut impl Body,
) -> Result<Option<Connection<'d, HeapPool>>, Failure<T::Error>> {
    let (mut accepted, mut silent) = (pin!(advertiser.accept()), pin!(silence(stack)));
    loop {
        match select3(&mut accepted, body.order(), &mut silent).await {
            Either3::First(connection) => return Ok(Some(connection?)),
            Either3::Second(Order::Stop) => return Ok(None),
            // There is none.
            Either3::Second(Order::DisconnectClient) => {}
            Either3::Third(failure) => return Err(failure),
        }
    }
}

/// Waits until the controller no longer answers.
async fn silence<T: Transport>(stack: &Stack<'_, Controller<'_, T>, HeapPool>) -> Failure<T::Error> {
    loop {
        Timer::after(ROUND).await;
        if let Err(error) = stack.command(ReadBdAddr::new()).await {
            return error.into();
        }
    }
}

/// Answers a client that wants to encrypt with the key of an earlier pairing; gives whether there is one.
async fn give_key<T: Transport>(
    stack: &Stack<'_, Controller<'_, T>, HeapPool>,
    handle: ConnHandle,
    identity: Identity,
) -> bool {
    let key = stack.with_bond_information(|bonds| {
        bonds.iter().find(|bond| bond.identity.match_identity(&identity)).map(|bond| bond.ltk)
    });
    // It fails if the client is gone already; that the controller is shows elsewhere.
    match key {
        Some(key) => {
            _ = stack.command(LeLongTermKeyRequestReply::new(handle, key.to_le_bytes())).await;
        }
        None => _ = stack.command(LeLongTermKeyRequestNegativeReply::new(handle)).await,
    }
    key.is_some()
}

/// Makes room for the bonds of the next client.
fn forget_the_oldest<T: Transport>(stack: &Stack<'_, Controller<'_, T>, HeapPool>) {
    let oldest = || {
        stack.with_bond_information(|bonds| match bonds {
            [first, ..] if bonds.len() > BONDS - BONDS_OF_ONE => Some(first.identity),
            _ => None,
        })
    };
    while let Some(oldest) = oldest() {
        if stack.remove_bond_information(oldest).is_err() {
            break;
        }
    }
}
