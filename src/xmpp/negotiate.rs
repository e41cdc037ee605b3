//! Opening a stream (RFC 6120 sections 4 to 7): TLS, SASL, then resumption or binding.
//!
//! [`SigningOn`] says what is sent; here it meets connections, TLS and the clock. Only the server speaks, so nothing a
//! stranger sends can be in the way.

use super::{
    connect::Connector,
    failure::OpenError,
    impaired::{Impaired, Shape},
    link::Link,
    pipe::Pipe,
};
use std::{collections::VecDeque, io, sync::Arc};
use thingfleet_device::{
    fault::link::{Impairments, Refused},
    instance::Account,
    ns,
    xml::Element,
};
use thingfleet_link::xmpp::{
    establish::Outcome,
    failure::{Condition, StreamError, is_stream_error},
    receive::Received,
    salted::Salted,
    signing_on::{Nonce, Progress, SigningOn, write_header},
};
use thingfleet_schema::profile::Security;
use tokio::time::{self, Instant};

/// Stanzas that may come before the server's last answer.
const EARLY: usize = 64;

/// An open stream.
pub(super) struct Opened {
    pub(super) pipe: Pipe,
    pub(super) outcome: Outcome,
    /// Stanzas that came before the server's last answer; stream management does not count them.
    pub(super) early: VecDeque<Element>,
    /// The key that was used, for the next time.
    pub(super) salted: Option<Salted>,
}

/// What is left of sessions before.
#[derive(Default)]
pub(super) struct Before {
    /// The request to resume the last one.
    pub(super) resume: Option<Element>,
    /// The key of this account.
    pub(super) salted: Option<Salted>,
}

/// How far an attempt to open a stream has come, and when.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attempt {
    /// When the connection was there, with TLS where it is wanted.
    pub(crate) secured: Option<Instant>,
    /// When the server took the credentials.
    pub(crate) authenticated: Option<Instant>,
    /// When the stream was bound or resumed.
    pub(crate) bound: Option<Instant>,
}

/// Connects, signs on and resumes, or else binds. Tells how far that came, too.
pub(super) async fn open(
    connector: Arc<Connector>,
    account: Account,
    before: Before,
    shape: Shape,
) -> (Attempt, Result<Opened, OpenError>) {
    let mut attempt = Attempt::default();
    let opened = try_to_open(&connector, account, before, shape, &mut attempt).await;
    (attempt, opened)
}

async fn try_to_open(
    connector: &Connector,
    account: Account,
    before: Before,
    shape: Shape,
    attempt: &mut Attempt,
) -> Result<Opened, OpenError> {
    let Impairments { slow_start, refused, .. } = shape.get();
    if !slow_start.is_zero() {
        time::sleep(slow_start).await;
    }
    if let Some(refused) = refused {
        return Err(refusal(refused, account.jid.domain()));
    }
    let link = connector.tcp(account.jid.domain()).await?;
    let link: Link = Box::new(Impaired::new(link, shape));
    let limit = connector.timeouts().sign_on;
    let sign_on = async {
        let pipe = secure(connector, link, account.jid.domain()).await?;
        attempt.secured = Some(Instant::now());
        sign_on(connector, pipe, account, before, attempt).await
    };
    let out_of_time = |_| OpenError::TimedOut { seconds: limit.as_secs() };
    time::timeout(limit, sign_on).await.map_err(out_of_time)?
}

/// What a device meets that is to find no server.
fn refusal(refused: Refused, domain: &str) -> OpenError {
    match refused {
        Refused::NoNetwork => {
            OpenError::Unreachable { to: domain.to_owned(), source: io::ErrorKind::NetworkUnreachable.into() }
        }
        Refused::NoName => OpenError::Unresolved {
            host: domain.to_owned(),
            why: "no such name, as a fault wants it".to_owned(),
        },
        Refused::Tls => OpenError::Tls(io::Error::new(
            io::ErrorKind::InvalidData,
            "the certificate is refused, as a fault wants it",
        )),
    }
}

/// Connects and secures a stream without signing on; gives what the server offers.
pub(super) async fn connect(connector: &Connector, domain: &str) -> Result<(Element, Pipe), OpenError> {
    let link = connector.tcp(domain).await?;
    let limit = connector.timeouts().sign_on;
    let out_of_time = |_| OpenError::TimedOut { seconds: limit.as_secs() };
    let secured = async {
        let mut pipe = secure(connector, link, domain).await?;
        Ok((features(&mut pipe).await?, pipe))
    };
    time::timeout(limit, secured).await.map_err(out_of_time)?
}

