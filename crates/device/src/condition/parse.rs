//! Reading a condition from text.
//!
//! ```text
//! any        = all { "or" all }
//! all        = not { "and" not }
//! not        = "not" not | "(" any ")" | comparison
//! comparison = channel [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand ]
//! operand    = number | "true" | "false" | "on" | "off" | option | quoted text | channel
//! ```
//!
//! What may stand on the right follows from the channel on the left. For a choice, its option names come before
//! channel names, and options compare in their order. Quotes are `"` or `'`, without escapes.

use super::{Comparison, Condition};
use crate::definition::{Channel, ChannelId, Kind, Operand};
use alloc::{boxed::Box, string::String, vec, vec::Vec};
use core::{fmt, ops::Range};

/// Longest text of a condition, in bytes.
pub const MAX_LENGTH: usize = 1024;

/// Deepest nesting of parentheses and negations.
pub const MAX_DEPTH: usize = 16;

/// Why a text is no condition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    /// The bytes of the text that are wrong; empty at its end where something is missing.
    pub at: Range<usize>,
    /// What is wrong with them.
    pub kind: ConditionErrorKind,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConditionErrorKind {
    /// There is no text.
    Empty,
    /// The text has more than [`MAX_LENGTH`] bytes.
    TooLong,
    /// Parentheses and negations are nested more than [`MAX_DEPTH`] deep.
    TooDeep,
    /// No channel has this name.
    UnknownName(String),
    /// The choice has no such option.
    UnknownOption {
        /// Name of the choice channel.
        channel: String,
        /// The word that is none of its options.
        option: String,
    },
    /// The channel cannot be compared so.
    WrongType {
        /// Name of the channel on the left.
        channel: String,
        /// What it can be compared with.
        expected: &'static str,
    },
    /// Something else should stand here.
    Expected(&'static str),
    /// A quoted text has no end.
    OpenQuote,
    /// This has no meaning in a condition.
    UnknownSymbol(char),
}

impl fmt::Display for ConditionErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the condition is empty"),
            Self::TooLong => write!(f, "a condition has at most {MAX_LENGTH} bytes"),
            Self::TooDeep => write!(f, "a condition is nested at most {MAX_DEPTH} deep"),
            Self::UnknownName(name) => write!(f, "there is no sensor or actuator `{name}`"),
            Self::UnknownOption { channel, option } => write!(f, "`{channel}` has no option `{option}`"),
            Self::WrongType { channel, expected } => write!(f, "`{channel}` compares with {expected}"),
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::OpenQuote => f.write_str("the quote is not closed"),
            Self::UnknownSymbol(symbol) => write!(f, "`{symbol}` means nothing here"),
        }
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl core::error::Error for ConditionError {}

impl Condition {
    /// Reads a condition over `channels`, which are numbered by their place.
    ///
    /// # Errors
    /// [`ConditionError`] with the place in `text`.
    pub fn parse(text: &str, channels: &[Channel]) -> Result<Self, ConditionError> {
        if text.len() > MAX_LENGTH {
            return Err(ConditionError { at: 0..text.len(), kind: ConditionErrorKind::TooLong });
        }
        if text.trim().is_empty() {
            return Err(ConditionError { at: 0..text.len(), kind: ConditionErrorKind::Empty });
        }
        let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.len(), channels };
        let condition = parser.any(0)?;
        match parser.tokens.get(parser.next) {
            None => Ok(condition),
            Some(_) => Err(parser.expected("`and`, `or` or the end")),
        }
    }
}

/// The smallest part of a condition that has a meaning.
#[derive(Clone, Copy, PartialEq)]
enum Token<'t> {
    /// A name, a keyword, an option or a number.
    Word(&'t str),
    Quoted(&'t str),
    Compare(Comparison),
    Open,
    Close,
}

fn tokens(text: &str) -> Result<Vec<(Range<usize>, Token<'_>)>, ConditionError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match c {
            _ if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' | '\'' => {
                let Some(length) = rest[1..].find(c) else {
                    return Err(ConditionError { at: at..text.len(), kind: ConditionErrorKind::OpenQuote });
                };
                (Token::Quoted(&rest[1..=length]), length + 2)
            }
            _ if in_word(c) => {
                let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
                (Token::Word(&rest[..length]), length)
            }
            _ => match COMPARISONS.iter().find(|(symbol, _)| rest.starts_with(symbol)) {
                Some((symbol, comparison)) => (Token::Compare(*comparison), symbol.len()),
                None => return Err(unknown_symbol(at, c)),
            },
        };
        tokens.push((at..at + length, token));
        at += length;
    }
    Ok(tokens)
}

