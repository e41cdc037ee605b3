//! YAML as a small tree in which everything knows its place in the file.
//!
//! What a configuration never needs is refused with its position: anchors and aliases (and with them YAML bombs),
//! tags, several documents in a file, keys that are no text. Size, depth and number of nodes are bounded.

use crate::{
    context::Context,
    diagnostic::{Diagnostics, Span},
};
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;

/// Largest YAML file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Most scalars, lists and mappings in a file.
pub const MAX_NODES: usize = 100_000;
/// Deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 24;

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) content: Content,
}

/// A scalar, list or mapping.
#[derive(Debug)]
pub(crate) enum Content {
    /// Text after escapes; `plain` if it stands without quotes and so may be a number.
    Scalar { text: String, plain: bool },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file, without duplicates.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// Whether nothing stands here (`key:`, `~`, `null`).
    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What it is, for complaints.
    pub(crate) fn what(&self) -> &'static str {
        match &self.content {
            _ if self.is_empty() => "nothing",
            Content::Scalar { plain: false, .. } => "quoted text",
            Content::Scalar { text, .. } if text == "true" || text == "false" => "true or false",
            Content::Scalar { text, .. } if text.parse::<f64>().is_ok() => "a number",
            Content::Scalar { .. } => "text",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }
}

/// Reads `text`; duplicate keys are reported to `context` and reading goes on.
///
/// # Errors
/// The first thing that is no YAML, or no YAML of ours.
pub(crate) fn parse(context: &mut Context, text: &str) -> Result<Node, Diagnostics> {
    if text.len() > MAX_BYTES {
        return Err(context.file_refused(
            format!("the file has {} bytes, more than the {MAX_BYTES} that are read", text.len()),
            "split it, or move recordings to a CSV file",
        ));
    }
    let options = granit_parser::options! {
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    let mut builder = Builder { stack: Vec::new(), root: None, nodes: 0, documents: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                let span = bytes(&span, text);
                if let Err(refusal) = builder.take(context, event, span) {
                    context.mistake(span, refusal.message).label(refusal.label).help(refusal.help);
                    return Err(context.give_up());
                }
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                context
                    .mistake(Span { start: at, end: at + 1 }, format!("this is no YAML: {}", error.info()))
                    .label("the reader stumbled here")
                    .help(syntax_help(text, at));
                return Err(context.give_up());
            }
        }
    }
    Ok(builder.root.unwrap_or(Node {
        span: Span { start: 0, end: 0 },
        content: Content::Scalar { text: String::new(), plain: true },
    }))
}

fn bytes(span: &granit_parser::Span, text: &str) -> Span {
    let range = span.byte_range().unwrap_or(0..0);
    Span { start: range.start.min(text.len()), end: range.end.min(text.len()) }
}

/// The usual causes, looked for in the line at `at` and the one before.
fn syntax_help(text: &str, at: usize) -> &'static str {
    let mut end = at;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let near: Vec<&str> = text[..end].lines().rev().take(2).collect();
    let line = text[end..].lines().next().unwrap_or_default();
    if line.starts_with('\t') || near.iter().any(|line| line.starts_with('\t') || line.ends_with('\t')) {
        return "indent with spaces, YAML takes no tabs";
    }
    if near.iter().chain([&line]).any(|line| line.contains(": ") && line.matches(": ").count() > 1) {
        return "quote a text that contains ': ', and close every quote and bracket";
    }
    "look at the indentation of this line and the one above, and close every quote and bracket"
}

struct Refusal {
    message: String,
    label: &'static str,
    help: &'static str,
}

fn refuse<T>(message: impl Into<String>, label: &'static str, help: &'static str) -> Result<T, Refusal> {
    Err(Refusal { message: message.into(), label, help })
}

enum Open {
    Sequence { start: usize, items: Vec<Node> },
    Mapping { start: usize, entries: Vec<Entry>, lines: HashMap<String, Span>, key: Option<(String, Span)> },
}

/// Puts the events of the parser together.
struct Builder {
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
}

impl Builder {
    fn take(&mut self, context: &mut Context, event: Event<'_>, span: Span) -> Result<(), Refusal> {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return refuse(
                        "a second document in one file",
                        "starts here",
                        "put each definition and profile in a file of its own",
                    );
                }
                Ok(())
            }
            Event::Anchor(..) => refuse(
                "anchors are not read here",
                "an anchor",
                "write the value out where it is needed; a file says the same to everyone who reads a line of it",
            ),
            Event::Alias(_) | Event::UnresolvedAlias(_) => refuse(
                "aliases are not read here",
                "an alias",
                "write the value out, or put quotes around a text that starts with '*'",
            ),
            Event::Scalar(text, style, _, tag) => {
                self.open(tag.is_some())?;
                let plain = style == ScalarStyle::Plain;
                self.add(context, Node { span, content: Content::Scalar { text: text.into_owned(), plain } })
            }
            Event::SequenceStart(_, _, tag) => {
                self.open(tag.is_some())?;
                self.stack.push(Open::Sequence { start: span.start, items: Vec::new() });
                self.check_depth()
            }
            Event::MappingStart(_, _, tag) => {
                self.open(tag.is_some())?;
                self.stack.push(Open::Mapping {
                    start: span.start,
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    key: None,
                });
                self.check_depth()
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.stack.pop() {
                    Some(Open::Sequence { start, items }) => Node {
                        span: Span { start, end: span.end.max(start) },
                        content: Content::Sequence(items),
                    },
                    Some(Open::Mapping { start, entries, .. }) => Node {
                        span: Span { start, end: span.end.max(start) },
                        content: Content::Mapping(entries),
                    },
                    None => return Ok(()),
                };
                self.add(context, node)
            }
            // The enum is open to later additions, which can only be presentation (as comments are).
            _ => Ok(()),
        }
    }

    /// Checks that a node may begin here.
    fn open(&mut self, tagged: bool) -> Result<(), Refusal> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return refuse(
                format!("more than {MAX_NODES} values in one file"),
                "the first one too many",
                "use groups with a count instead of single devices",
            );
        }
        if tagged {
            return refuse(
                "tags are not read here",
                "tagged",
                "take the '!…' away, or quote a text that starts with '!'",
            );
        }
        Ok(())
    }

    fn check_depth(&self) -> Result<(), Refusal> {
        if self.stack.len() > MAX_DEPTH {
            return refuse(
                format!("nested more than {MAX_DEPTH} levels deep"),
                "the first level too many",
                "no definition or profile needs this",
            );
        }
        Ok(())
    }

    fn add(&mut self, context: &mut Context, node: Node) -> Result<(), Refusal> {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, lines, key, .. }) => match key.take() {
                None => match node.content {
                    Content::Scalar { text, .. } => *key = Some((text, node.span)),
                    Content::Sequence(_) | Content::Mapping(_) => {
                        return refuse("a key must be text", "a list or mapping", "write `key: value`");
                    }
                },
                Some((name, key_span)) => match lines.get(&name) {
                    Some(&first) => {
                        let line = context.line_of(first.start);
                        context
                            .mistake(key_span, format!("`{name}` stands here twice"))
                            .label("again")
                            .help(format!("the first one is in line {line}; keep one of them"));
                    }
                    None => {
                        lines.insert(name.clone(), key_span);
                        entries.push(Entry { key: name, key_span, value: node });
                    }
                },
            },
        }
        Ok(())
    }
}
