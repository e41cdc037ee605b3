//! Connecting: from the profile's server to a byte stream, secured as the profile says.
//!
//! One [`Connector`] serves a whole fleet; what is dear to make (trusted roots, resolver) is made once in it.

use super::{deriving::Deriver, dns::Dns, failure::OpenError, link::Link, tls};
use futures::stream::{FuturesUnordered, StreamExt};
use nix::errno::Errno;
use std::{
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use thingfleet_link::xmpp::{client, salted::Derivation};
use thingfleet_schema::profile::{Remote, Security};
use tokio::{
    net::{TcpSocket, TcpStream},
    time,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// One attempt to connect to one address.
    pub connect: Duration,
    /// What happens on a connection.
    pub stream: client::Timeouts,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), stream: client::Timeouts::default() }
    }
}

/// After this long the next address is tried beside the one that has not answered (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Most addresses that are tried in one attempt.
const ADDRESSES: usize = 8;

/// Opens byte streams to one server.
pub struct Connector {
    remote: Remote,
    tls: Option<TlsConnector>,
    dns: Arc<Dns>,
    deriver: Arc<Deriver>,
    timeouts: Timeouts,
    /// The address of this machine to connect from.
    from: Option<IpAddr>,
    /// Where links come from in a test without a network.
    #[cfg(test)]
    within: Option<Arc<dyn Fn() -> Link + Send + Sync>>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl Connector {
    /// Makes a connector for a server. Reads certificates and the system's DNS configuration.
    ///
    /// # Errors
    /// [`tls::TrustError`] if the certificates to believe cannot be read.
    pub fn new(remote: Remote) -> Result<Self, tls::TrustError> {
        let tls = match remote.security {
            Security::StartTls | Security::DirectTls => {
                Some(Arc::new(tls::client_config(&remote.trust)?).into())
            }
            Security::Plain => None,
        };
        let from = remote.from.first().copied();
        Ok(Self {
            remote,
            tls,
            dns: Arc::new(Dns::new()),
            deriver: Arc::default(),
            timeouts: Timeouts::default(),
            from,
            #[cfg(test)]
            within: None,
        })
    }

    /// One connector for each address that the profile wants connections from, sharing what is dear to make; itself
    /// if it does not say.
    pub fn each_source(&self) -> Vec<Arc<Self>> {
        let from = |from| {
            let Self { remote, tls, dns, deriver, timeouts, .. } = self;
            Arc::new(Self {
                remote: remote.clone(),
                tls: tls.clone(),
                dns: Arc::clone(dns),
                deriver: Arc::clone(deriver),
                timeouts: *timeouts,
                from,
                #[cfg(test)]
                within: self.within.clone(),
            })
        };
        match self.remote.from.as_slice() {
            [] => vec![from(None)],
            sources => sources.iter().map(|source| from(Some(*source))).collect(),
        }
    }

    /// Takes links from there in place of the network.
    #[cfg(test)]
    pub(crate) fn within(mut self, within: impl Fn() -> Link + Send + Sync + 'static) -> Self {
        self.within = Some(Arc::new(within));
        self
    }

    /// Replaces the default timeouts.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The server.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// How long things may take on a connection.
    pub fn timeouts(&self) -> client::Timeouts {
        self.timeouts.stream
    }

    /// Connects to a server of `domain`, without TLS yet.
    pub(super) async fn tcp(&self, domain: &str) -> Result<Link, OpenError> {
        #[cfg(test)]
        if let Some(within) = &self.within {
            return Ok(within());
        }
        let addresses = self.dns.addresses(&self.remote, domain).await?;
        let is_in_reach =
            |address: &SocketAddr| self.from.is_none_or(|from| from.is_ipv4() == address.is_ipv4());
        let tcp = self.first(addresses.into_iter().filter(is_in_reach).take(ADDRESSES)).await?;
        if self.remote.security == Security::Plain && !is_loopback(&tcp) {
            // The checker looks at the name in the profile; this looks at where it led.
            return Err(OpenError::NotLoopback);
        }
        // Stanzas are small and batched already; waiting for more only adds latency.
        tcp.set_nodelay(true)?;
        Ok(Box::new(tcp))
    }

    /// Secures a connection. What is to be said `first` leaves with the last bytes of the handshake, once the server's
    /// certificate is believed: a packet less.
    pub(super) async fn secure(&self, link: Link, domain: &str, first: &str) -> Result<Link, OpenError> {
        let tls = self.tls.as_ref().ok_or(OpenError::Tls(io::ErrorKind::Unsupported.into()))?;
        let name = ServerName::try_from(domain.to_owned());
        let name = name.map_err(|_| OpenError::ServerName(domain.to_owned()))?;
        let mut kept = Ok(());
        let secured = tls.connect_with(name, link, |tls| kept = tls.writer().write_all(first.as_bytes()));
        let secured = secured.await.map_err(OpenError::Tls)?;
        kept?;
        Ok(Box::new(secured))
    }

    /// Does what is left of deriving a key, together with others of the fleet.
    pub(super) async fn derived(&self, derivation: Derivation) -> Derivation {
        self.deriver.finish(derivation).await
    }

    /// Why there is no connection, and which limit of this machine it is, if it is one.
    fn unreachable(&self, to: SocketAddr, source: io::Error) -> OpenError {
        let from = self.from.map_or_else(|| "this machine".to_owned(), |from| from.to_string());
        let to = to.to_string();
        match (source.kind(), source.raw_os_error().map(Errno::from_raw)) {
            (_, Some(Errno::EMFILE | Errno::ENFILE)) => OpenError::Files(source),
            // Linux says the former where a port is chosen while connecting, the latter where it is while binding.
            (_, Some(Errno::EADDRNOTAVAIL)) if self.from.is_none_or(is_own) => {
                OpenError::Ports { from, to, ports: local_ports() }
            }
            (io::ErrorKind::AddrInUse, _) => OpenError::Ports { from, to, ports: local_ports() },
            (io::ErrorKind::AddrNotAvailable, _) => OpenError::Source { from },
            _ => OpenError::Unreachable { to, source },
        }
    }

    /// Connects to the first address that answers, starting the next attempt when one fails or is slow.
    async fn first(&self, mut addresses: impl Iterator<Item = SocketAddr>) -> Result<TcpStream, OpenError> {
        let mut attempts = FuturesUnordered::new();
        let mut last = OpenError::Unreachable {
            to: self.remote.domain.clone(),
            source: io::ErrorKind::AddrNotAvailable.into(),
        };
        loop {
            let next = addresses.next();
            let more = next.is_some();
            if let Some(address) = next {
                attempts.push(attempt(self.from, address, self.timeouts.connect));
            }
            tokio::select! {
                done = attempts.next() => match done {
                    Some(Ok(tcp)) => return Ok(tcp),
                    Some(Err((to, source))) => last = self.unreachable(to, source),
                    None => return Err(last),
                },
                () = time::sleep(STAGGER), if more => {}
            }
        }
    }
}

async fn attempt(
    from: Option<IpAddr>,
    address: SocketAddr,
    limit: Duration,
) -> Result<TcpStream, (SocketAddr, io::Error)> {
    match time::timeout(limit, connect(from, address)).await {
        Ok(done) => done.map_err(|error| (address, error)),
        Err(_) => Err((address, io::ErrorKind::TimedOut.into())),
    }
}

async fn connect(from: Option<IpAddr>, address: SocketAddr) -> io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(address).await };
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind((from, 0).into())?;
    socket.connect(address).await
}