/// The longer symbols come first, so that `<=` is not read as `<`.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

const AN_OPERATOR: &str = "`==`, `!=`, `<`, `<=`, `>` or `>=`";

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.')
}

/// Symbols other languages have get the word this one has.
fn unknown_symbol(at: usize, c: char) -> ConditionError {
    let kind = match c {
        '=' => ConditionErrorKind::Expected("`==`"),
        '&' => ConditionErrorKind::Expected("`and`"),
        '|' => ConditionErrorKind::Expected("`or`"),
        '!' => ConditionErrorKind::Expected("`not`"),
        other => ConditionErrorKind::UnknownSymbol(other),
    };
    ConditionError { at: at..at + c.len_utf8(), kind }
}

struct Parser<'t, 'c> {
    tokens: Vec<(Range<usize>, Token<'t>)>,
    next: usize,
    end: usize,
    channels: &'c [Channel],
}

impl<'t, 'c> Parser<'t, 'c> {
    fn any(&mut self, depth: usize) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.all(depth)?];
        while self.take(Token::Word("or")) {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts).unwrap_or_else(Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.not(depth)?];
        while self.take(Token::Word("and")) {
            parts.push(self.not(depth)?);
        }
        Ok(single(parts).unwrap_or_else(Condition::All))
    }

    fn not(&mut self, depth: usize) -> Result<Condition, ConditionError> {
        let at = self.place();
        let negated = self.take(Token::Word("not"));
        if !negated && !self.take(Token::Open) {
            return self.comparison();
        }
        if depth == MAX_DEPTH {
            return Err(ConditionError { at, kind: ConditionErrorKind::TooDeep });
        }
        if negated {
            return Ok(Condition::Not(Box::new(self.not(depth + 1)?)));
        }
        let inner = self.any(depth + 1)?;
        if self.take(Token::Close) { Ok(inner) } else { Err(self.expected("`and`, `or` or `)`")) }
    }

    fn comparison(&mut self) -> Result<Condition, ConditionError> {
        let at = self.place();
        let Some(Token::Word(name)) = self.peek() else {
            return Err(self.expected("the name of a sensor or actuator"));
        };
        if is_reserved(name) || number(name).is_some() {
            return Err(self.expected("the name of a sensor or actuator"));
        }
        let Some((id, channel)) = self.find(name) else {
            return Err(ConditionError { at, kind: ConditionErrorKind::UnknownName(name.into()) });
        };
        self.next += 1;
        let at = self.place();
        let comparison = match self.peek() {
            None | Some(Token::Close | Token::Word("and" | "or")) => return Ok(Condition::Is(id)),
            Some(Token::Compare(comparison)) => comparison,
            Some(Token::Open | Token::Quoted(_) | Token::Word(_)) => return Err(self.expected(AN_OPERATOR)),
        };
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if ordered && matches!(channel.kind, Kind::Boolean | Kind::Text(_)) {
            return Err(wrong_type(at, channel, "`==` and `!=` only"));
        }
        self.next += 1;
        let at = self.place();
        let Some(Token::Word(word) | Token::Quoted(word)) = self.peek() else {
            return Err(self.expected(right_side(channel)));
        };
        let quoted = matches!(self.peek(), Some(Token::Quoted(_)));
        if !quoted && matches!(word, "and" | "or" | "not") {
            return Err(self.expected(right_side(channel)));
        }
        let condition = if let (Kind::Text(_), true) = (&channel.kind, quoted) {
            Condition::TextIs(id, comparison == Comparison::Equal, word.into())
        } else {
            Condition::Compare(id, comparison, self.operand(channel, word, quoted, at)?)
        };
        self.next += 1;
        Ok(condition)
    }

    /// What `word` means to the right of `channel`.
    fn operand(
        &self,
        channel: &Channel,
        word: &str,
        quoted: bool,
        at: Range<usize>,
    ) -> Result<Operand, ConditionError> {
        let literal = match &channel.kind {
            Kind::Integer | Kind::Float | Kind::Button if !quoted => number(word),
            Kind::Boolean if !quoted => switch(word),
            Kind::Choice(options) => (0u16..)
                .zip(options)
                .find(|(_, option)| option.name == word)
                .map(|(index, _)| f64::from(index)),
            Kind::Integer | Kind::Float | Kind::Button | Kind::Boolean | Kind::Text(_) => None,
        };
        if let Some(number) = literal {
            return Ok(Operand::Number(number));
        }
        if quoted || is_reserved(word) || number(word).is_some() {
            return Err(match channel.kind {
                Kind::Choice(_) => unknown_option(at, channel, word),
                Kind::Integer | Kind::Float | Kind::Button | Kind::Boolean | Kind::Text(_) => {
                    wrong_type(at, channel, right_side(channel))
                }
            });
        }
        match (self.find(word), &channel.kind) {
            (Some((other_id, other)), _) if comparable(&channel.kind, &other.kind) => {
                Ok(Operand::Channel(other_id))
            }
            (None, Kind::Choice(_)) => Err(unknown_option(at, channel, word)),
            (Some(_), _) | (None, Kind::Text(_)) => Err(wrong_type(at, channel, right_side(channel))),
            (None, Kind::Integer | Kind::Float | Kind::Button | Kind::Boolean) => {
                Err(ConditionError { at, kind: ConditionErrorKind::UnknownName(word.into()) })
            }
        }
    }

    fn find(&self, name: &str) -> Option<(ChannelId, &'c Channel)> {
        (0u16..).map(ChannelId).zip(self.channels).find(|(_, channel)| channel.name == name)
    }

    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next).map(|(_, token)| *token)
    }

    fn take(&mut self, token: Token<'_>) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    fn place(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.end..self.end, |(at, _)| at.clone())
    }

    fn expected(&self, what: &'static str) -> ConditionError {
        ConditionError { at: self.place(), kind: ConditionErrorKind::Expected(what) }
    }
}

