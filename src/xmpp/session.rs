//! One device's session: an account's stream, over any number of connections, owned by the device's own task.
//!
//! There is no task and no channel in it. [`Session::next`] drives everything (connecting, reading, writing,
//! acknowledgements, signs of life) while it is awaited, and loses nothing when it is dropped in a `select!`. When to
//! try again is not decided here: after [`SessionEvent::Down`] the session waits for [`Session::open`].

pub(crate) use super::negotiate::Attempt;

use super::{
    connect::Connector,
    failure::{self, OpenError},
    impaired::Shape,
    negotiate::{self, Before, Opened},
    pipe::Pipe,
};
use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use thingfleet_device::{
    fault::link::{Cut, Impairments},
    instance::Account,
    io::StreamFailure,
    jid::BareJid,
    ns,
    stream_management::{self, StreamManagement},
    xml::Element,
};
use thingfleet_link::xmpp::{
    client::Timeouts,
    establish::Outcome,
    failure::is_stream_error,
    receive::{self, Received},
    salted::Salted,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Stanzas kept for resumption.
const UNACKED: usize = 256;

/// Bytes queued while the server does not take them, beyond which the connection counts as lost.
const UNSENT: usize = 262_144;

/// Id of the request that asks a server without stream management for a sign of life.
const PING: &str = "sign-of-life";

/// What a session has to tell.
#[derive(Debug)]
pub enum SessionEvent {
    /// Signed on.
    Up {
        /// The full JID it is bound to.
        jid: String,
        /// The old session goes on and lost nothing.
        resumed: bool,
    },
    /// The stream is gone, or did not open.
    Down(StreamFailure),
    /// A stanza came in.
    Stanza(Box<Element>),
}

/// A session of one account.
pub struct Session {
    connector: Arc<Connector>,
    state: State,
    management: StreamManagement,
    /// The full JID bound last, and for whom.
    bound: Option<(BareJid, String)>,
    /// Stanzas of the negotiation, delivered after [`SessionEvent::Up`].
    early: VecDeque<Element>,
    /// How its bytes fare.
    shape: Shape,
    /// The account it was opened for last.
    account: Option<Account>,
    /// The key that signing that account on has left.
    salted: Option<Salted>,
    /// Somebody else who uses that account.
    rival: Option<Box<Session>>,
    /// Streams that were cut in silence: the server goes on believing in them.
    silent: Vec<Pipe>,
    /// The latest attempt to open a stream that has ended.
    attempt: Attempt,
}

type Opening = Pin<Box<dyn Future<Output = (Attempt, Result<Opened, OpenError>)> + Send>>;

/// ```text
///          open                ready
///   Idle ───────► Opening ───────────► Up ──┐
///    ▲  ◄───────────┘ failed           │    │ close
///    │  ◄──────────────────────────────┘ lost
///    └──────────── Closing ◄────────────────┘
/// ```
enum State {
    Idle,
    /// Broken off, which is to be told.
    Cut,
    Opening {
        attempt: Opening,
        jid: BareJid,
    },
    Up(Box<Live>),
    Closing {
        pipe: Box<Pipe>,
        deadline: Pin<Box<Sleep>>,
        shut: bool,
    },
}

/// An open stream and its watch.
struct Live {
    pipe: Pipe,
    timer: Pin<Box<Sleep>>,
    /// When the server was asked for a sign of life that has not come.
    asked: Option<Instant>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "idle",
            State::Cut => "cut",
            State::Opening { .. } => "opening",
            State::Up(_) => "up",
            State::Closing { .. } => "closing",
        };
        f.debug_struct("Session").field("state", &state).field("bound", &self.bound).finish_non_exhaustive()
    }
}

impl Session {
    /// Makes an idle session.
    pub fn new(connector: Arc<Connector>) -> Self {
        Self {
            connector,
            state: State::Idle,
            management: StreamManagement::new(UNACKED),
            bound: None,
            early: VecDeque::new(),
            shape: Shape::default(),
            account: None,
            salted: None,
            rival: None,
            silent: Vec::new(),
            attempt: Attempt::default(),
        }
    }

