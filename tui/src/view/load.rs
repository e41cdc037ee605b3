//! A load: its phase, its generator, its operations, what fails and what has to hold, and charts of the operation under
//! the cursor.

use super::{
    paint::{Paint, line, window},
    scale::bounds,
};
use crate::{
    app::{App, Hit, Shown},
    theme::Theme,
    words,
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    symbols::Marker,
    text::Span,
    widgets::{Axis, Chart, Dataset, GraphType, Widget as _},
};
use thingfleet_control::load::{Latency, Load, Operation, Series};

/// Columns of the bar that shows how much of a phase is over.
const BAR: u16 = 20;
/// Lines of a chart, at least, with its title.
const CHART: u16 = 6;
/// Lines of what fails and what has to hold, at most, without their titles: on a low screen, and otherwise.
const NOTES: [usize; 2] = [3, 6];
/// Lines below which a screen is low.
const LOW: u16 = 30;
/// Columns of an operation's name.
const NAME: u16 = 14;

/// A column of the table: its title, how wide it is, from which width of the screen on it is there, and what is in it.
struct Column {
    title: &'static str,
    width: u16,
    least: u16,
    value: fn(&Operation) -> String,
}

const fn column(title: &'static str, width: u16, least: u16, value: fn(&Operation) -> String) -> Column {
    Column { title, width, least, value }
}

/// The columns after the name. Without a word of their own, latencies are those of the latest second.
static COLUMNS: [Column; 12] = [
    column("sent", 10, 100, |operation| operation.sent.to_string()),
    column("went well", 10, 0, |operation| operation.acknowledged.to_string()),
    column("failed", 8, 0, |operation| failures(operation).to_string()),
    column("in flight", 10, 60, |operation| operation.in_flight.to_string()),
    column("/s", 8, 0, |operation| operation.rate.to_string()),
    column("p50 ms", 9, 70, |operation| millis(operation.second, |latency| latency.p50)),
    column("p90 ms", 9, 140, |operation| millis(operation.second, |latency| latency.p90)),
    column("p99 ms", 9, 0, |operation| millis(operation.second, |latency| latency.p99)),
    column("max ms", 9, 110, |operation| millis(operation.second, |latency| latency.max)),
    column("run p50", 10, 130, |operation| millis(operation.run, |latency| latency.p50)),
    column("run p99", 10, 80, |operation| millis(operation.run, |latency| latency.p99)),
    column("run max", 10, 120, |operation| millis(operation.run, |latency| latency.max)),
];

pub(super) fn view(app: &App, frame: &mut Frame, theme: Theme, area: Rect, shown: &mut Shown) {
    let mut paint = Paint::new(frame.buffer_mut(), theme);
    let Some(load) = &app.world().load else {
        paint.words(line(area, 1), "  the load has not been looked at yet", theme.faint());
        return;
    };
    let failures = failed(load);
    let most = NOTES[usize::from(area.height >= LOW)];
    let notes = failures.len().max(load.thresholds.len()).clamp(1, most) + 1;
    let rows = load.operations.len().max(1) + 2;
    let [head, table, below, charts] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Max(u16::try_from(rows).unwrap_or(u16::MAX)),
        Constraint::Max(u16::try_from(notes).unwrap_or(u16::MAX)),
        Constraint::Min(CHART),
    ])
    .areas(area);
    phase(&mut paint, line(head, 0), load);
    generator(&mut paint, line(head, 1), load);
    let cursor = app.load.cursor(load);
    operations(&mut paint, table, load, cursor, shown);
    let [left, right] = halves(below);
    errors(&mut paint, left, &failures);
    thresholds(&mut paint, right, load);
    draw_charts(frame, theme, charts, load, cursor);
}

/// Which phase it is in and how far, and who is online.
fn phase(paint: &mut Paint, area: Rect, load: &Load) {
    let theme = paint.theme;
    let at = match &load.phase {
        Some(phase) => {
            let at = paint.words(area, &format!(" {}", phase.name), theme.accent());
            let which = if phase.name == phase.step { String::new() } else { format!(" · {}", phase.step) };
            let at = paint.words(at, &format!("{which}  {} of {}  ", phase.number, phase.of), theme.faint());
            if let Some(planned) = phase.planned_seconds {
                let at = paint.words(at, &bar(phase.seconds, planned), theme.line());
                let text = format!(" {} of {}", words::span(phase.seconds), words::span(planned));
                paint.words(at, &text, theme.strong())
            } else {
                let text = format!("for {}, until the server is done", words::span(phase.seconds));
                paint.words(at, &text, theme.strong())
            }
        }
        None => paint.words(area, " about to begin", theme.faint()),
    };
    let style = if load.online < load.expected { theme.odd() } else { theme.good() };
    let at = paint.words(at, &format!("  {}/{} online", load.online, load.expected), style);
    paint.words(at, &format!("  {} since the start", words::span(load.seconds)), theme.faint());
}

