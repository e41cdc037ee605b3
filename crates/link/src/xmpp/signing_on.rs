//! From the first byte of a connection to a session (RFC 6120 sections 4 to 7): TLS, SASL, then resumption or binding.
//!
//! Elements go in and out; whoever owns the stream reads and writes them. Without TLS nothing is asked for but TLS.

use super::{
    establish::{Establishing, Outcome, Step},
    failure::{Condition, StreamError, is_stream_error},
    salted::{Derivation, Salted},
    sasl::{self, Mechanism, Reply},
};
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use thingfleet_device::{instance::Account, ns, xml::Element};

/// Random bytes that an exchange needs.
pub type Nonce = [u8; 18];

/// An attempt to sign on.
pub struct SigningOn {
    account: Account,
    nonce: Nonce,
    /// The key that signing on before has left, then the one of this time.
    salted: Option<Salted>,
    /// The request to resume an earlier session.
    resume: Option<Element>,
    is_secure: bool,
    is_authenticated: bool,
    stage: Stage,
}

/// ```text
///  Header ─► Features ─┬─ no TLS yet ──► StartingTls ─► Securing ─┐
///    ▲                 ├─ signed on ───► Establishing ─► done     │
///    │                 └─ otherwise ───► Authenticating ─┐        │
///    └───────────────────────────────────────────────────┴────────┘
/// ```
enum Stage {
    Header,
    Features,
    StartingTls,
    Securing,
    Authenticating(Box<dyn Mechanism>),
    Establishing(Establishing),
}

/// What follows from an element.
#[derive(Debug)]
pub enum Progress {
    /// Another element has to come, or something to be computed.
    Waiting,
    /// This is sent.
    Send(Element),
    /// A new stream begins on the same connection.
    Restart,
    /// The connection is to be secured.
    StartTls,
    /// It is no answer, and for later.
    Early(Element),
    /// The session is there.
    Done(Outcome),
}

impl SigningOn {
    /// Begins on a connection that is secured already, or is not. `nonce` has to be new and unpredictable.
    pub fn new(account: Account, nonce: Nonce, resume: Option<Element>, is_secure: bool) -> Self {
        Self {
            account,
            nonce,
            salted: None,
            resume,
            is_secure,
            is_authenticated: false,
            stage: Stage::Header,
        }
    }

    /// Makes use of the key that signing this account on before has left, if the server's salt is still the same.
    #[must_use]
    pub fn with_salted(mut self, salted: Option<Salted>) -> Self {
        self.salted = salted;
        self
    }

    /// The key that was used, once the server took it.
    pub fn take_salted(&mut self) -> Option<Salted> {
        self.salted.take_if(|_| self.is_authenticated)
    }

    /// Whose session it will be.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Goes on once the connection is secured; a new stream begins. Gives whether that was waited for.
    pub fn secured(&mut self) -> bool {
        let is_awaited = matches!(self.stage, Stage::Securing);
        if is_awaited {
            (self.is_secure, self.stage) = (true, Stage::Header);
        }
        is_awaited
    }

    /// Takes what came in.
    ///
    /// # Errors
    /// [`StreamError`] if there will be no session.
    pub fn take(&mut self, element: Element) -> Result<Progress, StreamError> {
        if is_stream_error(&element) {
            return Err(StreamError::Stream(Condition::of_stream_error(&element)));
        }
        match &mut self.stage {
            Stage::Header if element.is(ns::STREAMS, "stream") => {
                self.stage = Stage::Features;
                Ok(Progress::Waiting)
            }
            Stage::Features if element.is(ns::STREAMS, "features") => self.features(&element),
            Stage::StartingTls if element.is(ns::TLS, "proceed") => {
                self.stage = Stage::Securing;
                Ok(Progress::StartTls)
            }
            Stage::StartingTls if element.namespace() == ns::TLS => Err(StreamError::TlsRefused),
            Stage::Authenticating(mechanism) if element.namespace() == ns::SASL => {
                let progress = authenticate(mechanism.as_mut(), &element)?;
                if matches!(progress, Progress::Restart) {
                    self.salted = mechanism.take_salted();
                    (self.is_authenticated, self.stage) = (true, Stage::Header);
                }
                Ok(progress)
            }
            Stage::Establishing(establishing) => Ok(establishing.take(element)?.into()),
            Stage::Header
            | Stage::Features
            | Stage::StartingTls
            | Stage::Securing
            | Stage::Authenticating(_) => Err(unexpected(&element)),
        }
    }

