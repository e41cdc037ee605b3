//! The world of one device as its body sees it: the model, the publish policies, and how fast time passes there.
//!
//! Real time comes in; the world's time is real time multiplied by the instance's speed. What is due to be sent goes
//! out. Nothing here knows XMPP.

use crate::{
    definition::{ChannelId, Definition},
    instance::Instance,
    model::{Model, ModelEvent},
    publish::PublishState,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorldEvent {
    /// A channel's value is to be sent.
    Due(ChannelId),
    /// The rule with this place in the file fired.
    Rule(u16),
}

impl World {
    pub(crate) fn new(definition: &Definition, instance: &Instance) -> Self {
        let mut model = Model::new(definition, &instance.name, instance.seed, instance.epoch);
        for (channel, value) in &instance.starts {
            model.set(definition, *channel, value);
        }
        let publish = definition.channels.iter().map(|_| PublishState::new()).collect();
        // A profile's checker guarantees it; a speed of nothing would make every deadline infinite.
        let speed = if instance.speed.is_finite() && instance.speed > 0.0 { instance.speed } else { 1.0 };
        Self { model, publish, epoch: instance.epoch, speed }
    }

    /// Runs every tick that is due at the real time `now`.
    pub(crate) fn advance(
        &mut self,
        definition: &Definition,
        now: Instant,
        sink: &mut impl FnMut(WorldEvent),
    ) {
        let now = self.time(now);
        loop {
            let at = self.model.next_tick();
            if at > now {
                return;
            }
            self.model.advance(definition, at, &mut |_, event| match event {
                ModelEvent::Rule(rule) => sink(WorldEvent::Rule(rule)),
                ModelEvent::Changed(_) => {}
            });
            for ((id, channel), publish) in definition.channels().zip(&mut self.publish) {
                if publish.due(&channel.publish, at, self.model.value(id)).is_some() {
                    sink(WorldEvent::Due(id));
                }
            }
            if self.model.next_tick() == at {
                // The end of time.
                return;
            }
        }
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
            let mut world = World::new(&kettle, &instance);
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
            let mut world = World::new(&kettle, &instance);
            let mut temps = 0;
            let now = Instant::START.plus(Duration::from_mins(1));
            world.advance(&kettle, now, &mut |event| {
                temps += usize::from(event == WorldEvent::Due(ChannelId(0)));
            });
            temps
        };
        assert_eq!((sent(1.0), sent(10.0)), (13, 121));
    }
}
