//! Quantities written as text with their unit: durations, rates, signals, times of day.

use std::{fmt::Write as _, time::Duration};

/// The longest duration that is accepted: a hundred years.
pub(crate) const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Units of time and their microseconds, the longest first.
const UNITS: &[(&str, f64)] = &[("d", 86_400e6), ("h", 3_600e6), ("min", 60e6), ("s", 1e6), ("ms", 1e3)];

/// Why a text is no quantity: a sentence, and how to write it.
#[derive(Debug, PartialEq)]
pub(crate) struct QuantityError {
    pub(crate) message: String,
    pub(crate) help: String,
}

fn error<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, QuantityError> {
    Err(QuantityError { message: message.into(), help: help.into() })
}

/// Reads `90s`, `5min`, `250ms`, `1h30min`, `1.5h`.
pub(crate) fn duration(text: &str) -> Result<Duration, QuantityError> {
    const EXAMPLES: &str = "write a duration as 250ms, 90s, 5min, 2h, 1d or 1h30min";
    let mut rest = text.trim();
    if rest.is_empty() {
        return error("a duration is missing", EXAMPLES);
    }
    if rest.parse::<f64>().is_ok() {
        return error(
            format!("`{text}` has no unit"),
            format!("write `{rest}s` for seconds, `{rest}min` for minutes or `{rest}ms` for milliseconds"),
        );
    }
    let mut micros = 0.0;
    let mut last_unit = f64::INFINITY;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let Ok(number) = number.parse::<f64>() else {
            return error(format!("`{text}` is no duration"), EXAMPLES);
        };
        let Some(&(_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return error(format!("`{text}` is no duration"), unit_help(unit).unwrap_or(EXAMPLES));
        };
        if factor >= last_unit {
            return error(
                format!("`{text}` is no duration"),
                "name each unit once, the longest first, as in 1h30min",
            );
        }
        last_unit = factor;
        micros += number * factor;
        rest = after.trim_start();
    }
    if micros > LONGEST.as_micros() as f64 {
        return error(format!("`{text}` is longer than a hundred years"), EXAMPLES);
    }
    // The bound above keeps it far below the end of u64.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(Duration::from_micros(micros.round() as u64))
}

fn unit_help(unit: &str) -> Option<&'static str> {
    match unit {
        "m" => Some("`m` could be minutes or months; write `min`"),
        "sec" | "secs" | "second" | "seconds" => Some("write `s` for seconds"),
        "mins" | "minute" | "minutes" => Some("write `min` for minutes"),
        "hr" | "hour" | "hours" => Some("write `h` for hours"),
        "day" | "days" => Some("write `d` for days"),
        "us" | "µs" => Some("the shortest unit is `ms`"),
        "" => Some("put a unit behind every number, as in 1h30min"),
        _ => None,
    }
}

