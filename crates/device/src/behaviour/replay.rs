//! Recorded samples behind [`crate::definition::Source::Replay`].

use super::{pace::micros, source::line};
use core::time::Duration;

/// The recorded value at `at` microseconds after the start of the recording, or of its present round if rounds of
/// `cycle` microseconds follow each other. Before the first sample, its value holds.
pub(super) fn value(samples: &[(Duration, f64)], at: u64, interpolate: bool, cycle: Option<u64>) -> f64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return 0.0;
    };
    let moment = Duration::from_micros(at);
    let after = samples.partition_point(|(time, _)| *time <= moment);
    let Some(left) = after.checked_sub(1).map(|before| samples[before]) else {
        return first.1;
    };
    if !interpolate {
        return left.1;
    }
    let (right_at, right) = match (samples.get(after), cycle) {
        (Some((time, value)), _) => (micros(*time), *value),
        (None, Some(cycle)) => (cycle, first.1),
        (None, None) => return last.1,
    };
    line(micros(left.0) as f64, left.1, right_at as f64, right, at as f64)
}

/// Length of one round of a repeated recording: one mean sample distance longer than the recording.
pub(super) fn cycle(samples: &[(Duration, f64)]) -> u64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return 1;
    };
    let distances = u64::try_from(samples.len() - 1).unwrap_or(u64::MAX).max(1);
    let mean = micros(last.0).saturating_sub(micros(first.0)) / distances;
    micros(last.0).saturating_add(mean).max(1)
}
