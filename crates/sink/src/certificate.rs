//! A certificate that verifies: an authority of the sink's own and a leaf for its domain, made anew at each start.

use crate::StartError;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::{
    io::{self, Write},
    sync::Arc,
};
use tempfile::NamedTempFile;
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// What a server shows, and what clients believe.
pub(crate) struct Certificate {
    /// The authority's certificate as PEM.
    pub(crate) ca: String,
    leaf: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// Makes one for `domain`, with keys on P-256.
pub(crate) fn make(domain: &str) -> Result<Certificate, StartError> {
    let refused = |source| StartError::Certificate { domain: domain.to_owned(), source };
    let mut authority = CertificateParams::new(Vec::new()).map_err(refused)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "thingfleet sink");
    let authority_key = KeyPair::generate().map_err(refused)?;
    let ca = authority.self_signed(&authority_key).map_err(refused)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let mut leaf = CertificateParams::new(vec![domain.to_owned()]).map_err(refused)?;
    leaf.distinguished_name.push(DnType::CommonName, domain);
    let key = KeyPair::generate().map_err(refused)?;
    let leaf = leaf.signed_by(&key, &issuer).map_err(refused)?;
    Ok(Certificate {
        ca,
        leaf: leaf.der().clone(),
        key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    })
}

/// Writes an authority's certificate to a file that goes with the handle.
pub(crate) fn write(ca: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("thingfleet-sink-").suffix(".pem").tempfile()?;
    file.write_all(ca.as_bytes())?;
    file.flush()?;
    Ok(file)
}

impl Certificate {
    /// TLS 1.2 and 1.3 with this certificate, and rustls's own settings for the rest: session tickets as they come.
    pub(crate) fn server_config(self) -> Result<ServerConfig, StartError> {
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(StartError::Tls)?
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf], self.key)
            .map_err(StartError::Tls)
    }
}
