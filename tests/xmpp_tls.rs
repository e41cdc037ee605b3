//! Which certificates a connector believes, and what it says of the others.

use rcgen::{CertificateParams, date_time_ymd};
use sha2::{Digest, Sha256};
use std::{path::PathBuf, sync::Arc, time::Duration};
use thingfleet::xmpp::{
    connect::Connector,
    session::{Session, SessionEvent},
};
use thingfleet_device::io::{FailureKind, StreamFailure};
use thingfleet_peers as peers;
use thingfleet_schema::profile::{Remote, Security, Trust};
use tokio::{net::TcpListener, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// A server that does nothing but TLS and then hangs up.
struct Handshaker {
    dir: PathBuf,
    port: u16,
    /// SHA-256 of its certificate.
    fingerprint: [u8; 32],
}

impl Drop for Handshaker {
    fn drop(&mut self) {
        // It is a temporary directory.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Handshaker {
    async fn with(name: &str, domain: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let dir = std::env::temp_dir().join(format!("thingfleet-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        peers::certificates(&dir, domain, change);
        let certificate = CertificateDer::from_pem_file(dir.join("cert.pem")).unwrap();
        let fingerprint = Sha256::digest(&certificate).into();
        let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // A refused certificate shows here as an alert; it is the client's word that counts.
                let _ = acceptor.accept(tcp).await;
            }
        });
        Self { dir, port, fingerprint }
    }

    fn ca(&self) -> Trust {
        Trust::CaFile(self.dir.join("ca.pem"))
    }

    /// What a device meets that believes `trust`.
    async fn meet(&self, trust: Trust) -> StreamFailure {
        let connector = Connector::new(Remote {
            domain: peers::DOMAIN.to_owned(),
            host: Some("127.0.0.1".to_owned()),
            port: Some(self.port),
            from: Vec::new(),
            security: Security::DirectTls,
            trust,
        });
        let mut session = Session::new(Arc::new(connector.unwrap()));
        session.open(&peers::account("kettle"));
        match timeout(Duration::from_secs(10), session.next()).await.expect("an answer within 10 s") {
            SessionEvent::Down(failure) => failure,
            other => panic!("{other:?}"),
        }
    }

    async fn refuses(&self, trust: Trust, expected: &str) {
        let failure = self.meet(trust).await;
        assert_eq!(failure.kind, FailureKind::Tls, "{failure:?}");
        assert!(failure.text.contains(expected), "{failure:?}");
    }

    /// The handshake succeeds; what follows is the server hanging up.
    async fn believes(&self, trust: Trust) {
        let failure = self.meet(trust).await;
        assert_eq!(failure.kind, FailureKind::Lost, "{failure:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_believed_by_its_authority_only() {
    let (server, other) = tokio::join!(
        Handshaker::with("good", peers::DOMAIN, |_| {}),
        Handshaker::with("other", peers::DOMAIN, |_| {})
    );
    server.believes(server.ca()).await;
    server.refuses(other.ca(), "not signed by an authority that is trusted here").await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = Handshaker::with("name", "elsewhere.example", |_| {}).await;
    server.refuses(server.ca(), "is for another name").await;
}

#[tokio::test]
async fn a_certificate_out_of_date_is_refused() {
    let expired =
        Handshaker::with("expired", peers::DOMAIN, |leaf| leaf.not_after = date_time_ymd(2020, 1, 1));
    let expired = expired.await;
    expired.refuses(expired.ca(), "has expired").await;
    let early =
        Handshaker::with("early", peers::DOMAIN, |leaf| leaf.not_before = date_time_ymd(2049, 1, 1)).await;
    early.refuses(early.ca(), "is not valid yet").await;
}

#[tokio::test]
async fn a_pinned_certificate_is_believed_whatever_it_says_and_no_other_is() {
    let server =
        Handshaker::with("pin", "elsewhere.example", |leaf| leaf.not_after = date_time_ymd(2020, 1, 1)).await;
    server.believes(Trust::Pin(server.fingerprint)).await;
    server.refuses(Trust::Pin([7; 32]), "it is not the pinned one; its SHA-256 is ").await;
}

#[tokio::test]
async fn any_certificate_is_believed_only_when_asked_to() {
    let server = Handshaker::with("any", "elsewhere.example", |_| {}).await;
    server.believes(Trust::Insecure).await;
}
