//! Cuts a byte stream into the elements directly below `<stream:stream>`, without reading what is in them.
//!
//! That way an element that cannot be read costs only itself: the cut is right whatever a parser thinks of the
//! contents, and one that is too large is passed over without being kept. Servers re-serialise what strangers send
//! (RFC 6120 section 11.1), so comments, processing instructions and declarations never arrive; they end the stream.

/// What was cut off the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A whole element.
    Element {
        /// Its bytes.
        bytes: &'a [u8],
        /// Length of its start tag.
        head: usize,
    },
    /// An element beyond [`Framer::LIMIT`].
    TooLarge {
        /// Its start tag, or as much of it as was kept.
        start: &'a [u8],
    },
    /// The end of the stream: `</stream:stream>`.
    Footer,
}

/// The stream is not XML as XMPP restricts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream is not restricted XML: {0}")]
pub(super) struct NotXml(&'static str);

/// Where the scan stands.
#[derive(Clone, Copy, Debug, Default)]
enum Scan {
    /// In character data, or between elements.
    #[default]
    Text,
    /// After `<`.
    Less,
    /// In a start tag; whether the last byte was a slash.
    Start { slash: bool },
    /// In an attribute value with this quote.
    Value(u8),
    /// In an end tag.
    End,
    /// In `<![CDATA[`, after this many bytes.
    Opening(usize),
    /// In a CDATA section, after this many closing brackets.
    Data(u8),
}

/// What a byte ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// An element below the stream.
    Element,
    /// The stream.
    Stream,
}

/// Cuts elements off a stream. Holds no memory while the stream is silent.
#[derive(Debug, Default)]
pub(super) struct Framer {
    buffer: Vec<u8>,
    /// Start of the element at hand, or of what follows the last one.
    start: usize,
    /// Next byte to look at.
    at: usize,
    scan: Scan,
    depth: usize,
    /// Length of the start tag of the element at hand, once known.
    head: usize,
    /// The element at hand is passed over.
    skipping: bool,
}

#[allow(clippy::match_same_arms, reason = "one arm for each transition, in the order of the states")]
impl Framer {
    /// Greatest length in bytes of an element that is kept. It leaves room for the escapes of a
    /// [`thingfleet_device::xml::Builder::LIMIT`] of contents.
    pub(super) const LIMIT: usize = 131_072;

    /// Adds bytes that came in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Cuts off the next element, if all of it is there.
    ///
    /// # Errors
    /// [`NotXml`] if the stream cannot go on.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, NotXml> {
        while let Some(&byte) = self.buffer.get(self.at) {
            self.at += 1;
            match self.step(byte)? {
                None => {}
                Some(End::Element) => return Ok(Some(self.cut())),
                Some(End::Stream) => {
                    self.start = self.at;
                    return Ok(Some(Frame::Footer));
                }
            }
        }
        self.compact();
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
            (Scan::Less, b'/') => Scan::End,
            (Scan::Less, b'!') if self.depth > 0 => Scan::Opening(0),
            (Scan::Less, b'!' | b'?') => return Err(NotXml("a declaration or processing instruction")),
            (Scan::Less, _) => Scan::Start { slash: false },
            (Scan::Start { .. }, b'\'' | b'"') => Scan::Value(byte),
            (Scan::Start { slash }, b'>') => {
                if self.depth == 0 && !self.skipping {
                    self.head = self.at - self.start;
                }
                self.scan = Scan::Text;
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

    fn cut(&mut self) -> Frame<'_> {
        let (start, head) = (self.start, self.head);
        self.start = self.at;
        self.head = 0;
        if std::mem::take(&mut self.skipping) {
            // While skipping, `start` is what was kept and nothing of the rest.
            return Frame::TooLarge { start: &self.buffer[start..start + head] };
        }
        Frame::Element { bytes: &self.buffer[start..self.at], head }
    }

    /// Drops what is done with, and what is too much.
    fn compact(&mut self) {
        let inside = self.depth > 0 || !matches!(self.scan, Scan::Text);
        if !inside {
            self.start = self.at;
        }
        if self.start == self.buffer.len() {
            *self = Self { scan: self.scan, depth: self.depth, ..Self::default() };
            return;
        }
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        if self.buffer.len() > Self::LIMIT && !self.skipping {
            self.skipping = true;
            self.head = self.head.min(Self::LIMIT);
        }
        if self.skipping {
            // The start tag, or the element's name where the start tag alone is too large.
            let kept = if self.head == 0 { 64 } else { self.head };
            self.head = kept.min(self.buffer.len());
            self.buffer.truncate(self.head);
            self.buffer.shrink_to_fit();
            self.at = self.buffer.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts `text` fed in pieces of `step` bytes; elements as text, large ones with a `!`.
    fn cut(text: &str, step: usize) -> Result<Vec<String>, NotXml> {
        let mut framer = Framer::default();
        let mut cut = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            framer.push(piece);
            while let Some(frame) = framer.next()? {
                cut.push(match frame {
                    Frame::Element { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
                    Frame::TooLarge { start } => format!("!{}", String::from_utf8_lossy(start)),
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
        let body = "x".repeat(3 * Framer::LIMIT);
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
        let text = format!("<message id='{}'/><iq/>", "y".repeat(2 * Framer::LIMIT));
        let frames = cut(&text, 4096).unwrap();
        assert!(frames[0].starts_with("!<message id='yyy"), "{}", &frames[0][..20]);
        assert_eq!(frames[1], "<iq/>");
    }

    #[test]
    fn a_silent_stream_holds_no_memory() {
        let mut framer = Framer::default();
        framer.push(b"<a/><b/> \n");
        while framer.next().unwrap().is_some() {}
        assert_eq!(framer.buffer.capacity(), 0);
    }

    #[test]
    fn what_xmpp_forbids_ends_the_stream() {
        for text in ["hello", "<!DOCTYPE x>", "<?xml version='1.0'?>", "<a><!-- x --></a>"] {
            assert!(cut(text, 1).is_err(), "{text}");
        }
    }
}