    /// Whether the connection is being secured.
    pub fn is_securing(&self) -> bool {
        matches!(self.stage, Stage::Securing)
    }

    /// Whether [`Self::work`] has something to do.
    pub fn is_computing(&self) -> bool {
        match &self.stage {
            Stage::Authenticating(mechanism) => mechanism.is_computing(),
            Stage::Header
            | Stage::Features
            | Stage::StartingTls
            | Stage::Securing
            | Stage::Establishing(_) => false,
        }
    }

    /// What [`Self::work`] goes on with. Whoever has a better place for it may do it there and put it back done.
    pub fn derivation(&mut self) -> Option<&mut Derivation> {
        match &mut self.stage {
            Stage::Authenticating(mechanism) => mechanism.derivation(),
            Stage::Header
            | Stage::Features
            | Stage::StartingTls
            | Stage::Securing
            | Stage::Establishing(_) => None,
        }
    }

    /// Computes for a moment; gives what is sent once that is known.
    pub fn work(&mut self) -> Option<Element> {
        let Stage::Authenticating(mechanism) = &mut self.stage else { return None };
        mechanism.work().map(|data| response(&data))
    }

    fn features(&mut self, features: &Element) -> Result<Progress, StreamError> {
        if !self.is_secure {
            features.get(ns::TLS, "starttls").ok_or(StreamError::NoTls)?;
            self.stage = Stage::StartingTls;
            return Ok(Progress::Send(Element::new(ns::TLS, "starttls")));
        }
        if self.is_authenticated {
            let is_managed = features.get(ns::STREAM_MANAGEMENT, "sm").is_some();
            let (establishing, first) =
                Establishing::begin(is_managed, &self.account.resource, self.resume.take());
            self.stage = Stage::Establishing(establishing);
            return Ok(Progress::Send(first));
        }
        let mechanisms = features.get(ns::SASL, "mechanisms");
        let offered: Vec<String> = mechanisms
            .into_iter()
            .flat_map(Element::elements)
            .map(|name| name.get_text().into_owned())
            .collect();
        let salted = self.salted.take();
        let is_offered = |name: &str| offered.iter().any(|other| other == name);
        let chosen = sasl::choose(&self.account, &self.nonce, salted, is_offered)?;
        let Some(mut mechanism) = chosen else { return Err(StreamError::NoMechanism(offered)) };
        let auth = Element::new(ns::SASL, "auth")
            .attr("mechanism", mechanism.name())
            .text(encoded(&mechanism.initial()));
        self.stage = Stage::Authenticating(mechanism);
        Ok(Progress::Send(auth))
    }
}

impl From<Step> for Progress {
    fn from(step: Step) -> Self {
        match step {
            Step::Send(element) => Self::Send(element),
            Step::Early(element) => Self::Early(element),
            Step::Done(outcome) => Self::Done(outcome),
        }
    }
}

/// Takes an element of SASL (RFC 6120 section 6.4).
fn authenticate(mechanism: &mut dyn Mechanism, element: &Element) -> Result<Progress, StreamError> {
    match element.name() {
        "challenge" => Ok(match mechanism.challenge(&decoded(element)?)? {
            Reply::Response(data) => Progress::Send(response(&data)),
            Reply::Later => Progress::Waiting,
        }),
        "success" => {
            // With SCRAM this shows that the server knows the password too.
            mechanism.success(&decoded(element)?)?;
            Ok(Progress::Restart)
        }
        "failure" => Err(StreamError::Sasl(Condition::of_sasl(element))),
        _ => Err(unexpected(element)),
    }
}

