//! What is done to devices, what has become of it, and how it is undone.

use super::{
    App, Effect, Screen,
    overlay::{Overlay, Pending, Question},
};
use crate::{
    feed::{self, Request, Steer, Steered},
    plan, words,
};
use std::collections::{BTreeMap, VecDeque};
use thingfleet_control::{
    command::{ButtonAction, Command, Refusal},
    snapshot::{Channel, Role, Source},
};

/// Deeds that can be undone and written down.
const KEPT: usize = 256;
/// Devices that are steered at a time without a question.
pub(super) const UNASKED: usize = 20;

/// Which devices are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The one the cursor is on.
    #[default]
    One,
    /// Those that are marked.
    Marked,
    /// Everything that passes the filter.
    Filtered,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Deeds {
    /// What was done, latest last.
    pub done: VecDeque<Deed>,
    /// Requests that have not been answered, and what is to become of them.
    waiting: BTreeMap<u64, Purpose>,
    /// The latest value of each channel that is being dragged, until the one before has arrived.
    next: BTreeMap<String, (Vec<String>, Command)>,
    last_id: u64,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Deed {
    /// The devices that did it.
    pub names: Vec<String>,
    /// What they did.
    pub command: Command,
    /// Seconds since the dashboard was started.
    pub at: f64,
    /// The channel it was about, as it was before, by device.
    before: BTreeMap<String, Channel>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Purpose {
    /// A deed of its own.
    Deed,
    /// A value of this channel, which is being dragged or nudged: one deed, however many there are.
    Smooth(String),
    /// The end of a deed.
    Undo,
}

impl App {
    /// Which devices a command means before a person says otherwise.
    pub(super) fn first_reach(&self) -> Reach {
        if self.screen == Screen::Fleet && !self.fleet.marked.is_empty() { Reach::Marked } else { Reach::One }
    }

    /// Which devices a command can mean.
    pub(super) fn reaches(&self) -> Vec<Reach> {
        let mut reaches = vec![Reach::One, Reach::Filtered];
        if !self.fleet.marked.is_empty() {
            reaches.insert(1, Reach::Marked);
        }
        reaches
    }

    /// The names of the devices that are meant.
    pub fn reached(&self, reach: Reach) -> Vec<String> {
        let one = if self.screen == Screen::Fleet { self.fleet.on() } else { self.device.name.as_ref() };
        match reach {
            Reach::One => one.into_iter().map(ToString::to_string).collect(),
            Reach::Marked => self.fleet.marked.iter().map(ToString::to_string).collect(),
            Reach::Filtered => {
                self.fleet.filtered(&self.world().roster).iter().map(ToString::to_string).collect()
            }
        }
    }

    /// Has devices do something, after a question if they are many.
    pub(super) fn steer(&mut self, names: Vec<String>, command: Command) -> Vec<Effect> {
        if names.len() <= UNASKED {
            return self.order(names, command);
        }
        let text = format!("{} on {}?", words::command(&command), words::devices(&names));
        self.overlay = Some(Overlay::Question(Question { text, then: Pending::Steer(names, command) }));
        Vec::new()
    }

    /// Has devices do something.
    pub(super) fn order(&mut self, names: Vec<String>, command: Command) -> Vec<Effect> {
        self.send(names, command, Purpose::Deed)
    }

    /// Gives values faster than they arrive: the latest one follows when the one before has been answered.
    pub(super) fn order_smoothly(&mut self, names: Vec<String>, command: Command) -> Vec<Effect> {
        let purpose = Purpose::Smooth(feed::channel(&command).unwrap_or_default().to_owned());
        if let Purpose::Smooth(channel) = &purpose
            && self.deeds.waiting.values().any(|waiting| *waiting == purpose)
        {
            self.deeds.next.insert(channel.clone(), (names, command));
            return Vec::new();
        }
        self.send(names, command, purpose)
    }

    fn send(&mut self, names: Vec<String>, command: Command, purpose: Purpose) -> Vec<Effect> {
        if names.is_empty() {
            return Vec::new();
        }
        self.deeds.last_id += 1;
        let id = self.deeds.last_id;
        self.deeds.waiting.insert(id, purpose);
        vec![Effect::Ask(Request::Steer(Steer { id, names, command }))]
    }

    /// Notes what has become of a command.
    pub(super) fn steered(&mut self, steered: Steered) -> Vec<Effect> {
        let Steered { steer: Steer { id, command, .. }, before, outcome } = steered;
        let purpose = self.deeds.waiting.remove(&id).unwrap_or(Purpose::Deed);
        // What was given is on the device now, or never will be.
        self.device.given = None;
        self.looked = None;
        match outcome {
            Err(why) => self.complain(why),
            Ok(outcome) => {
                let done = outcome.done.len();
                if let Some(refusal) = outcome.refused.first() {
                    let others = match outcome.refused.len() - 1 {
                        0 => String::new(),
                        others => format!(" (and {others} more)"),
                    };
                    let Refusal { device, why, next_step } = refusal;
                    self.complain(format!("{device}: {why}{others}; {next_step}"));
                } else {
                    let undone = if purpose == Purpose::Undo { "undone: " } else { "" };
                    let (command, devices) = (words::command(&command), words::devices(&outcome.done));
                    self.say(format!("{undone}{command} · {devices}"));
                }
                if done > 0 && purpose != Purpose::Undo {
                    let at = self.now.as_secs_f64();
                    self.note(Deed { names: outcome.done, command, at, before }, &purpose);
                }
            }
        }
        let Purpose::Smooth(channel) = &purpose else { return Vec::new() };
        let Some((names, command)) = self.deeds.next.remove(channel) else { return Vec::new() };
        let value = match &command {
            Command::Inject { value, .. } | Command::Set { value, .. } => Some(value),
            Command::Hold { value, .. } => value.as_ref(),
            Command::Release { .. }
            | Command::Button { .. }
            | Command::Reset {}
            | Command::Offline {}
            | Command::Online {}
            | Command::Fault { .. }
            | Command::Clear { .. } => None,
        };
        if let (Some(channel), Some(value)) = (self.channel(), value) {
            let number = crate::world::number(channel, value);
            self.device.given = number.map(|number| (channel.name.clone(), number));
        }
        self.send(names, command, purpose)
    }

    fn note(&mut self, deed: Deed, purpose: &Purpose) {
        let done = &mut self.deeds.done;
        if let Some(last) = done.back_mut()
            && matches!(purpose, Purpose::Smooth(_))
            && last.is_same_gesture(&deed)
        {
            last.command = deed.command;
            last.at = deed.at;
            return;
        }
        if done.len() == KEPT {
            done.pop_front();
        }
        done.push_back(deed);
    }

    /// Undoes the latest deed.
    pub(super) fn undo(&mut self) -> Vec<Effect> {
        let Some(deed) = self.deeds.done.pop_back() else {
            self.complain("nothing was done yet that could be undone");
            return Vec::new();
        };
        let back = deed.back();
        if back.is_empty() {
            self.complain(format!("`{}` cannot be undone", words::command(&deed.command)));
        }
        back.into_iter().flat_map(|(command, names)| self.send(names, command, Purpose::Undo)).collect()
    }

    /// Writes down what was done, as a plan of faults.
    pub(super) fn export(&mut self) -> Vec<Effect> {
        if self.deeds.done.is_empty() {
            self.complain("nothing was done yet");
            return Vec::new();
        }
        let fleet = self.world.fleet.as_ref().map_or("fleet", |fleet| &fleet.name);
        let Some(text) = plan::of(fleet, self.deeds.done.iter(), &self.world.roster) else {
            self.complain("nothing that was done is a fault, so there is no plan to write");
            return Vec::new();
        };
        vec![Effect::Save { stem: format!("faults-{fleet}"), text }]
    }
}

impl Deed {
    /// Whether another value of the same channel of the same devices came within a moment.
    fn is_same_gesture(&self, next: &Self) -> bool {
        const MOMENT: f64 = 1.5;
        let is_same = match (&self.command, &next.command) {
            (Command::Inject { channel: a, .. }, Command::Inject { channel: b, .. })
            | (Command::Set { channel: a, .. }, Command::Set { channel: b, .. })
            | (Command::Hold { channel: a, .. }, Command::Hold { channel: b, .. }) => a == b,
            _ => false,
        };
        is_same && self.names == next.names && next.at - self.at < MOMENT
    }

    /// What takes it back, with the devices that have to do it.
    fn back(&self) -> Vec<(Command, Vec<String>)> {
        let mut back: Vec<(Command, Vec<String>)> = Vec::new();
        for name in &self.names {
            let Some(command) = self.back_of(name) else { continue };
            match back.iter_mut().find(|(other, _)| *other == command) {
                Some((_, names)) => names.push(name.clone()),
                None => back.push((command, vec![name.clone()])),
            }
        }
        back
    }

    fn back_of(&self, name: &str) -> Option<Command> {
        let before = self.before.get(name);
        match &self.command {
            Command::Offline {} => Some(Command::Online {}),
            Command::Online {} => Some(Command::Offline {}),
            Command::Button { action: ButtonAction::Hold } => {
                Some(Command::Button { action: ButtonAction::Release })
            }
            Command::Fault { fault } => Some(Command::Clear { id: None, kind: Some(fault.fault.clone()) }),
            Command::Button { action: ButtonAction::Press | ButtonAction::Release }
            | Command::Reset {}
            | Command::Clear { .. } => None,
            Command::Hold { channel, .. }
                if before.is_none_or(|before| before.source == Source::Behaviour) =>
            {
                Some(Command::Release { channel: channel.clone() })
            }
            Command::Inject { channel, .. }
            | Command::Hold { channel, .. }
            | Command::Set { channel, .. }
            | Command::Release { channel } => {
                let (channel, before) = (channel.clone(), before?);
                let value = before.value.clone();
                Some(match (before.source, before.role) {
                    (Source::Held, _) => Command::Hold { channel, value: Some(value) },
                    (Source::Set, _) | (Source::Behaviour | Source::Injected, Role::Actuator) => {
                        Command::Set { channel, value }
                    }
                    (Source::Behaviour | Source::Injected, Role::Sensor) => {
                        Command::Inject { channel, value }
                    }
                })
            }
        }
    }
}
