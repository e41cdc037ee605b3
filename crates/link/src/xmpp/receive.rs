//! Reads the elements that were cut off a stream, each by itself.
//!
//! Whatever a stranger sends is an element or [`Received::Refused`]: it costs only itself, and the stream goes on.

use super::frame::{Frame, Limits};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
};
use core::fmt;
use rxml::{Event, Options, Parse, Parser, WithOptions, error::EndOrError};
use thingfleet_device::{
    ns,
    xml::{Builder, Element},
};

/// What a stanza is read in: the namespaces that RFC 6120 section 4.8 gives a client's stream.
const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// What came in.
#[derive(Debug)]
pub enum Received {
    /// An element: a stanza or something of the stream's own.
    Element(Element),
    /// An element that is too large or that no parser takes.
    Refused(Refused),
    /// The server closed the stream with `</stream:stream>`.
    Footer,
}

/// An element that was passed over.
#[derive(Debug)]
pub struct Refused {
    /// Its start tag, if that can be read.
    pub head: Option<Element>,
    /// Whether it counts as a stanza (XEP-0198).
    pub is_stanza: bool,
    /// Why it was passed over.
    pub why: String,
}

impl Refused {
    /// The answer to a request that was passed over; every other stanza may go unanswered (RFC 6120 section 8.2.3).
    pub fn answer(&self) -> Option<Element> {
        let head = self.head.as_ref().filter(|head| head.name() == "iq")?;
        if !matches!(head.get_attr("type"), Some("get" | "set")) {
            return None;
        }
        let condition = Element::new(ns::STANZAS, "not-acceptable");
        let error = Element::new(ns::CLIENT, "error").attr("type", "modify").child(condition);
        Some(
            Element::new(ns::CLIENT, "iq")
                .attr("type", "error")
                .attr_opt("to", head.get_attr("from").map(String::from))
                .attr_opt("id", head.get_attr("id").map(String::from))
                .child(error),
        )
    }
}

/// Whether an element is a stanza (RFC 6120 section 8).
pub fn is_stanza(element: &Element) -> bool {
    element.namespace() == ns::CLIENT && matches!(element.name(), "message" | "presence" | "iq")
}

/// Reads what was cut off a stream.
pub fn receive(frame: &Frame<'_>, limits: Limits) -> Received {
    match *frame {
        Frame::Footer => Received::Footer,
        Frame::Header(bytes) => header(bytes),
        Frame::TooLarge { start } => {
            refuse(start, limits, format!("more than {} bytes or {} parts", limits.bytes, limits.parts))
        }
        Frame::Element { bytes, head } => match read(&mut parser(bytes.len(), limits), bytes) {
            Ok(element) => Received::Element(element),
            Err(why) => refuse(&bytes[..head], limits, why),
        },
    }
}

/// Reads the short elements of any number of streams with one parser. Beginning anew takes a parser longer than most
/// elements do.
#[derive(Default)]
pub struct Reader {
    parser: Option<Parser>,
    /// Elements it has read.
    count: u32,
}

impl Reader {
    /// Bytes of a short element.
    const SHORT: usize = 8192;
    /// Elements after which a parser goes, with the names that strangers made it know.
    const ENOUGH: u32 = 256;

    /// Reads what was cut off one of the streams, as [`receive`] does.
    pub fn receive(&mut self, frame: &Frame<'_>, limits: Limits) -> Received {
        let Frame::Element { bytes, head } = *frame else { return receive(frame, limits) };
        if bytes.len() > Self::SHORT.min(limits.token) {
            return receive(frame, limits);
        }
        let mut parser = match self.parser.take() {
            Some(parser) if self.count < Self::ENOUGH => parser,
            Some(_) | None => {
                self.count = 0;
                parser(Self::SHORT, limits)
            }
        };
        match read(&mut parser, bytes) {
            Ok(element) => {
                self.count += 1;
                self.parser = Some(parser);
                Received::Element(element)
            }
            // It stands somewhere in the middle.
            Err(why) => refuse(&bytes[..head], limits, why),
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Reads the start tag of a stream. Its prefixes have to be the ones that everything below is read with.
fn header(bytes: &[u8]) -> Received {
    let head = if bytes.starts_with(b"<stream:stream") { start_tag(&mut Parser::new(), bytes) } else { None };
    match head {
        Some(header) => Received::Element(header),
        None => Received::Refused(Refused {
            head: None,
            is_stanza: false,
            why: "not the beginning of a stream".to_owned(),
        }),
    }
}

/// Reads one start tag as an empty element.
fn start_tag(parser: &mut Parser, mut bytes: &[u8]) -> Option<Element> {
    let mut builder = Builder::default();
    match parser.parse(&mut bytes, false) {
        Ok(Some(event @ Event::StartElement(..))) => {
            builder.event(event);
            builder.end().and_then(Result::ok)
        }
        _ => None,
    }
}

/// Reads one element as a child of the stream.
fn read(parser: &mut Parser, bytes: &[u8]) -> Result<Element, String> {
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
fn refuse(start: &[u8], limits: Limits, why: String) -> Received {
    let name = start.get(1..).unwrap_or_default();
    let name = name.split(|byte| b" \t\r\n/>".contains(byte)).next().unwrap_or_default();
    let is_stanza = matches!(name, b"message" | b"presence" | b"iq");
    let head = start_tag(&mut parser(start.len(), limits), start);
    Received::Refused(Refused { head, is_stanza, why })
}

/// A parser inside the stream's root element that takes names and values as long as the element itself, within the
/// limits. rxml's default of 8,192 bytes would let a stranger end the host's stream with one long attribute.
fn parser(len: usize, limits: Limits) -> Parser {
    let max_token_length = len.min(limits.token).max(HEADER.len());
    let mut parser = Parser::with_options(Options { max_token_length, ..Options::default() });
    let root = parser.parse(&mut &HEADER[..], false);
    debug_assert!(matches!(root, Ok(Some(Event::StartElement(..)))), "the header is one start tag");
    parser
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xmpp::frame::Framer;

    fn take(bytes: &str) -> Received {
        take_with(&mut Reader::default(), bytes)
    }

    /// Reads an element both ways, which have to agree.
    fn take_with(reader: &mut Reader, bytes: &str) -> Received {
        let mut framer = Framer::new(Limits::HOST);
        framer.push(bytes.as_bytes());
        let frame = framer.frame().unwrap().expect("one whole element");
        let alone = receive(&frame, Limits::HOST);
        let together = reader.receive(&frame, Limits::HOST);
        assert_eq!(format!("{alone:?}"), format!("{together:?}"));
        together
    }

    #[test]
    fn one_parser_reads_elements_as_if_each_had_its_own() {
        let mut reader = Reader::default();
        for number in 0..1000 {
            for text in [
                format!("<iq id='{number}' type='result'/>"),
                format!("<message xmlns:n{number}='urn:{number}'><n{number}:a/>text</message>"),
                "<message xmlns='urn:x' xml:lang='de'><y/></message>".to_owned(),
            ] {
                assert!(matches!(take_with(&mut reader, &text), Received::Element(_)));
            }
            let undeclared = format!("<iq type='get'><n{number}:a/></iq>");
            if number % 100 == 0 {
                assert!(matches!(take_with(&mut reader, &undeclared), Received::Refused(_)));
            }
        }
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