/// How many local ports the system gives out to connections (`ip(7)`); what Linux starts with if it does not say.
fn local_ports() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text.split_whitespace().map_while(|bound| bound.parse::<u32>().ok());
    match (bounds.next(), bounds.next()) {
        (Some(first), Some(last)) if first <= last => last - first + 1,
        _ => 28_232,
    }
}

/// Whether an address is one of this machine's.
fn is_own(address: IpAddr) -> bool {
    std::net::UdpSocket::bind((address, 0)).is_ok()
}

fn is_loopback(tcp: &TcpStream) -> bool {
    tcp.peer_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_schema::profile::Trust;

    fn plain(host: &str, port: u16) -> Connector {
        Connector::new(Remote {
            domain: "example.org".into(),
            host: Some(host.into()),
            port: Some(port),
            from: Vec::new(),
            security: Security::Plain,
            trust: Trust::System,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn a_refused_address_gives_way_to_the_next_one() {
        let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listening = listener.local_addr().unwrap();
        let connector = plain("127.0.0.1", 1);
        let tcp = connector.first([refusing, listening].into_iter()).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), listening);
        let error = connector.first([refusing].into_iter()).await.unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }

    #[tokio::test]
    async fn each_source_connects_from_its_address_and_a_strange_one_is_named() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sources = ["127.0.0.2", "127.0.0.3", "192.0.2.1"].map(|it| it.parse::<IpAddr>().unwrap());
        let remote = Remote { from: sources.to_vec(), ..plain("127.0.0.1", 1).remote };
        let connectors = Connector::new(remote).unwrap().each_source();
        for (connector, source) in connectors.iter().zip(&sources[..2]) {
            let tcp = connector.first([address].into_iter()).await.unwrap();
            assert_eq!(tcp.local_addr().unwrap().ip(), *source);
        }
        let error = connectors[2].first([address].into_iter()).await.unwrap_err();
        assert!(
            error.to_string().starts_with("192.0.2.1 in `server: { from: ... }` is no address"),
            "{error}"
        );
        assert_eq!(plain("127.0.0.1", 1).each_source().len(), 1);
    }

    #[test]
    fn the_limit_that_bites_is_named() {
        let connector = plain("127.0.0.1", 1);
        let met = |errno| {
            let to = "192.0.2.7:5222".parse().unwrap();
            connector.unreachable(to, io::Error::from_raw_os_error(errno as i32)).to_string()
        };
        let ports = met(Errno::EADDRNOTAVAIL);
        assert!(ports.starts_with("no local port is left") && ports.contains("192.0.2.7:5222"), "{ports}");
        assert!(met(Errno::EADDRINUSE).contains("ip_local_port_range"));
        assert!(met(Errno::EMFILE).contains("ulimit -n"));
        assert!(met(Errno::ECONNREFUSED).contains("refused"));
    }
}
