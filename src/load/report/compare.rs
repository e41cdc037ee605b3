//! Two runs beside each other, with the uncertainty of each number.
//!
//! Latencies of one run depend on each other: a stall makes hundreds of them long at once. So the intervals come from
//! a block bootstrap (Künsch 1989): stretches of a few seconds are drawn, not single latencies, and with the seconds
//! all that happened in them. Drawn from a fixed seed, the same two reports give the same intervals.

use super::{Packed, Report, Second};
use crate::load::recorder::{Latencies, Series, no_latencies};
use std::collections::BTreeSet;
use thingfleet_device::random::Stream;
use thingfleet_schema::load::{Operation, Statistic};

/// Seconds that are drawn together.
const BLOCK: usize = 5;
/// How often a run is drawn anew.
const DRAWS: usize = 300;
/// What is cut off at either end of what the draws gave: an interval of 95 %.
const TAIL: f64 = 0.025;
/// Runs of fewer seconds have no interval.
const FEWEST: usize = 10;

/// One number of two runs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// What is compared: `publish.p99`.
    pub metric: String,
    /// Whether more is better, as with rates.
    pub more_is_better: bool,
    /// Its unit: `ms`, `/s` or `%`.
    pub unit: &'static str,
    /// Its value in the first run.
    pub before: f64,
    /// Its value in the second run.
    pub after: f64,
    /// The second divided by the first; none where the first is zero.
    pub ratio: Option<f64>,
    /// Where that lies with a confidence of 95 %; none of short runs.
    pub interval: Option<(f64, f64)>,
}

/// What a row comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The second run is better, beyond chance.
    Better,
    /// It is worse, beyond chance.
    Worse,
    /// What is seen may be chance.
    Same,
}

impl Row {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        match self.interval {
            Some((low, _)) if low > 1.0 => {
                if self.more_is_better {
                    Verdict::Better
                } else {
                    Verdict::Worse
                }
            }
            Some((_, high)) if high < 1.0 => {
                if self.more_is_better {
                    Verdict::Worse
                } else {
                    Verdict::Better
                }
            }
            Some(_) | None => Verdict::Same,
        }
    }

    /// By how much the second run is worse for sure, as a share of the first; 0 if it may not be.
    pub fn regression(&self) -> f64 {
        match (self.interval, self.more_is_better) {
            (Some((low, _)), false) => (low - 1.0).max(0.0),
            (Some((_, high)), true) => (1.0 - high).max(0.0),
            (None, _) => 0.0,
        }
    }
}

/// Compares two runs in everything that both have.
pub fn compare(before: &Report, after: &Report) -> Vec<Row> {
    let names: BTreeSet<_> =
        before.operations.keys().filter(|name| after.operations.contains_key(*name)).collect();
    let known = Operation::ALL.into_iter().filter(|operation| names.contains(&operation.name().to_owned()));
    known.flat_map(|operation| rows(operation.name(), before, after)).collect()
}

const STATISTICS: [(&str, Statistic); 4] = [
    ("mean", Statistic::Mean),
    ("p50", Statistic::Percentile(50.0)),
    ("p90", Statistic::Percentile(90.0)),
    ("p99", Statistic::Percentile(99.0)),
];