fn single(mut parts: Vec<Condition>) -> Result<Condition, Vec<Condition>> {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => Ok(only),
        (_, last) => {
            parts.extend(last);
            Err(parts)
        }
    }
}

fn is_reserved(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "true" | "false" | "on" | "off")
}

/// Words that spell a number in Rust but start with a letter (`inf`, `nan`) are names here.
fn number(word: &str) -> Option<f64> {
    if word.starts_with(char::is_alphabetic) {
        return None;
    }
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

fn switch(word: &str) -> Option<f64> {
    match word {
        "true" | "on" => Some(1.0),
        "false" | "off" => Some(0.0),
        _ => None,
    }
}

fn comparable(left: &Kind, right: &Kind) -> bool {
    let is_number = |kind: &Kind| matches!(kind, Kind::Integer | Kind::Float | Kind::Button);
    match left {
        Kind::Integer | Kind::Float | Kind::Button => is_number(right),
        Kind::Boolean => matches!(right, Kind::Boolean),
        Kind::Choice(_) => left == right,
        Kind::Text(_) => false,
    }
}

fn right_side(channel: &Channel) -> &'static str {
    match channel.kind {
        Kind::Integer | Kind::Float | Kind::Button => "a number or the name of a numeric channel",
        Kind::Boolean => "`true`, `false`, `on`, `off` or the name of a boolean channel",
        Kind::Choice(_) => "one of its options or the name of a channel with the same options",
        Kind::Text(_) => "a text in quotes",
    }
}

fn wrong_type(at: Range<usize>, channel: &Channel, expected: &'static str) -> ConditionError {
    ConditionError { at, kind: ConditionErrorKind::WrongType { channel: channel.name.clone(), expected } }
}

