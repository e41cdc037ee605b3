//! Open-loop traffic: a thread for each rate that does what the schedule says when it says so.
//!
//! Threads, because a sleeping thread wakes up within tens of microseconds where the runtime's timers count in
//! milliseconds, and because a busy runtime must not be able to hide that it is late.

use super::{
    meters::Meters,
    observers::Order,
    schedule::{Moments, Shard},
};
use crate::{driver::Command, fleet::Seat};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use thingfleet_device::{
    definition::{ChannelId, Definition, Kind, Role},
    value::Value,
    wire,
};
use thingfleet_schema::load::Operation;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// How long a thread sleeps at most before it looks whether it should end.
const NAP: Duration = Duration::from_millis(20);

/// What traffic goes to.
#[derive(Debug, Clone)]
pub(super) struct Targets {
    pub(super) shard: Shard,
    /// How many devices of the whole fleet are on.
    pub(super) on: usize,
    /// Those of this process, by place.
    pub(super) seats: Arc<[Arc<Seat>]>,
    pub(super) meters: Arc<Meters>,
    /// How many devices should be online.
    pub(super) expected: Arc<AtomicUsize>,
    pub(super) away: Away,
}

/// Devices that have left and are to return.
#[derive(Debug, Clone, Default)]
pub(super) struct Away(Arc<Mutex<JoinSet<()>>>);

/// A rate that is being kept, until it is dropped.
#[derive(Debug)]
pub(super) struct Flow {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Targets {
    /// Has devices publish readings.
    pub(super) fn publish(&self, begin: Instant, moments: Moments) -> std::io::Result<Flow> {
        let this = self.clone();
        let sensors = self.channels(Role::Sensor);
        Flow::start(begin, moments, move |intended, pick| {
            let Some((place, seat)) = this.pick(pick) else { return };
            // Who has left publishes nothing.
            if this.meters.is_away(place) {
                return;
            }
            if let Some(channel) = one(&sensors[place], pick) {
                seat.publish(channel, intended);
            }
        })
    }

    /// Has observers set actuators. `orders` are the observers' by place of the device.
    pub(super) fn actuate(
        &self,
        begin: Instant,
        moments: Moments,
        orders: Arc<[Vec<mpsc::UnboundedSender<Order>>]>,
    ) -> std::io::Result<Flow> {
        let this = self.clone();
        let actuators = self.channels(Role::Actuator);
        let mut turn = 0usize;
        Flow::start(begin, moments, move |intended, pick| {
            let Some((place, seat)) = this.pick(pick) else { return };
            let (channel, observer) = (one(&actuators[place], pick), one(&orders[place], pick));
            let (Some(channel), Some(observer)) = (channel, observer) else { return };
            turn += 1;
            let text = another(&seat.definition, channel, turn);
            // It fails only if the run is over.
            _ = observer.send(Order { place, channel, text, intended });
        })
    }

    /// Has devices leave with a goodbye, and return after a while.
    pub(super) fn churn(&self, begin: Instant, moments: Moments, away: Duration) -> std::io::Result<Flow> {
        let this = self.clone();
        let runtime = Handle::current();
        Flow::start(begin, moments, move |intended, pick| {
            let Some((place, seat)) = this.pick(pick) else { return };
            let (meters, expected) = (Arc::clone(&this.meters), Arc::clone(&this.expected));
            // One that is on its way already does not leave in the middle of it.
            if meters.is_expected(place) || !meters.is_online(place) {
                return;
            }
            let seat = Arc::clone(seat);
            let leave_and_return = async move {
                meters.recorder().late(intended.elapsed());
                if !seat.command(Command::Offline).await {
                    return;
                }
                expected.fetch_sub(1, Relaxed);
                let back = intended + away;
                sleep_until(back).await;
                meters.expect(place, Operation::Return, back);
                expected.fetch_add(1, Relaxed);
                seat.command(Command::Online).await;
            };
            this.away.add(leave_and_return, &runtime);
        })
    }

