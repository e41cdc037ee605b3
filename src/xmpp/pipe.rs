//! The stanza stream after sign-on: elements in, elements out, over any [`Link`].
//!
//! Never blocks and never fails for what a stranger sends: an element that cannot be read is reported as
//! [`Received::Refused`] and the stream goes on. Belongs to one [`super::session::Session`].

use super::{
    frame::{Frame, Framer, NotXml},
    link::Link,
};
use rxml::{Event, Options, Parse, Parser, WithOptions, error::EndOrError};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use thingfleet_device::{
    ns,
    xml::{Builder, Element},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// What a stanza is read in: the namespaces that RFC 6120 section 4.8 gives a client's stream.
const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// Bytes taken from the link at a time.
const READ: usize = 4096;

/// What came in.
#[derive(Debug)]
pub(super) enum Received {
    /// An element: a stanza or something of the stream's own.
    Element(Element),
    /// An element that is too large or that no parser takes.
    Refused(Refused),
    /// The server closed the stream with `</stream:stream>`.
    Footer,
}

/// An element that was passed over.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its start tag, if that can be read.
    pub(super) head: Option<Element>,
    /// Whether it counts as a stanza (XEP-0198).
    pub(super) is_stanza: bool,
    /// Why it was passed over.
    pub(super) why: String,
}

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    NotXml(#[from] NotXml),
    #[error("the server closed the connection")]
    Eof,
}

/// A stanza stream.
pub(super) struct Pipe {
    link: Link,
    framer: Framer,
    out: String,
    /// Bytes of `out` that are written.
    written: usize,
    flushed: bool,
    heard: Instant,
}

impl Pipe {
    /// Goes on where negotiation left the link; `read_ahead` is what was read but not used.
    pub(super) fn new(link: Link, read_ahead: &[u8]) -> Self {
        let mut framer = Framer::default();
        framer.push(read_ahead);
        Self { link, framer, out: String::new(), written: 0, flushed: true, heard: Instant::now() }
    }

    /// Queues an element, which [`Self::poll_flush`] writes; gives its text.
    pub(super) fn queue(&mut self, element: &Element) -> &str {
        let start = self.out.len();
        element.write_to(&mut self.out, ns::CLIENT);
        self.flushed = false;
        &self.out[start..]
    }

    /// Queues bytes as they are.
    pub(super) fn queue_raw(&mut self, text: &str) {
        self.out.push_str(text);
        self.flushed = false;
    }

    /// Queues the end of the stream.
    pub(super) fn queue_footer(&mut self) {
        self.out.push_str("</stream:stream>");
        self.flushed = false;
    }

    /// Bytes queued and not yet taken by the link.
    pub(super) fn unsent(&self) -> usize {
        self.out.len() - self.written
    }

    /// When the server was last heard of.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// Writes all that is queued.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flushed {
            return Poll::Ready(Ok(()));
        }
        while self.written < self.out.len() {
            let rest = &self.out.as_bytes()[self.written..];
            match ready!(Pin::new(&mut self.link).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        // A silent session holds no buffer.
        self.out = String::new();
        self.written = 0;
        ready!(Pin::new(&mut self.link).poll_flush(cx))?;
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    /// Closes the link's sending side.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_shutdown(cx)
    }

    /// Reads the next element.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, ReadError>> {
        loop {
            if let Some(frame) = self.framer.next()? {
                return Poll::Ready(Ok(receive(&frame)));
            }
            let mut chunk = [0; READ];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.link).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Err(ReadError::Eof));
            }
            self.heard = Instant::now();
            self.framer.push(chunk.filled());
        }
    }

    /// Writes all that is queued.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Reads the next element.
    pub(super) async fn next(&mut self) -> Result<Received, ReadError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

fn receive(frame: &Frame<'_>) -> Received {
    match *frame {
        Frame::Footer => Received::Footer,
        Frame::TooLarge { start } => refuse(start, format!("more than {} bytes", Framer::LIMIT)),
        Frame::Element { bytes, head } => match read(bytes) {
            Ok(element) => Received::Element(element),
            Err(why) => refuse(&bytes[..head], why),
        },
    }
}

