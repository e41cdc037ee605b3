//! Durations on the command line, in the words of the YAML files: `20s`, `5min`, `1h30min`.

use std::time::Duration;

/// Reads a duration.
///
/// # Errors
/// A sentence that says how to write one.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let complaint = || format!("{text:?} is no duration; write for example 20s, 5min or 1h30min");
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(complaint());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(complaint()),
        };
        seconds += number.parse::<f64>().map_err(|_| complaint())? * factor;
        rest = after.trim_start();
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| complaint())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, seconds) in
            [("20s", 20.0), ("5min", 300.0), ("1h30min", 5400.0), ("0.5s", 0.5), ("1d 2h", 93_600.0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "20", "s", "20m", "-5s", "1..5s", "9999999999999999999999d", "5 min x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
