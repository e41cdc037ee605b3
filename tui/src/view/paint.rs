//! Words at places, cut off where their room ends.

use crate::theme::Theme;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// A buffer, and how things look in it.
pub(super) struct Paint<'b> {
    pub(super) buffer: &'b mut Buffer,
    pub(super) theme: Theme,
}

impl<'b> Paint<'b> {
    pub(super) fn new(buffer: &'b mut Buffer, theme: Theme) -> Self {
        Self { buffer, theme }
    }

    /// Writes words into the first line of an area, and gives what is left of that line.
    pub(super) fn words(&mut self, area: Rect, words: &str, style: Style) -> Rect {
        if area.width == 0 || area.height == 0 {
            return area;
        }
        let (x, _) = self.buffer.set_stringn(area.x, area.y, words, area.width.into(), style);
        Rect { x, width: area.right().saturating_sub(x), height: area.height.min(1), ..area }
    }

    /// Writes words into so many columns, and gives what is left of the line.
    pub(super) fn column(&mut self, area: Rect, width: u16, words: &str, style: Style) -> Rect {
        let width = width.min(area.width);
        // A blank stays between columns.
        self.words(Rect { width: width.saturating_sub(1), ..area }, words, style);
        Rect { x: area.x + width, width: area.width - width, height: area.height.min(1), ..area }
    }

    /// Writes words to the right end of an area.
    pub(super) fn right(&mut self, area: Rect, words: &str, style: Style) {
        let width = u16::try_from(words.chars().count()).unwrap_or(u16::MAX).min(area.width);
        self.words(Rect { x: area.right() - width, width, ..area }, words, style);
    }

    /// Changes the style of an area.
    pub(super) fn tint(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area, style);
    }

    /// A line with a title in it.
    pub(super) fn rule(&mut self, area: Rect, title: &str) -> Rect {
        if area.height == 0 {
            return area;
        }
        let line = "─".repeat(area.width.into());
        self.words(area, &line, self.theme.faint());
        self.words(
            Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(1), ..area },
            &format!(" {title} "),
            self.theme.strong(),
        );
        Rect { y: area.y + 1, height: area.height - 1, ..area }
    }
}

/// The line of an area with this number.
pub(super) fn line(area: Rect, number: usize) -> Rect {
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    Rect { y: area.y.saturating_add(number), height: u16::from(number < area.height), ..area }
}

/// The first line to be shown so that the cursor is among `rows`, moved as little as possible.
pub(super) fn window(offset: usize, cursor: usize, rows: usize, lines: usize) -> usize {
    let rows = rows.max(1);
    let offset = offset.clamp(cursor.saturating_sub(rows - 1), cursor);
    offset.min(lines.saturating_sub(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_follows_the_cursor_and_leaves_no_room_unused() {
        assert_eq!(window(0, 3, 10, 100), 0);
        assert_eq!(window(0, 12, 10, 100), 3);
        assert_eq!(window(50, 12, 10, 100), 12);
        assert_eq!(window(95, 99, 10, 100), 90);
        assert_eq!(window(7, 0, 0, 0), 0);
    }
}
