//! The world of one device: the model, the publish policies, and how fast time passes there.
//!
//! A [`Device`](crate::device::Device) brings real time in, which the instance's speed turns into the world's; a
//! [`Trace`](crate::trace::Trace) goes from tick to tick. What is due to be sent goes out. Nothing here knows XMPP.

use crate::{
    definition::{ChannelId, Definition},
    instance::Instance,
    model::{Distortion, Model, ModelEvent, Origin},
    publish::{PublishState, Reason},
    random::Stream,
    time::{Instant, UnixMillis},
    value::Value,
};
use alloc::vec::Vec;
use core::time::Duration;

/// The most ticks of one turn. A world whose speed is beyond what the machine can do must not keep the device from
/// answering; a tick takes some microseconds, so a turn takes less than a millisecond where code is optimised.
const TURN: u32 = 64;
/// How late, in real time, the world is before it counts as lagging.
const LATE: Duration = Duration::from_secs(1);

/// Model and publish policies of one device.
#[derive(Clone, Debug)]
pub(crate) struct World {
    model: Model,
    publish: Vec<PublishState>,
    /// What channels say of themselves that is not so.
    pretended: Vec<(ChannelId, Value)>,
    epoch: UnixMillis,
    pace: Pace,
    is_lagging: bool,
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
    /// The world falls behind its pace, or has caught up again.
    Lagging(bool),
}

impl World {
    /// The world of a device in a fleet.
    pub(crate) fn of(definition: &Definition, instance: &Instance) -> Self {
        let mut world = Self::started(definition, instance, instance.epoch);
        world.set_pace(Instant::START, instance.speed);
        world
    }

    /// The world of a device that has just started, at the speed of real time; it is `epoch` by the wall clock.
    fn started(definition: &Definition, instance: &Instance, epoch: UnixMillis) -> Self {
        let mut world = Self::new(definition, &instance.name, instance.seed, epoch);
        for (channel, value) in &instance.starts {
            world.model.put(definition, *channel, value, Origin::Behaviour, Instant::START);
        }
        world
    }

    /// A world at the speed of real time, in which nothing differs from the definition.
    pub(crate) fn new(definition: &Definition, name: &str, seed: u64, epoch: UnixMillis) -> Self {
        let publish = definition.channels.iter().map(|_| PublishState::new()).collect();
        let pace = Pace { real: Instant::START, world: Instant::START, speed: 1.0 };
        let model = Model::new(definition, name, seed, epoch);
        Self { model, publish, pretended: Vec::new(), epoch, pace, is_lagging: false }
    }

    /// Lets time pass at this speed from the real time `now` on; zero stops it. Whoever gives the speed has checked
    /// it; one that is none changes nothing. What a lagging world has not caught up with is given up.
    pub(crate) fn set_pace(&mut self, now: Instant, speed: f64) {
        if speed.is_finite() && speed >= 0.0 {
            self.pace = Pace { real: now, world: self.time(now), speed };
        }
    }

