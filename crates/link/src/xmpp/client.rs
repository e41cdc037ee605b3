//! One account's stream, over any number of connections, sans-IO.
//!
//! The contract: [`Client::open`] on a new connection, then bytes in with [`Client::receive`], bytes out of
//! [`Client::take_unsent`], and [`Client::poll`] after each, and when [`Client::deadline`] has come, until it has nothing
//! more to tell. When to open again is not decided here. What is kept is bounded by [`Bounds`], whatever a server sends.

use super::{
    establish::Outcome,
    failure::{Condition, StreamError, is_stream_error},
    frame::{Framer, Limits},
    receive::{self, Received},
    salted::Salted,
    signing_on::{Progress, SigningOn, write_header},
};
use alloc::{borrow::ToOwned, boxed::Box, collections::VecDeque, string::String};
use core::{fmt, fmt::Write as _, mem, time::Duration};
use thingfleet_device::{
    instance::Account, io::StreamFailure, jid::BareJid, ns, stream_management::StreamManagement,
    time::Instant, xml::Element,
};

pub use super::signing_on::Nonce;

/// Id of the request that asks a server without stream management for a sign of life.
const PING: &str = "sign-of-life";
/// Stanzas that may come before the server's last answer.
const EARLY: usize = 8;

/// What is kept at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Of an element that comes in.
    pub limits: Limits,
    /// Stanzas for resumption; beyond them a broken session is not resumed.
    pub unacknowledged: usize,
    /// Bytes queued while the server does not take them; beyond them the connection counts as lost.
    pub unsent: usize,
}

impl Bounds {
    /// For a microcontroller.
    pub const MICROCONTROLLER: Self =
        Self { limits: Limits::MICROCONTROLLER, unacknowledged: 32, unsent: 16_384 };
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
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
            sign_on: Duration::from_secs(30),
            quiet: Duration::from_mins(1),
            answer: Duration::from_secs(20),
            close: Duration::from_secs(2),
        }
    }
}

/// What a client has to tell.
#[derive(Debug)]
pub enum Happening {
    /// The connection is to be secured for this domain; [`Client::secured`] follows, or [`Client::lost`].
    StartTls,
    /// Signed on.
    Up {
        /// The full JID it is bound to.
        jid: String,
        /// The old session goes on and lost nothing.
        resumed: bool,
    },
    /// A stanza came in.
    Stanza(Box<Element>),
    /// The stream is gone, or did not open.
    Down(StreamFailure),
}

/// A client of one account.
pub struct Client {
    bounds: Bounds,
    timeouts: Timeouts,
    state: State,
    management: StreamManagement,
    /// The full JID bound last, and for whom.
    bound: Option<(BareJid, String)>,
    /// What signing on left, and for whom.
    salted: Option<(Account, Salted)>,
    framer: Framer,
    /// What is to be sent.
    out: String,
    told: VecDeque<Happening>,
    /// When signing on or closing has taken too long.
    too_late: Instant,
    /// When the server was last heard of.
    heard: Instant,
    /// When it was asked for a sign of life that has not come.
    asked: Option<Instant>,
}

/// ```text
///          open                 session
///   Idle ───────► SigningOn ───────────► Up ──┐
///    ▲  ◄────────────┘ failed            │    │ close
///    │  ◄────────────────────────────────┘ lost
///    └──────────── Closing ◄──────────────────┘
/// ```
enum State {
    Idle,
    SigningOn(Box<SigningOn>, VecDeque<Element>),
    Up,
    Closing,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "idle",
            State::SigningOn(..) => "signing on",
            State::Up => "up",
            State::Closing => "closing",
        };
        f.debug_struct("Client").field("state", &state).field("bound", &self.bound).finish_non_exhaustive()
    }
}

impl Client {
    /// Makes an idle client.
    pub fn new(bounds: Bounds, timeouts: Timeouts) -> Self {
        Self {
            bounds,
            timeouts,
            state: State::Idle,
            management: StreamManagement::new(bounds.unacknowledged),
            bound: None,
            salted: None,
            framer: Framer::new(bounds.limits),
            out: String::new(),
            told: VecDeque::new(),
            too_late: Instant::START,
            heard: Instant::START,
            asked: None,
        }
    }

