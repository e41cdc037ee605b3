//! A client made of tokio-xmpp's stream and its exchange of SASL, and of nothing that is ours.

use futures::{SinkExt, StreamExt};
use sasl::common::{ChannelBinding, Credentials};
use std::{collections::VecDeque, path::Path, str::FromStr, sync::Arc, time::Duration};
use thingfleet_sink::Sink;
use tokio::{io::BufStream, net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use tokio_xmpp::{
    client_login,
    xmlstream::{
        FallibleStreamElement, StreamHeader, Timeouts, XmppStream, XmppStreamElement, initiate_stream,
    },
};
use xmpp_parsers::{minidom::Element, stanza::Stanza, starttls, stream_features::StreamFeatures};

const NAMESPACE: &str = "jabber:client";

/// How long the sink may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

type Stream = XmppStream<BufStream<TlsStream<TcpStream>>>;

pub(crate) struct Client {
    stream: Stream,
    backlog: VecDeque<String>,
}

pub(crate) async fn sign_on(sink: &Sink, user: &str, password: &str) -> Client {
    open(sink, sink.ca_file(), user, password).await.unwrap()
}

/// Signs on, believing in this authority.
pub(crate) async fn open(sink: &Sink, ca: &Path, user: &str, password: &str) -> Result<Client, String> {
    let way = async { sign_on_over(start_tls(sink).await?, sink, ca, user, password).await };
    timeout(PATIENCE, way).await.unwrap()
}

/// The same with TLS from the first byte.
pub(crate) async fn open_directly(sink: &Sink, user: &str, password: &str) -> Result<Client, String> {
    let tcp = TcpStream::connect(sink.address()).await.map_err(text)?;
    timeout(PATIENCE, sign_on_over(tcp, sink, sink.ca_file(), user, password)).await.unwrap()
}

fn header(sink: &Sink) -> StreamHeader<'_> {
    StreamHeader { to: Some(sink.domain().into()), from: None, id: None }
}

async fn start_tls(sink: &Sink) -> Result<TcpStream, String> {
    let tcp = TcpStream::connect(sink.address()).await.map_err(text)?;
    let stream = initiate_stream(BufStream::new(tcp), NAMESPACE, header(sink), Timeouts::default());
    let stream = stream.await.map_err(text)?;
    let (_, mut stream): (StreamFeatures, XmppStream<_>) =
        stream.recv_features::<FallibleStreamElement>().await.map_err(text)?;
    let request = XmppStreamElement::Starttls(starttls::Nonza::Request(starttls::Request));
    stream.send(&request).await.map_err(text)?;
    stream.next().await.ok_or("the stream ended")?.map_err(text)?;
    Ok(stream.into_inner().into_inner())
}

async fn sign_on_over(
    tcp: TcpStream,
    sink: &Sink,
    ca: &Path,
    user: &str,
    password: &str,
) -> Result<Client, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).map_err(text)?).map_err(text)?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(text)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(sink.domain().to_owned()).map_err(text)?;
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(text)?;
    let stream = initiate_stream(BufStream::new(tls), NAMESPACE, header(sink), Timeouts::default());
    let stream = stream.await.map_err(text)?;
    let (features, stream) = stream.recv_features::<FallibleStreamElement>().await.map_err(text)?;
    let credentials = Credentials::default()
        .with_username(user)
        .with_password(password)
        .with_channel_binding(ChannelBinding::None);
    let stream = client_login(stream, features.sasl_mechanisms, credentials).await.map_err(text)?;
    let stream = stream.send_header(header(sink)).await.map_err(text)?;
    let (_, stream) = stream.recv_features::<FallibleStreamElement>().await.map_err(text)?;
    let mut client = Client { stream, backlog: VecDeque::new() };
    let bound = client
        .ask(
            "<iq xmlns='jabber:client' type='set' id='bind'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>test</resource></bind></iq>",
        )
        .await;
    assert!(bound.contains(&format!("{user}@{}/test", sink.domain())), "{bound}");
    Ok(client)
}

impl Client {
    pub(crate) async fn send(&mut self, stanza: &str) {
        let stanza = Stanza::try_from(Element::from_str(stanza).unwrap()).unwrap();
        self.stream.send(&XmppStreamElement::Stanza(stanza)).await.unwrap();
    }

    /// Sends a request and waits for its answer; what else comes is heard later.
    pub(crate) async fn ask(&mut self, request: &str) -> String {
        let id = Element::from_str(request).unwrap().attr("id").unwrap().to_owned();
        self.send(request).await;
        self.first(|stanza| {
            let is_answer = matches!(stanza.attr("type"), Some("result" | "error"));
            stanza.name() == "iq" && is_answer && stanza.attr("id") == Some(&id)
        })
        .await
    }

    /// Waits for the next stanza with this text in it.
    pub(crate) async fn hear(&mut self, needle: &str) -> String {
        if let Some(place) = self.backlog.iter().position(|stanza| stanza.contains(needle)) {
            return self.backlog.remove(place).unwrap();
        }
        self.first(|stanza| String::from(stanza).contains(needle)).await
    }

    async fn first(&mut self, is_it: impl Fn(&Element) -> bool) -> String {
        loop {
            let next = timeout(PATIENCE, self.stream.next()).await.expect("the sink says nothing more");
            let element = next.expect("the stream goes on").expect("it is readable");
            let FallibleStreamElement::Ok(XmppStreamElement::Stanza(stanza)) = element else { continue };
            let stanza = Element::from(stanza);
            if is_it(&stanza) {
                return String::from(&stanza);
            }
            self.backlog.push_back(String::from(&stanza));
        }
    }
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
