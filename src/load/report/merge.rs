//! Reports of several shards as one: counts added up, distributions bucket for bucket, thresholds looked at again.

use super::{Generator, Operation, Phase, Report, Second, Slice, Summary, Threshold};
use crate::load::{
    recorder::{Series, measure, no_latencies, share, share_beyond},
    schedule::Shard,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use thingfleet_schema::load::{self, Bound};

/// Why reports do not make one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("no report to merge")]
    Nothing,
    /// They are of runs that differ in this.
    #[error("the reports are of different runs: {0}")]
    Different(String),
    /// The same devices are in two of them.
    #[error("the part {0} is there twice")]
    Twice(String),
    /// A threshold is none that this program knows.
    #[error("`{0}` is no threshold")]
    Threshold(String),
}

/// Merges the reports of shards.
///
/// # Errors
/// [`MergeError`] if they are not of parts of one run.
pub fn merge(reports: Vec<Report>) -> Result<Report, MergeError> {
    let first = reports.first().ok_or(MergeError::Nothing)?;
    let mut parts = BTreeSet::new();
    let mut count = None;
    for report in &reports {
        check(first, report)?;
        for part in &report.shards {
            if !parts.insert(part.clone()) {
                return Err(MergeError::Twice(part.clone()));
            }
            let of = part.parse::<Shard>().ok().map(Shard::of);
            if *count.get_or_insert(of) != of {
                return Err(MergeError::Different(format!("{part} is part of another number of parts")));
            }
        }
    }
    let started_ms = reports.iter().map(|report| report.started_ms).min().unwrap_or_default();
    let bounds = first.thresholds.iter().map(|threshold| {
        Bound::parse(&threshold.text).map_err(|_| MergeError::Threshold(threshold.text.clone()))
    });
    let bounds = bounds.collect::<Result<Vec<_>, _>>()?;

    let mut series: BTreeMap<String, (Series, u64)> = BTreeMap::new();
    let mut seconds: BTreeMap<u32, Second> = BTreeMap::new();
    let mut all = Report { started_ms, devices: 0, online: 0, expected: 0, ..first.clone() };
    let mut generator =
        Generator { cores: 0, cpu_s: 0.0, peak_memory: 0, saturated: false, ..first.generator.clone() };
    generator.lateness.0.reset();
    for report in reports {
        all.devices += report.devices;
        all.online += report.online;
        all.expected += report.expected;
        all.lasted_s = all.lasted_s.max(report.lasted_s);
        phases(&mut all.phases, &report.phases);
        for (name, operation) in &report.operations {
            let (sum, in_flight) = series.entry(name.clone()).or_default();
            sum.add(&operation.series());
            *in_flight += operation.in_flight;
        }
        let late_by = u32::try_from((report.started_ms - started_ms + 500) / 1000).unwrap_or(u32::MAX);
        for second in report.seconds {
            add_second(&mut seconds, Second { at: second.at.saturating_add(late_by), ..second });
        }
        generator.saturated |= report.generator.saturated;
        generator.cores += report.generator.cores;
        generator.cpu_s += report.generator.cpu_s;
        generator.peak_memory += report.generator.peak_memory;
        // Both have the bounds that reading gave them.
        _ = generator.lateness.0.add(&report.generator.lateness.0);
    }
    let limit = Duration::from_secs_f64((generator.limit_ms / 1e3).clamp(0.0, 1e9));
    generator.late_share = share_beyond(&generator.lateness.0, limit);
    let online = share(all.online, all.expected);
    let lasted = Duration::from_secs_f64(all.lasted_s.clamp(0.0, 1e9));
    let nothing = Series::new();
    let look = |operation: load::Operation, number: &dyn Fn(&Series) -> Option<f64>| {
        number(series.get(operation.name()).map_or(&nothing, |(series, _)| series))
    };
    let thresholds =
        bounds.iter().map(|bound| Threshold::new(bound, measure(bound.metric, look, lasted, online)));
    all.thresholds = thresholds.collect();
    all.operations = series
        .into_iter()
        .map(|(name, (series, in_flight))| (name, Operation::new(series, in_flight)))
        .collect();
    all.seconds = seconds.into_values().collect();
    all.shards = parts.into_iter().collect();
    all.generator = generator;
    Ok(all)
}

