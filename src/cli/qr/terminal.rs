//! A QR code on a terminal, for a phone's camera.
//!
//! With colours it is black on white whatever the terminal's own are. Without them only the terminal knows which of
//! ink and ground is dark; most are light on dark, and `--invert` is for the others.

use super::code::Code;

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// With what.
    pub(super) ink: Ink,
    /// Light and dark the other way round.
    pub(super) invert: bool,
}

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Half blocks in black and white.
    Coloured,
    /// Half blocks in the terminal's own colours.
    Blocks,
    /// Nothing but ASCII.
    Ascii,
}

/// Black on white and white on black, of the 256 colours that do not depend on a theme.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const WHITE_ON_BLACK: &str = "\x1b[38;5;231;48;5;16m";
const PLAIN: &str = "\x1b[0m";

/// Draws a code as lines.
pub(super) fn draw(code: &Code, style: Style) -> Vec<String> {
    match style.ink {
        Ink::Coloured => {
            let colours = if style.invert { WHITE_ON_BLACK } else { BLACK_ON_WHITE };
            let lines = halves(code.size(), |column, row| code.is_dark(column, row));
            lines.map(|line| format!("{colours}{line}{PLAIN}")).collect()
        }
        // The ink is taken for light.
        Ink::Blocks => halves(code.size(), |column, row| code.is_dark(column, row) == style.invert).collect(),
        Ink::Ascii => {
            let module = |column, row| if code.is_dark(column, row) == style.invert { "##" } else { "  " };
            let line = |row| (0..code.size()).map(|column| module(column, row)).collect();
            (0..code.size()).map(line).collect()
        }
    }
}

/// Two rows a line. The half line that may be left over at the bottom has no ink.
fn halves(size: usize, has_ink: impl Fn(usize, usize) -> bool) -> impl Iterator<Item = String> {
    (0..size).step_by(2).map(move |row| {
        let half = |column| match (has_ink(column, row), row + 1 < size && has_ink(column, row + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..size).map(half).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::code::{Correction, tests::decoded},
        *,
    };

    const TEXT: &str =
        "xmpp:iot-register?mac=C0:FF:EE:00:00:01&algo=ed25519&key=AAAAC3NzaC1lZDI1NTE5AAAAI%2B";

    /// What somebody sees, as dark (`true`) and light modules: on a terminal that is itself `dark`.
    fn seen(lines: &[String], ink: Ink, dark_terminal: bool) -> Vec<Vec<bool>> {
        if ink == Ink::Ascii {
            let module = |pair: &[u8]| (pair == b"##") != dark_terminal;
            return lines.iter().map(|line| line.as_bytes().chunks(2).map(module).collect()).collect();
        }
        let mut rows = Vec::new();
        for line in lines {
            let (ink_is_dark, ground_is_dark, line) = match line.strip_suffix(PLAIN) {
                Some(line) => match line.strip_prefix(BLACK_ON_WHITE) {
                    Some(line) => (true, false, line),
                    None => (false, true, line.strip_prefix(WHITE_ON_BLACK).unwrap()),
                },
                None => (!dark_terminal, dark_terminal, line.as_str()),
            };
            let shade = |has_ink: bool| if has_ink { ink_is_dark } else { ground_is_dark };
            rows.push(line.chars().map(|c| shade(matches!(c, '█' | '▀'))).collect());
            rows.push(line.chars().map(|c| shade(matches!(c, '█' | '▄'))).collect());
        }
        rows
    }

    fn read(style: Style, dark_terminal: bool) -> String {
        let code = Code::new(TEXT, Correction::Low);
        let rows = seen(&draw(&code, style), style.ink, dark_terminal);
        decoded(code.size(), |column, row| rows[row][column])
    }

    #[test]
    fn a_coloured_code_is_read_on_any_terminal() {
        let style = Style { ink: Ink::Coloured, invert: false };
        assert_eq!(read(style, true), TEXT);
        assert_eq!(read(style, false), TEXT);
    }

    #[test]
    fn a_code_without_colours_is_read_on_a_dark_terminal_and_inverted_on_a_light_one() {
        for ink in [Ink::Blocks, Ink::Ascii] {
            assert_eq!(read(Style { ink, invert: false }, true), TEXT, "{ink:?}");
            assert_eq!(read(Style { ink, invert: true }, false), TEXT, "{ink:?}");
        }
    }

    #[test]
    fn a_code_of_usual_length_fits_into_half_a_terminal() {
        let text = "x".repeat(150);
        let lines = draw(&Code::new(&text, Correction::Low), Style { ink: Ink::Coloured, invert: false });
        assert!(lines.len() <= 30, "{} lines", lines.len());
    }
}
