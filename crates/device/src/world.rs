//! The world of one device: the model, the publish policies, and how fast time passes there.
//!
//! A [`Device`](crate::device::Device) brings real time in, which the instance's speed turns into the world's; a
//! [`Trace`](crate::trace::Trace) goes from tick to tick. What is due to be sent goes out. Nothing here knows XMPP.

use crate::{
    definition::{ChannelId, Definition},
    instance::Instance,
    model::{Model, ModelEvent},
    publish::{PublishState, Reason},
    time::{Instant, UnixMillis},
    value::Value,
};
use alloc::vec::Vec;
use core::time::Duration;

/// Model and publish policies of one device.
#[derive(Clone, Debug)]
pub(crate) struct World {
    model: Model,
    publish: Vec<PublishState>,
    epoch: UnixMillis,
    speed: f64,
}

/// What happened in the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum WorldEvent<'w> {
    /// A channel's value is to be sent, for this reason.
    Due(ChannelId, &'w Value, Reason),
    /// The rule with this place in the file fired.
    Rule(u16),
}

impl World {
    /// The world of a device in a fleet.
    pub(crate) fn of(definition: &Definition, instance: &Instance) -> Self {
        let mut world = Self::new(definition, &instance.name, instance.seed, instance.epoch);
        for (channel, value) in &instance.starts {
            world.model.set(definition, *channel, value);
        }
        // A profile's checker guarantees it; a speed of nothing would make every deadline infinite.
        if instance.speed.is_finite() && instance.speed > 0.0 {
            world.speed = instance.speed;
        }
        world
    }

    /// A world at the speed of real time, in which nothing differs from the definition.
    pub(crate) fn new(definition: &Definition, name: &str, seed: u64, epoch: UnixMillis) -> Self {
        let publish = definition.channels.iter().map(|_| PublishState::new()).collect();
        Self { model: Model::new(definition, name, seed, epoch), publish, epoch, speed: 1.0 }
    }

    /// Runs every tick that is due at the real time `now`.
    pub(crate) fn advance(
        &mut self,
        definition: &Definition,
        now: Instant,
        sink: &mut impl FnMut(WorldEvent<'_>),
    ) {
        let now = self.time(now);
        while self.model.next_tick() <= now && self.tick(definition, sink) {}
    }

    /// Runs the next tick, however far it is. Answers whether there is one after it, which at the end of time there
    /// is not.
    pub(crate) fn tick(&mut self, definition: &Definition, sink: &mut impl FnMut(WorldEvent<'_>)) -> bool {
        let at = self.model.next_tick();
        self.model.advance(definition, at, &mut |_, event| match event {
            ModelEvent::Rule(rule) => sink(WorldEvent::Rule(rule)),
            ModelEvent::Changed(_) => {}
        });
        for ((id, channel), publish) in definition.channels().zip(&mut self.publish) {
            let value = self.model.value(id);
            if let Some(why) = publish.due(&channel.publish, at, value) {
                sink(WorldEvent::Due(id, value, why));
            }
        }
        self.model.next_tick() > at
    }

    /// The world's time of the next tick.
    pub(crate) fn next_tick(&self) -> Instant {
        self.model.next_tick()
    }

    /// The real time of the next tick.
    pub(crate) fn deadline(&self) -> Instant {
        let due = self.model.next_tick();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; saturates")]
        let mut real = Instant::from_micros(libm::ceil(due.as_micros() as f64 / self.speed) as u64);
        // Rounding must not name a moment at which the tick is not yet due: the body would come back for nothing.
        while self.time(real) < due {
            real = real.plus(Duration::from_micros(1));
        }
        real
    }

    /// Puts a channel to a value that the caller reports at once.
    pub(crate) fn set(&mut self, definition: &Definition, now: Instant, id: ChannelId, value: &Value) {
        self.model.set(definition, id, value);
        let policy = &definition.channel(id).publish;
        let now = self.time(now);
        self.publish[usize::from(id.0)].sent(policy, now, self.model.value(id));
    }

    /// The values behind the world, to set some that the publish policies then notice.
    pub(crate) fn model_mut(&mut self) -> &mut Model {
        &mut self.model
    }

    pub(crate) fn value(&self, id: ChannelId) -> &Value {
        self.model.value(id)
    }

    /// Wall-clock time in the world.
    pub(crate) fn wall_time(&self, now: Instant) -> UnixMillis {
        self.epoch.at(self.time(now))
    }

    fn time(&self, real: Instant) -> Instant {
        if self.speed == 1.0 {
            return real;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; saturates")]
        Instant::from_micros((real.as_micros() as f64 * self.speed) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_next_tick_is_due_at_its_deadline_at_any_speed() {
        let kettle = testing::kettle();
        for speed in [0.001, 0.3, 1.0, 7.7, 60.0, 100_000.0] {
            let mut instance = testing::instance();
            instance.speed = speed;
            let mut world = World::of(&kettle, &instance);
            world.advance(&kettle, Instant::START, &mut |_| {});
            for _ in 0..1000 {
                let (before, at) = (world.model.next_tick(), world.deadline());
                world.advance(&kettle, at, &mut |_| {});
                assert!(world.model.next_tick() > before, "speed {speed}");
            }
        }
    }

    #[test]
    fn a_fast_world_sends_more_often() {
        let kettle = testing::kettle();
        let sent = |speed| {
            let mut instance = testing::instance();
            instance.speed = speed;
            let mut world = World::of(&kettle, &instance);
            let mut temps = 0;
            let now = Instant::START.plus(Duration::from_mins(1));
            world.advance(&kettle, now, &mut |event| {
                temps += usize::from(matches!(event, WorldEvent::Due(ChannelId(0), ..)));
            });
            temps
        };
        assert_eq!((sent(1.0), sent(10.0)), (13, 121));
    }
}
