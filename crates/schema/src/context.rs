//! What a reader carries along while it works through one file: the text, and the mistakes found so far.
//!
//! Each reading method returns `None` after it has reported why, so that its caller goes on with the rest of the file.

use crate::{
    diagnostic::{Diagnostic, Diagnostics, Span},
    grammar::Table,
    quantity::{self, QuantityError},
    source, suggest,
    yaml::{Content, Entry, Node},
};
use std::time::Duration;

/// More mistakes than this are not listed.
const MOST: usize = 100;

/// The state of reading one file.
pub(crate) struct Context<'t> {
    path: &'t str,
    text: &'t str,
    found: Vec<Diagnostic>,
    /// Takes the mistakes beyond [`MOST`].
    overflow: Diagnostic,
    /// Mistakes of other files that this one names.
    others: Option<Diagnostics>,
}

impl<'t> Context<'t> {
    /// Begins to read the file `path` that contains `text`.
    pub(crate) fn new(path: &'t str, text: &'t str) -> Self {
        Self { path, text, found: Vec::new(), overflow: Diagnostic::of_file(path, ""), others: None }
    }

    /// The path that `written` means in this file.
    pub(crate) fn beside(&self, written: &str) -> std::path::PathBuf {
        source::beside(self.path, written)
    }

    /// The line, from 1, of a byte.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.text.as_bytes()[..byte].iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    /// The text of a stretch of the file.
    pub(crate) fn written(&self, span: Span) -> &'t str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Reports a mistake at `span`, cut at the end of its first line.
    pub(crate) fn mistake(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        if self.found.len() >= MOST {
            return &mut self.overflow;
        }
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let rest = &self.text[start..];
        let line_end = start + rest.find('\n').unwrap_or(rest.len());
        let mut end = span.end.clamp(start, line_end);
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        end -= self.text[start..end].len() - self.text[start..end].trim_end().len();
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        self.found.push(Diagnostic {
            path: self.path.to_owned(),
            span: Span { start, end },
            line: self.line_of(start),
            column: self.text[line_start..start].chars().count() + 1,
            message: message.into(),
            label: String::new(),
            help: None,
        });
        self.found.last_mut().expect("pushed just now")
    }

    /// The mistakes of a file that is not even looked at.
    pub(crate) fn file_refused(&self, message: String, help: &str) -> Diagnostics {
        let mut complaint = Diagnostic::of_file(self.path, message);
        complaint.help(help);
        Diagnostics::of_file(complaint)
    }

    /// Takes over the mistakes of another file.
    pub(crate) fn also(&mut self, other: Diagnostics) {
        match &mut self.others {
            Some(others) => others.merge(other),
            None => self.others = Some(other),
        }
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.found.is_empty() && self.others.is_none()
    }

    /// All mistakes so far; there must be one.
    pub(crate) fn give_up(&mut self) -> Diagnostics {
        let mine = std::mem::take(&mut self.found);
        match (self.others.take(), mine.is_empty()) {
            (Some(others), true) => others,
            (others, _) => {
                let mut all = Diagnostics::new(self.path, self.text, mine);
                if let Some(others) = others {
                    all.merge(others);
                }
                all
            }
        }
    }

