//! Certificate chains that were verified a moment ago, for a fleet whose devices all meet the same one.
//!
//! What is kept is that this chain is good for this name from now on for a minute: it was verified for the first moment
//! and for the last, so dates hold in between as well. That the server has the certificate's key is seen in each handshake.

use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio_rustls::rustls::{
    self, DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// How long a chain is believed without being verified again.
const MEMORY: Duration = Duration::from_mins(1);

/// Chains that are kept; a fleet meets one, or as many as its domain has servers.
const MOST: usize = 64;

/// Verifies as another does, each chain once a minute.
#[derive(Debug)]
pub(super) struct Believed {
    verifier: Arc<dyn ServerCertVerifier>,
    chains: Mutex<HashMap<[u8; 32], Range<u64>>>,
}

impl Believed {
    pub(super) fn new(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Self { verifier, chains: Mutex::default() }
    }

    /// Nothing can panic under it.
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Range<u64>>> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Believed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut hash = Sha256::new();
        for part in [server_name.to_str().as_bytes(), end_entity, ocsp_response]
            .into_iter()
            .chain(intermediates.iter().map(|certificate| &**certificate))
        {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let chain = hash.finalize().into();
        if self.lock().get(&chain).is_some_and(|good| good.contains(&now.as_secs())) {
            return Ok(ServerCertVerified::assertion());
        }
        let verify =
            |at| self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at);
        let verified = verify(now)?;
        let end = Duration::from_secs(now.as_secs()) + MEMORY;
        if verify(UnixTime::since_unix_epoch(end)).is_ok() {
            let mut chains = self.lock();
            if chains.len() >= MOST {
                chains.clear();
            }
            chains.insert(chain, now.as_secs()..end.as_secs());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.verifier.root_hint_subjects()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use tokio_rustls::rustls::{
        CertificateError, RootCertStore, client::WebPkiServerVerifier, crypto::ring::default_provider,
    };

    /// Counts how often the one below it is asked.
    #[derive(Debug)]
    struct Counting(Arc<WebPkiServerVerifier>, Arc<AtomicUsize>);

    impl ServerCertVerifier for Counting {
        fn verify_server_cert(
            &self,
            end_entity: &CertificateDer<'_>,
            intermediates: &[CertificateDer<'_>],
            server_name: &ServerName<'_>,
            ocsp_response: &[u8],
            now: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            self.1.fetch_add(1, Relaxed);
            self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            self.0.verify_tls12_signature(message, certificate, signed)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            self.0.verify_tls13_signature(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.supported_verify_schemes()
        }
    }

    /// 2026-01-01, the day on which the certificate below ends.
    const END: u64 = 1_767_225_600;

    struct Met {
        believed: Believed,
        asked: Arc<AtomicUsize>,
        certificate: CertificateDer<'static>,
    }

    impl Met {
        fn new() -> Self {
            let mut params = CertificateParams::new(vec!["example.org".to_owned()]).unwrap();
            (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2026, 1, 1));
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap().der().clone();
            let mut roots = RootCertStore::empty();
            roots.add(certificate.clone()).unwrap();
            let provider = Arc::new(default_provider());
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
            let asked = Arc::new(AtomicUsize::new(0));
            let counting = Counting(verifier.build().unwrap(), Arc::clone(&asked));
            Self { believed: Believed::new(Arc::new(counting)), asked, certificate }
        }

        fn verify(&self, name: &str, at: u64) -> Result<(), rustls::Error> {
            let name = ServerName::try_from(name).unwrap();
            let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
            self.believed.verify_server_cert(&self.certificate, &[], &name, &[], at).map(drop)
        }
    }

    #[test]
    fn a_chain_is_verified_once_a_minute_for_each_name() {
        let met = Met::new();
        let begin = END - 10_000;
        for second in 0..60 {
            met.verify("example.org", begin + second).unwrap();
        }
        assert_eq!(met.asked.load(Relaxed), 2, "for the first moment and for the last");
        met.verify("example.org", begin + 60).unwrap();
        assert_eq!(met.asked.load(Relaxed), 4);
        met.verify("example.com", begin).unwrap_err();
        met.verify("example.org", begin - 1).unwrap();
        assert_eq!(met.asked.load(Relaxed), 7, "neither another name nor an earlier moment is believed");
    }

    #[test]
    fn a_certificate_ends_when_it_ends() {
        let met = Met::new();
        for second in (END - 70)..END {
            met.verify("example.org", second).unwrap();
        }
        let ended = met.verify("example.org", END + 1).unwrap_err();
        assert!(
            matches!(
                ended,
                rustls::Error::InvalidCertificate(
                    CertificateError::Expired | CertificateError::ExpiredContext { .. }
                )
            ),
            "{ended}"
        );
    }
}
