//! Why a stream did not open or did not last: the conditions servers name, and what kind of failure each is.

use super::{frame::NotXml, prepare::Unprepared, sasl::SaslError};
use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, time::Duration};
use thingfleet_device::{
    io::{FailureKind, StreamFailure},
    ns,
    stream_management::StreamManagementError,
    xml::Element,
};

/// A condition that a server names, with its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its name in RFC 6120, or one the server made up.
    pub name: String,
    /// The server's text, if it sent one.
    pub text: String,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", self.text) }
    }
}

impl Condition {
    /// Of an element that holds a condition and perhaps a text.
    fn inside(error: Option<&Element>) -> Self {
        let find = |is_text| error?.elements().find(|child| (child.name() == "text") == is_text);
        Self {
            name: find(false).map_or("undefined-condition", Element::name).to_owned(),
            text: find(true).map(Element::get_text).unwrap_or_default().into_owned(),
        }
    }

    /// Of a `<stream:error/>` (RFC 6120 section 4.9).
    pub fn of_stream_error(error: &Element) -> Self {
        let Self { name, text } = Self::inside(Some(error));
        // The content of `<see-other-host/>` is the host.
        let condition = error.elements().find(|child| child.name() != "text");
        let content = condition.map(Element::get_text).unwrap_or_default();
        let separator = if text.is_empty() || content.is_empty() { "" } else { " " };
        Self { name, text: text + separator + &content }
    }

    /// Of a stanza of type `error` (RFC 6120 section 8.3).
    pub fn of_stanza(stanza: &Element) -> Self {
        Self::inside(stanza.elements().find(|child| child.name() == "error"))
    }

    /// Of a `<failure/>` of SASL (RFC 6120 section 6.5).
    pub fn of_sasl(failure: &Element) -> Self {
        Self::inside(Some(failure))
    }

    /// What kind of failure it is in SASL.
    pub fn sasl_kind(&self) -> FailureKind {
        match self.name.as_str() {
            "account-disabled" | "credentials-expired" => FailureKind::AccountDisabled,
            "invalid-mechanism" | "mechanism-too-weak" => FailureKind::NoMechanism,
            "encryption-required" => FailureKind::NoTls,
            "temporary-auth-failure" => FailureKind::StreamError,
            "aborted" | "incorrect-encoding" | "malformed-request" => FailureKind::Protocol,
            // Servers invent conditions (`not-allowed`, `forbidden`); all of them mean this account, now.
            _ => FailureKind::Authentication,
        }
    }

    /// What kind of failure it is while binding.
    pub fn bind_kind(&self) -> FailureKind {
        match self.name.as_str() {
            "conflict" => FailureKind::Conflict,
            "resource-constraint" | "not-allowed" | "policy-violation" => FailureKind::Policy,
            _ => FailureKind::Protocol,
        }
    }

    /// What kind of failure it is at the end of a stream.
    pub fn stream_kind(&self) -> FailureKind {
        match self.name.as_str() {
            "conflict" => FailureKind::Conflict,
            "policy-violation" | "resource-constraint" => FailureKind::Policy,
            "connection-timeout" | "system-shutdown" | "reset" => FailureKind::Lost,
            "bad-format"
            | "not-well-formed"
            | "invalid-xml"
            | "invalid-namespace"
            | "unsupported-stanza-type" => FailureKind::Protocol,
            _ => FailureKind::StreamError,
        }
    }
}

/// Whether an element is a stream error.
pub fn is_stream_error(element: &Element) -> bool {
    element.is(ns::STREAMS, "error")
}

/// Why a stream is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The server offers no TLS.
    NoTls,
    /// It offered TLS and refused it.
    TlsRefused,
    /// It sent so many bytes before TLS that it may only send inside.
    Injected(usize),
    /// It offers these mechanisms, none of which is spoken here.
    NoMechanism(Vec<String>),
    /// The password is none that it can be shown.
    Password(Unprepared),
    /// It refused the account.
    Sasl(Condition),
    /// It did not show that it knows the password either, or broke the exchange.
    Server(SaslError),
    /// It refused to bind a resource.
    Bind(Condition),
    /// It ended the stream with an error.
    Stream(Condition),
    /// It did not finish signing on in this time.
    TimedOut(Duration),
    /// It was silent for this long.
    Silent(Duration),
    /// It does not take what is sent; so many bytes are waiting.
    Unsent(usize),
    /// It closed the stream.
    Closed,
    /// The connection broke, as whoever carries the bytes says.
    Lost(String),
    /// What it sends is not XML.
    NotXml(NotXml),
    /// It counts stanzas wrongly.
    Management(StreamManagementError),
    /// It sent something else than what has to come, in words.
    Unexpected(String),
}

