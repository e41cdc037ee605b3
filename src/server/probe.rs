//! Asking a port whether our server answers there, as a client would: stream header, STARTTLS, certificate.
//!
//! The certificate is the proof. Another server on the same port, perhaps another private one with the same domain,
//! cannot have it.

use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// More than any server says before `<proceed/>`.
const MOST_BYTES: usize = 16 * 1024;

/// Why the port is not ours yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    /// Nobody listens, or the connection broke.
    #[error("no connection: {0}")]
    NoConnection(#[from] io::Error),
    /// Another program answered.
    #[error("another program answers: {0}")]
    Stranger(String),
}

/// Returns when the server at `address` has proved to be ours.
pub(super) async fn probe(address: SocketAddr, domain: &str, ca: &str) -> Result<(), ProbeError> {
    let mut stream = TcpStream::connect(address).await?;
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{domain}' version='1.0'>"
    );
    stream.write_all(header.as_bytes()).await?;
    wait_for(&mut stream, "</stream:features>").await?;
    stream.write_all(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
    wait_for(&mut stream, "<proceed").await?;

    let name =
        ServerName::try_from(domain.to_owned()).map_err(|error| ProbeError::Stranger(error.to_string()))?;
    match TlsConnector::from(trusting(ca)).connect(name, stream).await {
        Ok(_) => Ok(()),
        // rustls wraps its own errors in `InvalidData`; anything else is the network.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(ProbeError::Stranger(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn trusting(ca: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(ca.as_bytes()).flatten());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

async fn wait_for(stream: &mut (impl AsyncRead + Unpin), text: &str) -> Result<(), ProbeError> {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        if stream.read_buf(&mut seen).await? == 0 || seen.len() > MOST_BYTES {
            return Err(ProbeError::Stranger(format!("no {text:?} in its answer")));
        }
    }
    Ok(())
}
