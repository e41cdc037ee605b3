//! Cuts a byte stream into the elements directly below `<stream:stream>`, without reading what is in them.
//!
//! That way an element that cannot be read costs only itself: the cut is right whatever a parser thinks of the
//! contents, and one that is too large is passed over without being kept. Servers re-serialise what strangers send
//! (RFC 6120 section 11.1), so comments, processing instructions and declarations never arrive; they end the stream.
//!
//! What is kept is bounded by [`Limits`] before any parser sees it: bytes, and parts, since `<a/>` is small on the wire
//! and large in a tree.

use alloc::vec::Vec;
use core::{fmt, mem};

/// What is kept of what a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Greatest length in bytes of an element that is kept.
    pub bytes: usize,
    /// Greatest number of start tags and attributes in it.
    pub parts: usize,
    /// Greatest length in bytes of a name or an attribute's value in it.
    pub token: usize,
}

impl Limits {
    /// For a body with an operating system. It leaves room for the escapes of a
    /// [`thingfleet_device::xml::Builder::LIMIT`] of contents.
    pub const HOST: Self = Self { bytes: 131_072, parts: 131_072, token: 131_072 };
    /// For a microcontroller: the longest form that servers send has about 300 parts, and an element of 400 parts takes
    /// up to 50 KiB.
    pub const MICROCONTROLLER: Self = Self { bytes: 16_384, parts: 400, token: 4096 };

    /// An element so many times longer than what is kept ends the stream: no server passes one on.
    const ENDLESS: usize = 64;
}

/// What was cut off the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The start tag of the stream, after [`Framer::restart`].
    Header(&'a [u8]),
    /// A whole element.
    Element {
        /// Its bytes.
        bytes: &'a [u8],
        /// Length of its start tag.
        head: usize,
    },
    /// An element beyond the [`Limits`].
    TooLarge {
        /// Its start tag, or as much of it as was kept.
        start: &'a [u8],
    },
    /// The end of the stream: `</stream:stream>`.
    Footer,
}

/// The stream is not XML as XMPP restricts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotXml(&'static str);

/// What no server passes on.
const ENDLESS: NotXml = NotXml("an element without an end");

impl NotXml {
    /// How it is told to a server (RFC 6120 section 4.9.3).
    pub fn condition(self) -> &'static str {
        if self == ENDLESS { "policy-violation" } else { "not-well-formed" }
    }
}

impl fmt::Display for NotXml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stream is not restricted XML: {}", self.0)
    }
}

impl core::error::Error for NotXml {}

/// Where the scan stands.
#[derive(Clone, Copy, Debug)]
enum Scan {
    /// In character data, or between elements.
    Text,
    /// After `<`.
    Less,
    /// In a start tag; whether the last byte was a slash.
    Start { slash: bool },
    /// In an attribute value with this quote.
    Value(u8),
    /// In an end tag.
    End,
    /// In `<?xml …?>` before a stream; whether the last byte was a question mark.
    Declaration {
        /// It was.
        question: bool,
    },
    /// In `<![CDATA[`, after this many bytes.
    Opening(usize),
    /// In a CDATA section, after this many closing brackets.
    Data(u8),
}

/// What a byte ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The start tag of the stream.
    Header,
    /// An element below the stream.
    Element,
    /// The stream.
    Stream,
}

/// Cuts elements off a stream. Holds no memory while the stream is silent.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// Start of the element at hand, or of what follows the last one.
    start: usize,
    /// Next byte to look at.
    at: usize,
    scan: Scan,
    /// The start tag of a stream comes next.
    opening: bool,
    depth: usize,
    /// Length of the start tag of the element at hand, once known.
    head: usize,
    /// Start tags and attributes of the element at hand.
    parts: usize,
    /// The element at hand is passed over.
    skipping: bool,
    /// Bytes of it that were dropped.
    dropped: usize,
}

/// As much of an element's beginning as is kept where its start tag alone is too large.
const BEGINNING: usize = 64;