impl StreamError {
    /// What kind of failure this is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NoTls => FailureKind::NoTls,
            Self::TlsRefused | Self::Injected(_) => FailureKind::Tls,
            Self::NoMechanism(_) => FailureKind::NoMechanism,
            Self::Password(_) => FailureKind::Authentication,
            Self::Sasl(condition) => condition.sasl_kind(),
            Self::Bind(condition) => condition.bind_kind(),
            Self::Stream(condition) => condition.stream_kind(),
            Self::TimedOut(_) => FailureKind::Unreachable,
            Self::Silent(_) | Self::Unsent(_) | Self::Closed | Self::Lost(_) => FailureKind::Lost,
            Self::Server(_) | Self::NotXml(_) | Self::Management(_) | Self::Unexpected(_) => {
                FailureKind::Protocol
            }
        }
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTls => f.write_str("the server offers no TLS"),
            Self::TlsRefused => f.write_str("the server refused to start TLS"),
            Self::Injected(count) => {
                write!(f, "the server sent {count} bytes between STARTTLS and the handshake")
            }
            Self::NoMechanism(offered) if offered.is_empty() => f.write_str("the server offers no mechanism"),
            Self::NoMechanism(offered) => {
                write!(f, "the server offers {}, and none of it is spoken here", offered.join(", "))
            }
            Self::Sasl(condition) | Self::Stream(condition) => condition.fmt(f),
            Self::Password(error) => error.fmt(f),
            Self::Server(error) => write!(f, "the server failed to sign on: {error}"),
            Self::Bind(condition) => write!(f, "binding was refused: {condition}"),
            Self::TimedOut(limit) => {
                write!(f, "the server did not answer for {} s while signing on", limit.as_secs())
            }
            Self::Silent(silence) => write!(f, "the server was silent for {} s", silence.as_secs()),
            Self::Unsent(count) => {
                write!(f, "the server does not take what is sent; {count} bytes are waiting")
            }
            Self::Closed => f.write_str("the server closed the stream"),
            Self::Lost(why) | Self::Unexpected(why) => f.write_str(why),
            Self::NotXml(error) => error.fmt(f),
            Self::Management(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for StreamError {}

impl From<NotXml> for StreamError {
    fn from(error: NotXml) -> Self {
        Self::NotXml(error)
    }
}

impl From<SaslError> for StreamError {
    fn from(error: SaslError) -> Self {
        Self::Server(error)
    }
}

impl From<Unprepared> for StreamError {
    fn from(error: Unprepared) -> Self {
        Self::Password(error)
    }
}

impl From<StreamManagementError> for StreamError {
    fn from(error: StreamManagementError) -> Self {
        Self::Management(error)
    }
}

impl From<StreamError> for StreamFailure {
    fn from(error: StreamError) -> Self {
        Self { kind: error.kind(), text: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Element {
        Element::parse(text).unwrap()
    }

    #[test]
    fn a_stream_error_is_told_in_the_servers_words() {
        let error = parse(
            "<e xmlns='http://etherx.jabber.org/streams'><see-other-host xmlns='s'>a.b:5222</see-other-host>\
             <text xmlns='s'>moved</text></e>",
        );
        let condition = Condition::of_stream_error(&error);
        assert_eq!(condition.to_string(), "see-other-host: moved a.b:5222");
        assert_eq!(Condition::of_stream_error(&parse("<e/>")).to_string(), "undefined-condition");
    }

    #[test]
    fn a_stanza_error_is_the_one_inside() {
        let stanza = parse("<iq><query/><error type='cancel'><conflict xmlns='s'/></error></iq>");
        assert_eq!(Condition::of_stanza(&stanza).name, "conflict");
    }
}
