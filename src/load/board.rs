//! What a load shows to whoever watches it: how it stands, in the vocabulary of the control interface.
//!
//! The run notes a few numbers each second. Everything else is made when somebody asks, from what is counted anyway.

use super::{
    TOLERATED,
    conduct::Stage,
    meters::Meters,
    recorder::{Series, Window, share},
    report::{self, Own, Second},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use thingfleet_control::load::{self as shown, Generator, Latency, Load, SECONDS, Threshold, Track};
use thingfleet_schema::load::{self, Operation, Ramp, Statistic, Step};
use tokio::{sync::watch, time::Instant};

/// Where a load shows how it stands.
#[derive(Debug)]
pub struct Board {
    load: load::Load,
    meters: Arc<Meters>,
    expected: Arc<AtomicUsize>,
    stage: watch::Receiver<Option<Stage>>,
    began: OnceLock<Instant>,
    /// The latest seconds, at most [`SECONDS`], oldest first.
    points: Mutex<VecDeque<Point>>,
}

/// What is kept of a second.
#[derive(Debug, Clone)]
struct Point {
    at: u32,
    online: usize,
    expected: usize,
    own: Own,
    /// Those with which anything happened.
    beats: Vec<(Operation, Beat)>,
}

/// What happened to one operation in a second.
#[derive(Debug, Clone, Copy, Default)]
struct Beat {
    acknowledged: u64,
    failed: u64,
    latency: Option<Latency>,
}

impl Board {
    /// A board before the start.
    pub(super) fn new(
        load: load::Load,
        meters: Arc<Meters>,
        expected: Arc<AtomicUsize>,
        stage: watch::Receiver<Option<Stage>>,
    ) -> Self {
        Self { load, meters, expected, stage, began: OnceLock::new(), points: Mutex::default() }
    }

    /// The run begins.
    pub(super) fn begin(&self, began: Instant) {
        // A run begins once.
        _ = self.began.set(began);
    }

    /// Notes a second.
    pub(super) fn note(&self, second: &Second, series: &[(Operation, Series)]) {
        let beat = |(operation, series): &(Operation, Series)| {
            let Series { acknowledged, .. } = *series;
            (*operation, Beat { acknowledged, failed: series.failures(), latency: latency(series) })
        };
        let Second { at, online, expected, own, .. } = *second;
        let point = Point { at, online, expected, own, beats: series.iter().map(beat).collect() };
        let mut points = self.points();
        if points.len() == SECONDS {
            points.pop_front();
        }
        points.push_back(point);
    }

    /// How the load stands.
    pub fn show(&self) -> Load {
        let lasted = self.began.get().map(Instant::elapsed).unwrap_or_default();
        let (online, expected) = self.online();
        let measure = |bound: &load::Bound| {
            let online = share(online, expected);
            let value = self.meters.recorder().measure(bound.metric, Window::Run, lasted, online);
            let threshold = report::Threshold::new(bound, value);
            let measured = threshold.measured();
            let report::Threshold { text, value, held } = threshold;
            Threshold { text, value, measured, held }
        };
        let thresholds = self.load.thresholds.iter().map(measure).collect();
        let latest = self.points().back().cloned();
        let describe = |(operation, series)| describe(operation, &series, latest.as_ref());
        Load {
            seconds: lasted.as_secs_f64(),
            phase: self.stage.borrow().as_ref().map(|stage| self.phase(stage)),
            online,
            expected,
            operations: self.operations().map(describe).collect(),
            thresholds,
            generator: self.generator(latest.as_ref()),
            series: self.series(),
        }
    }

    /// How the generator fares.
    pub(crate) fn fares(&self) -> Generator {
        self.generator(self.points().back().cloned().as_ref())
    }

    /// How many devices are online, and how many should be.
    pub(crate) fn online(&self) -> (usize, usize) {
        (self.meters.online(), self.expected.load(Relaxed))
    }

    /// Every operation of which any has begun, since the start.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (Operation, Series)> {
        let series =
            |operation: Operation| (operation, self.meters.recorder().series(operation, Window::Run));
        Operation::ALL.into_iter().map(series).filter(|(_, series)| series.sent > 0)
    }

    fn phase(&self, stage: &Stage) -> shown::Phase {
        let phase = self.load.phases.get(stage.number);
        shown::Phase {
            name: stage.name.clone(),
            step: phase.map_or("", |phase| phase.step.name()).to_owned(),
            number: stage.number + 1,
            of: self.load.phases.len(),
            seconds: stage.begin.elapsed().as_secs_f64(),
            planned_seconds: phase.and_then(|phase| planned(phase.step)).map(|span| span.as_secs_f64()),
        }
    }

    /// How the generator fares, with what it took in that second.
    fn generator(&self, latest: Option<&Point>) -> Generator {
        let own = latest.map(|point| point.own).unwrap_or_default();
        let late_share = self.meters.recorder().late_share(self.load.lateness);
        Generator {
            cpu: own.cpu,
            memory: own.memory,
            tasks: own.tasks,
            files: own.files,
            late_ms: own.late_ms,
            limit_ms: self.load.lateness.as_secs_f64() * 1e3,
            late_share,
            saturated: late_share > TOLERATED,
        }
    }

    fn series(&self) -> shown::Series {
        let points = self.points();
        let mut series = shown::Series::default();
        for point in &*points {
            series.at.push(point.at);
            series.online.push(point.online);
            series.expected.push(point.expected);
            series.cpu.push(point.own.cpu);
            series.memory.push(point.own.memory);
            series.late_ms.push(point.own.late_ms);
        }
        for operation in Operation::ALL {
            if !points.iter().any(|point| point.beat(operation).is_some()) {
                continue;
            }
            let mut track = Track::default();
            for point in &*points {
                let Beat { acknowledged, failed, latency } = point.beat(operation).unwrap_or_default();
                track.acknowledged.push(acknowledged);
                track.failed.push(failed);
                track.latency.push(latency);
            }
            series.operations.insert(operation.name().to_owned(), track);
        }
        series
    }

    /// It is changed in steps that cannot panic.
    fn points(&self) -> MutexGuard<'_, VecDeque<Point>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Point {
    fn beat(&self, operation: Operation) -> Option<Beat> {
        self.beats.iter().find(|(of, _)| *of == operation).map(|(_, beat)| *beat)
    }
}

