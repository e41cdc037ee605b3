//! Why a stream did not open or did not last: every cause with its kind and the server's own words.

use super::pipe::ReadError;
use std::{error::Error, io};
use thingfleet_device::{
    io::{FailureKind, StreamFailure},
    xml::Element,
};
use thingfleet_link::xmpp::failure::{Condition, StreamError as SharedError};
use tokio_rustls::rustls::{self, CertificateError};
use tokio_xmpp::xmlstream::RecvFeaturesError;
use xmpp_parsers::stream_error::StreamError;

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No address was found.
    #[error("{host} cannot be found: {why}")]
    Unresolved {
        /// The name that was looked up.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// No address answered.
    #[error("no connection to {to}: {source}")]
    Unreachable {
        /// The last address tried.
        to: String,
        /// What the last attempt met.
        source: io::Error,
    },
    /// All local ports are taken that connections from one address to one address of a server can have (`ip(7)`).
    #[error(
        "no local port is left for a connection from {from} to {to}: Linux has {ports} of them for one address on each \
         side; list more addresses of this machine in `server: {{ from: [...] }}`, or widen the range with \
         `sysctl net.ipv4.ip_local_port_range`"
    )]
    Ports {
        /// The address connected from.
        from: String,
        /// The address connected to.
        to: String,
        /// How many there are.
        ports: u32,
    },
    /// The address to connect from is not one of this machine.
    #[error(
        "{from} in `server: {{ from: ... }}` is no address of this machine; `ip address` lists those it has"
    )]
    Source {
        /// That address.
        from: String,
    },
    /// As many files are open as may be (`getrlimit(2)`, `RLIMIT_NOFILE`).
    #[error(
        "no more files may be open here ({0}); raise the limit with `ulimit -n` as root or in /etc/security/limits.conf"
    )]
    Files(#[source] io::Error),
    /// The server did not finish signing on in time.
    #[error("the server did not answer for {seconds} s while signing on")]
    TimedOut {
        /// How long it was given.
        seconds: u64,
    },
    /// The domain cannot stand in a certificate.
    #[error("{0} is no name a certificate can carry")]
    ServerName(String),
    /// The handshake failed.
    #[error("{}", tls_text(.0))]
    Tls(#[source] io::Error),
    /// The server refused STARTTLS after offering it.
    #[error("the server refused to start TLS")]
    TlsRefused,
    /// The server does not offer STARTTLS.
    #[error("the server offers no TLS")]
    NoTls,
    /// Without TLS only this machine is talked to.
    #[error("the server's address is not a loopback address, and without TLS only those are allowed")]
    NotLoopback,
    /// The server sent something before TLS that it may only send inside.
    #[error("the server sent {0} bytes between STARTTLS and the handshake")]
    Injected(usize),
    /// The server refused the account.
    #[error("{0}")]
    Sasl(Condition),
    /// No mechanism in common.
    #[error("the server offers {}, and none of it is spoken here", offered(.0))]
    NoMechanism(Vec<String>),
    /// The server did not show that it knows the password either, or broke the exchange.
    #[error("the server failed to sign on: {0}")]
    ServerSasl(sasl::client::MechanismError),
    /// The server let nobody be bound or resumed.
    #[error("{0}")]
    Establish(SharedError),
    /// The server ended the stream with an error.
    #[error("{0}")]
    Stream(Condition),
    /// The connection broke.
    #[error("{0}")]
    Lost(String),
    /// The server does not speak XMPP as it should.
    #[error("{0}")]
    Protocol(String),
}

impl OpenError {
    /// What kind of failure this is.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Unresolved { .. } => FailureKind::Unresolved,
            Self::Unreachable { .. }
            | Self::Ports { .. }
            | Self::Source { .. }
            | Self::Files(_)
            | Self::TimedOut { .. } => FailureKind::Unreachable,
            Self::Tls(error) if tls_error(error).is_none() => FailureKind::Lost,
            Self::ServerName(_) | Self::Tls(_) | Self::TlsRefused | Self::Injected(_) => FailureKind::Tls,
            Self::NoTls | Self::NotLoopback => FailureKind::NoTls,
            Self::Sasl(condition) => condition.sasl_kind(),
            Self::NoMechanism(_) => FailureKind::NoMechanism,
            Self::Establish(error) => error.kind(),
            Self::Stream(condition) => condition.stream_kind(),
            Self::Lost(_) => FailureKind::Lost,
            Self::ServerSasl(_) | Self::Protocol(_) => FailureKind::Protocol,
        }
    }
}

impl From<OpenError> for StreamFailure {
    fn from(error: OpenError) -> Self {
        Self { kind: error.kind(), text: error.to_string() }
    }
}

impl From<SharedError> for OpenError {
    fn from(error: SharedError) -> Self {
        match error {
            SharedError::Stream(condition) => Self::Stream(condition),
            other => Self::Establish(other),
        }
    }
}

impl From<RecvFeaturesError> for OpenError {
    fn from(error: RecvFeaturesError) -> Self {
        match error {
            RecvFeaturesError::Io(error) => Self::from(error),
            RecvFeaturesError::StreamError(error) => typed_stream_error(error.0),
        }
    }
}

impl From<io::Error> for OpenError {
    /// An error of an open connection.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData if tls_error(&error).is_some() => Self::Tls(error),
            io::ErrorKind::InvalidData => Self::Protocol(error.to_string()),
            _ => Self::Lost(error.to_string()),
        }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error.into(),
            ReadError::NotXml(error) => Self::Protocol(error.to_string()),
            ReadError::Eof => Self::Lost(error.to_string()),
        }
    }
}

/// A `<stream:error/>` that came in on an open stream (RFC 6120 section 4.9).
pub(super) fn stream_error(error: &Element) -> OpenError {
    OpenError::Stream(Condition::of_stream_error(error))
}

/// The same before the session reads elements itself.
pub(super) fn typed_stream_error(error: StreamError) -> OpenError {
    let text = String::from(&xmpp_parsers::minidom::Element::from(error));
    match Element::parse(&text) {
        Ok(element) => stream_error(&element),
        Err(_) => OpenError::Protocol(text),
    }
}

fn offered(mechanisms: &[String]) -> String {
    if mechanisms.is_empty() { "no mechanism".to_owned() } else { mechanisms.join(", ") }
}

/// The TLS error inside an I/O error.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn tls_text(error: &io::Error) -> String {
    let Some(error) = tls_error(error) else {
        return format!("the connection broke during the TLS handshake: {error}");
    };
    match error {
        rustls::Error::InvalidCertificate(certificate) => certificate_text(certificate),
        other => format!("TLS failed: {other}"),
    }
}

fn certificate_text(error: &CertificateError) -> String {
    match error {
        // A bad signature is an authority of the same name with another key: each private server's own.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is not signed by an authority that is trusted here".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the server's certificate has expired: {error}")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the server's certificate is not valid yet: {error}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the server's certificate is for another name: {error}")
        }
        CertificateError::Other(other) => {
            format!(
                "the server's certificate was refused: {}",
                other.source().map_or_else(|| other.to_string(), ToString::to_string)
            )
        }
        other => format!("the server's certificate was refused: {other}"),
    }
}
