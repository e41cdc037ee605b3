//! The world inside a device: the present values of all channels and what moves them.
//!
//! A model knows ticks, behaviours, rules and buttons; it knows nothing of publishing or XMPP. Tick `k` happens at
//! `START + k · tick`, however often and with whatever `now` it is advanced. At each tick, in this order:
//!
//! 1. Buttons that were down through one whole tick fall back to 0.
//! 2. Channels move, in the order of the file. Conditions, operands and integrals read the value of this tick for
//!    channels that come earlier in the file, and that of the previous tick for the channel itself and later ones.
//! 3. Rules are looked at, in the order of the file; one that fires sets its channels at once, for all rules below.
//!
//! The first tick, at [`Instant::START`], takes no time: what has memory (lag, random walk, integral, …) stays at its
//! start value, what follows a clock (ramp, sine, daily curve, …) takes its first value.

mod rules;

use crate::{
    behaviour::{Driver, Tick},
    definition::{ChannelId, Definition, Kind, Setting},
    time::{Instant, UnixMillis},
    value::Value,
};
use alloc::vec::Vec;
use core::time::Duration;
use rules::RuleState;

/// The present state of everything a device measures and controls.
///
/// Every method that takes a definition must be given the one the model was made for.
#[derive(Clone, Debug)]
pub struct Model {
    values: Vec<Value>,
    /// Only channels that something moves, in the order of the file.
    drivers: Vec<Driver>,
    rules: Vec<RuleState>,
    buttons: Vec<Button>,
    /// The next tick to run.
    next: Instant,
    /// Time between two ticks.
    tick: Duration,
    seconds: f64,
    micros: u64,
    epoch: UnixMillis,
}

/// What a model tells while it advances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelEvent {
    /// The channel shows a new value.
    Changed(ChannelId),
    /// The rule with this place in the file fired; the changes it made follow.
    Rule(u16),
}

#[derive(Clone, Copy, Debug)]
struct Button {
    channel: ChannelId,
    /// Whether rules and behaviours have seen it down at a tick.
    seen: bool,
}

impl Model {
    /// The model of a device that is switched on at [`Instant::START`], which is `epoch` by the wall clock. Its
    /// randomness depends on `seed` and `name` alone.
    pub fn new(definition: &Definition, name: &str, seed: u64, epoch: UnixMillis) -> Self {
        let driver = |(id, channel)| Driver::new(id, channel, name, seed);
        let buttons = definition.channels().filter(|(_, channel)| channel.kind == Kind::Button);
        let tick = definition.tick.max(Duration::from_micros(1));
        Self {
            values: definition.channels.iter().map(|channel| channel.starts.clone()).collect(),
            drivers: definition.channels().filter_map(driver).collect(),
            rules: definition.rules.iter().map(|rule| RuleState::new(rule, tick)).collect(),
            buttons: buttons.map(|(channel, _)| Button { channel, seen: false }).collect(),
            next: Instant::START,
            tick,
            seconds: tick.as_secs_f64(),
            micros: Instant::START.plus(tick).as_micros(),
            epoch,
        }
    }

    /// The moment of the next tick, at which [`Model::advance`] has something to do.
    pub fn next_tick(&self) -> Instant {
        self.next
    }

    /// The present value of a channel.
    ///
    /// # Panics
    /// If `channel` came from another definition.
    pub fn value(&self, channel: ChannelId) -> &Value {
        &self.values[usize::from(channel.0)]
    }

    /// Puts a channel to a value, as a person at the device, a client or a test does: it becomes the present value
    /// and the one from which a behaviour with memory goes on. Rules see it at the next tick.
    ///
    /// The value is fitted to the channel's kind, range and precision. Answers whether the present value changed; a
    /// value that cannot be fitted (a text in a number, a number that is not finite) changes nothing.
    pub fn set(&mut self, definition: &Definition, channel: ChannelId, value: &Value) -> bool {
        let Some(value) = definition.channel(channel).value_of(value) else {
            return false;
        };
        if let Some(driver) = self.drivers.iter_mut().find(|driver| driver.channel() == channel) {
            driver.go_on_from(value.as_f64());
        }
        if let Some(button) = self.buttons.iter_mut().find(|button| button.channel == channel) {
            button.seen = false;
        }
        self.show(channel, value)
    }

    /// Runs every tick that is due at `now`, telling `sink` the moment of each and what happened.
    pub fn advance(
        &mut self,
        definition: &Definition,
        now: Instant,
        sink: &mut impl FnMut(Instant, ModelEvent),
    ) {
        while self.next <= now {
            let Self { next: now, epoch, seconds, micros, .. } = *self;
            let tick = Tick { now, epoch, seconds, micros };
            self.release_buttons(definition, &mut |event| sink(tick.now, event));
            self.move_channels(definition, &tick, &mut |event| sink(tick.now, event));
            self.apply_rules(definition, &mut |event| sink(tick.now, event));
            self.next = tick.now.plus(self.tick);
            if self.next == tick.now {
                // The end of time: there is no next tick.
                return;
            }
        }
    }

    fn release_buttons(&mut self, definition: &Definition, sink: &mut impl FnMut(ModelEvent)) {
        for index in 0..self.buttons.len() {
            let Button { channel, seen } = self.buttons[index];
            if !self.value(channel).is_truthy() {
                continue;
            }
            if seen && self.set(definition, channel, &Value::Integer(0)) {
                sink(ModelEvent::Changed(channel));
            }
            self.buttons[index].seen = !seen;
        }
    }

    fn move_channels(&mut self, definition: &Definition, tick: &Tick, sink: &mut impl FnMut(ModelEvent)) {
        for driver in &mut self.drivers {
            let id = driver.channel();
            let channel = definition.channel(id);
            let Some(value) = channel.value_from(driver.step(channel, &self.values, tick)) else {
                continue;
            };
            let shown = &mut self.values[usize::from(id.0)];
            if *shown != value {
                *shown = value;
                sink(ModelEvent::Changed(id));
            }
        }
    }

    fn apply_rules(&mut self, definition: &Definition, sink: &mut impl FnMut(ModelEvent)) {
        for (index, rule) in (0u16..).zip(&definition.rules) {
            let values = &self.values;
            if !self.rules[usize::from(index)].fires(rule, |id| &values[usize::from(id.0)]) {
                continue;
            }
            sink(ModelEvent::Rule(index));
            for (channel, setting) in &rule.set {
                let changed = match setting {
                    Setting::Value(value) => self.set(definition, *channel, value),
                    Setting::Channel(other) => {
                        let value = self.value(*other).clone();
                        self.set(definition, *channel, &value)
                    }
                };
                if changed {
                    sink(ModelEvent::Changed(*channel));
                }
            }
        }
    }

    fn show(&mut self, channel: ChannelId, value: Value) -> bool {
        let shown = &mut self.values[usize::from(channel.0)];
        let changed = *shown != value;
        *shown = value;
        changed
    }
}
