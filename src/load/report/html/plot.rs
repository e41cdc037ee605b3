//! Lines over seconds as SVG, with phases as bands behind them.

use maud::{Markup, html};

/// Size of a plot, in its own units.
const SIZE: (f64, f64) = (640.0, 220.0);
/// Room at the left for numbers, at the top for names of phases, at the right, and at the bottom for seconds.
const MARGIN: (f64, f64, f64, f64) = (56.0, 20.0, 10.0, 22.0);
/// Lines across, and about as many numbers at the left.
const TICKS: usize = 4;

/// A plot over the seconds of a run.
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) axis: Axis,
    pub(super) lines: Vec<Line>,
    pub(super) bands: Vec<Band>,
}

/// What is drawn upwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// From zero, evenly.
    Count,
    /// Milliseconds, where each line across is ten times the one below.
    Millis,
}

/// A line with its name.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// A phase.
#[derive(Clone)]
pub(super) struct Band {
    pub(super) name: String,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Where things are drawn.
struct Scale {
    axis: Axis,
    last: f64,
    low: f64,
    high: f64,
}

impl Plot {
    /// The plot with its title and its key.
    pub(super) fn draw(&self) -> Markup {
        let scale = Scale::of(self);
        html! {
            figure {
                figcaption {
                    (self.title)
                    span class="key" {
                        @for (number, line) in self.lines.iter().enumerate() {
                            span class=(format!("line-{number}")) { "— " (line.name) }
                        }
                    }
                }
                svg viewBox=(format!("0 0 {} {}", SIZE.0, SIZE.1)) role="img" aria-label=(self.title) {
                    @for (number, band) in self.bands.iter().enumerate() {
                        @let (from, to) = (scale.x(band.from), scale.x(band.to));
                        rect class=(if number % 2 == 0 { "band" } else { "band odd" })
                            x=(short(from)) y=(short(MARGIN.1)) width=(short((to - from).max(0.0)))
                            height=(short(SIZE.1 - MARGIN.1 - MARGIN.3)) {}
                        @if to - from > band.name.len() as f64 * 6.0 {
                            text class="band-name" x=(short(from + 3.0)) y=(short(MARGIN.1 - 6.0)) { (band.name) }
                        }
                    }
                    @for tick in scale.ticks() {
                        line class="grid" x1=(short(MARGIN.0)) x2=(short(SIZE.0 - MARGIN.2))
                            y1=(short(scale.y(tick))) y2=(short(scale.y(tick))) {}
                        text class="tick" x=(short(MARGIN.0 - 6.0)) y=(short(scale.y(tick) + 4.0)) { (number(tick)) }
                    }
                    text class="second" x=(short(MARGIN.0)) y=(short(SIZE.1 - 6.0)) { "0 s" }
                    text class="tick" x=(short(SIZE.0 - MARGIN.2)) y=(short(SIZE.1 - 6.0)) { (format!("{:.0} s", scale.last)) }
                    @for (number, line) in self.lines.iter().enumerate() {
                        polyline class=(format!("line-{number}")) points=(scale.points(line)) {
                            title { (line.name) }
                        }
                    }
                }
            }
        }
    }
}

impl Scale {
    fn of(plot: &Plot) -> Self {
        let values = plot.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let most = values.clone().fold(0.0_f64, f64::max);
        let seconds = plot.lines.iter().flat_map(|line| &line.points).map(|(at, _)| *at);
        let last = seconds.chain(plot.bands.iter().map(|band| band.to)).fold(1.0_f64, f64::max);
        let (low, high) = match plot.axis {
            Axis::Count => (0.0, round_up(most)),
            Axis::Millis => {
                let lowest = values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
                let lowest = if lowest.is_finite() { lowest } else { 1.0 };
                let low = 10_f64.powf(lowest.log10().floor());
                (low, 10_f64.powf(most.max(lowest).log10().ceil()).max(low * 10.0))
            }
        };
        Self { axis: plot.axis, last, low, high }
    }

    fn x(&self, second: f64) -> f64 {
        MARGIN.0 + (SIZE.0 - MARGIN.0 - MARGIN.2) * (second / self.last).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = match self.axis {
            Axis::Count => (value - self.low) / (self.high - self.low),
            Axis::Millis => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
        };
        SIZE.1 - MARGIN.3 - (SIZE.1 - MARGIN.1 - MARGIN.3) * share.clamp(0.0, 1.0)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.axis {
            Axis::Count => (0..=TICKS).map(|tick| self.high * tick as f64 / TICKS as f64).collect(),
            Axis::Millis => std::iter::successors(Some(self.low), |tick| Some(tick * 10.0))
                .take_while(|tick| *tick <= self.high * 1.001)
                .collect(),
        }
    }

    fn points(&self, line: &Line) -> String {
        let points =
            line.points.iter().map(|(at, value)| format!("{},{}", short(self.x(*at)), short(self.y(*value))));
        points.collect::<Vec<_>>().join(" ")
    }
}

/// The next of 1, 2, 5, 10, 20, … times four, so that ticks are round.
fn round_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let unit = 10_f64.powf((most / 4.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * unit * 4.0);
    steps.into_iter().find(|step| *step >= most).unwrap_or(most)
}

fn short(number: f64) -> String {
    format!("{number:.1}")
}

fn number(value: f64) -> String {
    if value >= 10_000.0 {
        format!("{:.0}k", value / 1000.0)
    } else if value >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_above_all_values() {
        for (most, end) in [(0.0, 1.0), (3.0, 4.0), (7.0, 8.0), (130.0, 200.0), (801.0, 1000.0)] {
            assert!((round_up(most) - end).abs() < 1e-9, "{most}: {}", round_up(most));
        }
    }

    #[test]
    fn every_point_is_inside_the_plot() {
        let points = vec![(0.5, 0.0), (1.5, 12.0), (60.0, 100_000.0)];
        let line = Line { name: "p99".into(), points };
        let plot = Plot { title: "t".into(), axis: Axis::Millis, lines: vec![line], bands: Vec::new() };
        let scale = Scale::of(&plot);
        for (at, value) in &plot.lines[0].points {
            assert!((0.0..=SIZE.0).contains(&scale.x(*at)) && (0.0..=SIZE.1).contains(&scale.y(*value)));
        }
    }
}
