//! What people would take instead: tokio-xmpp's `StanzaStream`, one a task, as its documentation has it.
//!
//! Its own STARTTLS connector takes no certificates but the system's; this one does the same with ours, with the same
//! buffers.

use super::{
    crowd::{Pace, Tally, reading},
    name,
};
use crate::{Failure, lean};
use futures::{SinkExt, StreamExt};
use sasl::common::ChannelBinding;
use std::{
    fmt,
    str::FromStr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use thingfleet::xmpp::tls;
use thingfleet_peers::account;
use thingfleet_schema::profile::Remote;
use tokio::{io::BufStream, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};
use tokio_xmpp::{
    Error,
    connect::ServerConnector,
    stanzastream::{Event, StanzaStream, StreamEvent},
    xmlstream::{
        PendingFeaturesRecv, StreamHeader, Timeouts, XmppStream, XmppStreamElement, initiate_stream,
    },
};
use xmpp_parsers::{iq::Iq, jid::Jid, minidom::Element, presence::Presence, stanza::Stanza, starttls};

/// Stanzas that may wait to be sent.
const QUEUE: usize = 4;

/// Opens streams on a server of this machine.
#[derive(Clone)]
pub(super) struct Connector {
    port: u16,
    domain: String,
    tls: TlsConnector,
}

impl Connector {
    pub(super) fn new(remote: &Remote) -> Result<Self, Failure> {
        let tls = Arc::new(tls::client_config(&remote.trust)?).into();
        let port = remote.port.ok_or("the port is not known")?;
        Ok(Self { port, domain: remote.domain.clone(), tls })
    }

    fn header(&self) -> StreamHeader<'_> {
        StreamHeader { to: Some(self.domain.as_str().into()), from: None, id: None }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("port", &self.port).finish_non_exhaustive()
    }
}

impl ServerConnector for Connector {
    type Stream = BufStream<TlsStream<TcpStream>>;

    async fn connect(
        &self,
        _jid: &Jid,
        ns: &'static str,
        timeouts: Timeouts,
    ) -> Result<(PendingFeaturesRecv<Self::Stream>, ChannelBinding), Error> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        tcp.set_nodelay(true)?;
        let stream = initiate_stream(BufStream::new(tcp), ns, self.header(), timeouts).await?;
        let (_, mut stream): (_, XmppStream<_>) = stream.recv_features().await?;
        stream.send(&XmppStreamElement::Starttls(starttls::Nonza::Request(starttls::Request))).await?;
        // What else it could be shows when TLS does not begin.
        _ = stream.next().await;
        let tcp = stream.into_inner().into_inner();
        let name = ServerName::try_from(self.domain.clone()).map_err(std::io::Error::other)?;
        let tls = self.tls.connect(name, tcp).await?;
        let stream = initiate_stream(BufStream::new(tls), ns, self.header(), timeouts).await?;
        Ok((stream, ChannelBinding::None))
    }
}

/// Signs on, then publishes at its pace.
pub(super) async fn run(
    connector: Connector,
    number: u32,
    period: Option<Duration>,
    tally: Arc<Tally>,
) -> Result<(), Failure> {
    let account = account(&name(number));
    let jid = Jid::from_str(&format!("{}/peer", account.jid))?;
    let password = account.password.reveal().to_owned();
    let mut stream = StanzaStream::new_c2s(connector, jid, password, Timeouts::default(), QUEUE);
    let (mut pace, mut count) = (Pace::new(None), 0);
    loop {
        tokio::select! {
            event = stream.next() => match event {
                Some(Event::Stream(StreamEvent::Reset { .. })) => {
                    stream.send(Box::new(Presence::available().into())).await;
                    tally.up.fetch_add(1, Relaxed);
                    pace = Pace::new(period);
                }
                Some(Event::Stanza(Stanza::Iq(Iq::Result { .. }))) => _ = tally.published.fetch_add(1, Relaxed),
                Some(Event::Stanza(_) | Event::Stream(_)) => {}
                None => return Err("the stream has ended".into()),
            },
            () = pace.tick() => {
                count += 1;
                let id = format!("p{count}");
                let request = Iq::Set { from: None, to: None, id, payload: payload(count)? };
                stream.send(Box::new(Stanza::Iq(request))).await;
            }
        }
    }
}

fn payload(number: u64) -> Result<Element, Failure> {
    let kind = "unit='celsius' type='float'";
    let payload = lean::publish_payload("xmpp.iot.sensor.temp", kind, reading(number));
    Ok(Element::from_str(&payload)?)
}
