//! What happens to the dashboard, and what it wants done.

use crate::feed::{News, Request};
use crossterm::event::{KeyEvent, MouseEvent};
use std::time::Duration;

/// How the dashboard is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Options {
    /// Whether nothing may be changed about the fleet.
    pub is_read_only: bool,
    /// Whether the mouse is taken.
    pub has_mouse: bool,
    /// Whether there are colours.
    pub has_colour: bool,
    /// Whether the fleet ends with the dashboard.
    pub owns_fleet: bool,
}

/// Something that happens to the dashboard.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most messages are news, and they are taken at once")]
pub enum Message {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// A text from the clipboard.
    Paste(String),
    /// The size of the terminal changed.
    Resized,
    /// Something from the fleet.
    News(News),
    /// Time since the start; comes several times a second.
    Time(Duration),
    /// It is going to be drawn.
    Frame,
    /// A file was written, or not.
    Saved(Result<String, String>),
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Asks the fleet.
    Ask(Request),
    /// Puts a text into the clipboard.
    Copy(String),
    /// Takes the mouse, or leaves it to the terminal.
    Mouse(bool),
    /// Writes a text to a file of its own.
    Save {
        /// What the file's name begins with.
        stem: String,
        /// The text.
        text: String,
    },
    /// Draws everything anew.
    Redraw,
    /// Ends the dashboard.
    Quit,
}
