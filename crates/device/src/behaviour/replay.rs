//! Recorded samples behind [`crate::definition::Source::Replay`].

use super::source::{line, micros};
use core::time::Duration;

/// The recorded value `elapsed` after the start of the recording. Before the first sample its value holds.
pub(super) fn value(samples: &[(Duration, f64)], elapsed: Duration, interpolate: bool, repeat: bool) -> f64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return 0.0;
    };
    let mut at = micros(elapsed);
    let cycle = cycle(samples);
    if repeat {
        at %= cycle;
    }
    let after = samples.partition_point(|(time, _)| micros(*time) <= at);
    let Some(before) = after.checked_sub(1) else {
        return first.1;
    };
    let left = samples[before];
    let right = match samples.get(after) {
        Some((time, value)) => (micros(*time), *value),
        None if repeat => (cycle, first.1),
        None => return last.1,
    };
    if !interpolate {
        return left.1;
    }
    line(micros(left.0) as f64, left.1, right.0 as f64, right.1, at as f64)
}

/// Length of one round of a repeated recording: one mean sample distance longer than the recording.
fn cycle(samples: &[(Duration, f64)]) -> u64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return 1;
    };
    let distances = u64::try_from(samples.len() - 1).unwrap_or(u64::MAX).max(1);
    let mean = micros(last.0).saturating_sub(micros(first.0)) / distances;
    micros(last.0).saturating_add(mean).max(1)
}