    /// Runs the ticks that are due at the real time `now`, or the first of them if they are too many for one turn: the
    /// deadline is past then. No tick is ever left out, so that values do not depend on the machine.
    pub(crate) fn advance(
        &mut self,
        definition: &Definition,
        now: Instant,
        sink: &mut impl FnMut(WorldEvent<'_>),
    ) {
        let paced = self.paced(now);
        for _ in 0..TURN {
            if self.model.next_tick() > paced || !self.tick(definition, sink) {
                break;
            }
        }
        let is_behind = self.model.next_tick() <= paced;
        let is_lagging = is_behind && (self.is_lagging || now.since(self.deadline()) > LATE);
        if is_lagging != self.is_lagging {
            self.is_lagging = is_lagging;
            sink(WorldEvent::Lagging(is_lagging));
        }
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
            return if self.paced(real) < due { Instant::from_micros(u64::MAX) } else { real };
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; saturates")]
        let span = libm::ceil(due.since(world).as_micros() as f64 / speed) as u64;
        let mut real = real.plus(Duration::from_micros(span));
        // Rounding must not name a moment at which the tick is not yet due: the body would come back for nothing.
        while self.paced(real) < due {
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

    /// What a channel says of itself.
    pub(crate) fn value(&self, id: ChannelId) -> &Value {
        let pretended = self.pretended.iter().find(|(pretended, _)| *pretended == id);
        pretended.map_or_else(|| self.model.value(id), |(_, value)| value)
    }

    /// Lets a channel say that it is at a value, which it is not.
    pub(crate) fn pretend(&mut self, definition: &Definition, id: ChannelId, value: &Value) {
        if let Some(value) = definition.channel(id).value_of(value) {
            self.pretended.retain(|(other, _)| *other != id);
            self.pretended.push((id, value));
        }
    }

    /// Lets these channels say what is so again; gives them.
    pub(crate) fn confess(&mut self, concerned: impl Fn(ChannelId) -> bool) -> Vec<ChannelId> {
        let liars: Vec<_> = self.pretended.iter().map(|(id, _)| *id).filter(|id| concerned(*id)).collect();
        self.pretended.retain(|(id, _)| !liars.contains(id));
        liars
    }

    /// Lets a sensor be wrong in these ways; in none, it is right.
    pub(crate) fn distort(
        &mut self,
        now: Instant,
        id: ChannelId,
        ways: &[Distortion],
        random: impl FnOnce() -> Stream,
    ) {
        self.model.distort(id, ways, self.time(now), random);
    }

    /// The world of a device that was without power until `now`: everything is as it was at first, and time goes on.
    pub(crate) fn restarted(&self, definition: &Definition, instance: &Instance, now: Instant) -> Self {
        let mut world = Self::started(definition, instance, self.wall_time(now));
        world.pace = Pace { real: now, world: Instant::START, speed: self.pace.speed };
        world
    }

    /// Wall-clock time in the world.
    pub(crate) fn wall_time(&self, now: Instant) -> UnixMillis {
        self.epoch.at(self.time(now))
    }

    /// Takes the real time `now` as this moment by the wall clock.
    pub(crate) fn set_wall_time(&mut self, now: Instant, date: UnixMillis) {
        let passed = UnixMillis(0).at(self.time(now)).0;
        self.epoch = UnixMillis(date.0.saturating_sub(passed));
        self.model.set_epoch(self.epoch);
    }

    /// The world's time at this real time, which is not before the last change of the pace. One that is behind stands
    /// right before its next tick.
    pub(crate) fn time(&self, now: Instant) -> Instant {
        let before_tick = Instant::from_micros(self.model.next_tick().as_micros().saturating_sub(1));
        self.paced(now).min(before_tick)
    }

    /// By how much the world is behind its pace, in its own time.
    pub(crate) fn lag(&self, now: Instant) -> Duration {
        self.paced(now).since(self.time(now))
    }

    /// What the world's time would be if it always kept up.
    fn paced(&self, now: Instant) -> Instant {
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
        advance(&mut world, 502);
        assert_eq!(world.time(at(502)), at(130));
    }

    #[test]
    fn a_world_that_is_too_fast_lags_and_says_so_and_leaves_no_tick_out() {
        let kettle = testing::kettle();
        let mut instance = testing::instance();
        instance.speed = 100_000.0;
        let mut world = World::of(&kettle, &instance);
        let mut told = Vec::new();
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let mut advance = |world: &mut World, now| {
            let before = world.next_tick();
            world.advance(&kettle, now, &mut |event| {
                if let WorldEvent::Lagging(is_lagging) = event {
                    told.push(is_lagging);
                }
            });
            world.next_tick().since(before).as_secs()
        };
        advance(&mut world, at(0));
        assert_eq!(advance(&mut world, at(10)), u64::from(TURN), "of a thousand that are due");
        assert!(world.deadline() <= at(10) && world.time(at(10)) < world.next_tick());
        assert_eq!(world.lag(at(10)).as_secs(), 1000 - u64::from(TURN) - 1);
        advance(&mut world, at(1500));
        let late = world.time(at(1500));
        world.set_pace(at(1500), 1.0);
        assert_eq!(world.time(at(1500)), late, "what was not caught up with is given up");
        advance(&mut world, at(1501));
        assert!(world.deadline() > at(1501) && world.lag(at(1501)).is_zero());
        assert_eq!(told, [true, false]);
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
            while world.deadline() <= now {
                world.advance(&kettle, now, &mut |event| {
                    temps += usize::from(matches!(event, WorldEvent::Due(ChannelId(0), ..)));
                });
            }
            temps
        };
        assert_eq!((sent(1.0), sent(10.0)), (13, 121));
    }
}
