//! What a device would send, without any network: the model and the publish policies over simulated time.
//!
//! The same trace comes out on every machine, byte for byte, including a microcontroller without a floating-point
//! unit; the golden trace of `tests/golden` and `scripts/riscv-trace.sh` hold that.

use crate::{
    definition::{Channel, ChannelId, Definition, Kind},
    model::Model,
    publish::Reason,
    time::{Instant, UnixMillis},
    value::{Value, format_float},
    world::{World, WorldEvent},
};
use core::{
    fmt::{self, Write},
    time::Duration,
};

/// A device running by itself.
#[derive(Clone, Debug)]
pub struct Trace<'d> {
    definition: &'d Definition,
    world: World,
}

/// One value a device sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'t> {
    /// When, on the tick grid.
    pub at: Instant,
    /// Which channel.
    pub channel: ChannelId,
    /// What.
    pub value: &'t Value,
    /// Why then.
    pub why: Reason,
}

impl<'d> Trace<'d> {
    /// A device of this name in a fleet with this seed, switched on at `epoch`.
    pub fn new(definition: &'d Definition, name: &str, seed: u64, epoch: UnixMillis) -> Self {
        Self { definition, world: World::new(definition, name, seed, epoch) }
    }

    /// The values behind the trace, to set some of them before or between runs. The next tick notices.
    pub fn model_mut(&mut self) -> &mut Model {
        self.world.model_mut()
    }

    /// Runs every tick up to and including `until`, giving each value that is sent to `sink`, in the order of time and
    /// then of the file. Goes on where the last run ended.
    ///
    /// # Errors
    /// The first error of `sink`; the rest of that tick is lost then.
    pub fn run<E>(
        &mut self,
        until: Instant,
        sink: &mut impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.world.next_tick() <= until {
            let at = self.world.next_tick();
            let mut told = Ok(());
            let goes_on = self.world.tick(self.definition, &mut |event| match event {
                WorldEvent::Due(channel, value, why) if told.is_ok() => {
                    told = sink(Row { at, channel, value, why });
                }
                WorldEvent::Due(..) | WorldEvent::Rule(_) | WorldEvent::Lagging(_) => {}
            });
            told?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values (RFC 4180, lines ending in LF) below a heading.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// Writes what stands above the rows.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_heading(self, out: &mut impl Write) -> fmt::Result {
        match self {
            Self::Csv => out.write_str("seconds,channel,value,why\n"),
            Self::JsonLines => Ok(()),
        }
    }

    /// Writes one row and the end of its line. Times are seconds since the start with three decimals or as many as
    /// they need; numbers look as on the wire.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_row(self, out: &mut impl Write, definition: &Definition, row: &Row<'_>) -> fmt::Result {
        let channel = definition.channel(row.channel);
        match self {
            Self::Csv => {
                write_seconds(out, row.at)?;
                write!(out, ",{},", channel.name)?;
                write_csv(out, channel, row.value)?;
                writeln!(out, ",{}", row.why.name())
            }
            Self::JsonLines => {
                out.write_str("{\"seconds\":")?;
                write_seconds(out, row.at)?;
                write!(out, ",\"channel\":\"{}\",\"value\":", channel.name)?;
                write_json(out, channel, row.value)?;
                writeln!(out, ",\"why\":\"{}\"}}", row.why.name())
            }
        }
    }
}

/// Runs a device for `span` from its start and writes what it sends.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, trace: &mut Trace<'_>, span: Duration, format: Format) -> fmt::Result {
    let definition = trace.definition;
    format.write_heading(out)?;
    trace.run(Instant::START.plus(span), &mut |row| format.write_row(out, definition, &row))
}

fn write_seconds(out: &mut impl Write, at: Instant) -> fmt::Result {
    let (seconds, micros) = (at.as_micros() / 1_000_000, at.as_micros() % 1_000_000);
    if micros.is_multiple_of(1000) {
        write!(out, "{seconds}.{:03}", micros / 1000)
    } else {
        write!(out, "{seconds}.{micros:06}")
    }
}

fn write_csv(out: &mut impl Write, channel: &Channel, value: &Value) -> fmt::Result {
    match value {
        Value::Boolean(on) => out.write_char(if *on { '1' } else { '0' }),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Float(number) => out.write_str(&format_float(*number, channel.precision)),
        Value::Choice(index) => write_quoted(out, option_name(channel, *index), csv_escape),
        Value::Text(text) => write_quoted(out, text, csv_escape),
    }
}

fn write_json(out: &mut impl Write, channel: &Channel, value: &Value) -> fmt::Result {
    match value {
        Value::Boolean(on) => write!(out, "{on}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Float(number) => out.write_str(&format_float(*number, channel.precision)),
        Value::Choice(index) => write_quoted(out, option_name(channel, *index), json_escape),
        Value::Text(text) => write_quoted(out, text, json_escape),
    }
}

fn option_name(channel: &Channel, index: u16) -> &str {
    match &channel.kind {
        Kind::Choice(options) => options.get(usize::from(index)).map_or("", |option| &option.name),
        Kind::Boolean | Kind::Integer | Kind::Float | Kind::Text(_) | Kind::Button => "",
    }
}

fn write_quoted<W: Write>(out: &mut W, text: &str, escape: fn(&mut W, char) -> fmt::Result) -> fmt::Result {
    out.write_char('"')?;
    text.chars().try_for_each(|c| escape(out, c))?;
    out.write_char('"')
}

fn csv_escape<W: Write>(out: &mut W, c: char) -> fmt::Result {
    out.write_str(if c == '"' { "\"" } else { "" })?;
    out.write_char(c)
}

/// RFC 8259 section 7.
fn json_escape<W: Write>(out: &mut W, c: char) -> fmt::Result {
    match c {
        '"' | '\\' => write!(out, "\\{c}"),
        '\0'..='\u{1f}' => write!(out, "\\u{:04x}", u32::from(c)),
        _ => out.write_char(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use alloc::{borrow::ToOwned, string::String};

    fn written(format: Format, kind: Kind, value: &Value, micros: u64) -> String {
        let mut definition = testing::kettle();
        definition.channels[0].name = "x".to_owned();
        definition.channels[0].kind = kind;
        let row = Row { at: Instant::from_micros(micros), channel: ChannelId(0), value, why: Reason::Change };
        let mut out = String::new();
        format.write_row(&mut out, &definition, &row).expect("writing to a string cannot fail");
        out
    }

    #[test]
    fn texts_are_escaped_as_each_format_wants_it() {
        let text = Value::Text("a \"b\"\\\n".to_owned());
        let row = |format| written(format, Kind::Text(20), &text, 1_500_000);
        assert_eq!(row(Format::Csv), "1.500,x,\"a \"\"b\"\"\\\n\",change\n");
        assert_eq!(
            row(Format::JsonLines),
            "{\"seconds\":1.500,\"channel\":\"x\",\"value\":\"a \\\"b\\\"\\\\\\u000a\",\"why\":\"change\"}\n"
        );
    }

    #[test]
    fn a_switch_is_a_digit_in_csv_and_a_boolean_in_json() {
        let row = |format| written(format, Kind::Boolean, &Value::Boolean(true), 10);
        assert_eq!(row(Format::Csv), "0.000010,x,1,change\n");
        assert_eq!(
            row(Format::JsonLines),
            "{\"seconds\":0.000010,\"channel\":\"x\",\"value\":true,\"why\":\"change\"}\n"
        );
    }
}
