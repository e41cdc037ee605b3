//! Why a stream did not open or did not last: every cause with its kind and the server's own words.

use super::pipe::ReadError;
use std::{error::Error, io};
use thingfleet_device::{
    io::{FailureKind, StreamFailure},
    xml::Element,
};
use thingfleet_link::xmpp::failure::{Condition, StreamError};
use tokio_rustls::rustls::{self, CertificateError};

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
    /// Without TLS only this machine is talked to.
    #[error("the server's address is not a loopback address, and without TLS only those are allowed")]
    NotLoopback,
    /// The server did not sign on, or ended the stream.
    #[error("{0}")]
    Stream(StreamError),
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
            Self::ServerName(_) | Self::Tls(_) => FailureKind::Tls,
            Self::NotLoopback => FailureKind::NoTls,
            Self::Stream(error) => error.kind(),
            Self::Lost(_) => FailureKind::Lost,
            Self::Protocol(_) => FailureKind::Protocol,
        }
    }
}

impl From<OpenError> for StreamFailure {
    fn from(error: OpenError) -> Self {
        Self { kind: error.kind(), text: error.to_string() }
    }
}

impl From<StreamError> for OpenError {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
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
    StreamError::Stream(Condition::of_stream_error(error)).into()
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
