//! What stands in front of a screen: help, palette, prompts and questions.

use super::{App, Effect, Screen, device, library::FaultForm, steer::Reach};
use crate::{
    filter::Filter,
    keys::{self, Action, Binding, Scope},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use std::sync::Arc;
use thingfleet_control::{
    command::{Command, FleetChange},
    value::Value,
};
use tui_input::{Input, InputRequest};

/// Entries of the palette that are shown at most.
const MOST_FOUND: usize = 50;
/// Longest text that is taken from the clipboard, in characters.
const LONGEST_PASTE: usize = 1024;

/// What stands in front of a screen.
#[derive(Debug)]
pub enum Overlay {
    /// The keys, from this line on.
    Help {
        /// The first line that is shown.
        scroll: usize,
    },
    /// A search for a command or a device.
    Palette(Palette),
    /// A filter that is being typed; it is in force meanwhile.
    Filter(FilterPrompt),
    /// A value that is being typed.
    Value(ValuePrompt),
    /// A fault that is being set up.
    Fault(FaultForm),
    /// Something that is not done without a yes.
    Question(Question),
}

/// A search for a command or a device.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is looked for.
    pub input: Input,
    /// What was found, best first.
    pub found: Vec<Found>,
    /// Which one is chosen.
    pub chosen: usize,
}

/// Something the palette offers.
#[derive(Clone, Debug)]
pub enum Found {
    /// What a key does.
    Binding(&'static Binding),
    /// A device.
    Device(Arc<str>),
    /// A speed of the world.
    Speed(f64),
}

/// A filter that is being typed.
#[derive(Debug)]
pub struct FilterPrompt {
    /// Its text.
    pub input: Input,
    /// What was in force before.
    before: Filter,
    /// Why it is none.
    pub error: Option<String>,
}

/// A value that is being typed.
#[derive(Debug)]
pub struct ValuePrompt {
    /// Its text; `channel=value` unless the channel is given.
    pub input: Input,
    /// The channel.
    pub channel: Option<String>,
    /// What can be typed.
    pub hint: String,
    /// Which devices are meant.
    pub reach: Reach,
    /// Why it cannot be done.
    pub error: Option<String>,
}

/// Something that is not done without a yes.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// What is done then.
    pub then: Pending,
}

/// What is done after a yes.
#[derive(Clone, Debug)]
pub enum Pending {
    /// Devices are steered.
    Steer(Vec<String>, Command),
    /// Devices are removed.
    Remove(Vec<String>),
    /// The dashboard ends.
    Quit,
}

impl App {
    /// Takes a key that is typed into a prompt.
    pub(super) fn typed(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(request) = request(key) else { return Vec::new() };
        match &mut self.overlay {
            Some(Overlay::Filter(prompt)) => {
                prompt.input.handle(request);
                self.filter_typed();
            }
            Some(Overlay::Palette(palette)) => {
                palette.input.handle(request);
                self.search();
            }
            Some(Overlay::Value(prompt)) => {
                prompt.input.handle(request);
                prompt.error = None;
            }
            Some(Overlay::Fault(form)) => {
                if let Some(field) = form.fields.get_mut(form.at) {
                    field.input.handle(request);
                }
                form.error = None;
            }
            Some(Overlay::Help { .. } | Overlay::Question(_)) | None => {}
        }
        Vec::new()
    }