/// Secures a connection as the profile wants it, and begins a stream on it.
async fn secure(connector: &Connector, link: Link, domain: &str) -> Result<Pipe, OpenError> {
    let link = match connector.remote().security {
        Security::Plain => return Ok(Pipe::begin(link, domain)),
        Security::DirectTls => link,
        Security::StartTls => start_tls(link, domain).await?,
    };
    let mut header = String::new();
    write_header(domain, &mut header);
    Ok(Pipe::begun(connector.secure(link, domain, &header).await?))
}

/// Asks for TLS (RFC 6120 section 5).
async fn start_tls(link: Link, domain: &str) -> Result<Link, OpenError> {
    let mut pipe = Pipe::begin(link, domain);
    if features(&mut pipe).await?.get(ns::TLS, "starttls").is_none() {
        return Err(StreamError::NoTls.into());
    }
    pipe.queue(&Element::new(ns::TLS, "starttls"));
    let answer = answer(&mut pipe).await?;
    if answer.is(ns::TLS, "failure") {
        return Err(StreamError::TlsRefused.into());
    }
    if !answer.is(ns::TLS, "proceed") {
        return Err(unexpected(&answer));
    }
    // Whatever came with <proceed/> was not protected, and would be read as if it had been (CVE-2011-0411).
    match pipe.unread() {
        0 => Ok(pipe.into_link()),
        injected => Err(StreamError::Injected(injected).into()),
    }
}

/// Gives what the server offers on a stream that has begun.
async fn features(pipe: &mut Pipe) -> Result<Element, OpenError> {
    let header = answer(pipe).await?;
    if !header.is(ns::STREAMS, "stream") {
        return Err(unexpected(&header));
    }
    let features = answer(pipe).await?;
    if features.is(ns::STREAMS, "features") { Ok(features) } else { Err(unexpected(&features)) }
}

/// Signs on, then resumes, or binds and turns stream management on.
async fn sign_on(
    connector: &Connector,
    mut pipe: Pipe,
    account: Account,
    before: Before,
    attempt: &mut Attempt,
) -> Result<Opened, OpenError> {
    let mut nonce = Nonce::default();
    getrandom::fill(&mut nonce).map_err(|error| OpenError::Lost(format!("no random numbers: {error}")))?;
    let domain = account.jid.domain().to_owned();
    // Without TLS this is a loopback connection whose profile wants none.
    let signing_on = SigningOn::new(account, nonce, before.resume, true);
    let mut signing_on = signing_on.with_salted(before.salted);
    let mut early = VecDeque::new();
    loop {
        pipe.flush().await?;
        let element = match pipe.next().await? {
            Received::Element(element) => element,
            Received::Refused(refused) if refused.is_stanza => continue,
            Received::Refused(refused) => return Err(StreamError::Unexpected(refused.why).into()),
            Received::Footer => return Err(closed()),
        };
        match signing_on.take(element)? {
            Progress::Waiting => {}
            Progress::Send(element) => _ = pipe.queue(&element),
            Progress::Restart => {
                attempt.authenticated = Some(Instant::now());
                pipe.begin_stream(&domain);
            }
            // Not asked for on a connection that counts as secured.
            Progress::StartTls => return Err(StreamError::TlsRefused.into()),
            Progress::Early(element) if early.len() < EARLY => early.push_back(element),
            Progress::Early(_) => {
                let text = "too much came before the server's answer".to_owned();
                return Err(StreamError::Unexpected(text).into());
            }
            Progress::Done(outcome) => {
                attempt.bound = Some(Instant::now());
                return Ok(Opened { pipe, outcome, early, salted: signing_on.take_salted() });
            }
        }
        if let Some(derivation) = signing_on.derivation() {
            *derivation = connector.derived(derivation.clone()).await;
            if let Some(response) = signing_on.work() {
                pipe.queue(&response);
            }
        }
    }
}

/// Writes what is queued and waits for the next element of the server.
async fn answer(pipe: &mut Pipe) -> Result<Element, OpenError> {
    pipe.flush().await?;
    match pipe.next().await? {
        Received::Element(error) if is_stream_error(&error) => {
            Err(StreamError::Stream(Condition::of_stream_error(&error)).into())
        }
        Received::Element(element) => Ok(element),
        Received::Refused(refused) => Err(StreamError::Unexpected(refused.why).into()),
        Received::Footer => Err(closed()),
    }
}

fn closed() -> OpenError {
    OpenError::Lost("the server closed the stream while signing on".to_owned())
}

fn unexpected(element: &Element) -> OpenError {
    let name: String = element.name().chars().take(40).collect();
    StreamError::Unexpected(format!("the server sent <{name}> while signing on")).into()
}
