//! The lower bound: XMPP by hand, with constant XML over tokio and rustls, and no more than the benchmark needs.
//!
//! Same TLS settings as the product. It signs on with PLAIN instead of SCRAM, parses nothing, keeps nothing for
//! resumption and trusts the server to say what is expected.

use crate::{Failure, stage::PATIENCE};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::sync::Arc;
use thingfleet::xmpp::tls;
use thingfleet_device::instance::Account;
use thingfleet_schema::profile::Remote;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

/// Bytes read at a time: an answer to a publish fits.
const CHUNK: usize = 512;
/// What an answer to a publish has in it, with either quote.
const ANSWER: [&[u8; 5]; 2] = [b"id='p", b"id=\"p"];

/// Where and how hand-written sessions connect.
#[derive(Clone)]
pub(crate) struct Lean {
    port: u16,
    domain: String,
    tls: TlsConnector,
}

/// A hand-written session.
pub(crate) struct LeanSession {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
    /// The end of what was read last, in which an answer may have begun.
    tail: [u8; 4],
}

impl Lean {
    /// Prepares sessions on a server of this machine.
    pub(crate) fn new(remote: &Remote) -> Result<Self, Failure> {
        let tls = Arc::new(tls::client_config(&remote.trust)?).into();
        let port = remote.port.ok_or("the port is not known")?;
        Ok(Self { port, domain: remote.domain.clone(), tls })
    }

    /// Signs on and becomes available.
    pub(crate) async fn sign_on(&self, account: &Account) -> Result<LeanSession, Failure> {
        timeout(PATIENCE, self.negotiate(account)).await?
    }

    async fn negotiate(&self, account: &Account) -> Result<LeanSession, Failure> {
        let header = format!(
            "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
            self.domain
        );
        let mut tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        tcp.set_nodelay(true)?;
        tcp.write_all(header.as_bytes()).await?;
        until(&mut tcp, &mut Vec::new(), "</stream:features>").await?;
        tcp.write_all(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
        until(&mut tcp, &mut Vec::new(), "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
        let name = ServerName::try_from(self.domain.clone())?;
        let stream = self.tls.connect(name, tcp).await?;
        let mut session = LeanSession { stream, read: Vec::new(), tail: [0; 4] };
        let token =
            BASE64_STANDARD.encode(format!("\0{}\0{}", account.jid.local(), account.password.reveal()));
        session.say(&header, "</stream:features>").await?;
        let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>");
        session.say(&auth, "<success").await?;
        session.say(&header, "</stream:features>").await?;
        session.say(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>lean</resource></bind></iq>",
            "</iq>",
        ).await?;
        session.write("<presence/>").await?;
        session.read = Vec::new();
        Ok(session)
    }
}

impl LeanSession {
    /// Writes text.
    pub(crate) async fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Waits until the server has said `text`, and forgets everything up to the end of what was read with it.
    pub(crate) async fn hear(&mut self, text: &str) -> Result<(), Failure> {
        self.read.clear();
        timeout(PATIENCE, until(&mut self.stream, &mut self.read, text)).await?
    }

    /// Writes, and waits for an answer.
    pub(crate) async fn say(&mut self, text: &str, answer: &str) -> Result<(), Failure> {
        self.write(text).await?;
        self.hear(answer).await
    }

    /// Reads once, and counts the answers to publishes in it. Cancel-safe.
    pub(crate) async fn answers(&mut self) -> Result<u64, Failure> {
        let mut chunk = [0; 4 + CHUNK];
        let count = self.stream.read(&mut chunk[4..]).await?;
        if count == 0 {
            return Err("the server closed the connection".into());
        }
        chunk[..4].copy_from_slice(&self.tail);
        self.tail.copy_from_slice(&chunk[count..count + 4]);
        let is_answer = |bytes: &&[u8]| ANSWER.iter().any(|answer| bytes == answer);
        Ok(chunk[..count + 4].windows(5).filter(is_answer).count() as u64)
    }
}

/// The publish that a device makes, to its own account.
pub(crate) fn publish(number: u64, item: &str, kind: &str, value: impl std::fmt::Display) -> String {
    format!("<iq type='set' id='p{number}'>{}</iq>", publish_payload(item, kind, value))
}

/// What is in [`publish`].
pub(crate) fn publish_payload(item: &str, kind: &str, value: impl std::fmt::Display) -> String {
    format!(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='xmpp.iot.sensors'><item id='{item}'>\
         <val xmlns='urn:xmpp:uwpx:iot' {kind}>{value}</val></item></publish>\
         <publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
         <value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
         <field var='pubsub#persist_items'><value>true</value></field>\
         <field var='pubsub#access_model'><value>presence</value></field></x></publish-options></pubsub>"
    )
}

async fn until(
    stream: &mut (impl AsyncReadExt + Unpin),
    read: &mut Vec<u8>,
    text: &str,
) -> Result<(), Failure> {
    while !read.windows(text.len()).any(|window| window == text.as_bytes()) {
        if stream.read_buf(read).await? == 0 {
            return Err(format!(
                "the server closed the connection after {:?}",
                String::from_utf8_lossy(read)
            )
            .into());
        }
    }
    Ok(())
}