    /// Takes a text from the clipboard.
    pub(super) fn paste(&mut self, text: &str) {
        for letter in text.chars().filter(|letter| !letter.is_control()).take(LONGEST_PASTE) {
            self.typed(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
        }
    }

    pub(super) fn open_filter(&mut self) {
        let before = match self.screen {
            Screen::Fleet => self.fleet.recipe.filter.clone(),
            Screen::Traffic => self.traffic.filter.clone(),
            Screen::Log => self.log.filter.clone(),
            Screen::Faults => self.library.filter.clone(),
            Screen::Device | Screen::Code | Screen::Load => return,
        };
        let input = Input::new(before.text().to_owned());
        self.overlay = Some(Overlay::Filter(FilterPrompt { input, before, error: None }));
    }

    fn filter_typed(&mut self) {
        let Some(Overlay::Filter(prompt)) = &mut self.overlay else { return };
        match Filter::parse(prompt.input.value()) {
            Ok(filter) => {
                prompt.error = None;
                self.set_filter(filter);
            }
            Err(error) => prompt.error = Some(error.to_string()),
        }
    }

    fn set_filter(&mut self, filter: Filter) {
        match self.screen {
            Screen::Fleet => self.fleet.filter(filter),
            Screen::Traffic => self.traffic.filter(filter),
            Screen::Log => self.log.filter(filter),
            Screen::Faults => self.library.filter(filter),
            Screen::Device | Screen::Code | Screen::Load => {}
        }
    }

    pub(super) fn open_palette(&mut self) {
        self.overlay = Some(Overlay::Palette(Palette::default()));
        self.search();
    }

    /// Looks for what the palette offers.
    fn search(&mut self) {
        let Some(Overlay::Palette(palette)) = &self.overlay else { return };
        let text = palette.input.value().to_owned();
        let screen = self.screen;
        let is_there = |action| action != Action::Show(Screen::Load) || self.is_load();
        let is_offered = |binding: &&Binding| {
            binding.scope.is_on(screen) && !binding.title.is_empty() && is_there(binding.action)
        };
        let mut found: Vec<(u32, Found)> = Vec::new();
        if let Some(speed) = text.strip_prefix("speed ").and_then(|speed| speed.trim().parse::<f64>().ok()) {
            found.push((u32::MAX, Found::Speed(speed)));
        }
        let pattern = Pattern::parse(&text, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut letters = Vec::new();
        let mut score = |words: &str| pattern.score(Utf32Str::new(words, &mut letters), &mut matcher);
        for binding in keys::BINDINGS.iter().filter(is_offered) {
            found.extend(score(binding.title).map(|score| (score, Found::Binding(binding))));
        }
        if !text.is_empty() {
            for row in self.world.roster.rows() {
                found.extend(score(&row.name).map(|score| (score, Found::Device(Arc::clone(&row.name)))));
            }
        }
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.truncate(MOST_FOUND);
        let Some(Overlay::Palette(palette)) = &mut self.overlay else { return };
        palette.found = found.into_iter().map(|(_, found)| found).collect();
        palette.chosen = 0;
    }

    /// Asks for a value: of the channel the cursor is on, or of one that is named too.
    pub(super) fn open_value(&mut self) {
        let reach = self.first_reach();
        let (channel, hint, text) = match self.screen {
            Screen::Device => {
                let Some(channel) = self.channel() else { return };
                (Some(channel.name.clone()), hint(channel), String::new())
            }
            Screen::Fleet | Screen::Traffic | Screen::Log | Screen::Faults | Screen::Code | Screen::Load => {
                if self.reached(reach).is_empty() {
                    return self.complain("there is no device to give a value");
                }
                (None, "channel=value, for example temp=95".to_owned(), String::new())
            }
        };
        let input = Input::new(text);
        self.overlay = Some(Overlay::Value(ValuePrompt { input, channel, hint, reach, error: None }));
    }

    /// Moves through what an overlay offers.
    pub(super) fn move_in_overlay(&mut self, by: isize) {
        match &mut self.overlay {
            Some(Overlay::Help { scroll }) => {
                // What is too far is brought back when it is drawn.
                *scroll = scroll.saturating_add_signed(by).min(keys::BINDINGS.len() + 2 * Scope::ALL.len());
            }
            Some(Overlay::Palette(palette)) => {
                let last = palette.found.len().saturating_sub(1);
                palette.chosen = palette.chosen.saturating_add_signed(by).min(last);
            }
            Some(Overlay::Fault(form)) => {
                form.at = form.at.saturating_add_signed(by).min(form.fields.len().saturating_sub(1));
            }
            Some(Overlay::Filter(_) | Overlay::Value(_) | Overlay::Question(_)) | None => {}
        }
    }

    /// Does what was typed or asked.
    pub(super) fn accept(&mut self) -> Vec<Effect> {
        match self.overlay.take() {
            Some(Overlay::Filter(prompt)) if prompt.error.is_some() => {
                self.overlay = Some(Overlay::Filter(prompt));
                Vec::new()
            }
            Some(Overlay::Filter(_) | Overlay::Help { .. }) | None => Vec::new(),
            Some(Overlay::Palette(palette)) => match palette.found.get(palette.chosen).cloned() {
                Some(Found::Binding(binding)) if binding.steers && self.options.is_read_only => {
                    self.complain("this dashboard may only look: --read-only");
                    Vec::new()
                }
                Some(Found::Binding(binding)) => self.act(binding.action),
                Some(Found::Device(name)) => self.open_device(&name),
                Some(Found::Speed(_)) if self.options.is_read_only => Vec::new(),
                Some(Found::Speed(speed)) => Self::change(FleetChange { speed: Some(speed), paused: None }),
                None => Vec::new(),
            },
            Some(Overlay::Value(prompt)) => self.give(prompt),
            Some(Overlay::Fault(form)) => self.begin_fault(form),
            Some(Overlay::Question(question)) => self.go_on(question.then),
        }
    }

    /// Closes an overlay without doing anything.
    pub(super) fn dismiss(&mut self) {
        if let Some(Overlay::Filter(prompt)) = self.overlay.take() {
            self.set_filter(prompt.before);
        }
    }

    /// Gives the value that was typed, or says what is wrong with it.
    fn give(&mut self, mut prompt: ValuePrompt) -> Vec<Effect> {
        let text = prompt.input.value().trim().to_owned();
        let parts = match &prompt.channel {
            Some(channel) => Some((channel.clone(), text)),
            None => {
                text.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            }
        };
        let Some((channel, word)) = parts.filter(|(channel, word)| !channel.is_empty() && !word.is_empty())
        else {
            prompt.error = Some(format!("write {}", prompt.hint));
            self.overlay = Some(Overlay::Value(prompt));
            return Vec::new();
        };
        let names = self.reached(prompt.reach);
        let value = Value::from_word(&word);
        // A device of the same kind tells what the channel is; the fleet itself looks at it once more.
        let known = names.iter().find_map(|name| self.world().device(name));
        let known = known.and_then(|device| device.channels.iter().find(|one| one.name == channel)).cloned();
        let command = match known {
            Some(channel) => device::command(&channel, value),
            None => Command::Inject { channel, value },
        };
        self.steer(names, command)
    }

    /// Goes through the devices that are meant.
    pub(super) fn widen(&mut self) {
        let offered = self.reaches();
        let reach = match &mut self.overlay {
            Some(Overlay::Value(prompt)) => &mut prompt.reach,
            Some(Overlay::Fault(form)) => &mut form.reach,
            Some(Overlay::Help { .. } | Overlay::Palette(_) | Overlay::Filter(_) | Overlay::Question(_))
            | None => return,
        };
        let next = offered.iter().position(|one| one == reach).map_or(0, |place| place + 1);
        *reach = offered[next % offered.len()];
    }
}

fn hint(channel: &thingfleet_control::snapshot::Channel) -> String {
    use thingfleet_control::snapshot::Type;
    match (channel.r#type, channel.min, channel.max) {
        (Type::Boolean, ..) => "on or off".to_owned(),
        (Type::Choice, ..) => channel.options.join(", "),
        (Type::Text, ..) => "a text".to_owned(),
        (Type::Button, ..) => "1 to press it".to_owned(),
        (Type::Integer | Type::Float, Some(min), Some(max)) => {
            format!("{min} to {max} {}", channel.symbol()).trim_end().to_owned()
        }
        (Type::Integer | Type::Float, ..) => format!("a number {}", channel.symbol()).trim_end().to_owned(),
    }
}

/// What a key does to a line of text, as in a shell.
fn request(key: KeyEvent) -> Option<InputRequest> {
    let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match (key.code, has_control) {
        (KeyCode::Char('a'), true) | (KeyCode::Home, _) => Some(InputRequest::GoToStart),
        (KeyCode::Char('e'), true) | (KeyCode::End, _) => Some(InputRequest::GoToEnd),
        (KeyCode::Char('w'), true) => Some(InputRequest::DeletePrevWord),
        (KeyCode::Char('u'), true) => Some(InputRequest::DeleteLine),
        (KeyCode::Char('k'), true) => Some(InputRequest::DeleteTillEnd),
        (KeyCode::Char(letter), false) => Some(InputRequest::InsertChar(letter)),
        (KeyCode::Backspace, _) => Some(InputRequest::DeletePrevChar),
        (KeyCode::Delete, _) => Some(InputRequest::DeleteNextChar),
        (KeyCode::Left, true) => Some(InputRequest::GoToPrevWord),
        (KeyCode::Right, true) => Some(InputRequest::GoToNextWord),
        (KeyCode::Left, false) => Some(InputRequest::GoToPrevChar),
        (KeyCode::Right, false) => Some(InputRequest::GoToNextChar),
        _ => None,
    }
}
