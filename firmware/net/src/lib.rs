//! What boards have in common that are in an IP network by embassy-net: where a server is, and the exchange with a time
//! server.
//!
//! A board calls this from its [`thingfleet_firmware::platform::Network`]; what a network is made of is its own business.

#![no_std]

extern crate alloc;

use alloc::{borrow::ToOwned, format, string::String};
use core::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use embassy_net::{
    IpEndpoint, Stack,
    dns::DnsQueryType,
    udp::{PacketMetadata, UdpMetadata, UdpSocket},
};
use thingfleet_device::io::{FailureKind, StreamFailure};
use thingfleet_firmware::time::TimeFailure;

/// Who is asked for the time where nothing else is set.
pub const TIME_SERVER: &str = "pool.ntp.org";
/// Ports of time servers (RFC 4330) and of XMPP servers (RFC 6120 section 3.2.2).
const TIME_PORT: u16 = 123;
const XMPP_PORT: u16 = 5222;
/// Bytes of room for a datagram of a time server.
const DATAGRAM: usize = 128;

/// Where a server is. Boards have IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// There.
    Address(SocketAddrV4),
    /// Where this name leads, at this port.
    Name(String, u16),
}

impl Place {
    /// A time server by an address with a port, or by a name.
    pub fn of_time_server(text: &str) -> Self {
        Self::new(text, TIME_PORT)
    }

    /// The XMPP server of a domain, unless the board was told an address (RFC 6120 section 3.2.2; a board does not ask for
    /// SRV records).
    pub fn of_domain(domain: &str, told: Option<SocketAddrV4>) -> Self {
        told.map_or_else(|| Self::new(domain, XMPP_PORT), Self::Address)
    }

    fn new(text: &str, port: u16) -> Self {
        let with_port = || text.parse::<Ipv4Addr>().ok().map(|host| SocketAddrV4::new(host, port));
        let address = text.parse().ok().or_else(with_port);
        address.map_or_else(|| Self::Name(text.to_owned(), port), Self::Address)
    }

    /// Looks the address up.
    ///
    /// # Errors
    /// [`Unknown`] where there is none.
    pub async fn find(&self, stack: Stack<'_>) -> Result<SocketAddrV4, Unknown> {
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
pub struct Unknown(pub String);

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

/// Sends a request to a time server and takes the first datagram that comes back from there, as
/// [`thingfleet_firmware::platform::Network::ask_time`] has it.
///
/// # Errors
/// [`TimeFailure::Unresolved`] and [`TimeFailure::Unreachable`].
pub async fn ask_time(
    stack: Stack<'_>,
    server: &Place,
    request: &[u8],
    answer: &mut [u8],
) -> Result<usize, TimeFailure> {
    let server = IpEndpoint::from(server.find(stack).await?);
    let (mut sending, mut receiving) = ([PacketMetadata::EMPTY; 1], [PacketMetadata::EMPTY; 2]);
    let (mut sent, mut received) = ([0; DATAGRAM], [0; 2 * DATAGRAM]);
    let mut socket = UdpSocket::new(stack, &mut receiving, &mut received, &mut sending, &mut sent);
    // Whichever port is free.
    socket.bind(0).map_err(|error| TimeFailure::Unreachable(format!("{error:?}")))?;
    socket.send_to(request, server).await.map_err(|error| TimeFailure::Unreachable(format!("{error:?}")))?;
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
