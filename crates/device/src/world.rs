//! The world of one device: the model, the publish policies, and how fast time passes there.
//!
//! A [`Device`](crate::device::Device) brings real time in, which the instance's speed turns into the world's; a
//! [`Trace`](crate::trace::Trace) goes from tick to tick. What is due to be sent goes out. Nothing here knows XMPP.

use crate::{
    definition::{ChannelId, Definition},
    instance::Instance,
    model::{Model, ModelEvent, Origin},
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
    pace: Pace,
}

/// How real time becomes the world's: from a common moment on, at a speed of zero or more.
#[derive(Clone, Copy, Debug)]
struct Pace {
    real: Instant,
    world: Instant,
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
            world.model.put(definition, *channel, value, Origin::Behaviour, Instant::START);
        }
        world.set_pace(Instant::START, instance.speed);
        world
    }

    /// A world at the speed of real time, in which nothing differs from the definition.
    pub(crate) fn new(definition: &Definition, name: &str, seed: u64, epoch: UnixMillis) -> Self {
        let publish = definition.channels.iter().map(|_| PublishState::new()).collect();
        let pace = Pace { real: Instant::START, world: Instant::START, speed: 1.0 };
        Self { model: Model::new(definition, name, seed, epoch), publish, epoch, pace }
    }

    /// Lets time pass at this speed from the real time `now` on; zero stops it. Whoever gives the speed has checked
    /// it; one that is none changes nothing.
    pub(crate) fn set_pace(&mut self, now: Instant, speed: f64) {
        if speed.is_finite() && speed >= 0.0 {
            self.pace = Pace { real: now, world: self.time(now), speed };
        }
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

    /// The real time of the next tick; the end of time where the world stands still.
    pub(crate) fn deadline(&self) -> Instant {
        let Pace { real, world, speed } = self.pace;
        let due = self.model.next_tick();
        if speed == 0.0 {
            return if self.time(real) < due { Instant::from_micros(u64::MAX) } else { real };
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; saturates")]
        let span = libm::ceil(due.since(world).as_micros() as f64 / speed) as u64;
        let mut real = real.plus(Duration::from_micros(span));
        // Rounding must not name a moment at which the tick is not yet due: the body would come back for nothing.
        while self.time(real) < due {
            real = real.plus(Duration::from_micros(1));
        }
        real
    }

    /// Puts a channel to a value that the caller reports at once.
    pub(crate) fn set(
        &mut self,
        definition: &Definition,
        now: Instant,
        id: ChannelId,
        value: &Value,
        origin: Origin,
    ) {
        self.model.put(definition, id, value, origin, self.time(now));
        self.reported(definition, now, id);
    }

    /// Holds a channel at a value, or at the one it has, that the caller reports at once.
    pub(crate) fn hold(
        &mut self,
        definition: &Definition,
        now: Instant,
        id: ChannelId,
        value: Option<&Value>,
    ) {
        self.model.hold(definition, id, value, self.time(now));
        self.reported(definition, now, id);
    }

    /// Lets a held channel go.
    pub(crate) fn release(&mut self, now: Instant, id: ChannelId) {
        self.model.release(id, self.time(now));
    }

    fn reported(&mut self, definition: &Definition, now: Instant, id: ChannelId) {
        let policy = &definition.channel(id).publish;
        let now = self.time(now);
        self.publish[usize::from(id.0)].sent(policy, now, self.model.value(id));
    }

    /// The values behind the world, to set some that the publish policies then notice.
    pub(crate) fn model_mut(&mut self) -> &mut Model {
        &mut self.model
    }

    /// Where a channel's value comes from, and for how long it has been there by the world's time.
    pub(crate) fn origin(&self, now: Instant, id: ChannelId) -> (&Origin, Duration) {
        let (origin, since) = self.model.origin(id);
        (origin, self.time(now).since(since))
    }

    pub(crate) fn value(&self, id: ChannelId) -> &Value {
        self.model.value(id)
    }

    /// Wall-clock time in the world.
    pub(crate) fn wall_time(&self, now: Instant) -> UnixMillis {
        self.epoch.at(self.time(now))
    }

    /// The world's time at this real time, which is not before the last change of the pace.
    pub(crate) fn time(&self, now: Instant) -> Instant {
        let Pace { real, world, speed } = self.pace;
        let passed = now.since(real);
        if speed == 1.0 {
            return world.plus(passed);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; saturates")]
        let passed = (passed.as_micros() as f64 * speed) as u64;
        world.plus(Duration::from_micros(passed))
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
    fn a_world_goes_on_where_its_pace_was_changed() {
        let kettle = testing::kettle();
        let mut world = World::of(&kettle, &testing::instance());
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let advance = |world: &mut World, seconds| world.advance(&kettle, at(seconds), &mut |_| {});
        advance(&mut world, 10);
        world.set_pace(at(10), 0.0);
        advance(&mut world, 500);
        assert_eq!(world.time(at(500)), at(10));
        assert_eq!(world.deadline(), Instant::from_micros(u64::MAX));
        world.set_pace(at(500), 60.0);
        advance(&mut world, 501);
        assert_eq!(world.time(at(501)), at(70));
        assert_eq!(world.next_tick(), at(71));
        assert_eq!(world.deadline(), at(501).plus(Duration::from_micros(16_667)));
        for nonsense in [f64::NAN, f64::INFINITY, -1.0] {
            world.set_pace(at(501), nonsense);
        }
        assert_eq!(world.time(at(502)), at(130));
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
