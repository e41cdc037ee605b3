//! What the tests of this directory put on the bench: small definitions, and a model that is run tick by tick.

use std::time::Duration;
use thingfleet_device::{
    condition::Condition,
    definition::{
        ActuatorMode, Bluetooth, Channel, ChannelId, Definition, Dialect, Kind, Operand, Role, Source,
    },
    model::{Model, ModelEvent},
    time::{Instant, UnixMillis},
    value::Value,
};

/// A definition of these channels, with a tick of one second.
pub(crate) fn definition(channels: Vec<Channel>) -> Definition {
    Definition {
        kind: "bench".into(),
        title: String::new(),
        description: String::new(),
        manufacturer: String::new(),
        hardware: String::new(),
        software: String::new(),
        language: String::new(),
        tick: Duration::from_secs(1),
        channels,
        rules: Vec::new(),
        hello: String::new(),
        actuators: ActuatorMode::Auto,
        dialect: Dialect::Thesis,
        bluetooth: Bluetooth::named("bench"),
        firmware: Vec::new(),
    }
}

/// A float that starts at `starts` and is driven by `base`.
pub(crate) fn float(name: &str, starts: f64, base: Source) -> Channel {
    channel(name, Kind::Float, Value::Float(starts), base)
}

/// A channel without range, rounding and modifiers.
pub(crate) fn channel(name: &str, kind: Kind, starts: Value, base: Source) -> Channel {
    let mut channel = thingfleet_simulated::channel(name, Role::Sensor, kind, starts);
    channel.behaviour.base = base;
    channel
}

/// A switch that stays where it is put.
pub(crate) fn switch(name: &str) -> Channel {
    channel(name, Kind::Boolean, Value::Boolean(false), Source::Hold)
}

/// The channel with another driver while `condition` holds, over the channels before it and itself.
pub(crate) fn while_holds(
    mut channel: Channel,
    condition: &str,
    before: &[Channel],
    source: Source,
) -> Channel {
    let channels: Vec<Channel> = before.iter().chain([&channel]).cloned().collect();
    channel.behaviour.cases.push((parse(condition, &channels), source));
    channel
}

/// A condition that is known to be right.
pub(crate) fn parse(condition: &str, channels: &[Channel]) -> Condition {
    Condition::parse(condition, channels).expect("the condition is right")
}

pub(crate) fn lag(toward: f64, seconds: u64) -> Source {
    Source::Lag { toward: Operand::Number(toward), over: Duration::from_secs(seconds) }
}

pub(crate) fn seconds(count: u64) -> Instant {
    Instant::START.plus(Duration::from_secs(count))
}

/// A running model of a definition.
pub(crate) struct Bench {
    pub(crate) definition: Definition,
    pub(crate) model: Model,
}

impl Bench {
    pub(crate) fn new(definition: Definition) -> Self {
        let model = Model::new(&definition, "bench-1", 7, UnixMillis(0));
        Self { definition, model }
    }

    /// Runs one tick and tells what happened.
    pub(crate) fn tick(&mut self) -> Vec<ModelEvent> {
        let now = self.model.next_tick();
        let mut events = Vec::new();
        self.model.advance(&self.definition, now, &mut |at, event| {
            assert_eq!(at, now);
            events.push(event);
        });
        events
    }

    /// Runs all ticks up to `count` seconds after the start.
    pub(crate) fn run_to(&mut self, count: u64) -> &mut Self {
        self.model.advance(&self.definition, seconds(count), &mut |_, _| {});
        self
    }

    pub(crate) fn number(&self, channel: u16) -> f64 {
        self.model.value(ChannelId(channel)).as_f64()
    }

    pub(crate) fn set(&mut self, channel: u16, value: &Value) -> bool {
        self.model.set(&self.definition, ChannelId(channel), value)
    }

    /// The numbers of a channel at this tick and the following ones.
    pub(crate) fn numbers(&mut self, channel: u16, count: usize) -> Vec<f64> {
        let next = || {
            self.tick();
            self.number(channel)
        };
        std::iter::repeat_with(next).take(count).collect()
    }
}