/// Complains where two reports cannot be of one run.
fn check(first: &Report, other: &Report) -> Result<(), MergeError> {
    let texts = |report: &Report| report.thresholds.iter().map(|one| one.text.clone()).collect::<Vec<_>>();
    for (what, is_same) in [
        ("the fleet", first.fleet == other.fleet),
        ("the seed", first.seed == other.seed),
        ("the domain", first.domain == other.domain),
        ("the thresholds", texts(first) == texts(other)),
    ] {
        if !is_same {
            return Err(MergeError::Different(format!("{what} is not the same")));
        }
    }
    Ok(())
}

/// A phase lasts from when the first shard began it until the last one ended it.
fn phases(all: &mut Vec<Phase>, more: &[Phase]) {
    for (place, phase) in more.iter().enumerate() {
        match all.get_mut(place) {
            Some(so_far) => {
                so_far.from_s = so_far.from_s.min(phase.from_s);
                so_far.to_s = so_far.to_s.max(phase.to_s);
            }
            None => all.push(phase.clone()),
        }
    }
}

fn add_second(seconds: &mut BTreeMap<u32, Second>, more: Second) {
    let Some(so_far) = seconds.get_mut(&more.at) else {
        seconds.insert(more.at, more);
        return;
    };
    so_far.online += more.online;
    so_far.expected += more.expected;
    let (own, other) = (&mut so_far.own, more.own);
    own.cpu += other.cpu;
    own.memory += other.memory;
    own.tasks += other.tasks;
    own.files += other.files;
    own.late_ms = own.late_ms.max(other.late_ms);
    for (name, slice) in more.operations {
        match so_far.operations.get_mut(&name) {
            Some(sum) => *sum = Slice::new(together(sum, &slice)),
            None => _ = so_far.operations.insert(name, slice),
        }
    }
}

fn together(one: &Slice, other: &Slice) -> Series {
    let mut sum = one.series();
    sum.add(&other.series());
    sum
}

impl Slice {
    /// The series it was made of.
    pub(super) fn series(&self) -> Series {
        let Self { sent, acknowledged, failed, histogram } = self.clone();
        let latencies = histogram.map_or_else(no_latencies, |packed| packed.unpack());
        Series { sent, acknowledged, failed, latencies }
    }

    /// Its latencies in a few numbers; `None` where there are none.
    pub fn summary(&self) -> Option<Summary> {
        self.histogram.as_ref().and_then(|packed| Summary::of(&packed.unpack()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::example;

    #[test]
    fn shards_add_up_bucket_for_bucket() {
        let parts: Vec<_> = (1..=3).map(|number| example(&format!("{number}/3"), 100 * number)).collect();
        let mut expected = Series::new();
        for part in &parts {
            expected.add(&part.operations["publish"].series());
        }
        let merged = merge(parts).unwrap();
        let publish = &merged.operations["publish"];
        assert_eq!(publish.histogram.0, expected.latencies);
        assert_eq!((publish.sent, publish.acknowledged), (expected.sent, expected.acknowledged));
        assert_eq!(merged.shards, ["1/3", "2/3", "3/3"]);
        assert_eq!(merged.seconds.len(), 3);
        let slices: u64 = merged.seconds.iter().map(|second| second.operations["publish"].acknowledged).sum();
        assert_eq!(slices, publish.acknowledged);
    }

    #[test]
    fn thresholds_are_looked_at_for_all_together() {
        let merged = merge(vec![example("1/2", 10), example("2/2", 90_000)]).unwrap();
        let p99 = merged.thresholds.iter().find(|one| one.text == "publish.p99 < 50ms").unwrap();
        assert!(!p99.held && p99.value.unwrap() > 0.08, "{p99:?}");
    }

    #[test]
    fn what_is_not_of_one_run_is_refused() {
        assert!(matches!(merge(Vec::new()), Err(MergeError::Nothing)));
        let twice = merge(vec![example("1/2", 1), example("1/2", 1)]);
        assert!(matches!(twice, Err(MergeError::Twice(part)) if part == "1/2"));
        let other = Report { seed: 2, ..example("2/2", 1) };
        assert!(matches!(merge(vec![example("1/2", 1), other]), Err(MergeError::Different(_))));
        assert!(matches!(merge(vec![example("1/2", 1), example("2/3", 1)]), Err(MergeError::Different(_))));
    }
}