fn response(data: &[u8]) -> Element {
    Element::new(ns::SASL, "response").text(encoded(data))
}

/// No data is written as `=` (RFC 6120 section 6.4.2).
fn encoded(data: &[u8]) -> String {
    if data.is_empty() { "=".into() } else { BASE64.encode(data) }
}

fn decoded(element: &Element) -> Result<Vec<u8>, StreamError> {
    let text = element.get_text();
    let text = text.trim();
    if text == "=" {
        return Ok(Vec::new());
    }
    BASE64
        .decode(text)
        .map_err(|_| StreamError::Unexpected("the server sent something that is not base64".into()))
}

fn unexpected(element: &Element) -> StreamError {
    let name = element.name();
    let shown: String = name.chars().take(40).collect();
    StreamError::Unexpected(format!("the server sent <{shown}> while signing on"))
}

/// Writes the beginning of a stream to a server of `domain` (RFC 6120 section 4.2).
pub fn write_header(domain: &str, out: &mut String) {
    let header = Element::new(ns::CLIENT, "stream:stream")
        .attr("xmlns:stream", ns::STREAMS)
        .attr("to", domain.to_owned())
        .attr("version", "1.0")
        .to_string();
    out.push_str("<?xml version='1.0'?>");
    // As a start tag: the element ends when the stream does.
    out.push_str(header.trim_end_matches("/>"));
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_device::{jid::BareJid, value::Secret};

    fn signing_on(is_secure: bool) -> SigningOn {
        let account = Account {
            jid: BareJid::parse("kettle@example.org").unwrap(),
            password: Secret::new("geheim"),
            resource: "kettle".into(),
        };
        SigningOn::new(account, [7; 18], None, is_secure)
    }

    fn header() -> Element {
        Element::new(ns::STREAMS, "stream")
    }

    fn features(inner: Element) -> Element {
        Element::new(ns::STREAMS, "features").child(inner)
    }

    fn mechanisms(names: &[&'static str]) -> Element {
        let names = names.iter().map(|name| Element::new(ns::SASL, "mechanism").text(*name));
        features(Element::new(ns::SASL, "mechanisms").children_from(names))
    }

    #[test]
    fn without_tls_no_mechanism_is_begun() {
        let mut signing_on = signing_on(false);
        signing_on.take(header()).unwrap();
        assert_eq!(signing_on.take(mechanisms(&["PLAIN"])).unwrap_err(), StreamError::NoTls);
    }

    #[test]
    fn tls_may_be_refused() {
        let mut signing_on = signing_on(false);
        signing_on.take(header()).unwrap();
        let offer = features(Element::new(ns::TLS, "starttls"));
        assert!(matches!(signing_on.take(offer), Ok(Progress::Send(_))));
        assert_eq!(signing_on.take(Element::new(ns::TLS, "failure")).unwrap_err(), StreamError::TlsRefused);
    }

    #[test]
    fn nothing_is_taken_out_of_turn() {
        for element in [
            Element::new(ns::TLS, "proceed"),
            Element::new(ns::SASL, "success"),
            Element::new(ns::STREAMS, "features"),
            Element::new(ns::CLIENT, "message"),
        ] {
            assert!(matches!(signing_on(true).take(element), Err(StreamError::Unexpected(_))));
        }
        assert!(!signing_on(true).secured());
    }

    #[test]
    fn a_refused_account_is_told_in_the_servers_words() {
        let mut signing_on = signing_on(true);
        signing_on.take(header()).unwrap();
        assert!(matches!(signing_on.take(mechanisms(&["PLAIN"])), Ok(Progress::Send(_))));
        let failure = Element::new(ns::SASL, "failure")
            .child(Element::new(ns::SASL, "not-authorized"))
            .child(Element::new(ns::SASL, "text").text("no"));
        let error = signing_on.take(failure).unwrap_err();
        assert_eq!(alloc::string::ToString::to_string(&error), "not-authorized: no");
    }
}
