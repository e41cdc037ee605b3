//! One client's session: signed on, then stanzas in and answers and deliveries out, until either side leaves.

use crate::{
    house::{Bound, Delivery, House},
    sign_on,
    stream::{Received, StreamEnd, XmlStream},
};
use std::{io, sync::Arc};
use thingfleet_device::{ns, xml::Element};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

/// The type of a record of TLS that holds a handshake (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// Serves one connection to its end.
pub(crate) async fn run(
    tcp: TcpStream,
    tls: Option<TlsAcceptor>,
    house: &Arc<House>,
) -> Result<(), StreamEnd> {
    // Answers are small and written at once.
    tcp.set_nodelay(true)?;
    let Some(tls) = tls else {
        return Box::pin(serve(XmlStream::new(tcp, Arc::clone(&house.stall)), house)).await;
    };
    let tcp = if begins_with_tls(&tcp).await? {
        tcp
    } else {
        let mut stream = XmlStream::new(tcp, Arc::clone(&house.stall));
        sign_on::start_tls(&mut stream, house).await?;
        stream.into_io()
    };
    house.stall.over().await;
    let tls = tls.accept(tcp).await?;
    // Boxed apart, since what came before is not needed for the rest of the session.
    Box::pin(serve(XmlStream::new(tls, Arc::clone(&house.stall)), house)).await
}

/// Whether the client wants TLS at once (XEP-0368): a handshake begins with a byte that no stream of XML does.
async fn begins_with_tls(tcp: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    tcp.peek(&mut first).await?;
    Ok(first == [HANDSHAKE])
}

async fn serve<Io: AsyncRead + AsyncWrite + Unpin>(
    mut stream: XmlStream<Io>,
    house: &Arc<House>,
) -> Result<(), StreamEnd> {
    let mut bound = Box::pin(sign_on::sign_on(&mut stream, house)).await?;
    let mut managed = Managed::default();
    let end = converse(&mut stream, house, &mut bound, &mut managed).await;
    house.unbind(&bound);
    match end {
        Ok(()) => stream.out().push_str("</stream:stream>"),
        Err(StreamEnd::Replaced) => {
            stream.end("conflict").await;
            return Err(StreamEnd::Replaced);
        }
        Err(StreamEnd::Xml(error)) => {
            stream.end("not-well-formed").await;
            return Err(StreamEnd::Xml(error));
        }
        Err(StreamEnd::TooLarge) => {
            stream.end("policy-violation").await;
            return Err(StreamEnd::TooLarge);
        }
        Err(end) => return Err(end),
    }
    stream.leave().await;
    Ok(())
}

/// What is counted for acknowledgements (XEP-0198 section 4).
#[derive(Default)]
struct Managed {
    on: bool,
    handled: u32,
}

async fn converse<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut XmlStream<Io>,
    house: &House,
    bound: &mut Bound,
    managed: &mut Managed,
) -> Result<(), StreamEnd> {
    loop {
        while let Some(received) = stream.parsed()? {
            match received {
                Received::Element(element) if element.namespace() == ns::STREAM_MANAGEMENT => {
                    managed.nonza(&element, stream.out());
                }
                Received::Element(stanza) => {
                    managed.handled = managed.handled.wrapping_add(u32::from(managed.on));
                    house.stanza(bound, stanza, stream.out());
                }
                Received::Footer => return Ok(()),
                Received::Header => return Err(StreamEnd::Unexpected("stream".to_owned())),
            }
        }
        while let Ok(delivery) = bound.inbox.try_recv() {
            deliver(stream, delivery)?;
        }
        stream.flush().await?;
        tokio::select! {
            read = stream.read() => read?,
            delivery = bound.inbox.recv() => match delivery {
                Some(delivery) => deliver(stream, delivery)?,
                // The house has let go of it.
                None => return Err(StreamEnd::Replaced),
            },
        }
    }
}

fn deliver<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut XmlStream<Io>,
    delivery: Delivery,
) -> Result<(), StreamEnd> {
    match delivery {
        Delivery::Stanza(stanza) => {
            stream.send(&stanza);
            Ok(())
        }
        Delivery::Replaced => Err(StreamEnd::Replaced),
    }
}

impl Managed {
    fn nonza(&mut self, element: &Element, out: &mut String) {
        let answer = match element.name() {
            "enable" => {
                self.on = true;
                // Resumption is promised, so that clients keep what a real server would have them keep, and refused
                // when it is asked for.
                Element::new(ns::STREAM_MANAGEMENT, "enabled").attr("id", "sink").attr("resume", "true")
            }
            "r" => Element::new(ns::STREAM_MANAGEMENT, "a").attr("h", self.handled.to_string()),
            _ => return,
        };
        answer.write_to(out, ns::CLIENT);
    }
}