    /// Starts opening a stream, giving up whatever stream there is; resumes the last session of this account if the
    /// server still has it. [`Self::next`] does the work and tells the outcome.
    pub fn open(&mut self, account: &Account) {
        if self.shape.get().forgets_session {
            self.forget();
        }
        if self.account.as_ref() != Some(account) {
            (self.account, self.salted) = (Some(account.clone()), None);
        }
        if self.bound.as_ref().is_some_and(|(jid, _)| *jid != account.jid) {
            self.forget();
        }
        let before = Before { resume: self.management.resume(), salted: self.salted.take() };
        let attempt =
            Box::pin(negotiate::open(self.connector.clone(), account.clone(), before, self.shape.clone()));
        self.state = State::Opening { attempt, jid: account.jid.clone() };
    }

    /// Closes the stream for good: what is queued, a last acknowledgement and `</stream:stream>` are still written
    /// while [`Self::next`] or [`Self::closed`] is awaited, within [`thingfleet_link::xmpp::client::Timeouts::close`]. An attempt to
    /// open is given up.
    pub fn close(&mut self) {
        let goodbye = self.management.goodbye();
        self.forget();
        if let State::Up(live) = std::mem::replace(&mut self.state, State::Idle) {
            let mut pipe = Box::new(live.pipe);
            if let Some(goodbye) = goodbye {
                pipe.queue(&goodbye);
            }
            pipe.queue_footer();
            let deadline = Box::pin(sleep_until(Instant::now() + self.connector.timeouts().close));
            self.state = State::Closing { pipe, deadline, shut: false };
        }
    }

    /// Breaks the stream off, or the attempt to open it; [`Self::next`] then tells that it is lost.
    pub fn cut(&mut self, how: Cut) {
        if self.shape.get().forgets_session {
            self.forget();
        }
        match (std::mem::replace(&mut self.state, State::Cut), how) {
            (State::Up(live), Cut::Silent) if self.shape.get().keeps_silent => self.silent.push(live.pipe),
            (State::Up(_) | State::Opening { .. }, _) => {}
            (other @ (State::Idle | State::Cut | State::Closing { .. }), _) => self.state = other,
        }
        self.early.clear();
    }

    /// Queues bytes that need not be a stanza, or XML.
    pub fn send_raw(&mut self, text: &str) {
        if let State::Up(live) = &mut self.state {
            live.pipe.queue_raw(text);
        }
    }

    /// Lets the link be like this from now on.
    pub fn impair(&mut self, link: Impairments) {
        if !link.keeps_silent {
            self.silent.clear();
        }
        if !link.has_rival
            && let Some(rival) = &mut self.rival
        {
            rival.close();
        }
        self.shape.set(link);
    }

    /// How far the latest attempt to open a stream came that has ended.
    pub(crate) fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Whether stanzas can be sent.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Queues a stanza; [`Self::next`] writes all that is queued at once. A stanza sent while the session is not up
    /// is dropped: a device that comes back publishes its state anew. Where the server takes nothing any more and
    /// 256 KiB are waiting, the session goes down as lost.
    #[allow(clippy::needless_pass_by_value, reason = "whoever sends a stanza has done with it")]
    pub fn send(&mut self, stanza: Element) {
        let State::Up(live) = &mut self.state else {
            tracing::debug!(name = stanza.name(), "dropped a stanza: not signed on");
            return;
        };
        self.management.sent(live.pipe.queue(&stanza));
    }