#[allow(clippy::match_same_arms, reason = "one arm for each transition, in the order of the states")]
impl Framer {
    /// Begins between two elements.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            at: 0,
            scan: Scan::Text,
            opening: false,
            depth: 0,
            head: 0,
            parts: 0,
            skipping: false,
            dropped: 0,
        }
    }

    /// What it keeps at most.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Expects a new stream, with `<?xml …?>` and a start tag, before the next element.
    pub fn restart(&mut self) {
        self.opening = true;
    }

    /// Bytes that came in and have not been looked at.
    pub fn unread(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// Adds bytes that came in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Cuts off the next element, if all of it is there.
    ///
    /// # Errors
    /// [`NotXml`] if the stream cannot go on.
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, NotXml> {
        while let Some(&byte) = self.buffer.get(self.at) {
            self.at += 1;
            match self.step(byte)? {
                None => {}
                Some(End::Header) => return Ok(Some(self.cut_header())),
                Some(End::Element) => return Ok(Some(self.cut())),
                Some(End::Stream) => {
                    self.start = self.at;
                    return Ok(Some(Frame::Footer));
                }
            }
        }
        self.compact()?;
        Ok(None)
    }

    /// Looks at one byte, and says what ends with it.
    fn step(&mut self, byte: u8) -> Result<Option<End>, NotXml> {
        self.scan = match (self.scan, byte) {
            (Scan::Text, b'<') => {
                if self.depth == 0 {
                    self.start = self.at - 1;
                }
                Scan::Less
            }
            (Scan::Text, b' ' | b'\t' | b'\r' | b'\n') => Scan::Text,
            (Scan::Text, _) if self.depth == 0 => return Err(NotXml("text between stanzas")),
            (Scan::Text, _) => Scan::Text,
            (Scan::Less, b'?') if self.opening && self.depth == 0 => Scan::Declaration { question: false },
            (Scan::Declaration { question: true }, b'>') => Scan::Text,
            (Scan::Declaration { .. }, _) => Scan::Declaration { question: byte == b'?' },
            (Scan::Less, b'/') => Scan::End,
            (Scan::Less, b'!') if self.depth > 0 => Scan::Opening(0),
            (Scan::Less, b'!' | b'?') => return Err(NotXml("a declaration or processing instruction")),
            (Scan::Less, _) => Scan::Start { slash: false },
            (Scan::Start { .. }, b'\'' | b'"') => {
                self.count_part();
                Scan::Value(byte)
            }
            (Scan::Start { slash }, b'>') => {
                if self.depth == 0 && !self.skipping {
                    self.head = self.at - self.start;
                }
                self.count_part();
                self.scan = Scan::Text;
                if mem::take(&mut self.opening) {
                    return Ok(Some(End::Header));
                }
                if slash {
                    return Ok((self.depth == 0).then_some(End::Element));
                }
                self.depth += 1;
                Scan::Text
            }
            (Scan::Start { .. }, b'/') => Scan::Start { slash: true },
            (Scan::Start { .. }, _) => Scan::Start { slash: false },
            (Scan::Value(quote), _) if byte == quote => Scan::Start { slash: false },
            (Scan::Value(quote), _) => Scan::Value(quote),
            (Scan::End, b'>') => {
                self.scan = Scan::Text;
                let Some(depth) = self.depth.checked_sub(1) else { return Ok(Some(End::Stream)) };
                self.depth = depth;
                return Ok((depth == 0).then_some(End::Element));
            }
            (Scan::End, _) => Scan::End,
            (Scan::Opening(count), _) if b"[CDATA[".get(count) == Some(&byte) => match count {
                6 => Scan::Data(0),
                _ => Scan::Opening(count + 1),
            },
            (Scan::Opening(_), _) => return Err(NotXml("a comment or declaration")),
            (Scan::Data(_), b']') => match self.scan {
                Scan::Data(0) => Scan::Data(1),
                _ => Scan::Data(2),
            },
            (Scan::Data(2), b'>') => Scan::Text,
            (Scan::Data(_), _) => Scan::Data(0),
        };
        Ok(None)
    }

    /// Counts a start tag or an attribute, and passes over an element that has too many.
    fn count_part(&mut self) {
        self.parts += 1;
        if self.parts > self.limits.parts {
            self.skipping = true;
        }
    }

    fn cut_header(&mut self) -> Frame<'_> {
        match self.cut() {
            Frame::Element { bytes, .. } => Frame::Header(bytes),
            other => other,
        }
    }

    fn cut(&mut self) -> Frame<'_> {
        let (start, head) = (self.start, self.head);
        self.start = self.at;
        (self.head, self.parts, self.dropped) = (0, 0, 0);
        if mem::take(&mut self.skipping) {
            // While skipping, `start` is what was kept and nothing of the rest.
            let kept = if head == 0 { BEGINNING.min(self.at - start) } else { head };
            return Frame::TooLarge { start: &self.buffer[start..start + kept] };
        }
        Frame::Element { bytes: &self.buffer[start..self.at], head }
    }

    /// Drops what is done with, and what is too much.
    fn compact(&mut self) -> Result<(), NotXml> {
        let inside = self.depth > 0 || !matches!(self.scan, Scan::Text);
        if !inside {
            self.start = self.at;
        }
        if self.start == self.buffer.len() {
            let Self { limits, scan, opening, depth, .. } = *self;
            *self = Self { scan, opening, depth, ..Self::new(limits) };
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        if self.buffer.len() > self.limits.bytes && !self.skipping {
            self.skipping = true;
            self.head = self.head.min(self.limits.bytes);
        }
        if self.skipping {
            // The start tag, or the element's name where the start tag alone is too large.
            let kept = if self.head == 0 { BEGINNING } else { self.head };
            self.head = kept.min(self.buffer.len());
            self.dropped += self.buffer.len() - self.head;
            self.buffer.truncate(self.head);
            self.buffer.shrink_to_fit();
            self.at = self.buffer.len();
            if self.dropped > self.limits.bytes.saturating_mul(Limits::ENDLESS) {
                return Err(ENDLESS);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{borrow::ToOwned, format, string::String};

    const LIMIT: usize = Limits::HOST.bytes;

    /// Cuts `text` fed in pieces of `step` bytes; elements as text, large ones with a `!`.
    fn cut(text: &str, step: usize) -> Result<Vec<String>, NotXml> {
        cut_within(Limits::HOST, text, step)
    }

    fn cut_within(limits: Limits, text: &str, step: usize) -> Result<Vec<String>, NotXml> {
        let mut framer = Framer::new(limits);
        let mut cut = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            framer.push(piece);
            while let Some(frame) = framer.frame()? {
                cut.push(match frame {
                    Frame::Element { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
                    Frame::TooLarge { start } => format!("!{}", String::from_utf8_lossy(start)),
                    Frame::Header(bytes) => format!("HEADER {}", String::from_utf8_lossy(bytes)),
                    Frame::Footer => "END".to_owned(),
                });
            }
        }
        Ok(cut)
    }

    #[test]
    fn elements_are_cut_the_same_however_the_bytes_arrive() {
        let text =
            "  <a x='1>/' y=\"'/>\"/>\n<b><c/><d>t &lt; ]]</d></b><e><![CDATA[</e>]]]></e> </stream:stream>";
        let whole = cut(text, text.len()).unwrap();
        assert_eq!(
            whole,
            ["<a x='1>/' y=\"'/>\"/>", "<b><c/><d>t &lt; ]]</d></b>", "<e><![CDATA[</e>]]]></e>", "END"]
        );
        for step in 1..text.len() {
            assert_eq!(cut(text, step).unwrap(), whole, "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_too_large_is_passed_over_and_the_next_element_comes() {
        let body = "x".repeat(3 * LIMIT);
        let text = format!("<message id='1'><body>{body}</body></message><iq/>");
        for step in [1000, text.len()] {
            let frames = cut(&text, step).unwrap();
            assert_eq!(frames.last().unwrap(), "<iq/>");
            if step == 1000 {
                assert_eq!(frames[0], "!<message id='1'>");
            }
        }
    }

    #[test]
    fn a_start_tag_beyond_the_limit_leaves_its_beginning() {
        let text = format!("<message id='{}'/><iq/>", "y".repeat(2 * LIMIT));
        let frames = cut(&text, 4096).unwrap();
        assert!(frames[0].starts_with("!<message id='yyy"), "{}", &frames[0][..20]);
        assert_eq!(frames[1], "<iq/>");
    }

    #[test]
    fn a_stream_begins_with_its_own_start_tag() {
        let text = "<?xml version='1.0'?> <stream:stream id='>'><stream:features/>";
        for step in 1..text.len() {
            let mut framer = Framer::new(Limits::HOST);
            framer.restart();
            let mut cut = Vec::new();
            for piece in text.as_bytes().chunks(step) {
                framer.push(piece);
                while let Some(frame) = framer.frame().unwrap() {
                    cut.push(match frame {
                        Frame::Header(bytes) | Frame::Element { bytes, .. } => bytes.to_vec(),
                        Frame::TooLarge { .. } | Frame::Footer => panic!("{frame:?}"),
                    });
                }
            }
            assert_eq!(cut, [&b"<stream:stream id='>'>"[..], b"<stream:features/>"]);
        }
    }

    #[test]
    fn many_small_parts_are_too_large_wherever_they_stand() {
        let limits = Limits { parts: 10, ..Limits::HOST };
        let children = format!("<iq id='1' type='get'>{}</iq><a/>", "<b/>".repeat(10));
        let levels = format!("<iq id='1' type='get'>{}{}</iq><a/>", "<b>".repeat(10), "</b>".repeat(10));
        for text in [children, levels] {
            for step in 1..20 {
                assert_eq!(cut_within(limits, &text, step).unwrap(), ["!<iq id='1' type='get'>", "<a/>"]);
            }
        }
        let attributes = format!("<message{}/><a/>", " c=''".repeat(11));
        for step in [1, 7, attributes.len()] {
            let frames = cut_within(limits, &attributes, step).unwrap();
            assert!(frames[0].starts_with("!<message c=''"), "{frames:?}");
            assert_eq!(frames[1], "<a/>");
        }
    }

    #[test]
    fn an_element_without_an_end_ends_the_stream_and_keeps_nothing() {
        let limits = Limits { bytes: 1000, ..Limits::HOST };
        for piece in ["text", "<b>", "<b/>", "<b c='d'>"] {
            let mut framer = Framer::new(limits);
            framer.push(b"<message>");
            let ended = (0..100_000).any(|_| {
                framer.push(piece.as_bytes());
                let ended = framer.frame().is_err();
                assert!(framer.buffer.capacity() <= 2 * limits.bytes + 64);
                ended
            });
            assert!(ended, "{piece}");
        }
    }

    #[test]
    fn a_silent_stream_holds_no_memory() {
        let mut framer = Framer::new(Limits::HOST);
        framer.push(b"<a/><b/> \n");
        while framer.frame().unwrap().is_some() {}
        assert_eq!(framer.buffer.capacity(), 0);
    }

    #[test]
    fn what_xmpp_forbids_ends_the_stream() {
        for text in ["hello", "<!DOCTYPE x>", "<?xml version='1.0'?>", "<a><!-- x --></a>"] {
            assert!(cut(text, 1).is_err(), "{text}");
        }
    }
}
