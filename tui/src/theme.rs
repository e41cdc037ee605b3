//! Colours of the terminal's own palette, or none; every state has a sign of its own besides.

use crate::{air::Air, roster::Row, words::Weight};
use ratatui::style::{Color, Modifier, Style};
use thingfleet_control::snapshot::{Colour, Source, State};

/// How things look.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    has_colour: bool,
}

impl Theme {
    /// A theme with colours, or without.
    pub const fn new(has_colour: bool) -> Self {
        Self { has_colour }
    }

    const fn ink(self, colour: Color) -> Style {
        if self.has_colour { Style::new().fg(colour) } else { Style::new() }
    }

    /// What matters less.
    pub const fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What matters more.
    pub const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Where the cursor is.
    pub const fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Titles and keys.
    pub const fn accent(self) -> Style {
        self.ink(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What is not as it should be.
    pub const fn bad(self) -> Style {
        self.ink(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// What is unusual.
    pub const fn odd(self) -> Style {
        self.ink(Color::Yellow)
    }

    /// What goes well.
    pub const fn good(self) -> Style {
        self.ink(Color::Green)
    }

    /// Lines of charts.
    pub const fn line(self) -> Style {
        self.ink(Color::Cyan)
    }

    /// A state.
    pub const fn state(self, state: State) -> Style {
        match state {
            State::Online => self.ink(Color::Green),
            State::Joining | State::Connecting | State::SettingUp => self.ink(Color::Cyan),
            State::Commissioning => self.ink(Color::Blue),
            State::Waiting | State::Restarting => self.ink(Color::Yellow),
            State::Failed => self.ink(Color::Red).add_modifier(Modifier::BOLD),
            State::Offline => self.ink(Color::Magenta),
            State::Off | State::Stopped => self.faint(),
        }
    }

    /// A device.
    pub fn device(self, row: &Row) -> Style {
        if is_faulty(row) { self.faulty() } else { self.state(row.state) }
    }

    /// What goes wrong because it was told to.
    pub const fn faulty(self) -> Style {
        self.odd().add_modifier(Modifier::BOLD)
    }

    /// Where a Bluetooth peripheral stands.
    pub const fn air(self, air: Air) -> Style {
        match air {
            Air::Silent | Air::Queued => self.faint(),
            Air::Advertising => self.ink(Color::Blue),
            Air::Connected => self.ink(Color::Cyan),
            Air::Written => self.good(),
            Air::Refused => self.odd(),
            Air::Down => self.bad(),
        }
    }

    /// The light of a device.
    pub const fn light(self, colour: Colour) -> Style {
        match colour {
            Colour::Red => self.ink(Color::Red),
            Colour::Blue => self.ink(Color::Blue),
            Colour::Yellow => self.ink(Color::Yellow),
            Colour::Green => self.ink(Color::Green),
        }
    }

    /// Where a value comes from.
    pub const fn source(self, source: Source) -> Style {
        match source {
            Source::Behaviour => self.faint(),
            Source::Injected => self.odd(),
            Source::Held => self.odd().add_modifier(Modifier::BOLD),
            Source::Set => self.ink(Color::Cyan),
        }
    }

    /// An event.
    pub const fn weight(self, weight: Weight) -> Style {
        match weight {
            Weight::Light => self.faint(),
            Weight::Plain => Style::new(),
            Weight::Good => self.good(),
            Weight::Bad => self.bad(),
        }
    }
}

/// The sign of a device that is online and has a fault.
pub const FAULTY: &str = "◍";

/// The sign of a state, for those who see no colours.
pub const fn sign(state: State) -> &'static str {
    match state {
        State::Online => "●",
        State::SettingUp => "◕",
        State::Connecting => "◑",
        State::Joining => "◔",
        State::Commissioning => "◇",
        State::Waiting => "▲",
        State::Restarting => "↻",
        State::Failed => "✗",
        State::Offline => "○",
        State::Off | State::Stopped => "·",
    }
}

/// The sign of where a Bluetooth peripheral stands.
pub const fn sign_on_air(air: Air) -> &'static str {
    match air {
        Air::Silent => "·",
        Air::Queued => "○",
        Air::Advertising => "◇",
        Air::Connected => "◆",
        Air::Written => "◈",
        Air::Refused => "▲",
        Air::Down => "✗",
    }
}

/// The sign of a device; what is not online shows that first, whatever it comes from.
pub fn sign_of(row: &Row) -> &'static str {
    if is_faulty(row) { FAULTY } else { sign(row.state) }
}

/// Whether a device is online as if nothing were wrong, and something is.
fn is_faulty(row: &Row) -> bool {
    row.state == State::Online && row.faults() > 0
}

/// What a source is called.
pub const fn source(source: Source) -> &'static str {
    match source {
        Source::Behaviour => "",
        Source::Injected => "injected",
        Source::Held => "held",
        Source::Set => "set",
    }
}
