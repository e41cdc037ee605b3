//! The log of events of all devices.

use super::paint::{Paint, line, window};
use crate::{
    app::{App, Hit, Shown},
    words,
};
use ratatui::layout::Rect;
use thingfleet_control::event::Event;

pub(super) fn view(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let log = &app.log;
    let (total, cursor) = (log.items.len(), log.cursor());
    let title = match (log.filter.is_empty(), log.at) {
        (true, None) => format!("{total} events, latest last"),
        (true, Some(_)) => format!("event {} of {total}", cursor + 1),
        (false, _) => format!("{total} events /{}", log.filter.text()),
    };
    let body = paint.rule(area, &title);
    let rows = usize::from(body.height);
    let offset = window(cursor.saturating_sub(rows.saturating_sub(1)), cursor, rows, total);
    (shown.rows, shown.offset) = (rows, offset);
    for (number, event) in log.items.iter().enumerate().skip(offset).take(rows) {
        let at = line(body, number - offset);
        show(paint, at, event, true);
        if number == cursor {
            paint.tint(at, paint.theme.cursor());
        }
        shown.hits.push((at, Hit::Line(number)));
    }
    if total == 0 {
        paint.words(line(body, 1), "  nothing was told yet", paint.theme.faint());
    }
}

/// An event in a line, with its device or without.
pub(super) fn show(paint: &mut Paint, area: Rect, event: &Event, has_device: bool) {
    let theme = paint.theme;
    let at = paint.column(area, 12, &format!("{:>9.1} s", event.device_seconds), theme.faint());
    let wide = if area.width < 100 { 18 } else { 26 };
    let at = if has_device { paint.column(at, wide, &event.device, theme.strong()) } else { at };
    let style = theme.weight(words::weight(&event.what));
    let at = paint.column(at, 15, event.what.name(), style);
    paint.words(at, &words::what(&event.what), style);
}