/// A bar of how much of a span is over.
fn bar(seconds: f64, planned: f64) -> String {
    let part = if planned > 0.0 { (seconds / planned).clamp(0.0, 1.0) } else { 1.0 };
    let full = (part * f64::from(BAR)).round();
    (0..BAR).map(|column| if f64::from(column) < full { '█' } else { '░' }).collect()
}

/// What the generator takes, and whether it keeps its schedule.
fn generator(paint: &mut Paint, area: Rect, load: &Load) {
    let (theme, own) = (paint.theme, &load.generator);
    let at = paint.words(area, " generator", theme.strong());
    let late = if own.late_ms > own.limit_ms { theme.odd() } else { Style::new() };
    let at = paint.words(at, &format!("  {:.1} ms late", own.late_ms), late);
    let share = format!(", {:.2} % past {} ms", own.late_share * 100.0, own.limit_ms);
    let at = paint.words(at, &share, if own.saturated { theme.bad() } else { theme.faint() });
    let at = if own.saturated { paint.words(at, "  SATURATED", theme.bad()) } else { at };
    let text = format!("  {:.2} cores  {} MiB", own.cpu, own.memory >> 20);
    let at = paint.words(at, &text, Style::new());
    paint.words(at, &format!("  {} tasks  {} files", own.tasks, own.files), theme.faint());
}

fn operations(paint: &mut Paint, area: Rect, load: &Load, cursor: usize, shown: &mut Shown) {
    let theme = paint.theme;
    let columns: Vec<&Column> = COLUMNS.iter().filter(|column| column.least <= area.width).collect();
    let body = paint.rule(area, "operations, latencies of the latest second and of the run");
    let mut at = paint.column(line(body, 0), NAME, " operation", theme.faint());
    for column in &columns {
        paint.right(Rect { width: column.width.min(at.width), ..at }, column.title, theme.faint());
        at = paint.column(at, column.width, "", theme.faint());
    }
    let body = Rect { y: body.y + 1.min(body.height), height: body.height.saturating_sub(1), ..body };
    let rows = usize::from(body.height);
    let offset = window(0, cursor, rows, load.operations.len());
    shown.rows = rows;
    for (place, operation) in load.operations.iter().enumerate().skip(offset).take(rows) {
        let whole = line(body, place - offset);
        let style = if failures(operation) > 0 { theme.odd() } else { Style::new() };
        let mut at = paint.column(whole, NAME, &format!(" {}", operation.name), theme.strong());
        for column in &columns {
            let place = Rect { width: column.width.min(at.width), ..at };
            paint.right(place, &(column.value)(operation), style);
            at = paint.column(at, column.width, "", style);
        }
        if place == cursor {
            paint.tint(Rect { width: NAME.min(whole.width), ..whole }, theme.cursor());
        }
        shown.hits.push((whole, Hit::Line(place)));
    }
    if load.operations.is_empty() {
        paint.words(line(body, 0), "  nothing has begun yet", theme.faint());
    }
}

/// Every kind of failure with its operation, the most frequent first.
fn failed(load: &Load) -> Vec<(&str, &str, u64)> {
    let mut failed = Vec::new();
    for operation in &load.operations {
        failed.extend(operation.failed.iter().map(|(kind, count)| (&*operation.name, &**kind, *count)));
    }
    failed.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
    failed
}

fn errors(paint: &mut Paint, area: Rect, failed: &[(&str, &str, u64)]) {
    let theme = paint.theme;
    let body = paint.rule(area, "errors");
    let rows = usize::from(body.height);
    for (number, (operation, kind, count)) in failed.iter().take(rows).enumerate() {
        if number + 1 == rows && failed.len() > rows {
            let rest = failed.len() - number;
            paint.words(line(body, number), &format!("  {rest} kinds more"), theme.faint());
            break;
        }
        let at = paint.words(line(body, number), &format!(" {count:>8}"), theme.bad());
        paint.words(at, &format!("  {operation}: {kind}"), Style::new());
    }
    if failed.is_empty() {
        paint.words(line(body, 0), "  none", theme.faint());
    }
}

fn thresholds(paint: &mut Paint, area: Rect, load: &Load) {
    let theme = paint.theme;
    let body = paint.rule(area, "what has to hold");
    // Those that do not hold come first.
    let mut all: Vec<_> = load.thresholds.iter().collect();
    all.sort_by_key(|threshold| threshold.held);
    for (number, threshold) in all.into_iter().take(body.height.into()).enumerate() {
        let (sign, style) = if threshold.held { ("✓", theme.good()) } else { ("✗", theme.bad()) };
        let at = paint.words(line(body, number), &format!(" {sign} {}", threshold.text), style);
        paint.words(at, &format!("  {}", threshold.measured), theme.faint());
    }
    if load.thresholds.is_empty() {
        paint.words(line(body, 0), "  nothing", theme.faint());
    }
}