    /// Waits for the next event. Never returns while the session is idle. Cancel-safe.
    pub async fn next(&mut self) -> SessionEvent {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Waits until a stream that is closing is closed; returns at once in any other state.
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// The poll behind [`Self::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<SessionEvent> {
        let Impairments { is_stalled, has_rival, .. } = self.shape.get();
        self.poll_rival(cx, has_rival);
        loop {
            match &mut self.state {
                _ if is_stalled => return Poll::Pending,
                State::Idle => return Poll::Pending,
                State::Cut => {
                    return Poll::Ready(self.down(OpenError::Lost("the connection broke".to_owned())));
                }
                State::Closing { .. } => match self.poll_closed(cx) {
                    Poll::Ready(()) | Poll::Pending => return Poll::Pending,
                },
                State::Opening { attempt, jid } => {
                    let Poll::Ready((reached, done)) = attempt.as_mut().poll(cx) else {
                        return Poll::Pending;
                    };
                    let jid = jid.clone();
                    self.attempt = reached;
                    return Poll::Ready(match done.and_then(|opened| self.begin(jid, opened)) {
                        Ok(up) => up,
                        Err(error) => self.down(error),
                    });
                }
                State::Up(_) => match self.poll_up(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(Some(stanza))) => return Poll::Ready(SessionEvent::Stanza(stanza)),
                    Poll::Ready(Ok(None)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(self.down(error)),
                },
            }
        }
    }

    /// Lets somebody else sign on as the same client while this session is up, and stay until that is over.
    fn poll_rival(&mut self, cx: &mut Context<'_>, is_wanted: bool) {
        if is_wanted
            && self.rival.is_none()
            && self.is_up()
            && let Some(account) = &self.account
        {
            let mut rival = Box::new(Self::new(Arc::clone(&self.connector)));
            rival.open(account);
            self.rival = Some(rival);
        }
        if let Some(rival) = &mut self.rival {
            // It only has to be there; what it hears is of no interest.
            while rival.poll_next(cx).is_ready() {}
            if !is_wanted && matches!(rival.state, State::Idle) {
                self.rival = None;
            }
        }
    }

    /// Takes a stream that has just opened into use.
    fn begin(&mut self, account: BareJid, opened: Opened) -> Result<SessionEvent, OpenError> {
        let Opened { mut pipe, outcome, early, salted } = opened;
        self.salted = salted;
        let resumed = match outcome {
            Outcome::Resumed(answer) => {
                for stanza in self.management.resumed(&answer).map_err(|error| protocol(&error))? {
                    pipe.queue_raw(stanza);
                }
                true
            }
            Outcome::Bound { jid, management } => {
                self.management.begin(management.as_ref());
                self.bound = Some((account, jid));
                false
            }
        };
        let jid = self.bound.as_ref().map(|(_, jid)| jid.clone()).unwrap_or_default();
        self.early = early;
        let timer = Box::pin(sleep_until(pipe.heard() + self.connector.timeouts().quiet));
        self.state = State::Up(Box::new(Live { pipe, timer, asked: None }));
        Ok(SessionEvent::Up { jid, resumed })
    }

    /// One step of an open stream: a stanza, or `None` when something else was dealt with.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Box<Element>>, OpenError>> {
        let State::Up(live) = &mut self.state else { return Poll::Pending };
        if let Some(request) = self.management.request() {
            live.pipe.queue(&request);
        }
        if let Poll::Ready(Err(error)) = live.pipe.poll_flush(cx) {
            return Poll::Ready(Err(error.into()));
        }
        if live.pipe.unsent() > UNSENT {
            let text = format!("the server does not take what is sent; {UNSENT} bytes are waiting");
            return Poll::Ready(Err(OpenError::Lost(text)));
        }
        if let Some(early) = self.early.pop_front() {
            return Poll::Ready(Ok(Some(Box::new(early))));
        }
        match live.pipe.poll_next(cx) {
            Poll::Ready(Ok(received)) => Poll::Ready(self.receive(received)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Pending => live.poll_quiet(cx, &mut self.management, self.connector.timeouts()),
        }
    }

