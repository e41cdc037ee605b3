//! Recordings: two columns of a CSV file, the times and the values.

use crate::{
    context::Context,
    diagnostic::{Diagnostics, Span},
    grammar::definition::REPLAY,
    source::{self, Loader},
    suggest,
    yaml::Node,
};
use std::time::Duration;
use thingfleet_device::definition::{Channel, Kind, Source};

/// Most samples of a recording.
pub(crate) const MOST_SAMPLES: usize = 100_000;

/// Reads a replay and the recording it names.
pub(super) fn read(
    context: &mut Context,
    node: &Node,
    channel: &Channel,
    loader: &dyn Loader,
) -> Option<Source> {
    let fields = context.fields(node, &REPLAY)?;
    let file = fields.get("file");
    let name = file.and_then(|node| context.text(node, 500));
    let column = fields.get("column").and_then(|node| context.text(node, 100));
    let time = fields.get("time").map_or(Some("time"), |node| context.text(node, 100));
    let interpolate = fields.get("interpolate").and_then(|node| context.boolean(node));
    let repeat = fields.get("repeat").and_then(|node| context.boolean(node)).unwrap_or(true);
    let (file, name, column, time) = (file?, name?, column?, time?);
    if interpolate == Some(true) && matches!(channel.kind, Kind::Boolean | Kind::Choice(_)) {
        context
            .mistake(fields.get("interpolate")?.span, "there is nothing between two options")
            .label("numbers only");
    }
    let path = context.beside(name);
    let text = match source::text(loader, &path) {
        Ok(text) => text,
        Err(problem) => {
            // The place that names the file is more use than the name of a file that is not there.
            let message = problem.list().first().map(|one| one.message.clone()).unwrap_or_default();
            context
                .mistake(file.span, format!("{}: {message}", path.display()))
                .label("this recording")
                .help("paths are relative to this file");
            return None;
        }
    };
    let shown = path.display().to_string();
    match samples(&shown, &text, time, column, channel) {
        Ok(samples) => {
            let interpolate = interpolate.unwrap_or(channel.kind == Kind::Float);
            Some(Source::Replay { samples, interpolate, repeat })
        }
        Err(problems) => {
            context.also(problems);
            None
        }
    }
}

/// The samples in a CSV text, the first at time zero.
fn samples(
    path: &str,
    text: &str,
    time: &str,
    column: &str,
    channel: &Channel,
) -> Result<Vec<(Duration, f64)>, Diagnostics> {
    let mut context = Context::new(path, text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    let header: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    let columns = [time, column].map(|name| {
        let place = header.iter().position(|one| *one == name);
        if place.is_none() {
            context
                .mistake(Span { start: 0, end: text.len() }, format!("there is no column `{name}`"))
                .label("the columns of this file")
                .help(suggest::advice(name, header.iter().copied()));
        }
        place
    });
    let [Some(time), Some(column)] = columns else { return Err(context.give_up()) };

    let mut samples: Vec<(f64, f64)> = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let at = error.position().map_or(0, csv::Position::byte);
                context.mistake(line_at(text, at), format!("this line is no CSV: {error}")).label("here");
                break;
            }
        };
        let line = line_at(text, record.position().map_or(0, csv::Position::byte));
        if samples.len() == MOST_SAMPLES {
            context
                .mistake(line, format!("a recording has at most {MOST_SAMPLES} samples"))
                .label("the first one too many");
            break;
        }
        let (moment, value) = (record.get(time).unwrap_or_default(), record.get(column).unwrap_or_default());
        let Some(moment) = seconds(moment) else {
            context
                .mistake(line, format!("`{moment}` is no time"))
                .label(format!("column `{}`", header[time]))
                .help("write seconds, or a moment as 2024-05-01T12:00:00Z");
            continue;
        };
        let Some(value) = number(value, channel) else {
            context
                .mistake(line, format!("`{value}` is no value of `{}`", channel.name))
                .label(format!("column `{}`", header[column]));
            continue;
        };
        if samples.last().is_some_and(|last| last.0 >= moment) {
            context.mistake(line, "this sample is not after the one above").label("out of order");
            continue;
        }
        samples.push((moment, value));
    }
    let Some(&(start, _)) = samples.first() else {
        if context.is_clean() {
            context.mistake(Span::default(), "the recording has no samples").label("only a header");
        }
        return Err(context.give_up());
    };
    let longest = crate::quantity::LONGEST.as_secs_f64();
    if let Some(last) = samples.last().filter(|last| last.0 - start > longest) {
        let years = ((last.0 - start) / 31_536_000.0).round();
        context
            .mistake(Span::default(), format!("the recording spans {years} years"))
            .label("more than a hundred");
    }
    if !context.is_clean() {
        return Err(context.give_up());
    }
    Ok(samples.iter().map(|&(at, value)| (Duration::from_secs_f64(at - start), value)).collect())
}

/// The line that contains byte `at`.
fn line_at(text: &str, at: u64) -> Span {
    let mut start = usize::try_from(at).unwrap_or(0).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    // The reader counts a record from the line break before it.
    start += text[start..].len() - text[start..].trim_start_matches(['\r', '\n']).len();
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    Span { start, end }
}

fn number(text: &str, channel: &Channel) -> Option<f64> {
    let number = match &channel.kind {
        Kind::Boolean if text == "true" => 1.0,
        Kind::Boolean if text == "false" => 0.0,
        Kind::Choice(options) => {
            let index = options.iter().position(|option| option.name == text)?;
            f64::from(u16::try_from(index).ok()?)
        }
        Kind::Boolean | Kind::Integer | Kind::Float | Kind::Text(_) | Kind::Button => text.parse().ok()?,
    };
    number.is_finite().then_some(number)
}

/// Seconds of a number, or since 1970 of a moment in UTC (RFC 3339 with `Z`, or without any zone).
fn seconds(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return Some(number).filter(|number| number.is_finite());
    }
    let (date, time) = text.split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut time = time.trim_end_matches('Z').splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<u32>().ok()?, time.next()?.parse::<u32>().ok()?);
    let second = time.next().map_or(Some(0.0), |second| second.parse::<f64>().ok())?;
    let valid = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && (0.0..61.0).contains(&second);
    if !valid {
        return None;
    }
    // Days from the civil calendar, counting years from March so that leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some(days as f64 * 86_400.0 + f64::from(hour) * 3600.0 + f64::from(minute) * 60.0 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_counted_in_utc_seconds() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds("2024-02-29 12:00:30.5"), Some(1_709_208_030.5));
        assert_eq!(seconds("12.5"), Some(12.5));
        for nonsense in ["", "noon", "2024-13-01T00:00:00Z", "2024-01-01", "NaN", "inf"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
    }
}
