//! What boards have in common that are in an IP network by embassy-net: [`Internet`], where a server is, and the exchange
//! with a time server.
//!
//! A board calls this from its [`thingfleet_firmware::platform::Network`]; what a network is made of is its own business.

#![no_std]

extern crate alloc;

use alloc::{borrow::ToOwned, boxed::Box, format, string::String};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
};
use embassy_net::{
    Config, DhcpConfig, IpEndpoint, Runner, Stack, StackResources,
    dns::DnsQueryType,
    driver::Driver,
    tcp::client::{TcpClient, TcpClientState, TcpConnection},
    udp::{PacketMetadata, UdpMetadata, UdpSocket},
};
use embedded_nal_async::TcpConnect as _;
use thingfleet_device::io::{FailureKind, StreamFailure};
use thingfleet_firmware::{carried::Carried, time::TimeFailure};

/// Connections at a time: the one there is, and the last one's end.
const CONNECTIONS: usize = 2;
/// Bytes of room for what a connection sends, and for what it receives.
const SEND: usize = 2048;
const RECEIVE: usize = 4096;
/// Sockets of the network: those, and the ones of DHCP, of DNS and of the question for the time.
const SOCKETS: usize = CONNECTIONS + 3;

/// Who is asked for the time where nothing else is set.
const TIME_SERVER: &str = "pool.ntp.org";
/// Ports of time servers (RFC 4330) and of XMPP servers (RFC 6120 section 3.2.2).
const TIME_PORT: u16 = 123;
const XMPP_PORT: u16 = 5222;
/// Bytes of room for a datagram of a time server.
const DATAGRAM: usize = 128;

/// A connection of a board.
pub type Socket<'a> = TcpConnection<'a, CONNECTIONS, SEND, RECEIVE>;

/// TCP/IP of a board, and where its servers are.
pub struct Internet {
    stack: Stack<'static>,
    client: TcpClient<'static, CONNECTIONS, SEND, RECEIVE>,
    server: Option<SocketAddrV4>,
    time_server: Place,
}

impl fmt::Debug for Internet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Internet").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Internet {
    /// Sets it up over what takes and brings packets, for this device; `seed` is unpredictable. The runner is to be run for
    /// ever. To be called once: its buffers, some 16 KiB of heap, stay.
    pub fn new<D: Driver>(driver: D, seed: u64, carried: &Carried) -> (Self, Runner<'static, D>) {
        let resources: &'static mut StackResources<SOCKETS> = Box::leak(Box::new(StackResources::new()));
        let state: &'static TcpClientState<CONNECTIONS, SEND, RECEIVE> =
            Box::leak(Box::new(TcpClientState::new()));
        let (stack, runner) =
            embassy_net::new(driver, Config::dhcpv4(DhcpConfig::default()), resources, seed);
        let time_server = Place::of_time_server(carried.time_server.as_deref().unwrap_or(TIME_SERVER));
        (Self { stack, client: TcpClient::new(stack, state), server: carried.server, time_server }, runner)
    }

    /// Waits until it has an address.
    pub async fn up(&self) {
        self.stack.wait_config_up().await;
    }

    /// Waits until it has none.
    pub async fn down(&self) {
        self.stack.wait_config_down().await;
    }

    /// Opens a connection to the XMPP server of this domain.
    ///
    /// # Errors
    /// [`StreamFailure`]: it has no address, or does not answer there.
    pub async fn connect(&self, domain: &str) -> Result<Socket<'_>, StreamFailure> {
        let server = Place::of_domain(domain, self.server).find(self.stack).await?;
        let connected = self.client.connect(server.into()).await;
        connected.map_err(|error| StreamFailure {
            kind: FailureKind::Unreachable,
            text: format!("no connection to {server}: {error:?}"),
        })
    }

    /// Sends a request to the time server and takes the first datagram that comes back from there, as
    /// [`thingfleet_firmware::platform::Network::ask_time`] has it.
    ///
    /// # Errors
    /// [`TimeFailure::Unresolved`] and [`TimeFailure::Unreachable`].
    pub async fn ask_time(&self, request: &[u8], answer: &mut [u8]) -> Result<usize, TimeFailure> {
        let server = IpEndpoint::from(self.time_server.find(self.stack).await?);
        let (mut sending, mut receiving) = ([PacketMetadata::EMPTY; 1], [PacketMetadata::EMPTY; 2]);
        let (mut sent, mut received) = ([0; DATAGRAM], [0; 2 * DATAGRAM]);
        let mut socket = UdpSocket::new(self.stack, &mut receiving, &mut received, &mut sending, &mut sent);
        // Whichever port is free.
        socket.bind(0).map_err(|error| TimeFailure::Unreachable(format!("{error:?}")))?;
        socket
            .send_to(request, server)
            .await
            .map_err(|error| TimeFailure::Unreachable(format!("{error:?}")))?;
        loop {
            let copy = |datagram: &[u8], from: UdpMetadata| {
                let length = datagram.len().min(answer.len());
                answer[..length].copy_from_slice(&datagram[..length]);
                (length, from.endpoint)
            };
            let (length, from) = socket.recv_from_with(copy).await;
            if from == server {
                return Ok(length);
            }
        }
    }
}

