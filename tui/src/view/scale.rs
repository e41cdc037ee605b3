//! Small drawings of numbers: sliders, sparklines, ribbons.

use crate::app::device::whole;
use std::collections::VecDeque;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A slider of so many columns, with its handle at a part from 0 to 1.
pub(super) fn slider(part: f64, columns: u16) -> String {
    let last = f64::from(columns.saturating_sub(1));
    let handle = (part.clamp(0.0, 1.0) * last).round();
    let sign = |column: u16| match f64::from(column) {
        at if at < handle => '━',
        at if at > handle => '─',
        _ => '●',
    };
    (0..columns).map(sign).collect()
}

/// The latest values as bars, from the smallest to the largest of them.
pub(super) fn sparkline<'v>(values: impl DoubleEndedIterator<Item = &'v f64>, columns: u16) -> String {
    let mut shown: VecDeque<f64> = VecDeque::new();
    for value in values.rev().take(columns.into()) {
        shown.push_front(*value);
    }
    let min = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let max = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |value: f64| {
        let part = if max > min { (value - min) / (max - min) } else { 0.0 };
        // From 0 to 7.
        BARS[whole(part * 7.0)]
    };
    shown.into_iter().map(bar).collect()
}

/// Ends of an axis with a little room, also where all values are the same.
pub(super) fn bounds(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let (min, max) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
    match max - min {
        span if !span.is_finite() => [0.0, 1.0],
        span if span < 1e-9 => [min - 1.0, max + 1.0],
        span => [min - span * 0.05, max + span * 0.05],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_stays_on_its_slider() {
        assert_eq!(slider(0.0, 5), "●────");
        assert_eq!(slider(0.5, 5), "━━●──");
        assert_eq!(slider(7.0, 5), "━━━━●");
        assert_eq!(slider(0.5, 0), "");
    }

    #[test]
    fn bars_go_from_the_smallest_to_the_largest() {
        assert_eq!(sparkline([0.0, 3.5, 7.0].iter(), 8), "▁▅█");
        assert_eq!(sparkline([0.0, 3.0, 3.0].iter(), 2), "▁▁");
        assert_eq!(sparkline([].iter(), 2), "");
    }

    #[test]
    fn an_axis_has_room_also_for_a_constant() {
        assert_eq!(bounds([3.0, 3.0].into_iter()), [2.0, 4.0]);
        assert_eq!(bounds(std::iter::empty()), [0.0, 1.0]);
    }
}
