//! One device: who it is, its sensors and actuators, a chart of the one under the cursor, and what happened to it.

use super::{
    log,
    paint::{Paint, line, window},
    ribbon,
    scale::{bounds, slider, sparkline},
};
use crate::{
    app::{
        App, Hit, Shown,
        device::{has_slider, whole},
    },
    theme::{self, Theme},
    words,
    world::{Track, number},
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    symbols::Marker,
    text::Span,
    widgets::{Axis, Chart, Dataset, GraphType, Widget as _},
};
use std::collections::VecDeque;
use thingfleet_control::{
    event::What,
    fault::ActiveFault,
    snapshot::{Channel, Device, Role, Type},
};

/// Width from which on the events stand beside the values.
const WIDE: u16 = 120;
/// Columns of name, value, control, source and age.
const COLUMNS: [u16; 5] = [16, 14, 18, 10, 8];
/// Lines of the chart.
const CHART: u16 = 7;

pub(super) fn view(app: &App, frame: &mut Frame, theme: Theme, area: Rect, shown: &mut Shown) {
    let mut paint = Paint::new(frame.buffer_mut(), theme);
    let Some(device) = app.looked_at() else {
        let name = app.device.name.as_deref().unwrap_or_default();
        paint.words(line(area, 1), &format!("  {name} has not been looked at yet"), theme.faint());
        return;
    };
    let [top, rest] = Layout::vertical([Constraint::Length(2), Constraint::Min(0)]).areas(area);
    identity(&mut paint, top, device);
    let wanted = u16::try_from(device.channels.len() + device.faults.len() + 1).unwrap_or(u16::MAX);
    if area.width >= WIDE {
        let [left, right] = Layout::horizontal([Constraint::Min(70), Constraint::Percentage(42)]).areas(rest);
        let [values, chart] = Layout::vertical([Constraint::Max(wanted), Constraint::Min(CHART)]).areas(left);
        channels(app, &mut paint, values, device, shown);
        history(app, &mut paint, right);
        draw_chart(app, frame, theme, chart);
    } else {
        let chart = if rest.height > wanted + CHART { CHART } else { 0 };
        let most = rest.height.saturating_sub(chart + 4).max(3);
        let [values, chart, below] = Layout::vertical([
            Constraint::Length(wanted.min(most)),
            Constraint::Length(chart),
            Constraint::Min(0),
        ])
        .areas(rest);
        channels(app, &mut paint, values, device, shown);
        history(app, &mut paint, below);
        draw_chart(app, frame, theme, chart);
    }
}

fn identity(paint: &mut Paint, area: Rect, device: &Device) {
    let theme = paint.theme;
    let first = line(area, 0);
    let light = device.led.map_or(theme.faint(), |colour| theme.light(colour));
    let at = paint.words(first, " ◉ ", light);
    let at = paint.words(at, &device.name, theme.accent());
    let at = paint.words(at, &format!("  {} · {}", device.title, device.kind), theme.faint());
    let jid = device.jid.as_deref().unwrap_or("no address yet");
    let at = paint.words(at, &format!("  {jid}"), Style::new());
    let tags = if device.tags.is_empty() { String::new() } else { format!("  #{}", device.tags.join(" #")) };
    paint.words(at, &tags, theme.faint());

    let state = device.state;
    let at = paint.words(line(area, 1), &format!(" {} {state}", theme::sign(state)), theme.state(state));
    let at = match &device.led {
        Some(colour) => paint.words(at, &format!("  light {}", colour.name()), light),
        None => paint.words(at, "  light off", theme.faint()),
    };
    let at = match &device.stage {
        Some(commissioned) => paint.words(at, &format!("  {commissioned}"), theme.odd()),
        None => at,
    };
    let at = match &device.bluetooth {
        Some(state) => paint.words(at, &format!("  {}", words::bluetooth(state)), theme.odd()),
        None => at,
    };
    let at = match &device.trouble {
        Some(trouble) => paint.words(
            at,
            &format!("  {}: {}; {}", trouble.kind, trouble.text, trouble.next_step),
            theme.bad(),
        ),
        None => at,
    };
    let counters = &device.counters;
    let text = format!(
        "  up {} · {} published · {}↑ {}↓ stanzas",
        words::span(device.device_seconds),
        counters.published,
        counters.stanzas_sent,
        counters.stanzas_received
    );
    paint.words(at, &text, theme.faint());
}

