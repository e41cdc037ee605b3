//! Writing elements.

use super::{Element, Node};
use alloc::string::String;
use core::fmt::{self, Write};

impl Element {
    /// Appends the element to `out`, leaving out the namespace where it is `inherited` from around it.
    pub fn write_to(&self, out: &mut String, inherited: &str) {
        // Writing to a String cannot fail.
        let _: fmt::Result = self.write(out, inherited);
    }

    fn write(&self, out: &mut impl Write, inherited: &str) -> fmt::Result {
        out.write_char('<')?;
        out.write_str(&self.name)?;
        if self.namespace != inherited {
            out.write_str(" xmlns='")?;
            escape(out, &self.namespace)?;
            out.write_char('\'')?;
        }
        for (name, value) in &self.attributes {
            out.write_char(' ')?;
            out.write_str(name)?;
            out.write_str("='")?;
            escape(out, value)?;
            out.write_char('\'')?;
        }
        if self.children.is_empty() {
            return out.write_str("/>");
        }
        out.write_char('>')?;
        for child in &self.children {
            match child {
                Node::Element(element) => element.write(out, &self.namespace)?,
                Node::Text(text) => escape(out, text)?,
            }
        }
        out.write_str("</")?;
        out.write_str(&self.name)?;
        out.write_char('>')
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

/// Writes text so that it is character data in XML 1.0; characters XML cannot carry become U+FFFD.
fn escape(out: &mut impl Write, text: &str) -> fmt::Result {
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escaped = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\'' => "&apos;",
            '"' => "&quot;",
            '\t' => "&#9;",
            '\n' => "&#10;",
            '\r' => "&#13;",
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
            _ => continue,
        };
        out.write_str(&text[plain..at])?;
        out.write_str(escaped)?;
        plain = at + c.len_utf8();
    }
    out.write_str(&text[plain..])
}
