//! XML for people: an element a line, indented; what is cut off in the middle is shown as far as it goes.

use quick_xml::{Reader, events::Event};

/// A line of XML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlLine {
    /// How deep it is.
    pub depth: usize,
    /// What it says.
    pub text: String,
}

/// The lines of some XML.
pub fn lines(xml: &str) -> Vec<XmlLine> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let mut lines: Vec<XmlLine> = Vec::new();
    let mut depth = 0_usize;
    // Whether the last line is a start tag that text and an end tag may be added to.
    let mut is_open = false;
    loop {
        let begin = position(&reader);
        let event = reader.read_event();
        let Ok(event) = event else {
            let text = xml.get(begin..).unwrap_or_default().to_owned();
            lines.push(XmlLine { depth, text: format!("{text} …") });
            return lines;
        };
        let text = xml.get(begin..position(&reader)).unwrap_or_default();
        match event {
            Event::Eof => return lines,
            Event::Start(_) => {
                lines.push(XmlLine { depth, text: text.to_owned() });
                depth += 1;
                is_open = true;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                match lines.last_mut() {
                    Some(last) if is_open => last.text.push_str(text),
                    Some(_) | None => lines.push(XmlLine { depth, text: text.to_owned() }),
                }
                is_open = false;
            }
            Event::Text(_) | Event::GeneralRef(_) | Event::CData(_) => match lines.last_mut() {
                Some(last) if is_open => last.text.push_str(text),
                Some(_) | None if text.trim().is_empty() => {}
                Some(_) | None => lines.push(XmlLine { depth, text: text.trim().to_owned() }),
            },
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                lines.push(XmlLine { depth, text: text.to_owned() });
                is_open = false;
            }
        }
    }
}

/// The same as one text, two blanks a level.
pub fn pretty(xml: &str) -> String {
    let line = |line: XmlLine| format!("{}{}\n", "  ".repeat(line.depth), line.text);
    lines(xml).into_iter().map(line).collect()
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_with_text_alone_is_one_line() {
        let xml = "<message to='ada@localhost'><body>hot &amp; ready</body><x xmlns='jabber:x:data'><field/></x></message>";
        let wanted = "<message to='ada@localhost'>\n  <body>hot &amp; ready</body>\n  <x xmlns='jabber:x:data'>\n    \
                      <field/>\n  </x>\n</message>\n";
        assert_eq!(pretty(xml), wanted);
    }

    #[test]
    fn what_is_cut_off_is_shown_as_far_as_it_goes() {
        assert_eq!(pretty("<a><b>text</b><c x='"), "<a>\n  <b>text</b>\n  <c x=' …\n");
        assert_eq!(pretty("<a><b>te"), "<a>\n  <b>te\n");
        assert_eq!(pretty(""), "");
    }
}
