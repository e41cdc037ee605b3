//! Opening a stream (RFC 6120 sections 4 to 7): TLS, SASL, then resumption or binding.
//!
//! tokio-xmpp carries the exchange up to the features after sign-on; from there it is a [`Pipe`]. Only the server
//! speaks here, so nothing a stranger sends can be in the way.

use super::{
    connect::Connector,
    failure::{self, OpenError},
    impaired::{Impaired, Shape},
    link::Link,
    pipe::Pipe,
};
use futures::{SinkExt, StreamExt};
use sasl::{
    client::{
        Mechanism,
        mechanisms::{Plain, Scram},
    },
    common::{
        ChannelBinding, Credentials,
        scram::{Sha1, Sha256},
    },
};
use std::{borrow::Cow, collections::VecDeque, io, str::FromStr, sync::Arc};
use thingfleet_device::{
    fault::link::{Impairments, Refused},
    instance::Account,
    ns,
    xml::Element,
};
use thingfleet_link::xmpp::{
    establish::{Establishing, Outcome, Step},
    failure::Condition,
    receive::Received,
};
use thingfleet_schema::profile::Security;
use tokio::{
    io::BufReader,
    time::{self, Instant},
};
use tokio_xmpp::xmlstream::{
    FallibleStreamElement, PendingFeaturesRecv, ReadError, StreamElementError, StreamHeader, Timeouts,
    XmppStream, XmppStreamElement, initiate_stream,
};
use xmpp_parsers::{
    sasl::{Auth, Mechanism as MechanismName, Nonza, Response},
    starttls,
    stream_features::StreamFeatures,
};

/// Bytes read ahead while signing on; gone with the negotiation.
const READ_AHEAD: usize = 1024;

/// A stream in tokio-xmpp's hands.
type Negotiating = XmppStream<BufReader<Link>>;

