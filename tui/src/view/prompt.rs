//! What stands in front of a screen.

use super::{
    faults, help,
    paint::{Paint, line},
};
use crate::{
    app::{
        App,
        overlay::{Found, Overlay, Palette, ValuePrompt},
        steer::Reach,
    },
    keys::{Action, BINDINGS, Scope},
    theme::Theme,
    words,
};
use ratatui::{
    Frame,
    layout::{Position, Rect},
    widgets::{Block, BorderType, Clear, Widget as _},
};
use tui_input::Input;

pub(super) fn view(app: &App, frame: &mut Frame, theme: Theme) {
    let area = frame.area();
    let Some(overlay) = &app.overlay else { return };
    let cursor = match overlay {
        Overlay::Help { scroll } => {
            let inner =
                panel(frame, theme, centred(area, area.width.min(130), area.height), "keys · Esc closes");
            help::view(app, &mut Paint::new(frame.buffer_mut(), theme), inner, *scroll);
            None
        }
        Overlay::Palette(palette) => {
            let inner = panel(frame, theme, centred(area, 64, 18), "find a command or a device");
            Some(show_palette(&mut Paint::new(frame.buffer_mut(), theme), inner, palette))
        }
        Overlay::Filter(prompt) => {
            let last = line(area, usize::from(area.height.saturating_sub(1)));
            Clear.render(last, frame.buffer_mut());
            let mut paint = Paint::new(frame.buffer_mut(), theme);
            let at = paint.words(last, " /", theme.accent());
            let cursor = input(&mut paint, at, &prompt.input);
            let hint = prompt.error.as_deref().unwrap_or("words  ~regex  !not");
            let style = if prompt.error.is_some() { theme.bad() } else { theme.faint() };
            let used =
                u16::try_from(prompt.input.visual_cursor() + hint.chars().count() + 4).unwrap_or(u16::MAX);
            if used < at.width {
                paint.right(at, &format!("{hint} "), style);
            }
            Some(cursor)
        }
        Overlay::Value(prompt) => {
            let title = prompt
                .channel
                .as_deref()
                .map_or("a value".to_owned(), |channel| format!("a value for {channel}"));
            let inner = panel(frame, theme, centred(area, 60, 6), &title);
            Some(show_value(app, &mut Paint::new(frame.buffer_mut(), theme), inner, prompt))
        }
        Overlay::Fault(form) => {
            let inner = panel(frame, theme, centred(area, 76, faults::form_height(form)), &form.kind.title);
            Some(faults::show_form(app, &mut Paint::new(frame.buffer_mut(), theme), inner, form))
        }
        Overlay::Question(question) => {
            let width = u16::try_from(question.text.chars().count() + 6).unwrap_or(u16::MAX).clamp(30, 70);
            let inner = panel(frame, theme, centred(area, width, 5), "sure?");
            let mut paint = Paint::new(frame.buffer_mut(), theme);
            paint.words(line(inner, 0), &question.text, theme.strong());
            let at = paint.words(line(inner, 2), &key(Action::Yes), theme.accent());
            let at = paint.words(at, " yes   ", theme.faint());
            let at = paint.words(at, &key(Action::No), theme.accent());
            paint.words(at, " no", theme.faint());
            None
        }
    };
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// The first key that answers a question so.
fn key(action: Action) -> String {
    let binding = BINDINGS.iter().find(|one| one.action == action && one.scope == Scope::Question);
    binding.map(|binding| binding.keys[0].to_string()).unwrap_or_default()
}

/// An empty panel; its inside comes back.
fn panel(frame: &mut Frame, theme: Theme, area: Rect, title: &str) -> Rect {
    Clear.render(area, frame.buffer_mut());
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.accent())
        .title(format!(" {title} "));
    let inner = block.inner(area);
    block.render(area, frame.buffer_mut());
    Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner }
}

fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 3, width, height }
}

/// A line of text with its cursor, scrolled so that the cursor is in it.
fn input(paint: &mut Paint, area: Rect, input: &Input) -> Position {
    let width = usize::from(area.width.max(1)) - 1;
    let scroll = input.visual_scroll(width);
    let text: String = input.value().chars().skip(scroll).collect();
    paint.words(area, &text, ratatui::style::Style::new());
    let column = input.visual_cursor().saturating_sub(scroll);
    Position::new(area.x + u16::try_from(column.min(width)).unwrap_or(0), area.y)
}

fn show_palette(paint: &mut Paint, area: Rect, palette: &Palette) -> Position {
    let theme = paint.theme;
    let at = paint.words(line(area, 0), ":", theme.accent());
    let cursor = input(paint, at, &palette.input);
    let rows = usize::from(area.height.saturating_sub(2));
    let first = palette.chosen.saturating_sub(rows.saturating_sub(1));
    for (number, found) in palette.found.iter().enumerate().skip(first).take(rows) {
        let at = line(area, number - first + 2);
        let (keys, words) = match found {
            Found::Binding(binding) => (binding.keys(), binding.title.to_owned()),
            Found::Device(name) => ("device".to_owned(), name.to_string()),
            Found::Speed(speed) => ("speed".to_owned(), format!("{speed} seconds a second")),
        };
        let rest = paint.column(at, 14, &keys, theme.accent());
        paint.words(rest, &words, ratatui::style::Style::new());
        if number == palette.chosen {
            paint.tint(at, theme.cursor());
        }
    }
    if palette.found.is_empty() {
        paint.words(line(area, 2), "nothing is called that", theme.faint());
    }
    cursor
}

fn show_value(app: &App, paint: &mut Paint, area: Rect, prompt: &ValuePrompt) -> Position {
    let theme = paint.theme;
    let cursor = input(paint, line(area, 0), &prompt.input);
    match &prompt.error {
        Some(error) => paint.words(line(area, 1), error, theme.bad()),
        None => paint.words(line(area, 1), &prompt.hint, theme.faint()),
    };
    let names = app.reached(prompt.reach);
    let reach = match prompt.reach {
        Reach::One => "",
        Reach::Marked => ", all marked",
        Reach::Filtered => ", everything filtered",
    };
    let at = paint.words(line(area, 3), "for ", theme.faint());
    let at = paint.words(at, &words::devices(&names), theme.strong());
    let at = paint.words(at, reach, theme.strong());
    let at = paint.words(at, "   Tab", theme.accent());
    paint.words(at, " for others", theme.faint());
    cursor
}