    /// Begins a stream on a new connection, which may be secured already; resumes the last session of this account if
    /// the server still has it. `nonce` has to be new and unpredictable.
    pub fn open(&mut self, now: Instant, account: &Account, nonce: Nonce, is_secure: bool) {
        if self.bound.as_ref().is_some_and(|(jid, _)| *jid != account.jid) {
            self.forget();
        }
        self.out.clear();
        self.told.clear();
        self.framer = Framer::new(self.bounds.limits);
        (self.heard, self.too_late, self.asked) = (now, now.plus(self.timeouts.sign_on), None);
        let resume = self.management.resume();
        let salted = self.salted.take().filter(|(whose, _)| whose == account).map(|(_, salted)| salted);
        let signing_on = SigningOn::new(account.clone(), nonce, resume, is_secure).with_salted(salted);
        self.state = State::SigningOn(Box::new(signing_on), VecDeque::new());
        self.begin_stream(account.jid.domain());
    }

    /// Goes on inside TLS. Without effect unless [`Happening::StartTls`] came before.
    pub fn secured(&mut self) {
        if let State::SigningOn(signing_on, _) = &mut self.state
            && signing_on.secured()
        {
            let domain = signing_on.account().jid.domain().to_owned();
            self.begin_stream(&domain);
        }
    }