/// Writes a duration as the reader would take it: `1h30min`.
pub(crate) fn spoken(duration: Duration) -> String {
    let mut left = duration.as_micros();
    let mut text = String::new();
    for &(name, micros) in UNITS {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let unit = micros as u128;
        if left >= unit {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{name}", left / unit);
            left %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads `0.5/s`, `2/min`, `30/h` as a number a second.
pub(crate) fn rate(text: &str) -> Result<f64, QuantityError> {
    const EXAMPLES: &str = "write a rate with its time, as in 0.5/s, 2/min or 30/h";
    let Some((number, unit)) = text.split_once('/') else {
        return error(format!("`{text}` is no rate"), EXAMPLES);
    };
    let seconds = match unit.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => return error(format!("`{text}` is no rate"), EXAMPLES),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number / seconds),
        Ok(_) => error(format!("`{text}` must be greater than zero"), EXAMPLES),
        Err(_) => error(format!("`{text}` is no rate"), EXAMPLES),
    }
}

/// Reads `20 %` or `20%` as 0.2; from 0 to 100.
pub(crate) fn share(text: &str) -> Result<f64, QuantityError> {
    const EXAMPLES: &str = "write a share as 20 %, from 0 % to 100 %";
    let Some(number) = text.trim().strip_suffix('%') else {
        let help = match text.trim().parse::<f64>() {
            // Both could be meant, and they are far apart.
            Ok(number) if number > 0.0 && number <= 1.0 => {
                format!("write `{} %`, or `{number} %` if that is meant", number * 100.0)
            }
            Ok(number) => format!("write `{number} %`"),
            Err(_) => EXAMPLES.to_owned(),
        };
        return error(format!("`{text}` has no `%`"), help);
    };
    match number.trim_end().parse::<f64>() {
        Ok(number) if (0.0..=100.0).contains(&number) => Ok(number / 100.0),
        Ok(_) => error(format!("`{text}` is out of range"), EXAMPLES),
        Err(_) => error(format!("`{text}` is no share"), EXAMPLES),
    }
}

/// Reads `-67dBm`: the strength of a radio signal, from -120 to 0.
pub(crate) fn signal(text: &str) -> Result<i8, QuantityError> {
    const EXAMPLES: &str = "write a signal as -50dBm (good) to -90dBm (hardly there)";
    let Some(number) = text.trim().strip_suffix("dBm") else {
        let help = match text.trim().parse::<i8>() {
            Ok(number) => format!("write `{number}dBm`"),
            Err(_) => EXAMPLES.to_owned(),
        };
        return error(format!("`{text}` is no signal"), help);
    };
    match number.trim_end().parse() {
        Ok(signal @ -120..=0) => Ok(signal),
        Ok(_) | Err(_) => error(format!("`{text}` is no signal"), EXAMPLES),
    }
}

/// Reads `06:30` or `06:30:15` as seconds since midnight.
pub(crate) fn time_of_day(text: &str) -> Result<u32, QuantityError> {
    let parts: Vec<&str> = text.split(':').collect();
    let two_digits = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(two_digits) {
        return error(
            format!("`{text}` is no time of day"),
            "write it as \"06:30\", from \"00:00\" to \"23:59\"",
        );
    }
    let number = |index: usize| parts.get(index).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    let (hour, minute, second) = (number(0), number(1), number(2));
    if hour > 23 || minute > 59 || second > 59 {
        return error(format!("a day has no {text}"), "write it as \"06:30\", from \"00:00\" to \"23:59\"");
    }
    Ok(hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, millis) in
            [("90s", 90_000), ("5min", 300_000), ("250ms", 250), ("1h30min", 5_400_000), ("1.5h", 5_400_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_advice() {
        for (text, advice) in [
            ("90", "`90s`"),
            ("5m", "`min`"),
            ("5min1h", "longest first"),
            ("-5s", "250ms"),
            ("1h30", "unit"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.help.contains(advice), "{text}: {error:?}");
        }
        assert!(duration("99999999999d").is_err());
    }

    #[test]
    fn a_spoken_duration_reads_back() {
        for text in ["1d2h", "1h30min", "250ms", "1min30s"] {
            assert_eq!(spoken(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn shares_are_read_with_their_sign() {
        assert_eq!((share("20 %"), share("0.5%"), share("100%")), (Ok(0.2), Ok(0.005), Ok(1.0)));
        for (text, advice) in [("20", "`20 %`"), ("0.2", "`20 %`"), ("101 %", "100 %"), ("a %", "20 %")] {
            let error = share(text).unwrap_err();
            assert!(error.help.contains(advice), "{text}: {error:?}");
        }
    }

    #[test]
    fn rates_signals_and_times_of_day_are_read() {
        assert_eq!(rate("30/min"), Ok(0.5));
        assert!(rate("30").is_err() && rate("-1/s").is_err());
        assert_eq!(time_of_day("06:30"), Ok(23_400));
        assert_eq!((signal("-67dBm"), signal("-67 dBm")), (Ok(-67), Ok(-67)));
        assert!(signal("-67").is_err() && signal("3dBm").is_err() && signal("-121dBm").is_err());
        assert!(time_of_day("24:00").is_err() && time_of_day("6:30").is_err());
    }
}
