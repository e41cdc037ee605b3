//! An XMPP server inside this process, so cheap that a benchmark measures its clients.
//!
//! It signs on as real servers do (STARTTLS with a certificate that verifies, SCRAM, resource binding, stream
//! management), keeps rosters, presence subscriptions, nodes and items in memory, and tells subscribers what was
//! published. It checks no rights, stores nothing, knows one domain and listens on loopback only. What it answers to an
//! account's own requests is the server of `crates/simulated`.
//!
//! [`Sink`] owns the listener and all sessions; `house.rs` has everything that sessions share.

mod accounts;
mod certificate;
mod house;
mod publish;
mod roster;
mod scram;
mod session;
mod sign_on;
mod stall;
mod stream;

pub use accounts::Mechanism;
pub use house::{AccountCounts, Counts};

use accounts::Accounts;
use house::House;
use stall::Stall;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::NamedTempFile;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

/// Connections that wait to be accepted; a whole fleet may come at once.
const BACKLOG: u32 = 4096;

/// What kind of server it is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The domain it serves.
    pub domain: String,
    /// The port on 127.0.0.1; 0 is any free one.
    pub port: u16,
    /// The password of every account that was not registered otherwise. Without one there are only those.
    pub password: Option<String>,
    /// The SCRAM mechanisms that are offered.
    pub mechanisms: Vec<Mechanism>,
    /// SCRAM's iterations; RFC 7677 section 4 wants 4,096 at least.
    pub iterations: NonZeroU32,
    /// Whether it insists on TLS, by STARTTLS or at once (XEP-0368), on the same port; without, it offers none.
    pub tls: bool,
    /// Whether accounts can be registered in band (XEP-0077).
    pub registration: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            domain: "sink.localhost".to_owned(),
            port: 0,
            password: None,
            mechanisms: vec![Mechanism::ScramSha256, Mechanism::ScramSha1],
            iterations: NonZeroU32::new(4096).expect("it is not zero"),
            tls: true,
            registration: true,
        }
    }
}

/// Why there is no sink.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot listen.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate for {domain}")]
    Certificate {
        /// The domain.
        domain: String,
        /// Why not.
        #[source]
        source: rcgen::Error,
    },
    /// TLS does not take the certificate.
    #[error("cannot set TLS up")]
    Tls(#[source] tokio_rustls::rustls::Error),
    /// The CA's certificate cannot be written where clients find it.
    #[error("cannot write the certificate of the authority")]
    CaFile(#[source] io::Error),
    /// The system gives no randomness.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
}

/// A running server. Dropping it ends every session without a word.
#[derive(Debug)]
pub struct Sink {
    house: Arc<House>,
    address: SocketAddr,
    ca: NamedTempFile,
    listening: JoinHandle<()>,
}

impl Sink {
    /// Starts to listen; sessions run on the runtime this is called from.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let Options { domain, port, password, mechanisms, iterations, tls, registration } = options;
        let certificate = certificate::make(&domain)?;
        let ca = certificate::write(&certificate.ca).map_err(StartError::CaFile)?;
        let tls = if tls { Some(TlsAcceptor::from(Arc::new(certificate.server_config()?))) } else { None };
        let listen = |source| StartError::Listen { port, source };
        let listener = listen_on(port).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let accounts = Accounts::new(password, mechanisms, iterations).map_err(StartError::Random)?;
        let house = Arc::new(House::new(domain, accounts, registration, Arc::new(Stall::default())));
        let listening = tokio::spawn(accept(listener, tls, Arc::clone(&house)));
        Ok(Self { house, address, ca, listening })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The domain it serves.
    pub fn domain(&self) -> &str {
        self.house.domain()
    }

    /// The certificate of its authority as PEM, for clients to believe in; there as long as the sink is.
    pub fn ca_file(&self) -> &Path {
        self.ca.path()
    }

    /// Makes the keys of these accounts now, as a real server does when an account is made. Otherwise the first sign-on
    /// of each costs the sink as much processor time as it costs the client. Blocks for about half a millisecond an
    /// account and mechanism.
    pub fn enrol(&self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        for name in names {
            self.house.accounts.enrol(name.as_ref());
        }
    }

    /// Writes nothing to anybody for so long, and goes on where it was; gives the moment that ends it. Within the
    /// resolution of tokio's clock, which is a millisecond.
    pub fn stall(&self, duration: Duration) -> Instant {
        self.house.stall.begin(duration)
    }

    /// What happened so far, over all accounts.
    pub fn counts(&self) -> Counts {
        self.house.counts()
    }

    /// What one account did so far, over all its sessions; `None` if it never signed on.
    pub fn account(&self, name: &str) -> Option<AccountCounts> {
        self.house.account(name)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn listen_on(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, house: Arc<House>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    let (tls, house) = (tls.clone(), Arc::clone(&house));
                    sessions.spawn(async move {
                        if let Err(end) = session::run(tcp, tls, &house).await {
                            tracing::debug!(%peer, %end, "a session has ended");
                        }
                    });
                }
                Err(error) => {
                    // Too many open files, most likely: those that end make room.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            // Lets go of those that have ended.
            Some(_) = sessions.join_next() => {}
        }
    }
}
