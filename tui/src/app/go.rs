//! What keys do: from an [`Action`] to changes of the state and to effects.

use super::{
    App, Effect, Screen,
    overlay::{Overlay, Pending, Question},
    steer::UNASKED,
};
use crate::{feed::Request, keys::Action, listing::Line, words, xml};
use std::sync::Arc;
use thingfleet_control::{
    command::{ButtonAction, Command},
    snapshot::Channel,
    traffic::What,
};

impl App {
    /// Does what a key does.
    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Help => self.overlay = Some(Overlay::Help { scroll: 0 }),
            Action::Palette => self.open_palette(),
            Action::Back => return self.back(),
            Action::Quit => return self.quit(),
            Action::Freeze => self.freeze(),
            Action::Mouse => {
                self.options.has_mouse = !self.options.has_mouse;
                let to = if self.options.has_mouse { "the dashboard has" } else { "the terminal has" };
                self.say(format!("{to} the mouse"));
                return vec![Effect::Mouse(self.options.has_mouse)];
            }
            Action::Redraw => return vec![Effect::Redraw],
            Action::Show(screen) => return self.show(screen),
            Action::Down => self.go(1),
            Action::Up => self.go(-1),
            Action::PageDown => self.go(self.page()),
            Action::PageUp => self.go(-self.page()),
            Action::Top => self.go(isize::MIN),
            Action::Bottom => self.go(isize::MAX),
            Action::Undo => return self.undo(),
            Action::Pause => return self.pause(),
            Action::Faster => return self.change_speed(2.0),
            Action::Slower => return self.change_speed(0.5),
            Action::Export => return self.export(),
            Action::Open => return self.open(),
            Action::Filter => self.open_filter(),
            Action::Sort => {
                self.fleet.recipe.sort = self.fleet.recipe.sort.next();
                self.fleet.listing.forget();
            }
            Action::Reverse => {
                self.fleet.recipe.is_reversed = !self.fleet.recipe.is_reversed;
                self.fleet.listing.forget();
            }
            Action::Group => {
                self.fleet.recipe.group = self.fleet.recipe.group.next();
                self.fleet.recipe.folded.clear();
                self.fleet.listing.forget();
            }
            Action::Fold => self.fold(),
            Action::Map => self.fleet.is_map = !self.fleet.is_map,
            Action::Mark => self.mark(),
            Action::MarkAll => {
                let filtered = self.fleet.filtered(&self.frozen.as_deref().unwrap_or(&self.world).roster);
                self.fleet.marked.extend(filtered);
            }
            Action::Unmark => self.fleet.marked.clear(),
            Action::Inject => self.open_value(),
            Action::Hold => return self.hold(),
            Action::Less => return self.nudge(-1.0),
            Action::More => return self.nudge(1.0),
            Action::MuchLess => return self.nudge(-10.0),
            Action::MuchMore => return self.nudge(10.0),
            Action::Toggle => return self.toggle(self.device.cursor),
            Action::NextDevice => return self.neighbour(1),
            Action::PreviousDevice => return self.neighbour(-1),
            Action::Clear => return self.clear(),
            Action::Offline => return self.ask("cut off", Command::Offline {}, UNASKED),
            Action::Online => return self.ask("let come back", Command::Online {}, UNASKED),
            Action::Press => {
                return self.ask("press the button of", Command::Button { action: ButtonAction::Press }, 1);
            }
            Action::Reset => return self.ask("reset to factory settings", Command::Reset {}, 0),
            Action::Remove => self.ask_to_remove(),
            Action::Copy => return self.copy(),
            Action::Accept | Action::Yes => return self.accept(),
            Action::Reach => self.widen(),
            Action::No => self.dismiss(),
        }
        Vec::new()
    }

    /// Does what was confirmed.
    pub(super) fn go_on(&mut self, pending: Pending) -> Vec<Effect> {
        match pending {
            Pending::Steer(names, command) => self.order(names, command),
            Pending::Remove(names) => vec![Effect::Ask(Request::Remove(names))],
            Pending::Quit => vec![Effect::Quit],
        }
    }

    /// Shows a device.
    pub(super) fn open_device(&mut self, name: &str) -> Vec<Effect> {
        let Some(row) = self.world.roster.row(name) else { return Vec::new() };
        self.device.name = Some(Arc::clone(&row.name));
        self.go_to(Screen::Device)
    }

    /// The text of the QR code of the device that is shown, while it waits to be commissioned.
    pub fn code(&self) -> Option<&str> {
        Some(self.looked_at()?.qr.as_ref()?.reveal())
    }

    /// The channel the cursor is on.
    pub fn channel(&self) -> Option<&Channel> {
        self.looked_at()?.channels.get(self.device.cursor)
    }

    fn quit(&mut self) -> Vec<Effect> {
        if !self.options.owns_fleet {
            return vec![Effect::Quit];
        }
        let text = "leave, and stop the fleet?".to_owned();
        self.overlay = Some(Overlay::Question(Question { text, then: Pending::Quit }));
        Vec::new()
    }

    fn back(&mut self) -> Vec<Effect> {
        if self.overlay.is_some() {
            self.dismiss();
            return Vec::new();
        }
        if std::mem::take(&mut self.is_traffic_large) {
            return Vec::new();
        }
        if let Some(before) = self.before.pop() {
            self.screen = before;
        } else if self.screen == Screen::Fleet && !self.fleet.recipe.filter.is_empty() {
            self.fleet.filter(crate::filter::Filter::default());
        } else if self.screen == Screen::Fleet {
            self.fleet.marked.clear();
        } else {
            self.screen = Screen::Fleet;
        }
        self.follow()
    }

    fn freeze(&mut self) {
        self.frozen = if self.is_frozen() { None } else { Some(Box::new(self.world.clone())) };
        self.fleet.listing.forget();
    }

    /// Shows a screen; from the fleet, with the device under the cursor.
    fn show(&mut self, screen: Screen) -> Vec<Effect> {
        if self.screen == Screen::Fleet
            && let Some(on) = self.fleet.on().cloned()
        {
            self.device.name = Some(on);
        }
        self.go_to(screen)
    }

    fn go_to(&mut self, screen: Screen) -> Vec<Effect> {
        self.overlay = None;
        if matches!(screen, Screen::Device | Screen::Traffic | Screen::Code) && self.device.name.is_none() {
            self.complain("there is no device under the cursor");
            return Vec::new();
        }
        if screen == Screen::Load && !self.is_load() {
            self.complain("this fleet is no load: `thingfleet load` makes one");
            return Vec::new();
        }
        if screen == Screen::Fleet {
            self.before.clear();
        } else if screen != self.screen {
            self.before.retain(|before| *before != screen);
            self.before.push(self.screen);
        }
        self.screen = screen;
        self.looked = None;
        self.follow()
    }

    /// Follows the device that is shown, and listens to it as long as its traffic is.
    fn follow(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let name = self.device.name.as_deref().unwrap_or_default().to_owned();
        if self.screen == Screen::Device && self.world.followed.device != name {
            self.world.follow(&name);
            (self.device.cursor, self.device.given) = (0, None);
            effects.push(Effect::Ask(Request::Follow(Some(name.clone()))));
        }
        let wanted = if self.screen == Screen::Traffic { name } else { String::new() };
        if self.world.traffic.device != wanted {
            self.world.listen(&wanted);
            self.is_traffic_large = false;
            effects.push(Effect::Ask(Request::Listen((!wanted.is_empty()).then_some(wanted))));
        }
        effects
    }

    fn open(&mut self) -> Vec<Effect> {
        match self.screen {
            Screen::Fleet => {
                if let Some(name) = self.fleet.on().cloned() {
                    return self.open_device(&name);
                }
                self.fold();
                Vec::new()
            }
            Screen::Traffic => {
                self.is_traffic_large = !self.is_traffic_large;
                Vec::new()
            }
            Screen::Log => {
                let event = self.log.on().cloned();
                event.map_or_else(Vec::new, |event| self.open_device(&event.device))
            }
            Screen::Faults => {
                self.open_form();
                Vec::new()
            }
            Screen::Device | Screen::Code | Screen::Load => Vec::new(),
        }
    }

    fn neighbour(&mut self, by: isize) -> Vec<Effect> {
        let names = self.fleet.filtered(&self.world().roster);
        let place = names.iter().position(|name| Some(name) == self.device.name.as_ref());
        let next =
            place.map_or(0, |place| place.saturating_add_signed(by).min(names.len().saturating_sub(1)));
        let Some(name) = names.get(next).cloned() else { return Vec::new() };
        let world = self.frozen.as_deref().unwrap_or(&self.world);
        self.fleet.move_to_device(&name, &world.roster);
        self.device.name = Some(name);
        self.looked = None;
        self.follow()
    }

    fn page(&self) -> isize {
        isize::try_from(self.shown.rows.max(2) - 1).unwrap_or(1)
    }

    /// Moves the cursor by some lines; the extremes stand for the ends.
    fn go(&mut self, by: isize) {
        if self.overlay.is_some() {
            return self.move_in_overlay(by);
        }
        let moved = |from: usize, last: usize| from.saturating_add_signed(by).min(last);
        let world = self.frozen.as_deref().unwrap_or(&self.world);
        match self.screen {
            Screen::Fleet => {
                let by_line =
                    if self.fleet.is_map { self.shown.columns * self.shown.per_cell.max(1) } else { 1 };
                let by = by.saturating_mul(isize::try_from(by_line.max(1)).unwrap_or(1));
                let to = self.fleet.cursor.saturating_add_signed(by);
                self.fleet.move_to(to, &world.roster);
            }
            Screen::Device => {
                let lines = self.looked_at().map_or(0, |device| device.channels.len() + device.faults.len());
                let last = lines.saturating_sub(1);
                self.device.cursor = moved(self.device.cursor, last);
            }
            Screen::Traffic => {
                let to = moved(self.traffic.cursor(), self.traffic.items.len().saturating_sub(1));
                self.traffic.move_to(to);
            }
            Screen::Log => {
                let to = moved(self.log.cursor(), self.log.items.len().saturating_sub(1));
                self.log.move_to(to);
            }
            Screen::Faults => {
                let last = self.library.shown().len().saturating_sub(1);
                self.library.cursor = moved(self.library.cursor, last);
            }
            Screen::Load => {
                if let Some(load) = &world.load {
                    let to = self.load.cursor(load).saturating_add_signed(by);
                    self.load.move_to(to, load);
                }
            }
            Screen::Code => {}
        }
    }

    fn fold(&mut self) {
        let Some(group) = self.fleet.group().map(str::to_owned) else { return };
        let folded = &mut self.fleet.recipe.folded;
        if !folded.remove(&group) {
            folded.insert(group.clone());
        }
        self.fleet.listing.forget();
        // The cursor goes to the head of what was folded.
        let world = self.frozen.as_deref().unwrap_or(&self.world);
        let is_head = |line: &Line| matches!(line, Line::Group { title, .. } if *title == group);
        if let Some(head) = self.fleet.listing.lines().iter().position(is_head) {
            self.fleet.move_to(head, &world.roster);
        }
    }

    fn mark(&mut self) {
        let Some(name) = self.fleet.on().cloned() else { return };
        if !self.fleet.marked.remove(&name) {
            self.fleet.marked.insert(name);
        }
        self.go(1);
    }

    fn copy(&mut self) -> Vec<Effect> {
        let text = match self.screen {
            Screen::Fleet => self.fleet.on().map(ToString::to_string),
            Screen::Device => {
                let channel = self.channel();
                channel.map(|channel| format!("{} = {}", channel.name, words::value(channel, &channel.value)))
            }
            Screen::Traffic => self.traffic.on().map(|exchange| match &exchange.what {
                What::Stanza(stanza) => xml::pretty(&stanza.xml),
                What::Gatt(gatt) => words::gatt(gatt),
            }),
            Screen::Log => self.log.on().map(|event| words::line(event)),
            Screen::Faults => self.library.on().map(|kind| kind.fault.clone()),
            Screen::Code => self.code().map(str::to_owned),
            Screen::Load => self.world().load.as_deref().and_then(|load| self.load.words(load)),
        };
        let Some(text) = text else { return Vec::new() };
        self.say("copied");
        vec![Effect::Copy(text)]
    }
}