    /// Deals with what came in; gives it on if it is a stanza for the device.
    fn receive(&mut self, received: Received) -> Result<Option<Box<Element>>, OpenError> {
        let State::Up(live) = &mut self.state else { return Ok(None) };
        match received {
            Received::Element(element) if receive::is_stanza(&element) => {
                self.management.received();
                let is_sign_of_life = element.name() == "iq" && element.get_attr("id") == Some(PING);
                Ok((!is_sign_of_life).then(|| Box::new(element)))
            }
            Received::Element(element) if element.namespace() == ns::STREAM_MANAGEMENT => {
                if let Some(answer) = self.management.handle(&element).map_err(|error| protocol(&error))? {
                    live.pipe.queue(&answer);
                }
                Ok(None)
            }
            Received::Element(element) if is_stream_error(&element) => Err(failure::stream_error(&element)),
            Received::Element(element) => {
                // RFC 6120 section 4.9.3.24 would allow ending the stream; nobody is served by that.
                tracing::debug!(namespace = element.namespace(), name = element.name(), "ignored an element");
                Ok(None)
            }
            Received::Refused(refused) => {
                if refused.is_stanza {
                    self.management.received();
                }
                tracing::debug!(why = refused.why, "passed over a stanza");
                if let Some(answer) = refused.answer() {
                    self.management.sent(live.pipe.queue(&answer));
                }
                Ok(None)
            }
            Received::Footer => Err(OpenError::Lost("the server closed the stream".to_owned())),
        }
    }

    fn down(&mut self, error: OpenError) -> SessionEvent {
        self.state = State::Idle;
        self.early.clear();
        SessionEvent::Down(error.into())
    }

    fn forget(&mut self) {
        self.management.begin(None);
        self.bound = None;
        self.early.clear();
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let State::Closing { pipe, deadline, shut } = &mut self.state else { return Poll::Ready(()) };
        if deadline.as_mut().poll(cx).is_pending() {
            if !*shut {
                let closing = pipe.poll_flush(cx).map_ok(|()| *shut = true);
                if closing.is_pending() {
                    return Poll::Pending;
                }
            }
            // Wait for the server's own end, so that it has seen ours.
            loop {
                match pipe.poll_next(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(Received::Element(_) | Received::Refused(_))) => {}
                    Poll::Ready(Ok(Received::Footer)) => {
                        let _: Poll<std::io::Result<()>> = pipe.poll_shutdown(cx);
                        break;
                    }
                    Poll::Ready(Err(_)) => break,
                }
            }
        }
        self.state = State::Idle;
        Poll::Ready(())
    }
}

impl Live {
    /// Watches a silent stream: asks for a sign of life, and gives it up when none comes.
    fn poll_quiet(
        &mut self,
        cx: &mut Context<'_>,
        management: &mut StreamManagement,
        timeouts: Timeouts,
    ) -> Poll<Result<Option<Box<Element>>, OpenError>> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let heard = self.pipe.heard();
            self.asked = self.asked.filter(|asked| heard < *asked);
            let next = match self.asked {
                Some(asked) if now >= asked + timeouts.answer => {
                    let silence = (now - heard).as_secs();
                    let text = format!("the server was silent for {silence} s");
                    return Poll::Ready(Err(OpenError::Lost(text)));
                }
                Some(asked) => asked + timeouts.answer,
                None if now >= heard + timeouts.quiet => {
                    self.pipe.queue(&sign_of_life(management));
                    self.asked = Some(now);
                    self.timer.as_mut().reset(now + timeouts.answer);
                    // Let it be written.
                    return Poll::Ready(Ok(None));
                }
                None => heard + timeouts.quiet,
            };
            self.timer.as_mut().reset(next);
        }
        Poll::Pending
    }
}

/// A request the server has to answer: of stream management, or else a ping (XEP-0199).
fn sign_of_life(management: &mut StreamManagement) -> Element {
    if management.is_on() {
        return management.ping();
    }
    let ping = Element::new(ns::PING, "ping");
    Element::new(ns::CLIENT, "iq").attr("type", "get").attr("id", PING).child(ping)
}

fn protocol(error: &stream_management::StreamManagementError) -> OpenError {
    OpenError::Protocol(error.to_string())
}
