//! Goes through the phases: switches devices on, lets traffic flow, cuts connections, and ends a phase when its time or
//! one of its bounds says so.

use super::{
    meters::{Awaited, Meters},
    observers::Order,
    recorder::{Window, share},
    report,
    schedule::{Moments, Shard, ramp},
    traffic::{Away, Flow, Targets},
};
use crate::{
    driver::Command,
    fleet::{Crew, Seat},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use thingfleet_device::fault::{Fault, Kind, Settings};
use thingfleet_schema::load::{Load, Operation, Phase, Ramp, Step};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at},
};

/// How long a phase without a time of its own may last.
const LONGEST: Duration = Duration::from_mins(10);
/// Distance between two looks at the bounds that end a phase.
const LOOK: Duration = Duration::from_millis(200);

/// A phase that goes on.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// Its place among the phases.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) begin: Instant,
}

/// Who goes through the phases of one process's part of a fleet.
#[derive(Debug)]
pub(super) struct Conductor {
    crew: Arc<Crew>,
    meters: Arc<Meters>,
    shard: Shard,
    seed: u64,
    seats: Arc<[Arc<Seat>]>,
    /// Devices of the whole fleet.
    devices: usize,
    /// How many of those are on.
    on: usize,
    /// How many of this process should be online.
    expected: Arc<AtomicUsize>,
    /// Devices that have left and are to return.
    away: Away,
    /// Ways to the observers, by place of the device.
    orders: Arc<[Vec<mpsc::UnboundedSender<Order>>]>,
    began: Instant,
    phases: Vec<report::Phase>,
    current: watch::Sender<Option<Stage>>,
}

impl Conductor {
    /// Stands before the first phase. `devices` is how many the whole fleet has.
    pub(super) fn new(
        crew: Arc<Crew>,
        meters: Arc<Meters>,
        (shard, seed, devices): (Shard, u64, usize),
        orders: Arc<[Vec<mpsc::UnboundedSender<Order>>]>,
        current: watch::Sender<Option<Stage>>,
    ) -> Self {
        let seats = crew.present().into_iter().map(|(_, seat)| seat).collect();
        let expected = Arc::default();
        let began = Instant::now();
        Self {
            crew,
            meters,
            shard,
            seed,
            seats,
            devices,
            on: 0,
            expected,
            away: Away::default(),
            orders,
            began,
            phases: Vec::new(),
            current,
        }
    }