fn channels(app: &App, paint: &mut Paint, area: Rect, device: &Device, shown: &mut Shown) {
    let body = paint.rule(area, "sensors and actuators");
    let rows = usize::from(body.height);
    let lines = device.channels.len() + device.faults.len();
    let cursor = app.device.cursor.min(lines.saturating_sub(1));
    let offset = window(0, cursor, rows, lines);
    shown.rows = rows;
    for (number, fault) in device.faults.iter().enumerate() {
        let place = device.channels.len() + number;
        if (offset..offset + rows).contains(&place) {
            let at = line(body, place - offset);
            show_fault(paint, at, fault);
            shown.hits.push((at, Hit::Line(place)));
            if place == cursor {
                paint.tint(at, paint.theme.cursor());
            }
        }
    }
    for (place, channel) in device.channels.iter().enumerate().skip(offset).take(rows) {
        let at = line(body, place - offset);
        shown.hits.push((at, Hit::Line(place)));
        show_channel(app, paint, at, place, channel, shown);
        if place == cursor {
            paint.tint(Rect { width: COLUMNS[0] + 2, ..at }, paint.theme.cursor());
        }
    }
}

/// Something that goes wrong, and how much longer.
fn show_fault(paint: &mut Paint, area: Rect, active: &ActiveFault) {
    let theme = paint.theme;
    let at = paint.column(area, 2, "✗", theme.bad());
    let at = paint.words(at, &words::fault(&active.fault), theme.bad());
    let left = match active.left_seconds {
        Some(left) => format!("  {} left", words::span(left)),
        None => "  until it is ended".to_owned(),
    };
    paint.words(at, &left, theme.odd());
}

fn show_channel(
    app: &App,
    paint: &mut Paint,
    area: Rect,
    place: usize,
    channel: &Channel,
    shown: &mut Shown,
) {
    let theme = paint.theme;
    let [name, value, control, source, age] = COLUMNS;
    let sign = match channel.role {
        Role::Sensor => " ",
        Role::Actuator => "»",
    };
    let at = paint.column(area, 2, sign, theme.accent());
    let at = paint.column(at, name, &channel.name, Style::new());
    let given =
        app.device.given.as_ref().filter(|(given, _)| *given == channel.name).map(|(_, number)| *number);
    let present = given.or_else(|| number(channel, &channel.value));
    let text = match given {
        Some(given) if has_slider(channel) => format!("{given:.2} {}", channel.symbol()),
        Some(_) | None => words::value(channel, &channel.value),
    };
    let at = paint.column(at, value, &text, theme.strong());
    let place_of_control = Rect { width: control.min(at.width).saturating_sub(2), ..at };
    let hit = show_control(paint, place_of_control, place, channel, present);
    if let Some(hit) = hit {
        shown.hits.push((place_of_control, hit));
    }
    let at = paint.column(at, control, "", theme.faint());
    let at = paint.column(at, source, theme::source(channel.source), theme.source(channel.source));
    let at = paint.column(at, age, &words::span(channel.age_seconds), theme.faint());
    let followed = &app.world().followed;
    let track =
        followed.tracks.get(&channel.name).filter(|_| Some(&*followed.device) == app.device.name.as_deref());
    if let Some(track) = track.filter(|_| at.width >= 6) {
        let values: VecDeque<f64> = track.iter().map(|(_, value)| *value).collect();
        paint.words(at, &sparkline(values.iter(), at.width.min(40)), theme.line());
    }
}

