//! The fleet as a map: a cell for each device, or for as many as have to share one; the worst state shows.

use super::paint::{Paint, line, window};
use crate::{
    app::{App, Hit, Shown},
    listing::urgency,
    roster::Row,
    theme,
};
use ratatui::layout::Rect;
use std::sync::Arc;

pub(super) fn view(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let theme = paint.theme;
    let world = app.world();
    let places = app.fleet.listing.matches();
    let body = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
        ..area
    };
    let (columns, rows) = (usize::from(body.width).max(1), usize::from(body.height).max(1));
    let per_cell = places.len().div_ceil(columns * rows).max(1);
    let at = app.fleet.on().and_then(|name| world.roster.place(name));
    let cursor = at.and_then(|at| places.iter().position(|place| *place == at)).map(|place| place / per_cell);
    let cells = places.len().div_ceil(per_cell);
    let first = window(0, cursor.unwrap_or(0) / columns, rows, cells.div_ceil(columns));
    (shown.columns, shown.per_cell, shown.rows) = (columns, per_cell, rows);
    shown.offset = first * columns;
    for (number, cell) in places.chunks(per_cell).enumerate().skip(first * columns).take(columns * rows) {
        let worst = cell.iter().filter_map(|place| world.roster.rows().get(*place));
        let Some(worst) = worst.min_by_key(|row| urgency(row)) else { continue };
        let (row, column) = (number / columns - first, number % columns);
        let column = u16::try_from(column).unwrap_or(u16::MAX);
        let spot = Rect { x: body.x + column, width: 1, ..line(body, row) };
        paint.words(spot, theme::sign_of(worst), theme.device(worst));
        if Some(number) == cursor {
            paint.tint(spot, theme.cursor());
        }
    }
    shown.hits.push((body, Hit::Map));
    legend(app, paint, area, per_cell, shown);
}

fn legend(app: &App, paint: &mut Paint, area: Rect, per_cell: usize, shown: &mut Shown) {
    let theme = paint.theme;
    let Some(row) = app.fleet.on().and_then(|name| app.world().roster.row(name)) else { return };
    shown.visible.push(Arc::clone(&row.name));
    let at = line(area, usize::from(area.height.saturating_sub(1)));
    let at = paint.words(at, " ", theme.faint());
    let at = paint.words(at, theme::sign_of(row), theme.device(row));
    let at = paint.words(at, &format!(" {} ", row.name), theme.strong());
    let at = paint.words(at, &format!("{} · {}", row.kind, described(row)), theme.faint());
    if per_cell > 1 {
        paint.right(at, &format!("{per_cell} devices a sign, the worst shows "), theme.faint());
    }
}

fn described(row: &Row) -> String {
    let mut words = row.state.to_string();
    if let Some(trouble) = &row.trouble {
        words = format!("{words} · {trouble}");
    }
    match row.faults() {
        0 => words,
        1 => format!("{words} · 1 fault"),
        faults => format!("{words} · {faults} faults"),
    }
}
