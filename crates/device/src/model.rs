//! The world inside a device: the present values of all channels and what moves them.
//!
//! A model knows ticks, behaviours, rules and buttons; it knows nothing of publishing or XMPP. Tick `k` happens at
//! `START + k · tick`, however often and with whatever `now` it is advanced. At each tick, in this order:
//!
//! 1. Buttons that were down through one whole tick fall back to 0.
//! 2. Channels move, in the order of the file. Conditions, operands and integrals read the value of this tick for
//!    channels that come earlier in the file, and that of the previous tick for the channel itself and later ones.
//! 3. Sensors that are wrong make of the value that is there the one that they show.
//! 4. Rules are looked at, in the order of the file; one that fires sets its channels at once, for all rules below.
//!
//! The first tick, at [`Instant::START`], takes no time: what has memory (lag, random walk, integral, …) stays at its
//! start value, what follows a clock (ramp, sine, daily curve, …) takes its first value.

mod rules;
mod senses;

use crate::{
    behaviour::{Driver, Tick},
    definition::{ChannelId, Definition, Kind, Setting},
    time::{Instant, UnixMillis},
    value::Value,
};
use alloc::{string::String, vec::Vec};
use core::time::Duration;
use rules::RuleState;
pub(crate) use senses::Distortion;
use senses::Sense;

/// The present state of everything a device measures and controls.
///
/// Every method that takes a definition must be given the one the model was made for.
#[derive(Clone, Debug)]
pub struct Model {
    values: Vec<Value>,
    /// Where each value comes from, and since when it is there.
    origins: Vec<(Origin, Instant)>,
    /// Only channels that something moves, in the order of the file.
    drivers: Vec<Driver>,
    rules: Vec<RuleState>,
    /// Only sensors that are wrong.
    senses: Vec<Sense>,
    buttons: Vec<Button>,
    /// The next tick to run.
    next: Instant,
    /// Time between two ticks.
    tick: Duration,
    seconds: f64,
    micros: u64,
    epoch: UnixMillis,
}

/// Where the present value of a channel comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The device itself: its start, a behaviour, a rule, a button that fell back.
    Behaviour,
    /// A reading replaced from outside, until the behaviour moves it on.
    Injected,
    /// Held from outside: neither behaviours nor rules move it.
    Held,
    /// A contact set it, or a person at the device, who has no address.
    Set {
        /// Who did it, as far as the server says.
        by: Option<String>,
    },
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
            origins: definition.channels.iter().map(|_| (Origin::Behaviour, Instant::START)).collect(),
            drivers: definition.channels().filter_map(driver).collect(),
            rules: definition.rules.iter().map(|rule| RuleState::new(rule, tick)).collect(),
            senses: Vec::new(),
            buttons: buttons.map(|(channel, _)| Button { channel, seen: false }).collect(),
            next: Instant::START,
            tick,
            seconds: tick.as_secs_f64(),
            micros: Instant::START.plus(tick).as_micros(),
            epoch,
        }
    }

    /// Takes [`Instant::START`] as this moment by the wall clock, from the next tick on.
    pub(crate) fn set_epoch(&mut self, epoch: UnixMillis) {
        self.epoch = epoch;
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

    /// Where the present value of a channel comes from, and since when it is there.
    ///
    /// # Panics
    /// If `channel` came from another definition.
    pub fn origin(&self, channel: ChannelId) -> (&Origin, Instant) {
        let (origin, since) = &self.origins[usize::from(channel.0)];
        (origin, *since)
    }

    /// Puts a channel to a value, as a person at the device, a client or a test does: it becomes the present value
    /// and the one from which a behaviour with memory goes on. Rules see it at the next tick. A held channel is held
    /// no longer.
    ///
    /// The value is fitted to the channel's kind, range and precision. Answers whether the present value changed; a
    /// value that cannot be fitted (a text in a number, a number that is not finite) changes nothing.
    pub fn set(&mut self, definition: &Definition, channel: ChannelId, value: &Value) -> bool {
        self.put(definition, channel, value, Origin::Set { by: None }, self.next)
    }

    /// The same for a value of this origin, that is there since `at`.
    pub(crate) fn put(
        &mut self,
        definition: &Definition,
        channel: ChannelId,
        value: &Value,
        origin: Origin,
        at: Instant,
    ) -> bool {
        let Some(value) = definition.channel(channel).value_of(value) else {
            return false;
        };
        self.origins[usize::from(channel.0)] = (origin, at);
        if let Some(driver) = self.drivers.iter_mut().find(|driver| driver.channel() == channel) {
            driver.go_on_from(value.as_f64());
        }
        if let Some(button) = self.buttons.iter_mut().find(|button| button.channel == channel) {
            button.seen = false;
        }
        if let Some(real) = self.sensed(channel) {
            *real = value;
            return false;
        }
        self.show(channel, value)
    }

    /// Holds a channel from `at` on: at this value, fitted as in [`Model::set`], or at the one it has. What drives it
    /// goes on behind the held value, and shows again once it is released.
    pub fn hold(&mut self, definition: &Definition, channel: ChannelId, value: Option<&Value>, at: Instant) {
        let value = value.and_then(|value| definition.channel(channel).value_of(value));
        if let Some(value) = value {
            self.show(channel, value);
        }
        self.origins[usize::from(channel.0)] = (Origin::Held, at);
    }

    /// Lets a held channel go at `at`: it keeps its value until something moves it.
    pub fn release(&mut self, channel: ChannelId, at: Instant) {
        if self.is_held(channel) {
            self.origins[usize::from(channel.0)] = (Origin::Behaviour, at);
        }
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
            self.apply_senses(definition, tick.now, &mut |event| sink(tick.now, event));
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
            if !self.value(channel).is_truthy() || self.is_held(channel) {
                continue;
            }
            if seen && self.put(definition, channel, &Value::Integer(0), Origin::Behaviour, self.next) {
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
            if let Some(sense) = self.senses.iter_mut().find(|sense| sense.channel == id) {
                sense.real = value;
                continue;
            }
            let (shown, origin) = (&mut self.values[usize::from(id.0)], &mut self.origins[usize::from(id.0)]);
            if *shown != value && origin.0 != Origin::Held {
                *shown = value;
                *origin = (Origin::Behaviour, tick.now);
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
                if self.is_held(*channel) {
                    continue;
                }
                let value = match setting {
                    Setting::Value(value) => value.clone(),
                    Setting::Channel(other) => self.value(*other).clone(),
                };
                if self.put(definition, *channel, &value, Origin::Behaviour, self.next) {
                    sink(ModelEvent::Changed(*channel));
                }
            }
        }
    }

    fn is_held(&self, channel: ChannelId) -> bool {
        self.origins[usize::from(channel.0)].0 == Origin::Held
    }

    fn show(&mut self, channel: ChannelId, value: Value) -> bool {
        let shown = &mut self.values[usize::from(channel.0)];
        let changed = *shown != value;
        *shown = value;
        changed
    }
}
