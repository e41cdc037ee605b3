//! Complaints about a file: where, what, and how to put it right.
//!
//! A reader collects all mistakes of a file before it gives up, so that a person mends them in one go. Passwords in
//! the quoted lines are blotted out.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A stretch of a file, in bytes from its start; the end is not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// One mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file as it was named to the reader.
    pub path: String,
    /// Where in the file.
    pub span: Span,
    /// Line of the first character, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// Column of the first character, in characters from 1; 0 where the file as a whole is meant.
    pub column: usize,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// A few words to stand at the caret; may be empty.
    pub label: String,
    /// How to put it right.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake of a file as a whole, such as that it cannot be opened.
    pub(crate) fn of_file(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            span: Span::default(),
            line: 0,
            column: 0,
            message: message.into(),
            label: String::new(),
            help: None,
        }
    }

    /// Sets the words at the caret.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    /// Sets the advice.
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the advice if there is some.
    pub(crate) fn maybe_help(&mut self, help: Option<String>) -> &mut Self {
        self.help = help;
        self
    }
}

/// `file:line:column: message (label); help`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message)?,
            line => write!(f, "{}:{line}:{}: {}", self.path, self.column, self.message)?,
        }
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

/// All mistakes found, at least one, in the order of the files and lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: BTreeMap<String, Arc<str>>,
}

impl Diagnostics {
    /// Mistakes of one file whose text is shown with them.
    pub(crate) fn new(path: &str, text: &str, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|one| one.span.start);
        Self { list, sources: BTreeMap::from([(path.to_owned(), blotted(text).into())]) }
    }

    /// A mistake of a file as a whole.
    pub(crate) fn of_file(diagnostic: Diagnostic) -> Self {
        Self { list: vec![diagnostic], sources: BTreeMap::new() }
    }

    /// Adds the mistakes of another file.
    pub(crate) fn merge(&mut self, other: Self) {
        self.list.extend(other.list);
        self.sources.extend(other.sources);
    }

    /// The mistakes.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// The mistakes drawn for people, each with its line of the file and a caret, `width` columns wide.
    pub fn render(&self, colour: bool, width: usize) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false);
        let mut drawn = String::new();
        for one in &self.list {
            let report = self.report(one);
            if handler.render_report(&mut drawn, report.as_ref()).is_err() {
                drawn.push_str(&format!("{one}\n"));
            }
        }
        drawn
    }

    fn report(&self, one: &Diagnostic) -> Report {
        let mut inner = MietteDiagnostic::new(match one.line {
            0 => format!("{}: {}", one.path, one.message),
            _ => one.message.clone(),
        });
        inner.help.clone_from(&one.help);
        let Some(source) = self.sources.get(&one.path).filter(|_| one.line > 0) else {
            return inner.into();
        };
        let label = Some(one.label.clone()).filter(|label| !label.is_empty());
        let length = one.span.end - one.span.start;
        let inner = inner.with_label(LabeledSpan::new(label, one.span.start, length));
        Report::new(inner).with_source_code(NamedSource::new(&one.path, Arc::clone(source)))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, one) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{one}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The text with the same number of bytes, where what follows `password:` on a line is made of stars, so that no
/// complaint shows a secret. Works line by line because it must also work on files that are no YAML.
fn blotted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some(at) = rest.find("password") {
            let (before, after) = rest.split_at(at + "password".len());
            out.push_str(before);
            let value = after.trim_start_matches(['"', '\'', ' ', ':']);
            out.push_str(&after[..after.len() - value.len()]);
            let ends =
                if value.starts_with('{') { 0 } else { value.find(['}', '\n', '\r']).unwrap_or(value.len()) };
            out.extend(std::iter::repeat_n('*', ends));
            rest = &value[ends..];
        }
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_blotted_out_and_nothing_moves() {
        let text =
            "- { jid: a@b, password: hunter2 }\n- password: 'größe'\n- password: { env: HOME }\nx: 1\n";
        let shown = blotted(text);
        assert_eq!(shown.len(), text.len());
        assert!(!shown.contains("hunter2") && !shown.contains("größe"), "{shown}");
        assert!(shown.contains("jid: a@b") && shown.contains("env: HOME") && shown.ends_with("x: 1\n"));
    }
}