fn rows(name: &str, before: &Report, after: &Report) -> Vec<Row> {
    let one = Run::new(name, before);
    let other = Run::new(name, after);
    let draws = one.draws("before").into_iter().zip(other.draws("after")).collect::<Vec<_>>();
    let row = |metric: &str, unit, more_is_better, of: &dyn Fn(&Total) -> Option<f64>| {
        let (before, after) = (of(&one.total)?, of(&other.total)?);
        let ratio = (before > 0.0).then(|| after / before);
        let mut ratios: Vec<_> = draws
            .iter()
            .filter_map(|(before, after)| {
                let (before, after) = (of(before)?, of(after)?);
                (before > 0.0).then(|| after / before)
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let interval = (ratios.len() >= DRAWS / 2 && ratio.is_some()).then(|| {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
            let at = |share: f64| ratios[((ratios.len() - 1) as f64 * share).round() as usize];
            (at(TAIL), at(1.0 - TAIL))
        });
        Some(Row { metric: format!("{name}.{metric}"), more_is_better, unit, before, after, ratio, interval })
    };
    let latencies = STATISTICS.iter().filter_map(|(metric, statistic)| {
        row(metric, "ms", false, &|total| total.series.statistic(*statistic).map(|seconds| seconds * 1e3))
    });
    let rate = row("rate", "/s", true, &|total| {
        (total.seconds > 0).then(|| total.series.acknowledged as f64 / total.seconds as f64)
    });
    let errors = row("errors", "%", false, &|total| {
        let failures = total.series.failures();
        let ended = failures + total.series.acknowledged;
        (ended > 0).then(|| failures as f64 / ended as f64 * 100.0)
    });
    latencies.chain(rate).chain(errors.filter(|row| row.before > 0.0 || row.after > 0.0)).collect()
}

/// One operation in one run.
struct Run {
    total: Total,
    seconds: Vec<Few>,
}

/// What happened in some seconds together.
struct Total {
    series: Series,
    seconds: usize,
}

/// What happened in one second, as far as it is drawn: counts, and the buckets that are not empty.
struct Few {
    acknowledged: u64,
    failed: u64,
    buckets: Vec<(u64, u64)>,
}

impl Run {
    fn new(name: &str, report: &Report) -> Self {
        let seconds: Vec<_> = report.seconds.iter().map(|second| Few::new(name, second)).collect();
        // The rate is that of the seconds in which anything was to happen at all.
        let total = Total { series: report.operations[name].series(), seconds: seconds.len() };
        Self { total, seconds }
    }

    /// The run drawn anew, many times; nothing of a short one.
    fn draws(&self, purpose: &str) -> Vec<Total> {
        let count = self.seconds.len();
        if count < FEWEST {
            return Vec::new();
        }
        let mut random = Stream::new(1, "", "compare", purpose);
        let mut latencies = no_latencies();
        (0..DRAWS).map(|_| self.draw(&mut random, &mut latencies)).collect()
    }

    fn draw(&self, random: &mut Stream, latencies: &mut Latencies) -> Total {
        let count = self.seconds.len();
        latencies.reset();
        let mut series = Series { latencies: latencies.clone(), ..Series::default() };
        let mut drawn = 0;
        let mut failed = 0;
        while drawn < count {
            let start = random.below(u32::try_from(count).unwrap_or(u32::MAX)) as usize;
            // Around the end, so that no second is drawn less often than another.
            for second in (start..start + BLOCK).map(|place| &self.seconds[place % count]).take(count - drawn)
            {
                series.acknowledged += second.acknowledged;
                failed += second.failed;
                for (value, times) in &second.buckets {
                    series.latencies.saturating_record_n(*value, *times);
                }
                drawn += 1;
            }
        }
        series.failed.insert(String::new(), failed);
        Total { series, seconds: count }
    }
}

impl Few {
    fn new(name: &str, second: &Second) -> Self {
        let Some(slice) = second.operations.get(name) else {
            return Self { acknowledged: 0, failed: 0, buckets: Vec::new() };
        };
        let latencies = slice.histogram.as_ref().map(Packed::unpack);
        let buckets = latencies.iter().flat_map(|latencies| latencies.iter_recorded());
        let buckets = buckets.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value())).collect();
        Self { acknowledged: slice.acknowledged, failed: slice.failed.values().sum(), buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::long_example;

    fn row(rows: &[Row], metric: &str) -> Row {
        rows.iter().find(|row| row.metric == metric).unwrap().clone()
    }

    #[test]
    fn runs_of_the_same_kind_are_seldom_found_to_differ() {
        let mut found = 0;
        for pair in 0..4 {
            let rows = compare(&long_example(2 * pair, 1.0), &long_example(2 * pair + 1, 1.0));
            for metric in ["publish.p50", "publish.p99", "publish.rate"] {
                found += usize::from(row(&rows, metric).verdict() != Verdict::Same);
            }
        }
        assert!(found <= 2, "{found} of 12 at a confidence of 95 %");
    }

    #[test]
    fn a_run_that_is_a_third_slower_is_seen_to_be_and_by_about_how_much() {
        let rows = compare(&long_example(1, 1.0), &long_example(2, 1.33));
        let p50 = row(&rows, "publish.p50");
        assert_eq!(p50.verdict(), Verdict::Worse, "{p50:?}");
        assert!(p50.regression() > 0.2 && p50.interval.unwrap().1 < 1.5, "{p50:?}");
        let back = compare(&long_example(2, 1.33), &long_example(1, 1.0));
        assert_eq!(row(&back, "publish.p50").verdict(), Verdict::Better);
    }

    #[test]
    fn the_same_reports_give_the_same_intervals() {
        let (before, after) = (long_example(1, 1.0), long_example(2, 1.1));
        assert_eq!(compare(&before, &after), compare(&before, &after));
    }
}
