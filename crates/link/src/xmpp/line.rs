//! A [`Client`] on a connection: reads, writes and keeps time, over any bytes of embedded-io-async.
//!
//! One future runs it ([`Line::run`]) while others of the same thread tell it what to do. Securing is a seam: `run`
//! returns when the connection is to be secured, and is called again with what has come of it.

use super::{
    client::{Client, Happening, Nonce},
    failure::StreamError,
};
use crate::clock::Clock;
use alloc::format;
use core::{
    cell::RefCell,
    fmt::{self, Display},
};
use embassy_futures::{
    select::{Either3, select3},
    yield_now,
};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, signal::Signal};
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::{Read, Write};
use thingfleet_device::{instance::Account, io::StreamFailure, xml::Element};

/// Bytes read at a time.
const READ: usize = 1024;
/// How long the server may take nothing of what is written.
const WRITE: Duration = Duration::from_secs(30);

/// Why [`Line::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The connection is to be secured: run again with the secured one after [`Line::secured`].
    Secure,
    /// The stream is over.
    Over,
}

/// A client that is run by one future and steered by others.
pub struct Line {
    client: RefCell<Client>,
    clock: Clock,
    steered: Signal<NoopRawMutex, ()>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Line {
    /// Makes a line without a stream.
    pub fn new(client: Client, clock: Clock) -> Self {
        Self { client: RefCell::new(client), clock, steered: Signal::new() }
    }

    /// Begins a stream on a connection that [`Self::run`] is then called with; see [`Client::open`].
    pub fn open(&self, account: &Account, nonce: Nonce, is_secure: bool) {
        self.client.borrow_mut().open(self.clock.now(), account, nonce, is_secure);
    }

    /// The connection is secured.
    pub fn secured(&self) {
        self.client.borrow_mut().secured();
    }

    /// The connection is gone, or could not be secured.
    pub fn lost(&self, failure: StreamFailure) {
        self.client.borrow_mut().lost(failure);
    }

    /// Queues a stanza; see [`Client::send`].
    pub fn send(&self, stanza: &Element) {
        self.client.borrow_mut().send(stanza);
        self.steered.signal(());
    }

    /// Queues bytes; see [`Client::send_raw`].
    pub fn send_raw(&self, text: &str) {
        self.client.borrow_mut().send_raw(text);
        self.steered.signal(());
    }

    /// Closes the stream; see [`Client::close`].
    pub fn close(&self) {
        self.client.borrow_mut().close(self.clock.now());
        self.steered.signal(());
    }

    /// Breaks the stream off; see [`Client::cut`].
    pub fn cut(&self) {
        self.client.borrow_mut().cut();
        self.steered.signal(());
    }

    /// Runs the stream on a connection, and tells what happens, until it is over or the connection is to be secured.
    /// What is read is told before more is read. Reading from `wire` has to be cancel-safe.
    pub async fn run<W: Read + Write>(&self, wire: &mut W, tell: &mut impl AsyncFnMut(Happening)) -> Pause {
        let mut chunk = [0; READ];
        loop {
            while let Some(happening) = self.poll() {
                match happening {
                    Happening::StartTls => return Pause::Secure,
                    other => tell(other).await,
                }
            }
            let out = self.client.borrow_mut().take_unsent();
            if !out.is_empty() {
                self.write(wire, out.as_bytes()).await;
                continue;
            }
            let (is_over, deadline) = {
                let client = self.client.borrow();
                (client.is_over(), client.deadline())
            };
            if is_over {
                return Pause::Over;
            }
            let Some(deadline) = deadline.filter(|deadline| *deadline > self.clock.now()) else {
                // Computing, for which others must not wait.
                yield_now().await;
                continue;
            };
            let alarm = Timer::at(self.clock.at(deadline));
            match select3(wire.read(&mut chunk), alarm, self.steered.wait()).await {
                Either3::First(Ok(0)) => self.lost(lost("the server closed the connection")),
                Either3::First(Ok(count)) => {
                    self.client.borrow_mut().receive(self.clock.now(), &chunk[..count]);
                }
                Either3::First(Err(error)) => self.lost(lost(&error)),
                Either3::Second(()) | Either3::Third(()) => {}
            }
        }
    }

    /// Tells what an attempt came to that ended before there was a connection to run on, or between two.
    pub async fn settle(&self, tell: &mut impl AsyncFnMut(Happening)) {
        while let Some(happening) = self.poll() {
            tell(happening).await;
        }
    }

    fn poll(&self) -> Option<Happening> {
        self.client.borrow_mut().poll(self.clock.now())
    }

    async fn write<W: Write>(&self, wire: &mut W, bytes: &[u8]) {
        let written = with_timeout(WRITE, async {
            wire.write_all(bytes).await?;
            wire.flush().await
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.lost(lost(&error)),
            Err(_) => self.lost(lost(&format!("the server took nothing for {} s", WRITE.as_secs()))),
        }
    }
}

fn lost(why: &(impl Display + ?Sized)) -> StreamFailure {
    StreamError::Lost(format!("{why}")).into()
}
