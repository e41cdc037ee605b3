//! The keys, out of their table.

use super::paint::{Paint, line};
use crate::{
    app::App,
    keys::{BINDINGS, Scope},
};
use ratatui::layout::Rect;

/// Columns of the keys.
const KEYS: u16 = 16;

pub(super) fn view(app: &App, paint: &mut Paint, area: Rect, scroll: usize) {
    let theme = paint.theme;
    let mut lines: Vec<(String, &str, bool)> = Vec::new();
    for scope in Scope::ALL {
        let bindings: Vec<_> = BINDINGS.iter().filter(|binding| binding.scope == scope).collect();
        if bindings.is_empty() {
            continue;
        }
        lines.push((scope.title().to_owned(), "", false));
        for binding in bindings {
            lines.push((binding.keys(), binding.title, binding.steers));
        }
    }
    let columns = if area.width >= 110 { 2 } else { 1 };
    let height = usize::from(area.height);
    let scroll = scroll.min(lines.len().saturating_sub(height * columns));
    let width = area.width / u16::try_from(columns).unwrap_or(1);
    for (number, (keys, title, steers)) in lines.iter().skip(scroll).take(height * columns).enumerate() {
        let column = u16::try_from(number / height).unwrap_or(0);
        let at = Rect { x: area.x + column * width, width, ..line(area, number % height) };
        if title.is_empty() {
            paint.words(at, keys, theme.strong());
            continue;
        }
        let is_off = *steers && app.options.is_read_only;
        let at = paint.column(at, 2, "", theme.faint());
        let at = paint.column(at, KEYS, keys, if is_off { theme.faint() } else { theme.accent() });
        paint.words(at, title, if is_off { theme.faint() } else { ratatui::style::Style::new() });
    }
}
