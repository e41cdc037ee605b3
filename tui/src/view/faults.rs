//! The library of faults: what can go wrong, what a client sees of it, and the form in which it is set up.

use super::paint::{Paint, line, window};
use crate::{
    app::{
        App, Hit, Shown,
        library::{FaultForm, Field},
        steer::Reach,
    },
    words,
};
use ratatui::{
    layout::{Constraint, Layout, Position, Rect},
    style::Style,
};
use thingfleet_control::fault::{FaultKind, Setting};

/// Width from which on the description stands beside the list.
const WIDE: u16 = 110;
/// Lines of a description below the list.
const DESCRIPTION: u16 = 9;
/// Columns of the name of a setting.
const NAME: u16 = 16;

pub(super) fn view(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let [list, description] = if area.width >= WIDE {
        Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(area)
    } else {
        Layout::vertical([Constraint::Min(4), Constraint::Length(DESCRIPTION)]).areas(area)
    };
    let library = &app.library;
    let total = library.shown().len();
    let title = match library.filter.text() {
        "" => format!("{total} faults"),
        filter => format!("{total} faults /{filter}"),
    };
    let body = paint.rule(list, &title);
    let rows = usize::from(body.height);
    let offset = window(library.cursor.saturating_sub(rows / 2), library.cursor, rows, total);
    (shown.rows, shown.offset) = (rows, offset);
    for (number, kind) in library.shown().enumerate().skip(offset).take(rows) {
        let at = line(body, number - offset);
        let rest = paint.column(at, 1, "", Style::new());
        let rest = paint.column(rest, 11, &kind.family, paint.theme.faint());
        let rest = paint.column(rest, 22, &kind.fault, paint.theme.strong());
        paint.words(rest, &kind.title, Style::new());
        if number == library.cursor {
            paint.tint(at, paint.theme.cursor());
        }
        shown.hits.push((at, Hit::Line(number)));
    }
    if let Some(kind) = library.on() {
        describe(paint, description, kind);
    } else {
        paint.words(line(body, 1), "  nothing is called that", paint.theme.faint());
    }
}

fn describe(paint: &mut Paint, area: Rect, kind: &FaultKind) {
    let theme = paint.theme;
    let body = paint.rule(area, &kind.title);
    let mut row = 0;
    for text in wrapped(&kind.effect, usize::from(body.width.saturating_sub(2))) {
        paint.words(line(body, row), &format!(" {text}"), Style::new());
        row += 1;
    }
    if kind.is_instant {
        paint.words(line(body, row), " over as soon as it has happened", theme.faint());
        row += 1;
    }
    for setting in &kind.settings {
        let at = paint.column(line(body, row), 1, "", Style::new());
        let at = paint.column(at, NAME, &setting.name, theme.accent());
        let at = paint.words(at, &setting.help, Style::new());
        paint.words(at, &format!("  {}", takes(setting)), theme.faint());
        row += 1;
    }
}

/// What a setting takes, and what it is unless given.
fn takes(setting: &Setting) -> String {
    let unit = setting.unit.as_deref().unwrap_or_default();
    let range = match (setting.min, setting.max) {
        (Some(min), Some(max)) => format!("{min} to {max} {unit}"),
        (Some(min), None) => format!("from {min} {unit} on"),
        (None, _) => setting.options.join(", "),
    };
    let default = setting.default.map(|number| number.to_string()).or(setting.default_text.clone());
    match default {
        Some(default) if !default.is_empty() => format!("{} (else {default})", range.trim_end()),
        Some(_) | None => range.trim_end().to_owned(),
    }
}

/// Lines that the form of a fault needs.
pub(super) fn form_height(form: &FaultForm) -> u16 {
    u16::try_from(form.fields.len() * 2 + 6).unwrap_or(u16::MAX)
}

/// The form; where the cursor is comes back.
pub(super) fn show_form(app: &App, paint: &mut Paint, area: Rect, form: &FaultForm) -> Position {
    let theme = paint.theme;
    let mut cursor = Position::new(area.x, area.y);
    let rows = (usize::from(area.height.saturating_sub(3)) / 2).max(1);
    let first = form.at.saturating_sub(rows - 1);
    for (number, Field { setting, input }) in form.fields.iter().enumerate().skip(first).take(rows) {
        let row = 2 * (number - first);
        let name = setting.name.strip_suffix("_seconds").unwrap_or(&setting.name);
        let style = if number == form.at { theme.cursor() } else { theme.accent() };
        let at = paint.column(line(area, row), NAME, name, style);
        paint.words(at, input.value(), theme.strong());
        if number == form.at {
            let column = u16::try_from(input.visual_cursor()).unwrap_or(0).min(at.width.saturating_sub(1));
            cursor = Position::new(at.x + column, at.y);
        }
        let below = paint.column(line(area, row + 1), NAME, "", theme.faint());
        paint.words(below, &format!("{}  {}", setting.help, takes(setting)), theme.faint());
    }
    let last = usize::from(area.height.saturating_sub(1));
    if let Some(error) = &form.error {
        paint.words(line(area, last.saturating_sub(1)), error, theme.bad());
    }
    let reach = match form.reach {
        Reach::One => "",
        Reach::Marked => ", all marked",
        Reach::Filtered => ", everything filtered",
    };
    let at = paint.words(line(area, last), "for ", theme.faint());
    let at = paint.words(at, &words::devices(&app.reached(form.reach)), theme.strong());
    let at = paint.words(at, reach, theme.strong());
    let at = paint.words(at, "   Tab", theme.accent());
    let at = paint.words(at, " others   ", theme.faint());
    let at = paint.words(at, "Enter", theme.accent());
    paint.words(at, " let it happen", theme.faint());
    cursor
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.chars().count() + word.chars().count() < width => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}