/// Charts of the operation under the cursor; where there is room, of the devices and the generator, too.
fn draw_charts(frame: &mut Frame, theme: Theme, area: Rect, load: &Load, cursor: usize) {
    let Some(operation) = load.operations.get(cursor) else { return };
    let series = &load.series;
    let is_tall = area.height >= 3 * CHART;
    let lower = if is_tall { area.height / 3 } else { 0 };
    let [upper, lower] = Layout::vertical([Constraint::Min(0), Constraint::Length(lower)]).areas(area);
    let [left, right] = halves(upper);
    if let Some(track) = series.operations.get(&operation.name) {
        let curves = [
            Curve { values: points(series, &track.acknowledged), style: theme.line() },
            Curve { values: points(series, &track.failed), style: theme.bad() },
        ];
        draw(frame, theme, left, &format!("{}/s: went well, failed", operation.name), &curves);
        let of = |part: fn(&Latency) -> f64| {
            let values = series.at.iter().zip(&track.latency);
            let known = |(at, latency): (&u32, &Option<Latency>)| {
                latency.as_ref().map(|latency| (f64::from(*at), part(latency)))
            };
            values.filter_map(known).collect()
        };
        let curves = [
            Curve { values: of(|latency| latency.p50), style: theme.good() },
            Curve { values: of(|latency| latency.p90), style: theme.odd() },
            Curve { values: of(|latency| latency.p99), style: theme.bad() },
        ];
        draw(frame, theme, right, &format!("{} ms, from below: p50, p90, p99", operation.name), &curves);
    }
    if is_tall {
        let [left, right] = halves(lower);
        let curves = [
            Curve { values: points(series, &series.expected), style: theme.faint() },
            Curve { values: points(series, &series.online), style: theme.good() },
        ];
        draw(frame, theme, left, "devices: online, expected", &curves);
        let curves = [Curve { values: numbers(series, &series.late_ms), style: theme.odd() }];
        draw(frame, theme, right, "generator: ms late", &curves);
    }
}

/// A line of a chart: seconds of the run, and values.
struct Curve {
    values: Vec<(f64, f64)>,
    style: Style,
}

fn draw(frame: &mut Frame, theme: Theme, area: Rect, title: &str, curves: &[Curve]) {
    let mut paint = Paint::new(frame.buffer_mut(), theme);
    let body = paint.rule(area, title);
    if body.height < 3 || curves.iter().all(|curve| curve.values.len() < 2) {
        if body.height > 0 {
            paint.words(line(body, 0), "  not enough seconds yet", theme.faint());
        }
        return;
    }
    let values = || curves.iter().flat_map(|curve| &curve.values);
    let x =
        values().fold([f64::INFINITY, f64::NEG_INFINITY], |[from, to], (at, _)| [from.min(*at), to.max(*at)]);
    // A chart of rates and latencies begins at nothing.
    let [_, top] = bounds(values().map(|(_, value)| *value).chain([0.0]));
    let axis = |bounds: [f64; 2], labels: [String; 2]| {
        Axis::default().bounds(bounds).style(theme.faint()).labels(labels.map(Span::from))
    };
    let chart = Chart::new(curves.iter().map(dataset).collect())
        .x_axis(axis(x, [format!("{} ago", words::span(x[1] - x[0])), "now".to_owned()]))
        .y_axis(axis([0.0, top], ["0".to_owned(), number(top)]));
    chart.render(body, frame.buffer_mut());
}

fn dataset(curve: &Curve) -> Dataset<'_> {
    let data = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line);
    data.style(curve.style).data(&curve.values)
}

/// Counts over the seconds of the run.
fn points<T: Copy + TryInto<u32>>(series: &Series, counts: &[T]) -> Vec<(f64, f64)> {
    let count = |count: &T| f64::from((*count).try_into().unwrap_or(u32::MAX));
    series.at.iter().zip(counts).map(|(at, value)| (f64::from(*at), count(value))).collect()
}

fn numbers(series: &Series, values: &[f64]) -> Vec<(f64, f64)> {
    series.at.iter().zip(values).map(|(at, value)| (f64::from(*at), *value)).collect()
}

fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(1).areas(area)
}

fn failures(operation: &Operation) -> u64 {
    operation.failed.values().sum()
}

fn millis(latency: Option<Latency>, part: fn(&Latency) -> f64) -> String {
    latency.as_ref().map_or_else(|| "·".to_owned(), |latency| number(part(latency)))
}

fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
