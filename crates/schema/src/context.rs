//! What a reader carries along while it works through one file: the text, and the mistakes found so far.
//!
//! Each reading method returns `None` after it has reported why, so that its caller goes on with the rest of the file.

mod scalar;

use crate::{
    diagnostic::{Diagnostic, Diagnostics, Span},
    grammar::Table,
    source, suggest,
    yaml::{Content, Entry, Node},
};

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
        self.text.as_bytes()[..byte].split(|&byte| byte == b'\n').count()
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

    /// Whether there are so many mistakes that more are not listed, nor worth looking for.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MOST
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
        // A key that stands here already is not what was meant.
        let free: Vec<&str> =
            table.keys.iter().map(|key| key.name).filter(|name| fields.get(name).is_none()).collect();
        let near = |written: &str| suggest::closest(written, free.iter().copied()).filter(|_| !table.open);
        for entry in entries {
            if table.key(&entry.key).is_none() && !table.open {
                let help = suggest::advice(&entry.key, free.iter().copied());
                self.mistake(entry.key_span, format!("unknown key `{}`", entry.key))
                    .label(format!("not a key of {}", table.what))
                    .help(help);
            }
        }
        for key in table.keys.iter().filter(|key| key.required) {
            // A missing key that stands there misspelt has been reported as that.
            let misspelt =
                |entry: &Entry| table.key(&entry.key).is_none() && near(&entry.key) == Some(key.name);
            if fields.get(key.name).is_none() && !entries.iter().any(misspelt) {
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
        let found = match &node.content {
            Content::Scalar { text, plain: true } if text.parse::<f64>().is_ok() => {
                format!("the number {text}")
            }
            Content::Scalar { .. } | Content::Sequence(_) | Content::Mapping(_) => node.what().to_owned(),
        };
        self.mistake(node.span, format!("expected {expected}, found {found}"))
            .label(format!("should be {expected}"))
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