/// Where a server is. Boards have IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// There.
    Address(SocketAddrV4),
    /// Where this name leads, at this port.
    Name(String, u16),
}

impl Place {
    /// A time server by an address with a port, or by a name.
    fn of_time_server(text: &str) -> Self {
        Self::new(text, TIME_PORT)
    }

    /// The XMPP server of a domain, unless the board was told an address (RFC 6120 section 3.2.2; a board does not ask for
    /// SRV records).
    fn of_domain(domain: &str, told: Option<SocketAddrV4>) -> Self {
        told.map_or_else(|| Self::new(domain, XMPP_PORT), Self::Address)
    }

    fn new(text: &str, port: u16) -> Self {
        let with_port = || text.parse::<Ipv4Addr>().ok().map(|host| SocketAddrV4::new(host, port));
        let address = text.parse().ok().or_else(with_port);
        address.map_or_else(|| Self::Name(text.to_owned(), port), Self::Address)
    }

    /// Looks the address up.
    async fn find(&self, stack: Stack<'_>) -> Result<SocketAddrV4, Unknown> {
        match self {
            Self::Address(address) => Ok(*address),
            Self::Name(name, port) => {
                let found = stack.dns_query(name, DnsQueryType::A).await;
                let found = found.unwrap_or_default().into_iter().find_map(|address| match address.into() {
                    IpAddr::V4(host) => Some(SocketAddrV4::new(host, *port)),
                    IpAddr::V6(_) => None,
                });
                found.ok_or_else(|| Unknown(name.clone()))
            }
        }
    }
}

/// A name that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unknown(String);

impl From<Unknown> for StreamFailure {
    fn from(Unknown(name): Unknown) -> Self {
        Self { kind: FailureKind::Unresolved, text: format!("there is no address of {name}") }
    }
}

impl From<Unknown> for TimeFailure {
    fn from(Unknown(name): Unknown) -> Self {
        Self::Unresolved(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_where_it_is_said_to_be() {
        let at = |text| Place::of_time_server(text);
        let there = |port| SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 2), port);
        assert_eq!(at("10.0.2.2:4123"), Place::Address(there(4123)));
        assert_eq!(at("10.0.2.2"), Place::Address(there(123)));
        assert_eq!(at(TIME_SERVER), Place::Name("pool.ntp.org".to_owned(), 123));
        let told = there(5000);
        assert_eq!(Place::of_domain("things.example", Some(told)), Place::Address(told));
        assert_eq!(Place::of_domain("things.example", None), Place::Name("things.example".to_owned(), 5222));
    }
}
