//! The QR code of a device that waits to be commissioned, dark on light whatever the terminal is.

use super::paint::{Paint, line};
use crate::app::App;
use fast_qr::{ECL, QRBuilder, QRCode};
use ratatui::{
    layout::Rect,
    style::{Color, Modifier, Style},
};

/// Light modules around a code that a reader needs (ISO/IEC 18004, 6.3.8), and those most readers do with.
const QUIET: (usize, usize) = (4, 2);

/// Whether the code needs the whole screen.
pub(super) fn needs_all(app: &App, body: Rect) -> bool {
    code(app).is_some_and(|code| lines(&code, QUIET.0) + 1 > usize::from(body.height))
}

pub(super) fn view(app: &App, paint: &mut Paint, area: Rect) {
    let theme = paint.theme;
    let name = app.device.name.as_deref().unwrap_or_default();
    let Some(code) = code(app) else {
        let text = match app.looked_at() {
            Some(_) => format!("  {name} does not wait to be commissioned, so it has no code to show"),
            None => format!("  {name} has not been looked at yet"),
        };
        paint.words(line(area, 1), &text, theme.faint());
        return;
    };
    let room = (usize::from(area.width), usize::from(area.height));
    let fits = |quiet: &usize| code.size + 2 * quiet <= room.0 && lines(&code, *quiet) <= room.1;
    let Some(quiet) = [QUIET.0, 3, QUIET.1].into_iter().find(fits) else {
        let needed = (code.size + 2 * QUIET.1, lines(&code, QUIET.1));
        let text = format!(
            "  the code needs {} columns and {} lines; `thingfleet qr` draws it to a file",
            needed.0, needed.1
        );
        paint.words(line(area, 1), &text, theme.odd());
        return;
    };
    let has_title = lines(&code, quiet) < room.1;
    if has_title {
        paint.words(line(area, 0), &format!("  {name}: scan it to commission this device"), theme.strong());
    }
    let top = usize::from(has_title);
    let is_dark = |column: usize, row: usize| {
        let inside = |at: usize| at.checked_sub(quiet).filter(|at| *at < code.size);
        matches!((inside(column), inside(row)), (Some(column), Some(row)) if code[row][column].value())
    };
    let style = if app.options.has_colour {
        Style::new().fg(Color::Black).bg(Color::White)
    } else {
        Style::new().add_modifier(Modifier::REVERSED)
    };
    let width = code.size + 2 * quiet;
    for number in 0..lines(&code, quiet) {
        let sign = |column| match (is_dark(column, 2 * number), is_dark(column, 2 * number + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        let text: String = (0..width).map(sign).collect();
        let at = line(area, top + number);
        paint.words(
            Rect { x: at.x + at.width.saturating_sub(u16::try_from(width).unwrap_or(0)) / 2, ..at },
            &text,
            style,
        );
    }
}

fn lines(code: &QRCode, quiet: usize) -> usize {
    (code.size + 2 * quiet).div_ceil(2)
}

fn code(app: &App) -> Option<QRCode> {
    let text = app.code()?;
    QRBuilder::new(text).ecl(ECL::L).build().ok()
}
