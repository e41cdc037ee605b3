//! One connection's XML stream: elements in, text out. It knows no stanza from another.

use crate::stall::Stall;
use rxml::{Event, Parse as _, Parser, error::EndOrError};
use std::{fmt::Write as _, io, mem::take, sync::Arc};
use thingfleet_device::{
    ns,
    xml::{Builder, Element, TooLarge},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes read at a time.
const READ: usize = 4096;

/// What came in.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    /// `<stream:stream>`.
    Header,
    /// An element below it.
    Element(Element),
    /// `</stream:stream>`.
    Footer,
}

/// Why a stream has ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamEnd {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the client closed the connection")]
    Eof,
    #[error("the client closed the stream")]
    Footer,
    #[error("the client sent no restricted XML: {0}")]
    Xml(rxml::Error),
    #[error("the client sent {TooLarge}")]
    TooLarge,
    #[error("the client sent something out of turn: {0}")]
    Unexpected(String),
    #[error("the client failed to sign on too often")]
    Refused,
    #[error("another session took the resource")]
    Replaced,
}

/// A stream over whatever carries bytes.
pub(crate) struct XmlStream<Io> {
    io: Io,
    parser: Parser,
    builder: Builder,
    depth: usize,
    input: Vec<u8>,
    /// Bytes of `input` that are parsed.
    parsed: usize,
    out: String,
    stall: Arc<Stall>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> XmlStream<Io> {
    pub(crate) fn new(io: Io, stall: Arc<Stall>) -> Self {
        Self {
            io,
            parser: Parser::new(),
            builder: Builder::default(),
            depth: 0,
            input: Vec::new(),
            parsed: 0,
            out: String::new(),
            stall,
        }
    }

    /// What was under it. Bytes that were read but not used are gone with it.
    pub(crate) fn into_io(self) -> Io {
        self.io
    }

    /// Begins again with a header, as after signing on (RFC 6120 section 4.3.3).
    pub(crate) fn restart(&mut self) {
        self.parser = Parser::new();
        self.builder = Builder::default();
        self.depth = 0;
    }

    /// Where text to be written goes; [`Self::flush`] writes it.
    pub(crate) fn out(&mut self) -> &mut String {
        &mut self.out
    }

    /// Queues an element.
    pub(crate) fn send(&mut self, element: &Element) {
        element.write_to(&mut self.out, ns::CLIENT);
    }

    /// Writes all that is queued, once no stall is in the way.
    pub(crate) async fn flush(&mut self) -> Result<(), StreamEnd> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.stall.over().await;
        self.io.write_all(self.out.as_bytes()).await?;
        self.io.flush().await?;
        self.out.clear();
        Ok(())
    }

    /// Reads what there is, and waits if there is nothing. Cancel-safe.
    pub(crate) async fn read(&mut self) -> Result<(), StreamEnd> {
        if self.parsed == self.input.len() {
            self.input.clear();
            self.parsed = 0;
        }
        self.input.reserve(READ);
        match self.io.read_buf(&mut self.input).await? {
            0 => Err(StreamEnd::Eof),
            _ => Ok(()),
        }
    }

    /// The next of what was read; `None` when more has to be read first.
    pub(crate) fn parsed(&mut self) -> Result<Option<Received>, StreamEnd> {
        loop {
            let mut rest = &self.input[self.parsed..];
            let before = rest.len();
            let parsed = self.parser.parse(&mut rest, false);
            self.parsed += before - rest.len();
            let event = match parsed {
                Ok(Some(event)) => event,
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(None),
                Err(EndOrError::Error(error)) => return Err(StreamEnd::Xml(error)),
            };
            match &event {
                Event::XmlDeclaration(..) => continue,
                Event::StartElement(..) => {
                    self.depth += 1;
                    if self.depth == 1 {
                        return Ok(Some(Received::Header));
                    }
                }
                Event::EndElement(_) => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(Some(Received::Footer));
                    }
                }
                Event::Text(..) if self.depth == 1 => continue,
                Event::Text(..) => {}
            }
            match self.builder.event(event) {
                Some(Ok(element)) => return Ok(Some(Received::Element(element))),
                Some(Err(TooLarge)) => return Err(StreamEnd::TooLarge),
                None => {}
            }
        }
    }

    /// Writes all that is queued, then waits for the next of what comes in.
    pub(crate) async fn next(&mut self) -> Result<Received, StreamEnd> {
        self.flush().await?;
        loop {
            if let Some(received) = self.parsed()? {
                return Ok(received);
            }
            self.read().await?;
        }
    }

    /// Takes the client's header and answers with ours and these features.
    pub(crate) async fn open(&mut self, domain: &str, features: &Element) -> Result<(), StreamEnd> {
        match self.next().await? {
            Received::Header => {}
            Received::Footer => return Err(StreamEnd::Footer),
            Received::Element(element) => return Err(StreamEnd::Unexpected(element.name().to_owned())),
        }
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| StreamEnd::Io(error.into()))?;
        let id = u64::from_le_bytes(id);
        self.out.push_str("<?xml version='1.0'?><stream:stream xmlns='jabber:client' ");
        self.out.push_str("xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='");
        self.out.push_str(domain);
        // Writing to a String cannot fail.
        _ = write!(self.out, "' id='{id:016x}'><stream:features>");
        for feature in features.elements() {
            feature.write_to(&mut self.out, ns::CLIENT);
        }
        self.out.push_str("</stream:features>");
        Ok(())
    }

    /// Writes what is queued and a stream error, and ends the stream (RFC 6120 section 4.9).
    pub(crate) async fn end(&mut self, condition: &str) {
        self.out.push_str("<stream:error><");
        self.out.push_str(condition);
        self.out.push_str(" xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
        self.leave().await;
    }

    /// Writes what is queued and closes the connection; whoever does not take it misses it.
    pub(crate) async fn leave(&mut self) {
        if self.flush().await.is_ok() {
            _ = self.io.shutdown().await;
        }
        take(&mut self.out);
    }
}
