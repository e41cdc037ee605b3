//! Connecting: from the profile's server to a byte stream, secured as the profile says.
//!
//! One [`Connector`] serves a whole fleet; what is dear to make (trusted roots, resolver) is made once in it.

use super::{dns::Dns, failure::OpenError, link::Link, tls};
use futures::stream::{FuturesUnordered, StreamExt};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use thingfleet_schema::profile::{Remote, Security};
use tokio::{net::TcpStream, time};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// One attempt to connect to one address.
    pub connect: Duration,
    /// TLS, signing on and binding together.
    pub sign_on: Duration,
    /// Silence after which the server is asked for a sign of life.
    pub quiet: Duration,
    /// Time it has to give one.
    pub answer: Duration,
    /// Time a closing stream has to close.
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            sign_on: Duration::from_secs(30),
            quiet: Duration::from_mins(1),
            answer: Duration::from_secs(20),
            close: Duration::from_secs(2),
        }
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
    dns: Dns,
    timeouts: Timeouts,
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
        Ok(Self { remote, tls, dns: Dns::new(), timeouts: Timeouts::default() })
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

    /// How long things may take.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Connects to a server of `domain`, without TLS yet.
    pub(super) async fn tcp(&self, domain: &str) -> Result<Link, OpenError> {
        let addresses = self.dns.addresses(&self.remote, domain).await?;
        let tcp = self.first(addresses.into_iter().take(ADDRESSES)).await?;
        if self.remote.security == Security::Plain && !is_loopback(&tcp) {
            // The checker looks at the name in the profile; this looks at where it led.
            return Err(OpenError::NotLoopback);
        }
        // Stanzas are small and batched already; waiting for more only adds latency.
        tcp.set_nodelay(true)?;
        Ok(Box::new(tcp))
    }

    /// Secures a connection.
    pub(super) async fn secure(&self, link: Link, domain: &str) -> Result<Link, OpenError> {
        let Some(tls) = &self.tls else { return Ok(link) };
        let name = ServerName::try_from(domain.to_owned());
        let name = name.map_err(|_| OpenError::ServerName(domain.to_owned()))?;
        Ok(Box::new(tls.connect(name, link).await.map_err(OpenError::Tls)?))
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
                attempts.push(attempt(address, self.timeouts.connect));
            }
            tokio::select! {
                done = attempts.next() => match done {
                    Some(Ok(tcp)) => return Ok(tcp),
                    Some(Err((to, source))) => {
                        last = OpenError::Unreachable { to: to.to_string(), source };
                    }
                    None => return Err(last),
                },
                () = time::sleep(STAGGER), if more => {}
            }
        }
    }
}

async fn attempt(address: SocketAddr, limit: Duration) -> Result<TcpStream, (SocketAddr, io::Error)> {
    match time::timeout(limit, TcpStream::connect(address)).await {
        Ok(done) => done.map_err(|error| (address, error)),
        Err(_) => Err((address, io::ErrorKind::TimedOut.into())),
    }
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
}
