//! The fleet: counts and rates on top, then a table or a map.

use super::{
    map,
    paint::{Paint, line, window},
    scale::sparkline,
};
use crate::{
    app::{App, Hit, Shown},
    listing::{Group, Line, Sort},
    roster::Row,
    theme::{self, Theme},
    words,
};
use ratatui::layout::{Constraint, Layout, Rect};
use std::sync::Arc;
use thingfleet_control::snapshot::{Role, State};

/// Columns of the rates' sparkline.
const SPARK: u16 = 24;
/// Columns of the table.
const COLUMNS: usize = 7;

pub(super) fn view(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let [counts, rates, body] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0)]).areas(area);
    show_counts(app, paint, counts);
    show_rates(app, paint, rates);
    if app.fleet.is_map {
        map::view(app, paint, body, shown);
    } else {
        table(app, paint, body, shown);
    }
}

fn show_counts(app: &App, paint: &mut Paint, area: Rect) {
    let theme = paint.theme;
    let roster = &app.world().roster;
    let mut at = paint.words(area, &format!(" {} devices", roster.rows().len()), theme.strong());
    for state in State::ALL {
        let count = roster.count(state);
        if count > 0 {
            at = paint.words(at, &format!("  {} {count} ", theme::sign(state)), theme.state(state));
            at = paint.words(at, state.name(), theme.state(state));
        }
    }
    if roster.faulty() > 0 {
        paint.words(at, &format!("  {} {} faulty", theme::FAULTY, roster.faulty()), theme.faulty());
    }
}

fn show_rates(app: &App, paint: &mut Paint, area: Rect) {
    let theme = paint.theme;
    let world = app.world();
    let now = |rates: &std::collections::VecDeque<f64>| rates.back().copied().unwrap_or(0.0);
    let rates = &world.rates;
    let mut at = paint.words(area, &format!(" {:.1} publishes/s ", now(&rates.publishes)), theme.faint());
    at = paint.words(at, &sparkline(rates.publishes.iter(), SPARK.min(area.width / 6)), theme.line());
    at = paint.words(at, &format!("  {:.1} events/s", now(&rates.events)), theme.faint());
    if let Some(fleet) = &world.fleet {
        let counters = &fleet.counters;
        for (count, words) in [
            (counters.publish_failures, "publishes refused"),
            (counters.setup_failures, "setups refused"),
            (counters.refusals, "requests refused"),
            (counters.restarts, "restarts"),
        ] {
            if count > 0 {
                at = paint.words(at, &format!("  {count} {words}"), theme.odd());
            }
        }
    }
    let recipe = &app.fleet.recipe;
    let mut right = Vec::new();
    if !recipe.filter.is_empty() {
        right.push(format!(
            "{} of {} /{}",
            app.fleet.listing.matches().len(),
            world.roster.rows().len(),
            recipe.filter.text()
        ));
    }
    if !app.fleet.marked.is_empty() {
        right.push(format!("{} marked", app.fleet.marked.len()));
    }
    if recipe.group != Group::None {
        right.push(format!("by {}", recipe.group.name()));
    }
    if app.fleet.is_map && recipe.sort != Sort::Fleet {
        right.push(format!("sorted by {}", recipe.sort.name()));
    }
    paint.right(at, &format!("  {} ", right.join(" · ")), theme.accent());
}

/// Widths of the columns: name, kind, state, latest, faults, events, trouble; 0 for one that does not fit.
fn widths(area: Rect) -> [u16; COLUMNS] {
    match area.width {
        ..60 => [18, 0, 12, area.width.saturating_sub(34), 0, 0, 0],
        60..100 => [19, 16, 14, area.width - 60, 7, 0, 0],
        // What is wrong stands behind the state.
        100..120 => [20, 16, 24, area.width - 80, 7, 9, 0],
        120..140 => [24, 16, 14, 24, 7, 9, area.width - 98],
        140.. => [32, 24, 16, 36, 8, 10, area.width - 130],
    }
}

