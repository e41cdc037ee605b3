//! The certificates of a private server: a CA for one run, and the server's certificate signed with it.
//!
//! The CA's key exists only while the server's certificate is made, so that nobody can abuse a CA that a person
//! imported into a client.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use std::net::{IpAddr, Ipv4Addr};

/// PEM texts.
pub(super) struct Certificates {
    /// The CA's certificate, for whoever connects.
    pub(super) ca: String,
    /// The server's certificate.
    pub(super) chain: String,
    /// The server's key.
    pub(super) key: String,
}

/// Makes new certificates for `domain` and its pubsub service.
pub(super) fn make(domain: &str) -> Result<Certificates, Error> {
    let mut authority = parameters("thingfleet, private CA of one run")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?.pem();

    let mut server = parameters("thingfleet, private server")?;
    server.subject_alt_names = vec![
        SanType::DnsName(domain.try_into()?),
        SanType::DnsName(super::configuration::pubsub(domain).try_into()?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ];
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let server_key = KeyPair::generate()?;
    let chain = server.signed_by(&server_key, &Issuer::new(authority, authority_key))?.pem();
    Ok(Certificates { ca, chain, key: server_key.serialize_pem() })
}

fn parameters(name: &str) -> Result<CertificateParams, Error> {
    let mut parameters = CertificateParams::new(Vec::<String>::new())?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    // Wide, because devices with a clock that was never set should still get in; the key dies with the run.
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2049, 12, 31);
    Ok(parameters)
}
