//! XML elements as XMPP uses them (RFC 6120 section 11), small and bounded.
//!
//! A stream never carries comments, processing instructions or entities, so an element is a name, a namespace, a few
//! attributes and children. Attributes have no namespace, except `xml:lang`, which is kept under that name.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

mod read;
mod write;

pub use read::{Builder, ParseError, TooLarge};

/// A string that is often known at compile time: names and namespaces always, most attributes of what is sent.
pub type Name = Cow<'static, str>;

/// An XML element.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    name: Name,
    namespace: Name,
    attributes: Vec<(Name, Name)>,
    children: Vec<Node>,
}

/// A child of an element.
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Character data.
    Text(Name),
}

impl Element {
    /// Makes an empty element.
    pub fn new(namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { name: name.into(), namespace: namespace.into(), attributes: Vec::new(), children: Vec::new() }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attr(mut self, name: impl Into<Name>, value: impl Into<Name>) -> Self {
        self.set_attr(name, value);
        self
    }

    /// Adds an attribute if there is a value.
    #[must_use]
    pub fn attr_opt(self, name: impl Into<Name>, value: Option<impl Into<Name>>) -> Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    /// Adds a child element.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// Adds child elements.
    #[must_use]
    pub fn children_from(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Adds character data.
    #[must_use]
    pub fn text(mut self, text: impl Into<Name>) -> Self {
        self.push_text(text.into());
        self
    }

    /// Sets an attribute, replacing an earlier one.
    pub fn set_attr(&mut self, name: impl Into<Name>, value: impl Into<Name>) {
        let (name, value) = (name.into(), value.into());
        match self.attributes.iter_mut().find(|(existing, _)| *existing == name) {
            Some((_, existing)) => *existing = value,
            None => self.attributes.push((name, value)),
        }
    }

    /// Local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether this is that element.
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    /// Value of an attribute.
    pub fn get_attr(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(existing, _)| existing == name).map(|(_, value)| value.as_ref())
    }

    /// All attributes in order.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// Child elements in order.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Children in order, text included.
    pub fn nodes(&self) -> &[Node] {
        &self.children
    }

    /// The first child with this namespace and name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Self> {
        self.elements().find(|child| child.is(namespace, name))
    }

    /// The character data directly inside, joined.
    pub fn get_text(&self) -> Cow<'_, str> {
        let mut texts = self.children.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_ref()),
            Node::Element(_) => None,
        });
        let first = texts.next().unwrap_or("");
        match texts.next() {
            None => Cow::Borrowed(first),
            Some(second) => {
                let mut joined = String::from(first) + second;
                joined.extend(texts);
                Cow::Owned(joined)
            }
        }
    }

    fn push_text(&mut self, text: Name) {
        if let Some(Node::Text(last)) = self.children.last_mut() {
            last.to_mut().push_str(&text);
        } else if !text.is_empty() {
            self.children.push(Node::Text(text));
        }
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(element) => fmt::Display::fmt(element, f),
            Self::Text(text) => fmt::Debug::fmt(text, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    #[test]
    fn an_element_writes_its_namespace_once_and_escapes_what_must_be() {
        let element = Element::new("jabber:client", "message")
            .attr("to", "a'b@example.org")
            .child(Element::new("jabber:client", "body").text("1 < 2 & 3 > 2"))
            .child(Element::new("urn:xmpp:uwpx:iot", "val").attr("type", "float").text("22.43"));
        assert_eq!(
            element.to_string(),
            "<message xmlns='jabber:client' to='a&apos;b@example.org'><body>1 &lt; 2 &amp; 3 &gt; 2</body>\
             <val xmlns='urn:xmpp:uwpx:iot' type='float'>22.43</val></message>"
        );
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let text = "<iq xmlns='jabber:client' type='set' xml:lang='en'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                    <publish node='x'/>tail &amp; more</pubsub></iq>";
        let element = Element::parse(text).unwrap();
        assert_eq!(element.to_string(), text);
        assert_eq!(Element::parse(&element.to_string()).unwrap(), element);
    }

    #[test]
    fn prefixes_are_resolved() {
        let element = Element::parse("<a:x xmlns:a='urn:a' xmlns='urn:b'><y/></a:x>").unwrap();
        assert!(element.is("urn:a", "x"));
        assert!(element.elements().next().unwrap().is("urn:b", "y"));
    }

    #[test]
    fn what_is_no_xml_or_too_deep_is_an_error() {
        for text in
            ["", "<a>", "<a></b>", "<a/><b/>", "text", "<!DOCTYPE a><a/>", "<a>&foo;</a>", "<a b='1' b='2'/>"]
        {
            assert!(Element::parse(text).is_err(), "{text}");
        }
        let deep = format!("{}{}", "<a>".repeat(200), "</a>".repeat(200));
        assert!(Element::parse(&deep).is_err());
    }
}