fn show_control(
    paint: &mut Paint,
    area: Rect,
    place: usize,
    channel: &Channel,
    present: Option<f64>,
) -> Option<Hit> {
    let theme = paint.theme;
    let style = match channel.role {
        Role::Actuator => theme.accent(),
        Role::Sensor => theme.line(),
    };
    let text = match channel.r#type {
        Type::Boolean if present == Some(1.0) => "(━━●) on".to_owned(),
        Type::Boolean => "(●──) off".to_owned(),
        Type::Button => "[ press ]".to_owned(),
        Type::Choice => {
            let option = present.and_then(|place| channel.options.get(whole(place)));
            format!("‹ {} ›", option.map_or("?", String::as_str))
        }
        Type::Integer | Type::Float if has_slider(channel) => {
            let (min, max) = (channel.min.unwrap_or(0.0), channel.max.unwrap_or(1.0));
            let part = present.map_or(0.0, |present| (present - min) / (max - min));
            paint.words(area, &slider(part, area.width), style);
            return Some(Hit::Slider(place));
        }
        Type::Integer | Type::Float | Type::Text => return None,
    };
    paint.words(area, &text, style);
    Some(Hit::Control(place))
}

/// What happened: ribbons of session and Bluetooth, then the events, latest last.
fn history(app: &App, paint: &mut Paint, area: Rect) {
    let theme = paint.theme;
    let followed = &app.world().followed;
    let body = paint.rule(area, "session and Bluetooth");
    if body.height == 0 || Some(&*followed.device) != app.device.name.as_deref() {
        return;
    }
    let ribbons = ribbon::view(app, paint, body);
    let rest = Rect { y: body.y + ribbons, height: body.height - ribbons, ..body };
    let is_history = |what: &What| match what {
        What::Reading { .. } | What::Published { .. } | What::Pace { .. } => false,
        What::Session { .. }
        | What::PublishFailed { .. }
        | What::Actuated { .. }
        | What::Refused { .. }
        | What::Rule { .. }
        | What::NodesReady { .. }
        | What::SetupFailed { .. }
        | What::Handshake { .. }
        | What::Commissioning(_)
        | What::Led { .. }
        | What::Bluetooth(_)
        | What::FaultBegan(_)
        | What::FaultEnded { .. }
        | What::Steered { .. }
        | What::Lagging { .. }
        | What::Added
        | What::Removed => true,
    };
    let events: Vec<_> = followed.events.iter().filter(|event| is_history(&event.what)).collect();
    let rows = usize::from(rest.height);
    let first = events.len().saturating_sub(rows);
    for (number, event) in events.iter().skip(first).enumerate() {
        log::show(paint, line(rest, number), event, false);
    }
    if events.is_empty() {
        paint.words(line(rest, 0), "  nothing since somebody watches", theme.faint());
    }
}

fn draw_chart(app: &App, frame: &mut Frame, theme: Theme, area: Rect) {
    let Some(channel) = app.channel() else { return };
    let mut paint = Paint::new(frame.buffer_mut(), theme);
    let symbol = channel.symbol();
    let unit = if symbol.is_empty() { String::new() } else { format!(", {symbol}") };
    let body = paint.rule(area, &format!("{}{unit}", channel.label));
    let track = app.world().followed.tracks.get(&channel.name);
    let Some(track) = track.filter(|track| track.len() > 1 && body.height > 2) else {
        if body.height > 0 {
            paint.words(line(body, 0), "  not enough values yet", theme.faint());
        }
        return;
    };
    let points: Vec<(f64, f64)> = latest(track, body.width);
    let x = [points[0].0, points[points.len() - 1].0];
    let y = bounds(points.iter().map(|(_, value)| *value));
    let data = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(GraphType::Line)
        .style(theme.line())
        .data(&points);
    let axis = |bounds: [f64; 2], labels: [String; 2]| {
        Axis::default().bounds(bounds).style(theme.faint()).labels(labels.map(Span::from))
    };
    let chart = Chart::new(vec![data])
        .x_axis(axis(x, [format!("{} ago", words::span(x[1] - x[0])), "now".to_owned()]))
        .y_axis(axis(y, y.map(|end| format!("{end:.1}"))));
    chart.render(body, frame.buffer_mut());
}

/// As many of the latest points as a chart of this width tells apart.
fn latest(track: &Track, width: u16) -> Vec<(f64, f64)> {
    let most = usize::from(width) * 2;
    track.iter().skip(track.len().saturating_sub(most)).copied().collect()
}
