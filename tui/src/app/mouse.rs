//! What the mouse does, by what was drawn where.

use super::{App, Effect, Hit, Screen, device};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

/// Lines that a turn of the wheel moves.
const WHEEL: isize = 3;

impl App {
    pub(super) fn mouse(&mut self, event: MouseEvent) -> Vec<Effect> {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollDown => self.wheel(WHEEL),
            MouseEventKind::ScrollUp => self.wheel(-WHEEL),
            MouseEventKind::Down(MouseButton::Left) => return self.press(at),
            MouseEventKind::Drag(MouseButton::Left) => return self.drag(at),
            _ => {}
        }
        Vec::new()
    }

    fn wheel(&mut self, by: isize) {
        self.is_stale = true;
        let action = if by > 0 { crate::keys::Action::Down } else { crate::keys::Action::Up };
        for _ in 0..by.unsigned_abs() {
            // Moving the cursor asks nothing of anybody.
            self.act(action);
        }
    }

    fn hit(&self, at: Position) -> Option<(Rect, Hit)> {
        self.shown.hits.iter().rev().find(|(area, _)| area.contains(at)).cloned()
    }

    fn press(&mut self, at: Position) -> Vec<Effect> {
        if self.overlay.is_some() {
            return Vec::new();
        }
        let Some((area, hit)) = self.hit(at) else { return Vec::new() };
        self.is_stale = true;
        match hit {
            Hit::Screen(screen) => self.act(crate::keys::Action::Show(screen)),
            Hit::Key(action) => self.act(action),
            Hit::Column(sort) => {
                let recipe = &mut self.fleet.recipe;
                (recipe.is_reversed, recipe.sort) = (recipe.sort == sort && !recipe.is_reversed, sort);
                self.fleet.listing.forget();
                Vec::new()
            }
            Hit::Line(line) => self.press_line(line),
            Hit::Map => {
                let (column, row) = (usize::from(at.x - area.x), usize::from(at.y - area.y));
                let cell = self.shown.offset + row * self.shown.columns + column;
                self.move_to_match(cell * self.shown.per_cell)
            }
            Hit::Control(place) if self.options.is_read_only => {
                self.device.cursor = place;
                Vec::new()
            }
            Hit::Control(place) => self.toggle(place),
            Hit::Slider(place) => {
                self.device.cursor = place;
                self.slide(area, at)
            }
        }
    }

    /// A second press on the line that has the cursor opens it.
    fn press_line(&mut self, line: usize) -> Vec<Effect> {
        match self.screen {
            Screen::Fleet if self.fleet.cursor == line => return self.act(crate::keys::Action::Open),
            Screen::Fleet => {
                let world = self.frozen.as_deref().unwrap_or(&self.world);
                self.fleet.move_to(line, &world.roster);
            }
            Screen::Device => self.device.cursor = line,
            Screen::Traffic => self.traffic.move_to(line),
            Screen::Log => self.log.move_to(line),
            Screen::Faults if self.library.cursor == line => self.open_form(),
            Screen::Faults => self.library.cursor = line,
            Screen::Load => {
                if let Some(load) = &self.world.load {
                    self.load.move_to(line, load);
                }
            }
            Screen::Code => {}
        }
        Vec::new()
    }

    fn move_to_match(&mut self, place: usize) -> Vec<Effect> {
        let world = self.frozen.as_deref().unwrap_or(&self.world);
        let place = self.fleet.listing.matches().get(place).copied();
        if let Some(line) = place.and_then(|place| self.fleet.listing.line_of(place)) {
            self.fleet.move_to(line, &world.roster);
        }
        Vec::new()
    }

    fn drag(&mut self, at: Position) -> Vec<Effect> {
        // A hand does not stay on one line.
        let is_held = |(_, hit): &&(Rect, Hit)| *hit == Hit::Slider(self.device.cursor);
        let held = self.shown.hits.iter().find(is_held).map(|(area, _)| *area);
        match held {
            Some(area) if self.screen == Screen::Device && self.overlay.is_none() => {
                self.is_stale = true;
                self.slide(area, at)
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn slide(&mut self, area: Rect, at: Position) -> Vec<Effect> {
        if self.options.is_read_only {
            return Vec::new();
        }
        let Some(channel) = self.channel().cloned() else { return Vec::new() };
        let span = f64::from(area.width.saturating_sub(1).max(1));
        let part = f64::from(at.x.saturating_sub(area.x)) / span;
        let value = device::slid(&channel, part);
        value.map_or_else(Vec::new, |value| self.give_channel(&channel, value))
    }
}