fn describe(operation: Operation, series: &Series, latest: Option<&Point>) -> shown::Operation {
    let beat = latest.and_then(|point| point.beat(operation)).unwrap_or_default();
    shown::Operation {
        name: operation.name().to_owned(),
        sent: series.sent,
        acknowledged: series.acknowledged,
        failed: series.failed.clone(),
        in_flight: series.sent.saturating_sub(series.acknowledged + series.failures()),
        rate: beat.acknowledged,
        second: beat.latency,
        run: latency(series),
    }
}

fn latency(series: &Series) -> Option<Latency> {
    let millis = |statistic| series.statistic(statistic).map(|seconds| seconds * 1e3);
    Some(Latency {
        p50: millis(Statistic::Percentile(50.0))?,
        p90: millis(Statistic::Percentile(90.0))?,
        p99: millis(Statistic::Percentile(99.0))?,
        max: millis(Statistic::Max)?,
    })
}

/// How long a phase takes, or takes at most; `None` where the server says.
const fn planned(step: Step) -> Option<Duration> {
    match step {
        Step::Ramp { shape: Ramp::Linear(span) | Ramp::Steps(span, _), .. }
        | Step::Hold(span)
        | Step::Storm { within: span, .. }
        | Step::Stop(span) => Some(span),
        Step::Ramp { shape: Ramp::Spike | Ramp::FlatOut(_), .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::recorder::Recorder;
    use thingfleet_schema::load::{Bound, Observers, Phase, Traffic};

    fn board() -> (Board, watch::Sender<Option<Stage>>) {
        let phase = |name: &str, step| Phase {
            name: name.to_owned(),
            step,
            traffic: Traffic::default(),
            until: Vec::new(),
        };
        let load = load::Load {
            phases: vec![
                phase("go", Step::Ramp { to: 1.0, shape: Ramp::Spike }),
                phase("stay", Step::Hold(Duration::from_mins(1))),
            ],
            thresholds: vec![Bound::parse("publish.count >= 1").unwrap()],
            observers: Observers::default(),
            lateness: Duration::from_millis(50),
        };
        let (sender, stage) = watch::channel(None);
        (Board::new(load, Meters::new(2, Recorder::new(None)), Arc::default(), stage), sender)
    }

    fn second(board: &Board, at: u32) {
        let (series, _) = board.meters.recorder().take_second();
        let own = Own { cpu: 0.5, late_ms: 2.0, ..Own::default() };
        let second =
            Second { at, online: 1, expected: 2, own, operations: std::collections::BTreeMap::new() };
        board.note(&second, &series);
    }

    #[tokio::test(start_paused = true)]
    async fn it_shows_the_latest_second_and_the_whole_run() {
        let (board, stage) = board();
        assert_eq!(board.show().phase, None);
        let begin = Instant::now();
        board.begin(begin);
        stage.send_replace(Some(Stage { number: 1, name: "stay".to_owned(), begin }));
        let recorder = board.meters.recorder();
        recorder.begun(Operation::Publish);
        tokio::time::advance(Duration::from_millis(100)).await;
        recorder.done(Operation::Publish, begin);
        second(&board, 0);
        recorder.begun(Operation::Publish);
        recorder.begun(Operation::Publish);
        recorder.failed(Operation::Publish, "timeout");
        second(&board, 1);

        let load = board.show();
        let phase = load.phase.unwrap();
        assert_eq!((phase.number, phase.of, phase.planned_seconds), (2, 2, Some(60.0)));
        let [publish] = &*load.operations else { panic!("{:?}", load.operations) };
        assert_eq!((publish.sent, publish.acknowledged, publish.in_flight, publish.rate), (3, 1, 1, 0));
        assert_eq!(publish.failed["timeout"], 1);
        assert_eq!(publish.second, None);
        assert!((publish.run.unwrap().p99 - 100.0).abs() < 1.0);
        assert!(load.thresholds[0].held);
        assert_eq!(load.series.at, [0, 1]);
        let track = &load.series.operations["publish"];
        assert_eq!((&*track.acknowledged, &*track.failed), (&[1, 0][..], &[0, 1][..]));
        assert!(track.latency[0].is_some() && track.latency[1].is_none());
        assert_eq!(load.generator.limit_ms, 50.0);
    }

    #[test]
    fn it_forgets_what_is_older_than_it_shows() {
        let (board, _stage) = board();
        for at in 0..=u32::try_from(SECONDS).unwrap() {
            second(&board, at);
        }
        let series = board.show().series;
        assert_eq!((series.at.len(), series.at[0]), (SECONDS, 1));
        assert!(series.operations.is_empty());
    }
}