    /// Each device's channels of a role, by place; devices of one definition share them.
    fn channels(&self, role: Role) -> Vec<Arc<[ChannelId]>> {
        let mut known: HashMap<*const Definition, Arc<[ChannelId]>> = HashMap::new();
        let of = |seat: &Arc<Seat>| {
            let all = known.entry(Arc::as_ptr(&seat.definition));
            Arc::clone(all.or_insert_with(|| channels(&seat.definition, role).collect()))
        };
        self.seats.iter().map(of).collect()
    }

    /// The device that a number stands for, among those that are on, if it is one of this process.
    fn pick(&self, pick: u32) -> Option<(usize, &Arc<Seat>)> {
        let place = self.shard.place(pick as usize % self.on.max(1))?;
        Some((place, self.seats.get(place)?))
    }
}

impl Away {
    /// Lets none of them return.
    pub(super) fn abort(&self) {
        self.lock().abort_all();
    }

    fn add(&self, leave_and_return: impl Future<Output = ()> + Send + 'static, runtime: &Handle) {
        let mut away = self.lock();
        while away.try_join_next().is_some() {}
        away.spawn_on(leave_and_return, runtime);
    }

    /// Nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flow {
    /// Starts a thread that acts at each moment.
    fn start(
        begin: Instant,
        moments: Moments,
        mut act: impl FnMut(Instant, u32) + Send + 'static,
    ) -> std::io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&is_over);
        let thread = thread::Builder::new().name("schedule".to_owned()).spawn(move || {
            for (at, pick) in moments {
                let intended = begin + at;
                loop {
                    if ending.load(Relaxed) {
                        return;
                    }
                    match intended.checked_duration_since(Instant::now()) {
                        Some(left) if !left.is_zero() => thread::sleep(left.min(NAP)),
                        _ => break,
                    }
                }
                act(intended, pick);
            }
        })?;
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It fails only if the thread has panicked, which was told already.
            _ = thread.join();
        }
    }
}

fn channels(definition: &Definition, role: Role) -> impl Iterator<Item = ChannelId> + '_ {
    let fits = move |channel: &thingfleet_device::definition::Channel| match role {
        Role::Sensor => channel.role == role,
        // What a button or a text is set to is not reported as it was written, and some only a device itself sets.
        Role::Actuator => {
            channel.role == role && channel.settable && !matches!(channel.kind, Kind::Button | Kind::Text(_))
        }
    };
    definition.channels().filter(move |(_, channel)| fits(channel)).map(|(id, _)| id)
}

/// One of these, by a number that says as well which device it is.
fn one<T: Clone>(of: &[T], pick: u32) -> Option<T> {
    of.get((pick as usize / 7919) % of.len().max(1)).cloned()
}

/// A value for an actuator, another one each turn, as the device reports it.
fn another(definition: &Definition, channel: ChannelId, turn: usize) -> String {
    let channel = definition.channel(channel);
    let (low, high) = channel.range.map_or((1.0, 2.0), |range| (range.min, range.max));
    let step = channel.step.unwrap_or((high - low) / 4.0);
    let number = if turn.is_multiple_of(2) { low } else { (low + step).min(high) };
    let value = match &channel.kind {
        Kind::Boolean => Value::Boolean(turn.is_multiple_of(2)),
        #[allow(
            clippy::cast_possible_truncation,
            reason = "both ends of a range are whole for whole numbers"
        )]
        Kind::Integer => Value::Integer(number.round() as i64),
        Kind::Float => Value::Float(number),
        Kind::Choice(options) => {
            Value::Choice(u16::try_from(turn % options.len().max(1)).unwrap_or_default())
        }
        Kind::Button | Kind::Text(_) => Value::Integer(0),
    };
    wire::to_text(channel, &value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_schema::catalogue;

    #[test]
    fn only_what_a_person_can_set_is_set() {
        let thermostat = catalogue::find("thermostat").unwrap().definition();
        let names: Vec<_> =
            channels(&thermostat, Role::Actuator).map(|id| thermostat.channel(id).name.as_str()).collect();
        assert_eq!(names, ["mode", "setpoint"]);
    }
}
