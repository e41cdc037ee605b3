//! What keys do to devices and to their world: values, faults, the network, the speed.

use super::{
    App, Effect, Screen, device,
    overlay::{Overlay, Pending, Question},
    steer::{Reach, UNASKED},
};
use crate::{feed::Request, words};
use thingfleet_control::{
    command::{Command, FleetChange},
    fault::ActiveFault,
    snapshot::{Channel, Source},
    value::Value,
};

/// Slowest and fastest world that can be asked for.
const SPEEDS: (f64, f64) = (0.001, 100_000.0);

impl App {
    /// Lets the world stand still, or go on.
    pub(super) fn pause(&mut self) -> Vec<Effect> {
        let Some(fleet) = &self.world.fleet else { return Vec::new() };
        Self::change(FleetChange { paused: Some(!fleet.paused), speed: None })
    }

    /// Asks whether devices are to leave the fleet.
    pub(super) fn ask_to_remove(&mut self) {
        let names = self.reached(self.first_reach());
        if !names.is_empty() {
            let text = format!("remove {} from the fleet?", words::devices(&names));
            self.overlay = Some(Overlay::Question(Question { text, then: Pending::Remove(names) }));
        }
    }

    pub(super) fn change(change: FleetChange) -> Vec<Effect> {
        vec![Effect::Ask(Request::Change(change))]
    }

    /// Ends the fault under the cursor, or all faults of the devices that are meant.
    pub(super) fn clear(&mut self) -> Vec<Effect> {
        if let Some(active) = self.active_fault() {
            let (id, kind) = (Some(active.id), Some(active.fault.fault.clone()));
            return self.order(self.reached(Reach::One), Command::Clear { id, kind });
        }
        self.ask("end all faults of", Command::Clear { id: None, kind: None }, UNASKED)
    }

    /// The fault the cursor is on, on the screen of its device.
    pub fn active_fault(&self) -> Option<&ActiveFault> {
        let device = self.looked_at().filter(|_| self.screen == Screen::Device)?;
        device.faults.get(self.device.cursor.checked_sub(device.channels.len())?)
    }

    /// Makes the world faster or slower.
    pub(super) fn change_speed(&mut self, factor: f64) -> Vec<Effect> {
        let Some(fleet) = &self.world.fleet else { return Vec::new() };
        let speed = (fleet.speed * factor).clamp(SPEEDS.0, SPEEDS.1);
        Self::change(FleetChange { speed: Some(speed), paused: None })
    }

    /// Has the devices that are meant do something, after a question if they are more than `unasked`.
    pub(super) fn ask(&mut self, words: &str, command: Command, unasked: usize) -> Vec<Effect> {
        let names = self.reached(self.first_reach());
        if names.is_empty() {
            self.complain("there is no device under the cursor");
        } else if names.len() > unasked {
            let text = format!("{words} {}?", words::devices(&names));
            self.overlay = Some(Overlay::Question(Question { text, then: Pending::Steer(names, command) }));
        } else {
            return self.order(names, command);
        }
        Vec::new()
    }

    /// Holds the reading under the cursor, or releases it.
    pub(super) fn hold(&mut self) -> Vec<Effect> {
        let Some(channel) = self.channel() else { return Vec::new() };
        let name = channel.name.clone();
        let command = match channel.source {
            Source::Held => Command::Release { channel: name },
            Source::Behaviour | Source::Injected | Source::Set => {
                Command::Hold { channel: name, value: None }
            }
        };
        self.order(self.reached(Reach::One), command)
    }

    /// Moves the value under the cursor by some steps.
    pub(super) fn nudge(&mut self, steps: f64) -> Vec<Effect> {
        let Some(channel) = self.channel().cloned() else { return Vec::new() };
        let next = self.present(&channel).and_then(|from| device::nudged(&channel, from, steps));
        if let Some(value) = next {
            return self.give_channel(&channel, value);
        }
        self.open_value();
        Vec::new()
    }

    /// Switches, presses, or goes to the next option.
    pub(super) fn toggle(&mut self, place: usize) -> Vec<Effect> {
        let channel = self.looked_at().and_then(|device| device.channels.get(place)).cloned();
        let Some(channel) = channel else { return Vec::new() };
        self.device.cursor = place;
        let next = self.present(&channel).and_then(|from| device::toggled(&channel, from));
        next.map_or_else(Vec::new, |value| self.give_channel(&channel, value))
    }

    /// Gives the device that is shown a value.
    pub(super) fn give_channel(&mut self, channel: &Channel, value: Value) -> Vec<Effect> {
        let number = crate::world::number(channel, &value);
        self.device.given = number.map(|number| (channel.name.clone(), number));
        let names = self.reached(Reach::One);
        self.order_smoothly(names, device::command(channel, value))
    }

    /// The value of a channel as a number: what was given last, as long as it has not been seen.
    fn present(&self, channel: &Channel) -> Option<f64> {
        let given = self.device.given.as_ref().filter(|(name, _)| *name == channel.name);
        given.map(|(_, number)| *number).or_else(|| crate::world::number(channel, &channel.value))
    }
}