fn unknown_option(at: Range<usize>, channel: &Channel, word: &str) -> ConditionError {
    ConditionError {
        at,
        kind: ConditionErrorKind::UnknownOption { channel: channel.name.clone(), option: word.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{definition::ChoiceOption, testing::channel};
    use Comparison::{Equal, GreaterOrEqual, Less, NotEqual};
    use alloc::{borrow::ToOwned, format, string::ToString};

    const TEMP: ChannelId = ChannelId(0);
    const SETPOINT: ChannelId = ChannelId(1);
    const POWER: ChannelId = ChannelId(2);
    const MODE: ChannelId = ChannelId(3);
    const NOTE: ChannelId = ChannelId(4);

    fn channels() -> Vec<Channel> {
        let options = ["eco", "boost", "40", "off"]
            .map(|name| ChoiceOption { name: name.to_owned(), label: name.to_owned() })
            .to_vec();
        vec![
            channel("temp", Kind::Float),
            channel("set-point", Kind::Integer),
            channel("power", Kind::Boolean),
            channel("mode", Kind::Choice(options)),
            channel("note", Kind::Text(32)),
        ]
    }

    fn parse(text: &str) -> Result<Condition, ConditionError> {
        Condition::parse(text, &channels())
    }

    fn compare(channel: ChannelId, comparison: Comparison, number: f64) -> Condition {
        Condition::Compare(channel, comparison, Operand::Number(number))
    }

    #[test]
    fn and_binds_tighter_than_or_and_not_tightest() {
        let expected = Condition::Any(vec![
            Condition::All(vec![
                compare(TEMP, GreaterOrEqual, 100.0),
                Condition::Not(Box::new(Condition::Is(POWER))),
            ]),
            compare(POWER, Equal, 1.0),
        ]);
        assert_eq!(parse("temp >= 1e2 and not power or power==on"), Ok(expected));
    }

    #[test]
    fn parentheses_group() {
        let expected = Condition::All(vec![
            Condition::Is(POWER),
            Condition::Any(vec![compare(TEMP, Less, -5.0), Condition::Is(NOTE)]),
        ]);
        assert_eq!(parse("power and (temp<-5 or note)"), Ok(expected));
    }

    #[test]
    fn the_left_side_gives_the_right_side_its_meaning() {
        assert_eq!(parse("mode == 40"), Ok(compare(MODE, Equal, 2.0)));
        assert_eq!(parse("mode >= 'boost'"), Ok(compare(MODE, GreaterOrEqual, 1.0)));
        assert_eq!(parse("mode != off"), Ok(compare(MODE, NotEqual, 3.0)));
        assert_eq!(parse("power != off"), Ok(compare(POWER, NotEqual, 0.0)));
        assert_eq!(parse("temp < set-point"), Ok(Condition::Compare(TEMP, Less, Operand::Channel(SETPOINT))));
        assert_eq!(parse("note != \"it's on\""), Ok(Condition::TextIs(NOTE, false, "it's on".to_owned())));
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let cases = [
            ("", "0..0 the condition is empty"),
            ("temp >", "6..6 expected a number or the name of a numeric channel"),
            ("temp >= and power", "8..11 expected a number or the name of a numeric channel"),
            ("temp = 5", "5..6 expected `==`"),
            ("temp && power", "5..6 expected `and`"),
            ("temp > 5 # hot", "9..10 `#` means nothing here"),
            ("tmep > 5", "0..4 there is no sensor or actuator `tmep`"),
            ("temp > setpoint", "7..15 there is no sensor or actuator `setpoint`"),
            ("temp > on", "7..9 `temp` compares with a number or the name of a numeric channel"),
            ("temp > nan", "7..10 there is no sensor or actuator `nan`"),
            ("5 < temp", "0..1 expected the name of a sensor or actuator"),
            ("temp power", "5..10 expected `==`, `!=`, `<`, `<=`, `>` or `>=`"),
            ("power > off", "6..7 `power` compares with `==` and `!=` only"),
            ("mode == turbo", "8..13 `mode` has no option `turbo`"),
            (
                "mode == power",
                "8..13 `mode` compares with one of its options or the name of a channel with the same options",
            ),
            ("note == hello", "8..13 `note` compares with a text in quotes"),
            ("note == 'hello", "8..14 the quote is not closed"),
            ("(power", "6..6 expected `and`, `or` or `)`"),
            ("power)", "5..6 expected `and`, `or` or the end"),
            ("0 < temp < 5", "0..1 expected the name of a sensor or actuator"),
            ("temp < 5 < 6", "9..10 expected `and`, `or` or the end"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text);
            assert_eq!(format!("{:?} {error}", error.at), expected, "{text}");
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let nested = |depth: usize| format!("{}power{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(parse(&nested(MAX_DEPTH)), Ok(Condition::Is(POWER)));
        let kinds = [nested(MAX_DEPTH + 1), "not ".repeat(17) + "power", "power or ".repeat(200)]
            .map(|text| parse(&text).expect_err("out of bounds").kind.to_string());
        assert_eq!(
            kinds,
            [
                "a condition is nested at most 16 deep",
                "a condition is nested at most 16 deep",
                "a condition has at most 1024 bytes"
            ]
        );
    }
}