/// An open stream.
pub(super) struct Opened {
    pub(super) pipe: Pipe,
    pub(super) outcome: Outcome,
    /// Stanzas that came before the server's last answer; stream management does not count them.
    pub(super) early: VecDeque<Element>,
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

/// Connects, signs on and resumes with `resume`, or else binds. Tells how far that came, too.
pub(super) async fn open(
    connector: Arc<Connector>,
    account: Account,
    resume: Option<Element>,
    shape: Shape,
) -> (Attempt, Result<Opened, OpenError>) {
    let mut attempt = Attempt::default();
    let opened = try_to_open(&connector, &account, resume, shape, &mut attempt).await;
    (attempt, opened)
}

async fn try_to_open(
    connector: &Connector,
    account: &Account,
    resume: Option<Element>,
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
        let (features, stream) = secure(connector, link, account.jid.domain()).await?;
        attempt.secured = Some(Instant::now());
        let (features, stream) = authenticate(&features, stream, account).await?;
        attempt.authenticated = Some(Instant::now());
        let opened = establish(into_pipe(stream), &features, &account.resource, resume).await?;
        attempt.bound = Some(Instant::now());
        Ok(opened)
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

/// Connects and secures a stream without signing on.
pub(super) async fn connect(
    connector: &Connector,
    domain: &str,
) -> Result<(StreamFeatures, Pipe), OpenError> {
    let link = connector.tcp(domain).await?;
    let limit = connector.timeouts().sign_on;
    let out_of_time = |_| OpenError::TimedOut { seconds: limit.as_secs() };
    let secured = time::timeout(limit, secure(connector, link, domain)).await.map_err(out_of_time)?;
    secured.map(|(features, stream)| (features, into_pipe(stream)))
}

async fn secure(
    connector: &Connector,
    link: Link,
    domain: &str,
) -> Result<(StreamFeatures, Negotiating), OpenError> {
    let link = match connector.remote().security {
        Security::Plain => link,
        Security::DirectTls => connector.secure(link, domain).await?,
        Security::StartTls => connector.secure(start_tls(link, domain).await?, domain).await?,
    };
    features(initiate(link, domain).await?).await
}

/// Asks for TLS on an open stream (RFC 6120 section 5).
async fn start_tls(link: Link, domain: &str) -> Result<Link, OpenError> {
    let (features, mut stream) = features(initiate(link, domain).await?).await?;
    if !features.can_starttls() {
        return Err(OpenError::NoTls);
    }
    stream.send(&XmppStreamElement::Starttls(starttls::Nonza::Request(starttls::Request))).await?;
    match answer(&mut stream).await? {
        XmppStreamElement::Starttls(starttls::Nonza::Proceed(_)) => {}
        XmppStreamElement::Starttls(_) => return Err(OpenError::TlsRefused),
        other => return Err(unexpected(other)),
    }
    let reader = stream.into_inner();
    // Whatever came with <proceed/> was not protected, and would be read as if it had been (CVE-2011-0411).
    match reader.buffer().len() {
        0 => Ok(reader.into_inner()),
        injected => Err(OpenError::Injected(injected)),
    }
}

async fn initiate(link: Link, domain: &str) -> Result<PendingFeaturesRecv<BufReader<Link>>, OpenError> {
    let io = BufReader::with_capacity(READ_AHEAD, link);
    Ok(initiate_stream(io, ns::CLIENT, header(domain), Timeouts::default()).await?)
}

async fn features(
    pending: PendingFeaturesRecv<BufReader<Link>>,
) -> Result<(StreamFeatures, Negotiating), OpenError> {
    Ok(pending.recv_features::<FallibleStreamElement>().await?)
}

fn header(domain: &str) -> StreamHeader<'_> {
    StreamHeader { to: Some(Cow::Borrowed(domain)), from: None, id: None }
}

/// Signs on with the best common mechanism (RFC 6120 section 6), without channel binding: ejabberd 23.01 refuses the
/// TLS 1.3 exporter that it offers.
async fn authenticate(
    features: &StreamFeatures,
    mut stream: Negotiating,
    account: &Account,
) -> Result<(StreamFeatures, Negotiating), OpenError> {
    let offered = &features.sasl_mechanisms;
    let Some((mut mechanism, name)) = choose(account, |name| offered.contains(name)) else {
        return Err(OpenError::NoMechanism(offered.iter().cloned().collect()));
    };
    let mechanism_name =
        MechanismName::from_str(&name).map_err(|error| OpenError::Protocol(error.to_string()))?;
    let mut next = Nonza::Auth(Auth { mechanism: mechanism_name, data: mechanism.initial() });
    loop {
        stream.send(&XmppStreamElement::Sasl(next)).await?;
        next = match answer(&mut stream).await? {
            XmppStreamElement::Sasl(Nonza::Challenge(challenge)) => {
                let data = mechanism.response(&challenge.data).map_err(OpenError::ServerSasl)?;
                Nonza::Response(Response { data })
            }
            XmppStreamElement::Sasl(Nonza::Success(success)) => {
                // With SCRAM this shows that the server knows the password too.
                mechanism.success(&success.data).map_err(OpenError::ServerSasl)?;
                break;
            }
            XmppStreamElement::Sasl(Nonza::Failure(failed)) => {
                let text = failed.texts.into_values().next().unwrap_or_default();
                let element = xmpp_parsers::minidom::Element::from(failed.defined_condition);
                return Err(OpenError::Sasl(Condition { name: element.name().to_owned(), text }));
            }
            other => return Err(unexpected(other)),
        };
    }
    let pending = stream.initiate_reset().send_header(header(account.jid.domain())).await?;
    self::features(pending).await
}

/// The best mechanism that is offered, and its name.
fn choose(
    account: &Account,
    is_offered: impl Fn(&str) -> bool,
) -> Option<(Box<dyn Mechanism + Send + Sync>, String)> {
    let credentials = |user: String| {
        Credentials::default()
            .with_username(user)
            .with_password(account.password.reveal())
            .with_channel_binding(ChannelBinding::Unsupported)
    };
    // RFC 5802 section 5.1: `=` and `,` are written so inside SCRAM's messages.
    let escaped = account.jid.local().replace('=', "=3D").replace(',', "=2C");
    let sha256 = Scram::<Sha256>::from_credentials(credentials(escaped.clone())).ok();
    let sha1 = Scram::<Sha1>::from_credentials(credentials(escaped)).ok();
    let plain = Plain::from_credentials(credentials(account.jid.local().to_owned())).ok();
    let mechanisms: [Option<Box<dyn Mechanism + Send + Sync>>; 3] = [
        sha256.map(|it| Box::new(it) as _),
        sha1.map(|it| Box::new(it) as _),
        plain.map(|it| Box::new(it) as _),
    ];
    let mut known = mechanisms.into_iter().flatten();
    known.find(|it| is_offered(it.name())).map(|it| {
        let name = it.name().to_owned();
        (it, name)
    })
}

/// The next element of the server.
async fn answer(stream: &mut Negotiating) -> Result<XmppStreamElement, OpenError> {
    loop {
        return match stream.next().await {
            Some(Ok(FallibleStreamElement::Ok(element))) => Ok(element),
            Some(
                Ok(FallibleStreamElement::Err(
                    StreamElementError::InvalidNonza { error, .. }
                    | StreamElementError::InvalidStanza { error, .. },
                ))
                | Err(ReadError::ParseError(error)),
            ) => Err(OpenError::Protocol(error.to_string())),
            Some(Err(ReadError::SoftTimeout)) => continue,
            Some(Err(ReadError::HardError(error))) => Err(error.into()),
            Some(Err(ReadError::StreamFooterReceived)) => {
                Err(OpenError::Lost("the server closed the stream while signing on".to_owned()))
            }
            None => Err(OpenError::Lost("the server closed the connection while signing on".to_owned())),
        };
    }
}

fn unexpected(element: XmppStreamElement) -> OpenError {
    match element {
        XmppStreamElement::StreamError(error) => failure::typed_stream_error(error.0),
        other => {
            OpenError::Protocol(format!("the server sent something unexpected while signing on: {other:?}"))
        }
    }
}

fn into_pipe(stream: Negotiating) -> Pipe {
    let reader = stream.into_inner();
    let read_ahead = reader.buffer().to_vec();
    Pipe::new(reader.into_inner(), &read_ahead)
}

/// Resumes, or binds and turns stream management on.
async fn establish(
    mut pipe: Pipe,
    features: &StreamFeatures,
    resource: &str,
    resume: Option<Element>,
) -> Result<Opened, OpenError> {
    let is_managed = features.stream_management.is_some();
    let (mut establishing, first) = Establishing::begin(is_managed, resource, resume);
    let mut early = VecDeque::new();
    pipe.queue(&first);
    loop {
        pipe.flush().await?;
        match pipe.next().await? {
            Received::Element(element) => match establishing.take(element)? {
                Step::Send(element) => {
                    pipe.queue(&element);
                }
                Step::Early(element) => early.push_back(element),
                Step::Done(outcome) => return Ok(Opened { pipe, outcome, early }),
            },
            Received::Refused(_) => {}
            Received::Footer => {
                return Err(OpenError::Lost("the server closed the stream while binding".to_owned()));
            }
        }
    }
}
