//! `publish.p99 < 200ms`: a metric, a comparison and a value with the metric's unit.

use super::{Bound, Comparison, Metric, Operation, Outcome, Statistic};
use crate::{
    quantity::{self, QuantityError},
    suggest,
};
use std::ops::Range;

/// Why a text is no bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BoundError {
    /// Where in the text, in bytes.
    pub place: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// How to write it.
    pub help: String,
}

const EXAMPLES: &str = "write it as `publish.p99 < 200ms`, `errors < 0.1 %` or `online >= 99 %`";
const STATISTICS: [&str; 11] =
    ["p50", "p90", "p95", "p99", "p99.9", "mean", "max", "rate", "count", "sent", "failed"];

pub(super) fn parse(text: &str) -> Result<Bound, BoundError> {
    let error = |place: Range<usize>, message: String, help: String| BoundError { place, message, help };
    let Some(start) = text.find(['<', '>', '=']) else {
        return Err(error(0..text.len(), format!("`{text}` compares nothing"), EXAMPLES.into()));
    };
    let end = start + text[start..].find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(text.len() - start);
    let comparison = match &text[start..end] {
        "<" => Comparison::Less,
        "<=" => Comparison::AtMost,
        ">" => Comparison::More,
        ">=" => Comparison::AtLeast,
        other => {
            let help = "compare with <, <=, > or >=".to_owned();
            return Err(error(start..end, format!("`{other}` is no comparison here"), help));
        }
    };
    let name = text[..start].trim();
    let metric = metric(name).map_err(|(message, help)| error(0..name.len().max(1), message, help))?;
    let written = text[end..].trim();
    let value = value(metric, written).map_err(|wrong| {
        error(text.len() - text[end..].trim_start().len()..text.len(), wrong.message, wrong.help)
    })?;
    Ok(Bound { text: text.trim().to_owned(), metric, comparison, value })
}

/// The metric of that name, or what is wrong with it and how to write it.
fn metric(name: &str) -> Result<Metric, (String, String)> {
    match name {
        "errors" => return Ok(Metric::Errors(None)),
        "online" => return Ok(Metric::Online),
        _ => {}
    }
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let operations = || Operation::ALL.into_iter().map(Operation::name);
    let Some(operation) = Operation::named(first) else {
        let names = operations().chain(["errors", "online"]);
        return Err((format!("`{first}` cannot be measured"), suggest::advice(first, names)));
    };
    let statistic = match rest {
        "mean" => Statistic::Mean,
        "max" => Statistic::Max,
        "rate" => return Ok(Metric::Rate(operation)),
        "count" => return Ok(Metric::Count(operation, Outcome::Acknowledged)),
        "sent" => return Ok(Metric::Count(operation, Outcome::Sent)),
        "failed" => return Ok(Metric::Count(operation, Outcome::Failed)),
        "errors" => return Ok(Metric::Errors(Some(operation))),
        _ => {
            let percent = rest.strip_prefix('p').and_then(|number| number.parse::<f64>().ok());
            match percent.filter(|percent| *percent > 0.0 && *percent < 100.0) {
                Some(percent) => Statistic::Percentile(percent),
                None if rest.is_empty() => {
                    let message = format!("`{first}` has several numbers");
                    return Err((
                        message,
                        format!("write `{first}.p99`, `{first}.rate` or `{first}.errors`"),
                    ));
                }
                None => {
                    let names = STATISTICS.into_iter().chain(["errors"]);
                    return Err((format!("`{first}` has no `{rest}`"), suggest::advice(rest, names)));
                }
            }
        }
    };
    Ok(Metric::Latency(operation, statistic))
}

fn value(metric: Metric, text: &str) -> Result<f64, QuantityError> {
    match metric {
        Metric::Latency(..) => quantity::duration(text).map(|duration| duration.as_secs_f64()),
        Metric::Rate(_) => quantity::rate(text),
        Metric::Errors(_) | Metric::Online => quantity::share(text),
        Metric::Count(..) => text.parse::<u32>().map(f64::from).map_err(|_| QuantityError {
            message: format!("`{text}` is no number of operations"),
            help: "write a whole number, such as 10000".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_bound_is_read() {
        let publish = Operation::Publish;
        for (text, metric, value) in [
            ("publish.p99 < 200ms", Metric::Latency(publish, Statistic::Percentile(99.0)), 0.2),
            ("publish.p99.9<1s", Metric::Latency(publish, Statistic::Percentile(99.9)), 1.0),
            ("join.max <= 2min", Metric::Latency(Operation::Join, Statistic::Max), 120.0),
            ("event.mean < 50ms", Metric::Latency(Operation::Event, Statistic::Mean), 0.05),
            ("publish.rate >= 200/s", Metric::Rate(publish), 200.0),
            ("publish.count >= 10000", Metric::Count(publish, Outcome::Acknowledged), 10_000.0),
            ("connect.failed < 1", Metric::Count(Operation::Connect, Outcome::Failed), 1.0),
            ("errors < 0.1%", Metric::Errors(None), 0.001),
            ("setup.errors < 1 %", Metric::Errors(Some(Operation::SetUp)), 0.01),
            ("online >= 99 %", Metric::Online, 0.99),
        ] {
            let bound = parse(text).unwrap();
            assert_eq!((bound.metric, bound.text.as_str()), (metric, text));
            assert!((bound.value - value).abs() < 1e-9, "{text}: {}", bound.value);
        }
    }

    #[test]
    fn what_is_no_bound_is_refused_with_its_place_and_advice() {
        for (text, place, advice) in [
            ("publish.p99", 0..11, "publish.p99 < 200ms"),
            ("publish.p99 == 3ms", 12..14, "<="),
            ("publsh.p99 < 3ms", 0..10, "publish"),
            ("publish.p990 < 3ms", 0..12, "p90"),
            ("publish < 3ms", 0..7, "publish.p99"),
            ("publish.p99 < 200", 14..17, "200ms"),
            ("errors < 3", 9..10, "3 %"),
            ("publish.count > many", 16..20, "whole number"),
            ("< 3ms", 0..1, ""),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.place, place, "{text}: {error:?}");
            assert!(error.help.contains(advice), "{text}: {error:?}");
        }
    }
}