fn table(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let theme = paint.theme;
    let widths = widths(area);
    heads(app, paint, line(area, 0), widths, shown);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let lines = app.fleet.listing.lines();
    let rows = usize::from(body.height);
    let offset = window(app.fleet.offset, app.fleet.cursor, rows, lines.len());
    (shown.offset, shown.rows) = (offset, rows);
    let world = app.world();
    for (number, entry) in lines.iter().enumerate().skip(offset).take(rows) {
        let at = line(body, number - offset);
        match entry {
            Line::Group { title, count, is_folded } => {
                let fold = if *is_folded { "▸" } else { "▾" };
                paint.words(at, &format!("{fold} {title} ({count})"), theme.accent());
            }
            Line::Device(place) => {
                let Some(row) = world.roster.rows().get(*place) else { continue };
                shown.visible.push(Arc::clone(&row.name));
                show_row(app, paint, at, row, widths);
            }
        }
        if number == app.fleet.cursor {
            paint.tint(at, theme.cursor());
        }
        shown.hits.push((at, Hit::Line(number)));
    }
    if lines.is_empty() {
        let text = match (&world.connection, app.fleet.recipe.filter.is_empty()) {
            (Some(Ok(())), true) => "the fleet has no devices",
            (Some(Ok(())), false) => "nothing passes the filter; Esc takes it away",
            (Some(Err(_)) | None, _) => "",
        };
        paint.words(line(body, 1), &format!("  {text}"), theme.faint());
    }
}

fn heads(app: &App, paint: &mut Paint, area: Rect, widths: [u16; COLUMNS], shown: &mut Shown) {
    let theme = paint.theme;
    let recipe = &app.fleet.recipe;
    let mut at = paint.column(area, 4, "", theme.faint());
    let heads = [
        ("name", Some(Sort::Name)),
        ("kind", Some(Sort::Kind)),
        ("state", Some(Sort::State)),
        ("latest", None),
        ("faults", Some(Sort::Faults)),
        ("events", Some(Sort::Events)),
        ("trouble", None),
    ];
    for ((name, sort), width) in heads.into_iter().zip(widths) {
        let arrow = match sort {
            Some(sort) if sort == recipe.sort => {
                if recipe.is_reversed {
                    " ▴"
                } else {
                    " ▾"
                }
            }
            Some(_) | None => "",
        };
        let style = if arrow.is_empty() { theme.faint() } else { theme.accent() };
        if let (Some(sort), 1..) = (sort, width) {
            shown.hits.push((Rect { width: width.min(at.width), ..at }, Hit::Column(sort)));
        }
        at = paint.column(
            at,
            width,
            &format!("{name}{arrow}"),
            style.add_modifier(ratatui::style::Modifier::UNDERLINED),
        );
    }
}

fn show_row(app: &App, paint: &mut Paint, area: Rect, row: &Row, widths: [u16; COLUMNS]) {
    let theme: Theme = paint.theme;
    let [name, kind, state, latest, faults, events, trouble] = widths;
    let mark = if app.fleet.marked.contains(&row.name) { "▌" } else { " " };
    let at = paint.column(area, 2, mark, theme.accent());
    // The mark and the sign stand side by side.
    paint.words(Rect { x: area.x, width: 1, ..area }, mark, theme.accent());
    let at = paint.column(at, 2, theme::sign_of(row), theme.device(row));
    let at = paint.column(at, name, &row.name, ratatui::style::Style::new());
    let at = paint.column(at, kind, &row.kind, theme.faint());
    let words = match &row.trouble {
        Some(why) if trouble == 0 => format!("{} {why}", row.state),
        Some(_) | None => row.state.to_string(),
    };
    let at = paint.column(at, state, &words, theme.state(row.state));
    let at = paint.column(at, latest, &latest_of(app, row), ratatui::style::Style::new());
    let count = if row.faults() > 0 { row.faults().to_string() } else { String::new() };
    let at = paint.column(at, faults, &count, theme.faulty());
    let at = if events > 0 { paint.column(at, events, &row.events.to_string(), theme.faint()) } else { at };
    paint.column(at, trouble, row.trouble.as_deref().unwrap_or_default(), theme.bad());
}

/// What a device sent last, or its first sensor as it was when it was looked at.
fn latest_of(app: &App, row: &Row) -> String {
    let device = app.world().device(&row.name);
    match (&row.latest, device) {
        (Some((name, value)), device) => {
            let channel = device.and_then(|device| device.channels.iter().find(|one| one.name == *name));
            let value = channel.map_or_else(|| value.to_string(), |channel| words::value(channel, value));
            format!("{name} {value}")
        }
        (None, Some(device)) => {
            let sensor = device.channels.iter().find(|channel| channel.role == Role::Sensor);
            let first = sensor.or(device.channels.first());
            first.map_or_else(String::new, |one| format!("{} {}", one.name, words::value(one, &one.value)))
        }
        (None, None) => String::new(),
    }
}