    /// Takes bytes that came in.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.heard = now;
        self.asked = None;
        self.framer.push(bytes);
    }

    /// The connection is gone.
    pub fn lost(&mut self, failure: impl Into<StreamFailure>) {
        match self.state {
            State::Idle => {}
            State::Closing => self.state = State::Idle,
            State::SigningOn(..) | State::Up => self.down(failure.into()),
        }
    }

    /// Breaks the stream off, or the attempt to open it.
    pub fn cut(&mut self) {
        self.lost(StreamError::Lost("the connection broke".to_owned()));
        self.out.clear();
    }

    /// Closes the stream for good: what is queued, a last acknowledgement and `</stream:stream>` still go out. An
    /// attempt to open is given up. Nothing is told of it.
    pub fn close(&mut self, now: Instant) {
        let goodbye = self.management.goodbye();
        self.forget();
        self.told.clear();
        self.state = match mem::replace(&mut self.state, State::Idle) {
            State::Up => {
                if let Some(goodbye) = goodbye {
                    self.queue(&goodbye);
                }
                self.out.push_str("</stream:stream>");
                self.too_late = now.plus(self.timeouts.close);
                State::Closing
            }
            State::Idle | State::SigningOn(..) => State::Idle,
            State::Closing => State::Closing,
        };
    }

    /// Queues a stanza; one that is sent while there is no session is dropped, since a device that comes back publishes
    /// its state anew.
    pub fn send(&mut self, stanza: &Element) {
        if matches!(self.state, State::Up) {
            self.queue_counted(stanza);
            self.request();
        }
    }

    /// Queues bytes that need not be a stanza, or XML.
    pub fn send_raw(&mut self, text: &str) {
        if matches!(self.state, State::Up) {
            self.out.push_str(text);
        }
    }

    /// Whether there is no stream and nothing left to tell.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Idle) && self.told.is_empty()
    }

    /// What is to be written.
    pub fn take_unsent(&mut self) -> String {
        mem::take(&mut self.out)
    }

    /// When [`Self::poll`] has to be called at the latest; at once while something is being computed.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::SigningOn(signing_on, _) if signing_on.is_computing() => Some(Instant::START),
            State::SigningOn(..) | State::Closing => Some(self.too_late),
            State::Up => Some(match self.asked {
                Some(asked) => asked.plus(self.timeouts.answer),
                None => self.heard.plus(self.timeouts.quiet),
            }),
        }
    }

    /// Goes on as far as what came in allows, and gives the next thing to tell.
    pub fn poll(&mut self, now: Instant) -> Option<Happening> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Some(told);
            }
            if let Err(error) = self.go_on(now) {
                self.fail(error);
                continue;
            }
            if self.told.is_empty() {
                return None;
            }
        }
    }

    /// Does everything up to the next thing to tell.
    fn go_on(&mut self, now: Instant) -> Result<(), StreamError> {
        self.watch(now)?;
        while self.told.is_empty() && self.listens() {
            let limits = self.framer.limits();
            let Some(frame) = self.framer.frame()? else { break };
            let received = receive::receive(&frame, limits);
            match self.state {
                State::Idle => {}
                State::SigningOn(..) => self.sign_on(received)?,
                State::Up => self.handle(received)?,
                State::Closing => {
                    if matches!(received, Received::Footer) {
                        self.state = State::Idle;
                    }
                }
            }
        }
        if let State::SigningOn(signing_on, _) = &mut self.state
            && let Some(computed) = signing_on.work()
        {
            self.queue(&computed);
        }
        if self.out.len() > self.bounds.unsent {
            return Err(StreamError::Unsent(self.out.len()));
        }
        Ok(())
    }

    /// Whether what came in is read now: not while the connection is being secured, and not before the answer to it is
    /// computed.
    fn listens(&self) -> bool {
        match &self.state {
            State::Idle => false,
            State::SigningOn(signing_on, _) => !signing_on.is_computing() && !signing_on.is_securing(),
            State::Up | State::Closing => true,
        }
    }

    /// Looks what has taken too long.
    fn watch(&mut self, now: Instant) -> Result<(), StreamError> {
        match self.state {
            State::SigningOn(..) if now >= self.too_late => {
                return Err(StreamError::TimedOut(self.timeouts.sign_on));
            }
            State::Closing if now >= self.too_late => self.state = State::Idle,
            State::Up => match self.asked {
                Some(asked) if now >= asked.plus(self.timeouts.answer) => {
                    return Err(StreamError::Silent(now.since(self.heard)));
                }
                None if now >= self.heard.plus(self.timeouts.quiet) => {
                    let request = self.sign_of_life();
                    self.queue(&request);
                    self.asked = Some(now);
                }
                Some(_) | None => {}
            },
            State::Idle | State::SigningOn(..) | State::Closing => {}
        }
        Ok(())
    }

    fn sign_on(&mut self, received: Received) -> Result<(), StreamError> {
        let State::SigningOn(signing_on, early) = &mut self.state else { return Ok(()) };
        let element = match received {
            Received::Element(element) => element,
            Received::Refused(refused) => return Err(StreamError::Unexpected(refused.why)),
            Received::Footer => return Err(StreamError::Closed),
        };
        match signing_on.take(element)? {
            Progress::Waiting => {}
            Progress::Send(element) => self.queue(&element),
            Progress::Restart => {
                let domain = signing_on.account().jid.domain().to_owned();
                self.begin_stream(&domain);
            }
            // Whatever came with <proceed/> was not protected, and would be read as if it had been (CVE-2011-0411).
            Progress::StartTls => match self.framer.unread() {
                0 => self.told.push_back(Happening::StartTls),
                injected => return Err(StreamError::Injected(injected)),
            },
            Progress::Early(element) if early.len() < EARLY => early.push_back(element),
            Progress::Early(_) => {
                return Err(StreamError::Unexpected("too much came before the server's answer".to_owned()));
            }
            Progress::Done(outcome) => {
                let (account, early) = (signing_on.account().clone(), mem::take(early));
                let jid = account.jid.clone();
                self.salted = signing_on.take_salted().map(|salted| (account, salted));
                self.begin_session(jid, outcome)?;
                self.told.extend(early.into_iter().map(|stanza| Happening::Stanza(Box::new(stanza))));
            }
        }
        Ok(())
    }

    fn begin_session(&mut self, account: BareJid, outcome: Outcome) -> Result<(), StreamError> {
        let resumed = match outcome {
            Outcome::Resumed(answer) => {
                for stanza in self.management.resumed(&answer)? {
                    self.out.push_str(stanza);
                }
                self.request();
                true
            }
            Outcome::Bound { jid, management } => {
                self.management.begin(management.as_ref());
                self.bound = Some((account, jid));
                false
            }
        };
        self.state = State::Up;
        let jid = self.bound.as_ref().map(|(_, jid)| jid.clone()).unwrap_or_default();
        self.told.push_back(Happening::Up { jid, resumed });
        Ok(())
    }

    /// Deals with what came in on an open stream.
    fn handle(&mut self, received: Received) -> Result<(), StreamError> {
        match received {
            Received::Element(element) if receive::is_stanza(&element) => {
                self.management.received();
                let is_sign_of_life = element.name() == "iq" && element.get_attr("id") == Some(PING);
                if !is_sign_of_life {
                    self.told.push_back(Happening::Stanza(Box::new(element)));
                }
            }
            Received::Element(element) if element.namespace() == ns::STREAM_MANAGEMENT => {
                if let Some(answer) = self.management.handle(&element)? {
                    self.queue(&answer);
                }
            }
            Received::Element(element) if is_stream_error(&element) => {
                return Err(StreamError::Stream(Condition::of_stream_error(&element)));
            }
            // RFC 6120 section 4.9.3.24 would allow ending the stream; nobody is served by that.
            Received::Element(_) => {}
            Received::Refused(refused) => {
                if refused.is_stanza {
                    self.management.received();
                }
                if let Some(answer) = refused.answer() {
                    self.send(&answer);
                }
            }
            Received::Footer => return Err(StreamError::Closed),
        }
        Ok(())
    }

    /// A request the server has to answer: of stream management, or else a ping (XEP-0199).
    fn sign_of_life(&mut self) -> Element {
        if self.management.is_on() {
            return self.management.ping();
        }
        let ping = Element::new(ns::PING, "ping");
        Element::new(ns::CLIENT, "iq").attr("type", "get").attr("id", PING).child(ping)
    }

    /// Ends the stream for what the server did, and tells it so where that is no news of its own.
    fn fail(&mut self, error: StreamError) {
        let condition = match &error {
            StreamError::NotXml(error) => Some(error.condition()),
            StreamError::Unexpected(_) | StreamError::Management(_) => Some("policy-violation"),
            StreamError::TimedOut(_) | StreamError::Silent(_) => Some("connection-timeout"),
            StreamError::NoTls
            | StreamError::TlsRefused
            | StreamError::Injected(_)
            | StreamError::NoMechanism(_)
            | StreamError::Password(_)
            | StreamError::Sasl(_)
            | StreamError::Server(_)
            | StreamError::Bind(_)
            | StreamError::Stream(_)
            | StreamError::Unsent(_)
            | StreamError::Closed
            | StreamError::Lost(_) => None,
        };
        if let Some(condition) = condition {
            // Writing to a String cannot fail.
            let _: fmt::Result = write!(
                self.out,
                "<stream:error><{condition} xmlns='{}'/></stream:error></stream:stream>",
                ns::STREAM_ERRORS
            );
        }
        self.lost(error);
    }

    fn down(&mut self, failure: StreamFailure) {
        self.state = State::Idle;
        self.framer = Framer::new(self.bounds.limits);
        self.told.push_back(Happening::Down(failure));
    }

    fn forget(&mut self) {
        self.management.begin(None);
        self.bound = None;
    }

    /// Asks for an acknowledgement, when enough stanzas were sent since the last one.
    fn request(&mut self) {
        if let Some(request) = self.management.request() {
            self.queue(&request);
        }
    }

    fn queue(&mut self, element: &Element) {
        element.write_to(&mut self.out, ns::CLIENT);
    }

    /// Queues a stanza, which the server counts and the session may send again.
    fn queue_counted(&mut self, stanza: &Element) {
        let start = self.out.len();
        self.queue(stanza);
        self.management.sent(&self.out[start..]);
    }

    fn begin_stream(&mut self, domain: &str) {
        self.framer.restart();
        write_header(domain, &mut self.out);
    }
}

#[cfg(test)]
#[path = "client/tests.rs"]
mod tests;