/// Reads one element as a child of the stream.
fn read(bytes: &[u8]) -> Result<Element, String> {
    let mut parser = parser(bytes.len());
    let mut builder = Builder::default();
    let mut rest = bytes;
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(event)) => {
                if let Some(done) = builder.event(event) {
                    return done.map_err(|error| error.to_string());
                }
            }
            Err(EndOrError::Error(error)) => return Err(error.to_string()),
            Ok(None) | Err(EndOrError::NeedMoreData) => return Err("not one element".to_owned()),
        }
    }
}

/// Reports an element that was passed over, by its start tag.
fn refuse(start: &[u8], why: String) -> Received {
    let name = start.get(1..).unwrap_or_default();
    let name = name.split(|byte| b" \t\r\n/>".contains(byte)).next().unwrap_or_default();
    let is_stanza = matches!(name, b"message" | b"presence" | b"iq");
    let mut builder = Builder::default();
    let mut rest = start;
    let head = match parser(start.len()).parse(&mut rest, false) {
        Ok(Some(event @ Event::StartElement(..))) => {
            builder.event(event);
            builder.end().and_then(Result::ok)
        }
        _ => None,
    };
    Received::Refused(Refused { head, is_stanza, why })
}

/// A parser inside the stream's root element that takes names and values as long as the element itself. rxml's
/// default of 8,192 bytes would let a stranger end the stream with one long attribute.
fn parser(len: usize) -> Parser {
    let mut parser =
        Parser::with_options(Options { max_token_length: len.max(HEADER.len()), ..Options::default() });
    let root = parser.parse(&mut &HEADER[..], false);
    debug_assert!(matches!(root, Ok(Some(Event::StartElement(..)))), "the header is one start tag");
    parser
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(bytes: &str) -> Received {
        let mut framer = Framer::default();
        framer.push(bytes.as_bytes());
        let frame = framer.next().unwrap().expect("one whole element");
        receive(&frame)
    }

    #[test]
    fn a_stanza_takes_its_namespaces_from_the_stream() {
        let Received::Element(element) = take("<message><body xml:lang='en'>a &amp; b</body></message>")
        else {
            panic!("not an element");
        };
        assert!(element.is(ns::CLIENT, "message"));
        assert_eq!(element.get(ns::CLIENT, "body").unwrap().get_text(), "a & b");
        let Received::Element(error) = take("<stream:error><x xmlns='urn:x'/></stream:error>") else {
            panic!("not an element");
        };
        assert!(error.is(ns::STREAMS, "error"));
    }

    #[test]
    fn whatever_a_stranger_can_think_of_is_an_element_or_refused() {
        let long = "z".repeat(20_000);
        for text in [
            "<presence><priority>abc</priority></presence>".to_owned(),
            "<message type='bogus'/>".to_owned(),
            "<iq/>".to_owned(),
            format!("<message id='{long}'/>"),
            format!("<message><{long}/></message>"),
            "<message><x xmlns=''/></message>".to_owned(),
            "<message xmlns:a='urn:a' a:to='x'><a:b/></message>".to_owned(),
        ] {
            assert!(matches!(take(&text), Received::Element(_)), "{}", &text[..20.min(text.len())]);
        }
        for text in [
            format!("<iq id='7' type='get'>{}{}</iq>", "<a>".repeat(40), "</a>".repeat(40)),
            format!("<iq id='7' type='get'><a>{}</a></iq>", "t".repeat(70_000)),
            "<iq id='7' type='get'><nobody:declared/></iq>".to_owned(),
            "<iq id='7' type='get'>&nbsp;</iq>".to_owned(),
        ] {
            let Received::Refused(refused) = take(&text) else { panic!("{}", &text[..30]) };
            assert!(refused.is_stanza);
            assert_eq!(refused.head.unwrap().get_attr("id"), Some("7"));
        }
    }
}