    /// The fields of a mapping that `table` describes. Reports what is no mapping, unknown keys and missing ones; the
    /// known fields come back in any case.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, table: &'static Table) -> Option<Fields<'n>> {
        let Content::Mapping(entries) = &node.content else {
            let keys: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
            self.mistake(node.span, format!("{} is a mapping, but here is {}", table.what, node.what()))
                .label("expected `key: value`")
                .help(format!("its keys are {}", suggest::listed(&keys).replace(" or ", " and ")));
            return None;
        };
        let fields = Fields { table, entries };
        for entry in entries {
            if table.key(&entry.key).is_none() && !table.open {
                // A key that stands here already is not what was meant.
                let free = table.keys.iter().map(|key| key.name).filter(|name| fields.get(name).is_none());
                let help = suggest::advice(&entry.key, free);
                self.mistake(entry.key_span, format!("unknown key `{}`", entry.key))
                    .label(format!("not a key of {}", table.what))
                    .help(help);
            }
        }
        for key in table.keys.iter().filter(|key| key.required) {
            if fields.get(key.name).is_none() {
                self.mistake(node.span, format!("{} needs the key `{}`", table.what, key.name))
                    .label("not in here")
                    .help(format!("`{}`: {}", key.name, key.doc));
            }
        }
        Some(fields)
    }

    /// The entries of a mapping whose keys are names that the file makes up.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match &node.content {
            Content::Mapping(entries) => entries,
            _ if node.is_empty() => &[],
            _ => {
                self.wrong_type(node, &format!("a mapping of {what}"));
                &[]
            }
        }
    }

    /// The items of a list.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.content {
            Content::Sequence(items) => items,
            _ if node.is_empty() => &[],
            _ => {
                self.wrong_type(node, &format!("a list of {what}"));
                &[]
            }
        }
    }

    /// Reports that something else stands where `expected` should.
    pub(crate) fn wrong_type(&mut self, node: &Node, expected: &str) -> &mut Diagnostic {
        self.mistake(node.span, format!("expected {expected}, found {}", node.what()))
            .label(format!("should be {expected}"))
    }

    /// A scalar that is not empty.
    pub(crate) fn scalar<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.content {
            Content::Scalar { text, .. } if !node.is_empty() => Some(text),
            Content::Scalar { .. } | Content::Sequence(_) | Content::Mapping(_) => {
                self.wrong_type(node, expected);
                None
            }
        }
    }

    /// Text for people: one line that XML can carry, at most `most` bytes.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, most: usize) -> Option<&'n str> {
        let text = self.scalar(node, "text")?.trim();
        if text.is_empty() {
            self.mistake(node.span, "this text is empty").label("write something, or leave the key out");
            return None;
        }
        if text.len() > most {
            self.mistake(node.span, format!("this text has {} bytes, more than {most}", text.len()))
                .label("too long");
            return None;
        }
        // XML 1.0 section 2.2 has no way to write most control characters; a label has no use for the others.
        let odd = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
        if let Some(c) = text.chars().find(|&c| odd(c)) {
            self.mistake(node.span, format!("the character {} cannot stand here", c.escape_unicode()))
                .label("a line break or control character")
                .help("keep it to one line of visible characters");
            return None;
        }
        Some(text)
    }

    /// Text of at most 64 visible ASCII characters, as the Device Information Service carries it.
    pub(crate) fn ascii<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let text = self.text(node, 64)?;
        if let Some(c) = text.chars().find(|c| !c.is_ascii()) {
            self.mistake(node.span, format!("the character '{c}' cannot stand here"))
                .label("ASCII only")
                .help("devices show this text over Bluetooth, where clients read it as ASCII");
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.content {
            Content::Scalar { text, plain: true } if text == "true" => Some(true),
            Content::Scalar { text, plain: true } if text == "false" => Some(false),
            Content::Scalar { text, .. } => {
                let help = match text.to_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" | "1" => Some("write `true`"),
                    "no" | "off" | "n" | "false" | "0" => Some("write `false`"),
                    _ => None,
                };
                self.wrong_type(node, "true or false").maybe_help(help.map(str::to_owned));
                None
            }
            Content::Sequence(_) | Content::Mapping(_) => {
                self.wrong_type(node, "true or false");
                None
            }
        }
    }

    /// A finite number.
    pub(crate) fn number(&mut self, node: &Node) -> Option<f64> {
        if let Content::Scalar { text, plain } = &node.content {
            let number = text.parse::<f64>().ok().filter(|_| text.contains(|c: char| c.is_ascii_digit()));
            match number {
                Some(number) if *plain && number.is_finite() => return Some(number),
                Some(_) if *plain => {
                    self.mistake(node.span, "this number is too large").label("not finite");
                    return None;
                }
                Some(_) => {
                    self.wrong_type(node, "a number").help("take the quotes away");
                    return None;
                }
                None => {
                    let comma = text.replace(',', ".");
                    let help = comma.parse::<f64>().is_ok().then(|| format!("write {comma}, with a point"));
                    self.wrong_type(node, "a number").maybe_help(help);
                    return None;
                }
            }
        }
        self.wrong_type(node, "a number");
        None
    }

    /// A number greater than zero.
    pub(crate) fn positive(&mut self, node: &Node) -> Option<f64> {
        let number = self.number(node)?;
        if number <= 0.0 {
            self.mistake(node.span, format!("{number} must be greater than zero")).label("zero or less");
            return None;
        }
        Some(number)
    }

    /// A whole number from `min` to `max`, both included.
    pub(crate) fn integer(&mut self, node: &Node, min: u64, max: u64) -> Option<u64> {
        if let Content::Scalar { text, plain: true } = &node.content
            && let Ok(number) = text.parse::<u64>()
        {
            if (min..=max).contains(&number) {
                return Some(number);
            }
            self.mistake(node.span, format!("{number} is out of range"))
                .label(format!("from {min} to {max}"));
            return None;
        }
        self.wrong_type(node, "a whole number").help(format!("from {min} to {max}"));
        None
    }

    /// A quantity in text, read by `reader`.
    fn quantity<T>(
        &mut self,
        node: &Node,
        expected: &str,
        reader: impl Fn(&str) -> Result<T, QuantityError>,
    ) -> Option<T> {
        let text = self.scalar(node, expected)?;
        match reader(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.mistake(node.span, error.message)
                    .label(format!("should be {expected}"))
                    .help(error.help);
                None
            }
        }
    }

    /// A duration, which may be zero.
    pub(crate) fn duration(&mut self, node: &Node) -> Option<Duration> {
        self.quantity(node, "a duration", quantity::duration)
    }

    /// A duration greater than zero.
    pub(crate) fn span_of_time(&mut self, node: &Node) -> Option<Duration> {
        let duration = self.duration(node)?;
        if duration.is_zero() {
            self.mistake(node.span, "this duration must be greater than zero").label("no time at all");
            return None;
        }
        Some(duration)
    }

    /// A rate such as `2/min`, as a number a second.
    pub(crate) fn rate(&mut self, node: &Node) -> Option<f64> {
        self.quantity(node, "a rate", quantity::rate)
    }

    /// A time of day in a key, as seconds since midnight.
    pub(crate) fn time_of_day(&mut self, entry: &Entry) -> Option<u32> {
        match quantity::time_of_day(&entry.key) {
            Ok(second) => Some(second),
            Err(error) => {
                self.mistake(entry.key_span, error.message).label("should be a time of day").help(error.help);
                None
            }
        }
    }

    /// One of a few words, each with its meaning.
    pub(crate) fn word<T: Clone>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.scalar(node, what)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(meaning.clone());
        }
        let help = suggest::advice(text, words.iter().map(|(word, _)| *word));
        self.mistake(node.span, format!("`{text}` is not {what}")).label("unknown").help(help);
        None
    }

    /// `[min, max]`, the first below the second.
    pub(crate) fn range(&mut self, node: &Node) -> Option<(f64, f64)> {
        let Content::Sequence(items) = &node.content else {
            self.wrong_type(node, "a range").help("write it as [min, max]");
            return None;
        };
        let [min, max] = items.as_slice() else {
            self.mistake(node.span, format!("a range has two numbers, this one has {}", items.len()))
                .label("two, please")
                .help("write it as [min, max]");
            return None;
        };
        let (low, high) = (self.number(min), self.number(max));
        let (low, high) = (low?, high?);
        if low < high {
            return Some((low, high));
        }
        let complaint = self.mistake(node.span, format!("the range from {low} to {high} is empty"));
        if low > high {
            complaint.label("upside down").help(format!("write [{high}, {low}]"));
        } else {
            complaint.label("both ends are the same").help("the second number must be larger");
        }
        None
    }
}

/// The fields of one mapping.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'n> {
    table: &'static Table,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The value of a field, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// The field, if it is there.
    pub(crate) fn entry(&self, name: &str) -> Option<&'n Entry> {
        debug_assert!(self.table.key(name).is_some(), "`{name}` is not in the table of {}", self.table.what);
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Whether this kind of mapping has such a key at all.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.table.key(name).is_some()
    }

    /// All fields in the order of the file, unknown ones too.
    pub(crate) fn all(&self) -> &'n [Entry] {
        self.entries
    }
}