    /// How many devices of this process should be online.
    pub(super) fn expected(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.expected)
    }

    /// The phases that have begun, the last of which may not have ended.
    pub(super) fn phases(&self) -> &[report::Phase] {
        &self.phases
    }

    /// Goes through all phases; `goodbye` is called before the first one that switches devices off, if there is one.
    /// What was measured stays when this is dropped.
    pub(super) async fn conduct(&mut self, load: &Load, goodbye: impl Fn()) -> std::io::Result<()> {
        self.began = Instant::now();
        let first_stop = load.phases.iter().position(|phase| matches!(phase.step, Step::Stop(_)));
        for (number, phase) in load.phases.iter().enumerate() {
            if first_stop == Some(number) {
                goodbye();
            }
            self.meters.recorder().begin_phase();
            let begin = Instant::now();
            self.current.send_replace(Some(Stage { number, name: phase.name.clone(), begin }));
            let start = self.began;
            let since = |moment: Instant| (moment - start).as_secs_f64();
            self.phases.push(report::Phase {
                name: phase.name.clone(),
                step: phase.step.name().to_owned(),
                from_s: since(begin),
                to_s: since(begin),
                ended_by: None,
            });
            let ended_by = self.phase(number, phase, begin).await?;
            let ended = since(Instant::now());
            if let Some(last) = self.phases.last_mut() {
                (last.to_s, last.ended_by) = (ended, ended_by);
            }
        }
        Ok(())
    }

    /// Goes through one phase; gives the bound that ended it.
    async fn phase(
        &mut self,
        number: usize,
        phase: &Phase,
        begin: Instant,
    ) -> std::io::Result<Option<String>> {
        let before = self.on;
        match phase.step {
            Step::Ramp { to, .. } => self.on = part(self.devices, to).max(before),
            Step::Hold(_) | Step::Storm { .. } => {}
            Step::Stop(_) => self.on = 0,
        }
        let flows = self.flows(number, phase, begin)?;
        let meters = Arc::clone(&self.meters);
        let expected = Arc::clone(&self.expected);
        let ended_by = tokio::select! {
            () = self.step(phase.step, before, begin) => None,
            bound = over(phase, &meters, &expected, begin) => Some(bound),
        };
        // A thread may be in the middle of a nap.
        tokio::task::spawn_blocking(move || drop(flows)).await.map_err(std::io::Error::other)?;
        Ok(ended_by)
    }

    async fn step(&self, step: Step, before: usize, begin: Instant) {
        match step {
            Step::Ramp { shape, .. } => self.ramp(shape, before, begin).await,
            Step::Hold(lasts) => sleep_until(begin + lasts).await,
            Step::Storm { share, within } => self.storm(share, begin, begin + within).await,
            Step::Stop(over) => self.stop(over, before, begin).await,
        }
    }

    /// Switches on those between `before` and what is on now.
    async fn ramp(&self, shape: Ramp, before: usize, begin: Instant) {
        let count = self.on - before;
        let awaited = Arc::default();
        for number in 0..count {
            let Some(place) = self.shard.place(before + number) else { continue };
            let due = if let Some(offset) = ramp(shape, number, count) {
                begin + offset
            } else {
                self.wait_for_room(shape, &awaited).await;
                Instant::now()
            };
            sleep_until(due).await;
            self.meters.recorder().late(due.elapsed());
            self.meters.await_one(place, Operation::Join, due, &awaited);
            self.expected.fetch_add(1, Relaxed);
            self.crew.switch_on(place, Duration::ZERO);
        }
        match shape {
            Ramp::Linear(over) | Ramp::Steps(over, _) => sleep_until(begin + over).await,
            Ramp::Spike | Ramp::FlatOut(_) => all_back(&awaited, begin + LONGEST).await,
        }
    }

    /// Waits until fewer devices are signing on than may.
    async fn wait_for_room(&self, shape: Ramp, awaited: &Awaited) {
        let Ramp::FlatOut(most) = shape else { return };
        awaited.fewer_than(most.div_ceil(self.shard.of())).await;
    }

    /// Cuts connections all at once, and waits until they are back.
    async fn storm(&self, share: f64, begin: Instant, latest: Instant) {
        let awaited = Arc::default();
        for global in 0..part(self.on, share) {
            let Some(place) = self.shard.place(global) else { continue };
            let Some(seat) = self.seats.get(place) else { continue };
            let fault = Fault::new(Kind::ConnectionReset, Settings::default(), &seat.definition);
            let Ok(fault) = fault else { continue };
            if self.meters.is_online(place) {
                self.meters.await_one(place, Operation::Return, begin, &awaited);
                self.meters.recorder().late(begin.elapsed());
                seat.command(Command::Fault(Box::new(fault), None)).await;
            }
        }
        all_back(&awaited, latest).await;
    }

    async fn stop(&self, over: Duration, on: usize, begin: Instant) {
        // Who is away stays away.
        self.away.abort();
        let places = (0..on).filter_map(|global| self.shard.place(global));
        self.expected.store(places.count(), Relaxed);
        for global in 0..on {
            let Some(place) = self.shard.place(global) else { continue };
            sleep_until(begin + over.mul_f64(global as f64 / on as f64)).await;
            if let Some(seat) = self.seats.get(place) {
                self.expected.fetch_sub(1, Relaxed);
                seat.command(Command::Offline).await;
            }
        }
    }

    /// Starts the traffic of a phase.
    fn flows(&self, number: usize, phase: &Phase, begin: Instant) -> std::io::Result<Vec<Flow>> {
        let traffic = &phase.traffic;
        let targets = Targets {
            shard: self.shard,
            on: self.on,
            seats: Arc::clone(&self.seats),
            meters: Arc::clone(&self.meters),
            expected: Arc::clone(&self.expected),
            away: self.away.clone(),
        };
        let moments = |purpose, rate| Moments::new(self.seed, number, purpose, rate, traffic.arrivals);
        let publish = traffic.publish.map(|rate| targets.publish(begin, moments("publish", rate)));
        let actuate = traffic
            .actuate
            .map(|rate| targets.actuate(begin, moments("actuate", rate), Arc::clone(&self.orders)));
        let churn = traffic.churn.map(|(rate, away)| targets.churn(begin, moments("churn", rate), away));
        [publish, actuate, churn].into_iter().flatten().collect()
    }
}

/// Waits until every device that is awaited has come online or given up.
async fn all_back(awaited: &Awaited, latest: Instant) {
    // Whoever is late is seen in the numbers.
    _ = timeout_at(latest, awaited.fewer_than(1)).await;
}

/// Waits until one of the bounds holds that end a phase, and gives it.
async fn over(phase: &Phase, meters: &Meters, expected: &AtomicUsize, begin: Instant) -> String {
    let mut beat = interval(LOOK);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let online = share(meters.online(), expected.load(Relaxed));
        let value = |bound: &thingfleet_schema::load::Bound| {
            meters.recorder().measure(bound.metric, Window::Phase, begin.elapsed(), online)
        };
        let reached = phase.until.iter().find(|bound| value(bound).is_some_and(|value| bound.holds(value)));
        if let Some(bound) = reached {
            return bound.text.clone();
        }
    }
}

/// How many of `of` a share is, at least one.
fn part(of: usize, share: f64) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to `of`")]
    let part = (of as f64 * share).round() as usize;
    part.clamp(1.min(of), of)
}
