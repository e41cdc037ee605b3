//! Reading elements, with limits on depth and size, because a stranger may send anything.

use super::{Element, Node};
use alloc::{string::String, vec::Vec};
use core::fmt;
use rxml::{Event, Parse as _, Parser};

/// Builds one element from the events of an XML parser; used by whoever reads a stream.
///
/// Once [`Builder::LIMIT`] is passed the rest of the element is still followed, so that the stream stays in step, but
/// nothing of it is kept.
#[derive(Debug, Default)]
pub struct Builder {
    open: Vec<Element>,
    depth: usize,
    bytes: usize,
}

/// The element was deeper or larger than [`Builder::LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} levels or {} bytes", Builder::LIMIT.0, Builder::LIMIT.1)
    }
}

impl core::error::Error for TooLarge {}

impl Builder {
    /// Greatest depth and greatest size in bytes of what is kept. Servers pass stanzas of up to 256 KiB on, but no
    /// word of this protocol is longer than a user-interface form.
    pub const LIMIT: (usize, usize) = (32, 65_536);

    /// Takes a start tag.
    pub fn start(&mut self, element: Element) {
        self.depth += 1;
        let attributes: usize = element.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.bytes += element.name.len() + element.namespace.len() + attributes;
        if !self.is_too_large() {
            self.open.push(element);
        }
    }

    /// Takes character data.
    pub fn text(&mut self, text: &str) {
        self.bytes += text.len();
        if self.is_too_large() {
            return;
        }
        if let Some(element) = self.open.last_mut() {
            element.push_text(alloc::borrow::Cow::Owned(text.into()));
        }
    }

    /// Takes an end tag; gives the element when it was the outermost.
    ///
    /// # Errors
    /// [`TooLarge`] at the end of an element of which a part was dropped.
    pub fn end(&mut self) -> Option<Result<Element, TooLarge>> {
        self.depth = self.depth.saturating_sub(1);
        if self.is_too_large() {
            if self.depth > 0 {
                return None;
            }
            *self = Self::default();
            return Some(Err(TooLarge));
        }
        let element = self.open.pop()?;
        if let Some(parent) = self.open.last_mut() {
            parent.children.push(Node::Element(element));
            return None;
        }
        *self = Self::default();
        Some(Ok(element))
    }

    fn is_too_large(&mut self) -> bool {
        let (depth, bytes) = Self::LIMIT;
        if self.depth > depth {
            self.bytes = usize::MAX / 2;
        }
        self.bytes > bytes
    }
}

/// A text is not exactly one XML element.
#[derive(Clone, Debug, PartialEq)]
pub enum ParseError {
    /// It is not well-formed, or uses something XMPP forbids.
    Malformed(rxml::Error),
    /// It ended too early, or held no element.
    Incomplete,
    /// Something follows the element.
    Trailing,
    /// It is larger than [`Builder::LIMIT`].
    TooLarge,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::Incomplete => f.write_str("the text ends before the element does"),
            Self::Trailing => f.write_str("something follows the element"),
            Self::TooLarge => TooLarge.fmt(f),
        }
    }
}

impl core::error::Error for ParseError {}

impl Element {
    /// Reads exactly one element.
    ///
    /// # Errors
    /// [`ParseError`] if the text is anything else.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut rest = text.as_bytes();
        let mut parser = Parser::new();
        let mut builder = Builder::default();
        let mut done = None;
        loop {
            match parser.parse(&mut rest, true) {
                Ok(Some(event)) => {
                    if let Some(element) = builder.event(event) {
                        done = Some(element.map_err(|TooLarge| ParseError::TooLarge)?);
                    }
                }
                Ok(None) => return done.ok_or(ParseError::Incomplete),
                Err(rxml::error::EndOrError::NeedMoreData) => return Err(ParseError::Incomplete),
                Err(rxml::error::EndOrError::Error(_)) if done.is_some() => return Err(ParseError::Trailing),
                Err(rxml::error::EndOrError::Error(error)) => return Err(ParseError::Malformed(error)),
            }
        }
    }
}

impl Builder {
    /// Takes an event of an rxml parser; gives the element when it was the end of the outermost.
    pub fn event(&mut self, event: Event) -> Option<Result<Element, TooLarge>> {
        match event {
            Event::StartElement(_, (namespace, name), attributes) => {
                let mut element = Element::new(String::from(namespace.as_str()), String::from(name.as_str()));
                for ((namespace, name), value) in attributes {
                    if namespace.is_none() {
                        element.attributes.push((String::from(name.as_str()).into(), value.into()));
                    } else if namespace == rxml::XMLNS_XML && name == "lang" {
                        element.attributes.push(("xml:lang".into(), value.into()));
                    }
                }
                self.start(element);
                None
            }
            Event::EndElement(_) => self.end(),
            Event::Text(_, text) => {
                self.text(&text);
                None
            }
            Event::XmlDeclaration(..) => None,
        }
    }
}
