//! The leg that has a stream to the server while the device wants one.

use crate::{
    body::{Inbox, Told},
    platform::{Entropy, Network},
};
use alloc::boxed::Box;
use core::cell::{Cell, RefCell};
use embassy_futures::select::{Either, select};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, signal::Signal};
use embassy_time::{Duration, with_timeout};
use thingfleet_device::{
    instance::Account,
    io::{FailureKind, StreamFailure},
    xml::Element,
};
use thingfleet_link::{
    clock::Clock,
    xmpp::{
        client::{Bounds, Client, Happening, Timeouts},
        line::{Line, Pause},
    },
};

/// How long a connection may take to come about, and as long again to be secured.
const CONNECT: Duration = Duration::from_secs(20);

/// Which of the streams that were asked for something is about: a leg may be late with what it tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn(u32);

/// What the loop tells this leg.
pub(crate) struct Stream {
    line: Line,
    /// The account to open a stream with, or none to give up.
    wanted: Signal<NoopRawMutex, Option<(Account, Turn)>>,
    turn: Cell<Turn>,
    /// Whether the device waits for a stream or has one.
    is_wanted: Cell<bool>,
    is_up: Cell<bool>,
    /// Whether there is a connection, or an attempt at one.
    is_busy: Cell<bool>,
    went_quiet: Signal<NoopRawMutex, ()>,
}

impl Stream {
    pub(crate) fn new(clock: Clock) -> Self {
        let client = Client::new(Bounds::MICROCONTROLLER, Timeouts::default());
        Self {
            line: Line::new(client, clock),
            wanted: Signal::new(),
            turn: Cell::default(),
            is_wanted: Cell::new(false),
            is_up: Cell::new(false),
            is_busy: Cell::new(false),
            went_quiet: Signal::new(),
        }
    }

    /// Opens a stream, giving up whatever there is.
    pub(crate) fn open(&self, account: Account) {
        let turn = self.next_turn();
        self.is_wanted.set(true);
        self.is_busy.set(true);
        self.wanted.signal(Some((account, turn)));
    }

    /// Closes the stream, or gives up opening it.
    pub(crate) fn close(&self) {
        self.next_turn();
        self.is_wanted.set(false);
        self.line.close();
        if !self.is_up.replace(false) {
            self.wanted.signal(None);
        }
    }

    /// Breaks the stream off, or the attempt to open it; gives whether there was one.
    pub(crate) fn cut(&self) -> bool {
        self.next_turn();
        self.is_up.set(false);
        self.line.cut();
        self.wanted.signal(None);
        self.is_wanted.replace(false)
    }

    /// Sends a stanza.
    pub(crate) fn send(&self, stanza: &Element) {
        self.line.send(stanza);
    }

    /// Sends bytes that need not be a stanza.
    pub(crate) fn send_raw(&self, text: &str) {
        self.line.send_raw(text);
    }

    /// Waits until a stream that was closed has said goodbye.
    pub(crate) async fn quiet(&self) {
        while self.is_busy.get() && !self.is_wanted.get() {
            self.went_quiet.wait().await;
        }
        // Somebody else may wait for the same.
        self.went_quiet.signal(());
    }

    /// Whether something is about the stream of now; what is about an earlier one is no longer true.
    pub(crate) fn is_of_now(&self, turn: Turn, happening: &Happening) -> bool {
        if turn != self.turn.get() {
            return false;
        }
        match happening {
            Happening::Up { .. } => self.is_up.set(true),
            Happening::Down(_) => {
                self.is_up.set(false);
                self.is_wanted.set(false);
            }
            Happening::StartTls | Happening::Stanza(_) => {}
        }
        true
    }

    /// Opens streams as it is told, one at a time.
    pub(crate) async fn run(
        &self,
        network: &impl Network,
        entropy: &RefCell<&mut impl Entropy>,
        inbox: &Inbox,
    ) -> ! {
        let mut wanted = self.wanted.wait().await;
        loop {
            let Some((account, turn)) = wanted else {
                self.is_busy.set(false);
                self.went_quiet.signal(());
                wanted = self.wanted.wait().await;
                continue;
            };
            self.is_busy.set(true);
            let mut tell = async |happening| inbox.send(Told::Stream(turn, happening)).await;
            // On the heap, so that a peripheral has that memory while there is no stream.
            let stay = Box::pin(self.stay(network, entropy, &account, &mut tell));
            wanted = match select(stay, self.wanted.wait()).await {
                Either::First(()) => None,
                Either::Second(next) => next,
            };
        }
    }

    /// Has a stream until that is over.
    async fn stay(
        &self,
        network: &impl Network,
        entropy: &RefCell<&mut impl Entropy>,
        account: &Account,
        tell: &mut impl AsyncFnMut(Happening),
    ) {
        let domain = account.jid.domain();
        let mut socket = match with_timeout(CONNECT, network.connect(domain)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(failure)) => return tell(Happening::Down(failure)).await,
            Err(_) => return tell(Happening::Down(slow(FailureKind::Unreachable, "connect"))).await,
        };
        let mut nonce = [0; 18];
        entropy.borrow_mut().fill(&mut nonce);
        self.line.open(account, nonce, false);
        if self.line.run(&mut socket, tell).await == Pause::Over {
            return;
        }
        match with_timeout(CONNECT, network.secure(socket, domain)).await {
            Ok(Ok(mut secured)) => {
                self.line.secured();
                self.line.run(&mut secured, tell).await;
            }
            Ok(Err(failure)) => self.give_up(failure, tell).await,
            Err(_) => self.give_up(slow(FailureKind::Tls, "be secured"), tell).await,
        }
    }

    async fn give_up(&self, failure: StreamFailure, tell: &mut impl AsyncFnMut(Happening)) {
        self.line.lost(failure);
        self.line.settle(tell).await;
    }

    fn next_turn(&self) -> Turn {
        let Turn(turn) = self.turn.get();
        let next = Turn(turn.wrapping_add(1));
        self.turn.set(next);
        next
    }
}

fn slow(kind: FailureKind, what: &str) -> StreamFailure {
    let text = alloc::format!("the connection took more than {} s to {what}", CONNECT.as_secs());
    StreamFailure { kind, text }
}
