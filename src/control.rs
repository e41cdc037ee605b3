//! The control interface of a running fleet: HTTP with JSON on loopback (docs/CONTROL.md).
//!
//! Who holds the [`Control`] owns its listener and its connections. It does nothing and keeps nothing before somebody
//! asks. `routes` is the one table of what can be asked, and `desk` does it.

mod answer;
mod card;
mod desk;
mod guard;
mod metrics;
mod newcomer;
mod openapi;
mod routes;
pub(crate) mod show;
mod stream;

pub use card::{Card, running};
pub use show::told;

use crate::{fleet::Crew, load::Board};
use card::Posted;
use desk::Desk;
use guard::Guard;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use thingfleet_device::value::Secret;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;

/// Connections at a time; one more is closed at once.
const MOST_CONNECTIONS: usize = 128;
/// How long a client may take to send what it has to say, and to read on what it is answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted, for want of files most likely.
const PAUSE: Duration = Duration::from_millis(100);
/// How long answers may take to be finished at the end.
const GRACE: Duration = Duration::from_secs(1);

/// A running control interface. Dropping it ends it without finishing what it was doing.
#[derive(Debug)]
pub struct Control {
    posted: Posted,
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Why there is no control interface.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The address can be reached from elsewhere.
    #[error("{0} is no loopback address")]
    NotLoopback(SocketAddr),
    /// It cannot listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file with the token cannot be written.
    #[error("cannot write down where the fleet can be reached")]
    Card(#[source] io::Error),
}

impl ControlError {
    /// What a person can do about it.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NotLoopback(_) => "use 127.0.0.1 or [::1], and an SSH tunnel from elsewhere",
            Self::Listen { .. } => "use another port, or port 0 for any that is free, or --no-control",
            Self::Card(_) => "check that XDG_RUNTIME_DIR or TMPDIR can be written, or use --no-control",
        }
    }
}

impl Control {
    /// Any free port on 127.0.0.1.
    pub const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// Starts to listen for a fleet, with a token of its own.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn start(address: SocketAddr, crew: Arc<Crew>) -> Result<Self, ControlError> {
        Self::listen(address, crew, None).await
    }

    /// The same for a fleet that is a load, of which it tells, too.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn start_load(
        address: SocketAddr,
        crew: Arc<Crew>,
        board: Arc<Board>,
    ) -> Result<Self, ControlError> {
        Self::listen(address, crew, Some(board)).await
    }

    async fn listen(
        address: SocketAddr,
        crew: Arc<Crew>,
        board: Option<Arc<Board>>,
    ) -> Result<Self, ControlError> {
        if !address.ip().is_loopback() {
            return Err(ControlError::NotLoopback(address));
        }
        let listen = |source| ControlError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let card = Card::new(crew.name(), address);
        let guard = Guard::new(address, card.token.clone());
        let posted = Posted::new(card).map_err(ControlError::Card)?;
        let (stopping, stopped) = watch::channel(false);
        let desk = Arc::new(Desk::new(crew, board, guard, stopped.clone()));
        let task = tokio::spawn(serve(listener, desk, stopped));
        Ok(Self { posted, stopping, task })
    }

    /// Where it is: `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.posted.card.url
    }

    /// What every request has to carry.
    pub fn token(&self) -> &Secret {
        &self.posted.card.token
    }

    /// The file that says so, which nobody else can read.
    pub fn file(&self) -> &Path {
        &self.posted.path
    }

    /// Finishes the answers that are under way, ends the streams of events, and removes the file.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        // It fails only if it panicked, which has been reported.
        _ = (&mut self.task).await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, desk: Arc<Desk>, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopping.changed() => break,
        };
        match (accepted, Arc::clone(&places).try_acquire_owned()) {
            (Ok((stream, _)), Ok(place)) => {
                let work = connection(stream, Arc::clone(&desk), stopping.clone());
                connections.spawn(async move {
                    work.await;
                    drop(place);
                });
            }
            (Ok(_), Err(_)) => tracing::warn!("a control connection too many was closed"),
            (Err(error), _) => {
                tracing::warn!(%error, "a control connection could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    // Those that take longer are aborted with the set.
    _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(stream: TcpStream, desk: Arc<Desk>, mut stopping: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).half_close(true);
    // A client that reads nothing would keep its place, and what it was answered, for ever.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(PATIENCE));
    let stream = Box::pin(stream);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // It ends with an error when a client goes away, is too slow or speaks no HTTP: its own affair.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stopping| *stopping) => connection.as_mut().graceful_shutdown(),
    }
    _ = connection.await;
}
