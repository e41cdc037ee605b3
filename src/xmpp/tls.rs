//! Which certificates are believed: one TLS configuration for a whole fleet, made from the profile's `trust`.

mod believed;

use believed::Believed;
use sha2::{Digest, Sha256};
use std::{fmt, path::PathBuf, sync::Arc};
use thingfleet_schema::profile::Trust;
use tokio_rustls::rustls::{
    self, CertificateError, CipherSuite, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
};

/// Why a TLS configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The system has no usable roots.
    #[error("the system has no root certificates{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    NoRoots(Option<String>),
    /// The CA file cannot be read.
    #[error("{} cannot be read as certificates", .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// The CA file holds no certificate.
    #[error("{} holds no certificate", .0.display())]
    EmptyCaFile(PathBuf),
    /// A certificate of the CA file is broken.
    #[error("{} holds a certificate that cannot be used", .path.display())]
    BadRoot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// The cryptography does not support the protocol versions.
    #[error("TLS cannot be set up")]
    Provider(#[source] rustls::Error),
}

/// Makes the TLS configuration for `trust`. Reads files and the system's roots: make it once for a fleet.
///
/// # Errors
/// [`TrustError`] if there is nothing to believe in.
pub fn client_config(trust: &Trust) -> Result<ClientConfig, TrustError> {
    let mut provider = rustls::crypto::ring::default_provider();
    // First the suite that everybody has (RFC 8446 section 9.1), whose hash processors have instructions for.
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let provider = Arc::new(provider);
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Provider)?;
    let unchained = |trust| Arc::new(Unchained { trust, provider: provider.clone() });
    let rooted = |roots| {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        let verifier = verifier.map_err(|error| TrustError::NoRoots(Some(error.to_string())))?;
        Ok(Arc::new(Believed::new(verifier)))
    };
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => rooted(system_roots()?)?,
        Trust::CaFile(path) => rooted(file_roots(path)?)?,
        Trust::Pin(pin) => unchained(EndEntity::Pinned(*pin)),
        Trust::Insecure => {
            tracing::warn!(
                "TLS certificates are NOT checked (`insecure: true`): anyone on the way can read and change \
                 everything, passwords included"
            );
            unchained(EndEntity::Any)
        }
    };
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    // Tickets would be shared by the whole fleet: devices that never met the server would resume what others began.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn system_roots() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(TrustError::NoRoots(found.errors.first().map(ToString::to_string)));
    }
    Ok(roots)
}

fn file_roots(path: &PathBuf) -> Result<RootCertStore, TrustError> {
    let unreadable = |source| TrustError::CaFile { path: path.clone(), source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let certificate = certificate.map_err(unreadable)?;
        roots.add(certificate).map_err(|source| TrustError::BadRoot { path: path.clone(), source })?;
    }
    if roots.is_empty() {
        return Err(TrustError::EmptyCaFile(path.clone()));
    }
    Ok(roots)
}

/// Which end-entity certificate is believed without looking at name and chain.
#[derive(Debug)]
enum EndEntity {
    /// The one with this SHA-256 of its DER encoding.
    Pinned([u8; 32]),
    /// Any.
    Any,
}

/// Believes a certificate without a chain. The handshake's signature is still checked: whoever answers holds the
/// certificate's key.
#[derive(Debug)]
struct Unchained {
    trust: EndEntity,
    provider: Arc<CryptoProvider>,
}

/// The pin and what was found instead.
#[derive(Debug)]
struct WrongPin([u8; 32]);

impl fmt::Display for WrongPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not the pinned one; its SHA-256 is ")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::error::Error for WrongPin {}

impl ServerCertVerifier for Unchained {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = match self.trust {
            EndEntity::Any => return Ok(ServerCertVerified::assertion()),
            EndEntity::Pinned(pin) => {
                let found: [u8; 32] = Sha256::digest(end_entity).into();
                if found == pin {
                    return Ok(ServerCertVerified::assertion());
                }
                found
            }
        };
        Err(CertificateError::Other(OtherError(Arc::new(WrongPin(found)))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_a_certificate_is_refused() {
        let missing = client_config(&Trust::CaFile("no/such/file.pem".into())).unwrap_err();
        assert_eq!(missing.to_string(), "no/such/file.pem cannot be read as certificates");
        let empty = client_config(&Trust::CaFile("Cargo.toml".into())).unwrap_err();
        assert_eq!(empty.to_string(), "Cargo.toml holds no certificate");
    }

    #[test]
    fn a_wrong_pin_says_what_was_found() {
        assert!(
            WrongPin([0xab; 32])
                .to_string()
                .ends_with("its SHA-256 is abababababababababababababababababababababababababababababababab")
        );
    }
}
