//! What a device exchanges with its surroundings: a list of stanzas and GATT operations, and the one under the cursor in
//! full.

use super::paint::{Paint, line, window};
use crate::{
    app::{App, Hit, Shown},
    theme::Theme,
    words, xml,
};
use ratatui::{
    layout::{Constraint, Layout, Rect},
    style::Style,
};
use thingfleet_control::traffic::{Direction, Exchange, Gatt, Stanza, What};

/// Width from which on the whole stands beside the list.
const WIDE: u16 = 120;

pub(super) fn view(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let half = [Constraint::Percentage(50), Constraint::Percentage(50)];
    let [list, whole] = match (app.is_traffic_large, area.width >= WIDE) {
        (true, _) => [Rect { height: 0, ..area }, area],
        (false, true) => Layout::horizontal(half).areas(area),
        (false, false) => Layout::vertical(half).areas(area),
    };
    show_list(app, paint, list, shown);
    let body = paint.rule(whole, "the whole of it · y copies");
    match app.traffic.on() {
        Some(exchange) => show_whole(paint, body, exchange),
        None => {
            paint.words(line(body, 0), "  nothing yet", paint.theme.faint());
        }
    }
}

fn show_list(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let (stream, traffic) = (&app.traffic, &app.world().traffic);
    let (total, cursor) = (stream.items.len(), stream.cursor());
    let mut title = format!("{}: {total} exchanges since you look", traffic.device);
    if !stream.filter.is_empty() {
        title = format!("{title} /{}", stream.filter.text());
    }
    if traffic.missed > 0 {
        title = format!("{title}, {} missed", traffic.missed);
    }
    let body = paint.rule(area, &title);
    let rows = usize::from(body.height);
    let offset = window(cursor.saturating_sub(rows.saturating_sub(1)), cursor, rows, total);
    (shown.rows, shown.offset) = (rows, offset);
    for (number, exchange) in stream.items.iter().enumerate().skip(offset).take(rows) {
        let at = line(body, number - offset);
        show_line(paint, at, exchange);
        if number == cursor {
            paint.tint(at, paint.theme.cursor());
        }
        shown.hits.push((at, Hit::Line(number)));
    }
}

fn show_line(paint: &mut Paint, area: Rect, exchange: &Exchange) {
    let theme = paint.theme;
    let at = paint.column(area, 12, &format!("{:>9.1} s", exchange.device_seconds), theme.faint());
    let (sign, style, text) = match &exchange.what {
        What::Stanza(stanza) => (arrow(stanza.direction), ink(theme, stanza.direction), stanza.xml.clone()),
        What::Gatt(gatt) if gatt.refused.is_some() => ("ᛒ", theme.bad(), words::gatt(gatt)),
        What::Gatt(gatt) => ("ᛒ", theme.odd(), words::gatt(gatt)),
    };
    let at = paint.column(at, 2, sign, style);
    paint.words(at, &text, Style::new());
}

fn show_whole(paint: &mut Paint, area: Rect, exchange: &Exchange) {
    match &exchange.what {
        What::Stanza(stanza) => show_stanza(paint, area, stanza),
        What::Gatt(gatt) => show_gatt(paint, area, gatt),
    }
}

fn show_stanza(paint: &mut Paint, area: Rect, stanza: &Stanza) {
    let theme = paint.theme;
    let mut text = format!(
        " {} {}, {} bytes",
        arrow(stanza.direction),
        words::direction(stanza.direction),
        stanza.length
    );
    if !stanza.is_whole() {
        text.push_str(", of which this is the beginning");
    }
    paint.words(line(area, 0), &text, ink(theme, stanza.direction));
    let mut row = 1;
    for xml_line in xml::lines(&stanza.xml) {
        let indent = u16::try_from(2 * xml_line.depth + 1).unwrap_or(u16::MAX).min(area.width / 2);
        let width = usize::from(area.width.saturating_sub(indent).max(1));
        let letters: Vec<char> = xml_line.text.chars().collect();
        for (piece, letters) in letters.chunks(width).enumerate() {
            let text: String = letters.iter().collect();
            let at = line(area, row);
            let at = Rect { x: at.x + indent, width: at.width.saturating_sub(indent), ..at };
            let style = if text.starts_with('<') || piece > 0 { theme.line() } else { Style::new() };
            paint.words(at, &text, style);
            row += 1;
        }
    }
}

fn show_gatt(paint: &mut Paint, area: Rect, gatt: &Gatt) {
    let theme = paint.theme;
    paint.words(line(area, 0), &format!(" {}", words::gatt(gatt)), theme.odd());
    let uuid = gatt.uuid.as_deref().unwrap_or_default();
    paint.words(line(area, 1), &format!(" {uuid}"), theme.faint());
    if gatt.value.is_none() && gatt.length.is_some() {
        paint.words(line(area, 2), " the value may be a secret, and is not shown", theme.faint());
    }
}

const fn arrow(direction: Direction) -> &'static str {
    match direction {
        Direction::Sent => "→",
        Direction::Received => "←",
    }
}

const fn ink(theme: Theme, direction: Direction) -> Style {
    match direction {
        Direction::Sent => theme.good(),
        Direction::Received => theme.line(),
    }
}
