//! Text commands, so that any chat client can use a device (thesis 4.4.3).

use super::wire::{self, Unacceptable};
use crate::{
    definition::{Channel, ChannelId, Definition, Kind},
    value::Value,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// Longest body that is looked at, in bytes.
const LONGEST: usize = 1024;

/// What a contact wrote.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// `help`
    Help,
    /// `status`
    Status,
    /// `units`
    Units,
    /// `temp`
    Read(ChannelId),
    /// `powerOn on`
    Set(ChannelId, Result<Value, Unacceptable>),
    /// Anything else, with the nearest word there is.
    Unknown(Option<String>),
}

impl Command {
    /// Reads a message body.
    pub(crate) fn parse(definition: &Definition, body: &str) -> Self {
        let body = body.trim();
        if body.len() > LONGEST {
            return Self::Unknown(None);
        }
        let (word, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
        let (word, rest) = (word.trim_end_matches(['?', ':', '=']), rest.trim());
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        let by_name = definition.channels().find(|(_, channel)| is(&channel.name));
        match by_name {
            Some((id, channel)) if !rest.is_empty() => Self::Set(id, wire::from_text(channel, rest)),
            Some((id, channel)) if channel.kind == Kind::Button => {
                Self::Set(id, wire::from_text(channel, "1"))
            }
            Some((id, _)) => Self::Read(id),
            None if is("help") => Self::Help,
            None if is("status") => Self::Status,
            None if is("units") => Self::Units,
            None => Self::Unknown(nearest(definition, word)),
        }
    }
}

/// The answer to `help`.
pub(crate) fn help(definition: &Definition) -> String {
    let mut text = format!(
        "{} understands:\nhelp: this list\nstatus: all values\nunits: what they are in",
        definition.title
    );
    for channel in &definition.channels {
        text.push('\n');
        text.push_str(&channel.name);
        if channel.settable {
            text.push_str(&argument(channel));
        }
        text.push_str(": ");
        text.push_str(&channel.label);
    }
    text
}

fn argument(channel: &Channel) -> String {
    match (&channel.kind, channel.range) {
        (Kind::Boolean, _) => " [on|off]".into(),
        (Kind::Choice(options), _) => {
            let names: Vec<&str> = options.iter().map(|option| option.name.as_str()).collect();
            format!(" [{}]", names.join("|"))
        }
        (Kind::Integer | Kind::Float, Some(range)) => format!(" [{} to {}]", range.min, range.max),
        (Kind::Integer | Kind::Float, None) => " [number]".into(),
        (Kind::Text(_), _) => " [text]".into(),
        (Kind::Button, _) => String::new(),
    }
}

/// The answer to `status`: a line for each channel.
pub(crate) fn status<'a>(definition: &Definition, value_of: impl Fn(ChannelId) -> &'a Value) -> String {
    let lines: Vec<String> = definition.channels().map(|(id, channel)| line(channel, value_of(id))).collect();
    lines.join("\n")
}

/// The answer to `units`.
pub(crate) fn units(definition: &Definition) -> String {
    let with_unit = definition.channels.iter().filter(|channel| !channel.unit.symbol().is_empty());
    let lines: Vec<String> =
        with_unit.map(|c| format!("{}: {} ({})", c.name, c.unit.name(), c.unit.symbol())).collect();
    if lines.is_empty() { "my values have no units".into() } else { lines.join("\n") }
}

/// `temp: 22.43 °C`
pub(crate) fn line(channel: &Channel, value: &Value) -> String {
    let text = match (&channel.kind, value) {
        (_, Value::Boolean(on)) => if *on { "on" } else { "off" }.to_string(),
        (Kind::Choice(options), Value::Choice(index)) => {
            options.get(usize::from(*index)).map_or_else(String::new, |option| option.name.clone())
        }
        _ => wire::to_text(channel, value),
    };
    let symbol = channel.unit.symbol();
    let gap = if symbol.is_empty() || symbol == "%" || symbol == "°" { "" } else { " " };
    format!("{}: {text}{gap}{symbol}", channel.name)
}

/// The answer to what was not understood.
pub(crate) fn unknown(nearest: Option<&str>) -> String {
    match nearest {
        Some(word) => {
            format!("I do not understand that. Did you mean \"{word}\"? Send \"help\" for what I know.")
        }
        None => "I do not understand that. Send \"help\" for what I know.".into(),
    }
}

/// The known word that is one edit away, two for longer words.
fn nearest(definition: &Definition, word: &str) -> Option<String> {
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let known =
        definition.channels.iter().map(|channel| channel.name.as_str()).chain(["help", "status", "units"]);
    known
        .map(|name| (distance(&word, &name.to_ascii_lowercase()), name))
        .filter(|&(edits, name)| edits <= if name.len() < 5 { 1 } else { 2 })
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, name)| name.into())
}

/// Levenshtein distance in bytes; letters in another order count as one edit, because that is one slip of the hand.
fn distance(a: &str, b: &str) -> usize {
    let sorted = |text: &str| {
        let mut bytes = Vec::from(text);
        bytes.sort_unstable();
        bytes
    };
    if a != b && sorted(a) == sorted(b) {
        return 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn parse(body: &str) -> Command {
        Command::parse(&testing::kettle(), body)
    }

    #[test]
    fn words_are_commands_readings_or_settings() {
        assert_eq!(parse(" Help "), Command::Help);
        assert_eq!(parse("TEMP"), Command::Read(ChannelId(0)));
        assert_eq!(parse("temp?"), Command::Read(ChannelId(0)));
        assert_eq!(parse("poweron on"), Command::Set(ChannelId(1), Ok(Value::Boolean(true))));
        assert_eq!(parse("target  80"), Command::Set(ChannelId(2), Ok(Value::Integer(80))));
        assert_eq!(parse("mode Keep warm"), Command::Set(ChannelId(3), Ok(Value::Choice(1))));
        assert_eq!(parse("beep"), Command::Set(ChannelId(4), Ok(Value::Integer(1))));
        assert_eq!(parse("temp 80"), Command::Set(ChannelId(0), Err(Unacceptable::ReadOnly)));
    }

    #[test]
    fn what_is_not_understood_gets_the_nearest_word() {
        assert_eq!(parse("tmep"), Command::Unknown(Some("temp".into())));
        assert_eq!(parse("helpp"), Command::Unknown(Some("help".into())));
        assert_eq!(parse("brew tea"), Command::Unknown(None));
        assert_eq!(parse(""), Command::Unknown(None));
        assert_eq!(parse(&"x".repeat(5000)), Command::Unknown(None));
    }

    #[test]
    fn help_lists_every_command_with_what_it_takes() {
        assert_eq!(
            help(&testing::kettle()),
            "Electric kettle understands:\nhelp: this list\nstatus: all values\nunits: what they are in\n\
             temp: Water temperature\npowerOn [on|off]: powerOn\ntarget [40 to 100]: target\n\
             mode [boil|keep]: mode\nbeep: beep"
        );
        assert_eq!(units(&testing::kettle()), "temp: celsius (°C)");
    }
}
