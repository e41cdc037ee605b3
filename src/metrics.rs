//! The numbers of a fleet, of the load that it is and of this process, as families of metrics.
//!
//! Nothing is counted for them: they are read from what is counted anyway, when somebody wants them. The control
//! interface writes them for Prometheus; with the feature `otlp` they are sent to a collector, too.

use crate::{
    control::show,
    fleet::Crew,
    load::{
        Board, own,
        recorder::{Latencies, Series},
    },
};
use thingfleet_control::{
    load::Generator,
    snapshot::{Fleet, State},
};

/// Upper ends of the buckets of latencies, in seconds; one for all that is longer comes after them.
pub(crate) const BUCKETS: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0];

/// Metrics of one name.
#[derive(Debug)]
pub(crate) struct Family {
    /// Without unit and `_total`.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) unit: Option<Unit>,
    pub(crate) points: Points,
}

/// In what a metric is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Bytes,
}

/// Names of labels and their values.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// What was measured, by labels.
#[derive(Debug)]
pub(crate) enum Points {
    /// What only grows.
    Counters(Vec<(Labels, f64)>),
    /// What goes up and down.
    Gauges(Vec<(Labels, f64)>),
    /// Distributions.
    Histograms(Vec<(Labels, Distribution)>),
}

/// A distribution of seconds.
#[derive(Debug, PartialEq)]
pub(crate) struct Distribution {
    pub(crate) sum: f64,
    pub(crate) count: u64,
    /// How many are in each of the [`BUCKETS`] alone, and in the last one, which has no end.
    pub(crate) buckets: [u64; BUCKETS.len() + 1],
}

/// What is read of a load.
#[derive(Debug)]
pub(crate) struct LoadReading {
    /// Operations since the start, by name.
    pub(crate) operations: Vec<(&'static str, Series)>,
    /// How many devices are online, and how many should be.
    pub(crate) online: (usize, usize),
    pub(crate) generator: Generator,
}

impl LoadReading {
    /// How the load of this board stands.
    pub(crate) fn of(board: &Board) -> Self {
        Self {
            operations: board.operations().map(|(operation, series)| (operation.name(), series)).collect(),
            online: board.online(),
            generator: board.fares(),
        }
    }
}

/// All there is of a fleet, and of the load that it is.
pub(crate) fn read(crew: &Crew, board: Option<&Board>) -> Vec<Family> {
    let load = board.map(LoadReading::of);
    families(&show::fleet(crew, load.is_some()), load.as_ref())
}

/// All there is, in the order in which it is shown.
pub(crate) fn families(fleet: &Fleet, load: Option<&LoadReading>) -> Vec<Family> {
    let mut families = of_fleet(fleet);
    families.extend(load.into_iter().flat_map(of_load));
    families.extend(of_process());
    families
}

fn of_fleet(fleet: &Fleet) -> Vec<Family> {
    let state = |state: State| {
        let count = fleet.states.get(&state).copied().unwrap_or_default();
        (vec![("state", state.name().to_owned())], count as f64)
    };
    let counters = &fleet.counters;
    let publishes = [("acknowledged", counters.published), ("refused", counters.publish_failures)];
    let stanzas = [("sent", counters.stanzas_sent), ("received", counters.stanzas_received)];
    vec![
        Family::new(
            "thingfleet_devices",
            "Devices in each state",
            Points::Gauges(State::ALL.into_iter().map(state).collect()),
        ),
        Family::gauge(
            "thingfleet_devices_lagging",
            "Devices whose worlds cannot keep their speed",
            fleet.lagging as f64,
        ),
        Family::new(
            "thingfleet_publishes",
            "Publishes the server has answered",
            Points::Counters(by("outcome", publishes)),
        ),
        Family::new("thingfleet_stanzas", "Stanzas of devices", Points::Counters(by("direction", stanzas))),
        Family::counter("thingfleet_events", "Events that devices told", counters.events),
        Family::counter(
            "thingfleet_setup_failures",
            "Times that nodes could not be set up",
            counters.setup_failures,
        ),
        Family::counter(
            "thingfleet_actuations",
            "Actuators that were set by contacts or at the device",
            counters.actuations,
        ),
        Family::counter("thingfleet_refusals", "Requests that devices refused", counters.refusals),
        Family::counter(
            "thingfleet_restarts",
            "Restarts after a failure of a device's task",
            counters.restarts,
        ),
    ]
}

fn of_load(load: &LoadReading) -> Vec<Family> {
    let LoadReading { operations, online: (online, expected), generator } = load;
    let sent = operations.iter().map(|(name, series)| (*name, series.sent));
    let (mut ended, mut failures, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
    for (name, series) in operations {
        let labelled =
            |label, value: &str| vec![("operation", (*name).to_owned()), (label, value.to_owned())];
        ended.push((labelled("outcome", "acknowledged"), series.acknowledged as f64));
        ended.push((labelled("outcome", "failed"), series.failures() as f64));
        failures.extend(series.failed.iter().map(|(kind, count)| (labelled("kind", kind), *count as f64)));
        latencies.push((vec![("operation", (*name).to_owned())], Distribution::of(&series.latencies)));
    }
    vec![
        Family::new(
            "thingfleet_operations_sent",
            "Operations of the load that should have begun",
            Points::Counters(by("operation", sent)),
        ),
        Family::new(
            "thingfleet_operations",
            "Operations of the load that have ended, by what became of them",
            Points::Counters(ended),
        ),
        Family::new(
            "thingfleet_operation_failures",
            "Operations of the load that failed, by kind",
            Points::Counters(failures),
        ),
        Family::new(
            "thingfleet_operation_latency",
            "Latencies of operations that went well, from the moment each should have begun",
            Points::Histograms(latencies),
        )
        .measured_in(Unit::Seconds),
        Family::gauge("thingfleet_load_online", "Devices of the load that are online", *online as f64),
        Family::gauge(
            "thingfleet_load_expected",
            "Devices of the load that should be online",
            *expected as f64,
        ),
        Family::gauge(
            "thingfleet_load_late_ratio",
            "Share of what the generator did that was later than its limit",
            generator.late_share,
        ),
        Family::gauge(
            "thingfleet_load_saturated",
            "Whether the generator cannot keep its own schedule",
            f64::from(u8::from(generator.saturated)),
        ),
    ]
}

/// The process, by the names that client libraries of Prometheus have agreed on.
fn of_process() -> Vec<Family> {
    let cpu = own::processor_time().as_secs_f64();
    vec![
        Family::new(
            "process_cpu",
            "Processor time, user and system",
            Points::Counters(vec![(Vec::new(), cpu)]),
        )
        .measured_in(Unit::Seconds),
        Family::gauge("process_resident_memory", "Resident memory", own::resident_memory() as f64)
            .measured_in(Unit::Bytes),
        Family::gauge("process_open_fds", "Open files", own::open_files() as f64),
        Family::gauge("thingfleet_tasks", "Tasks that are alive", own::tasks() as f64),
    ]
}

/// Counts by the value of one label.
fn by<'n>(label: &'static str, counts: impl IntoIterator<Item = (&'n str, u64)>) -> Vec<(Labels, f64)> {
    let labelled = |(value, count): (&str, u64)| (vec![(label, value.to_owned())], count as f64);
    counts.into_iter().map(labelled).collect()
}

impl Family {
    fn new(name: &'static str, help: &'static str, points: Points) -> Self {
        Self { name, help, unit: None, points }
    }

    fn counter(name: &'static str, help: &'static str, count: u64) -> Self {
        Self::new(name, help, Points::Counters(vec![(Vec::new(), count as f64)]))
    }

    fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::new(name, help, Points::Gauges(vec![(Vec::new(), value)]))
    }

    fn measured_in(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

impl Distribution {
    /// A distribution of microseconds, in buckets.
    fn of(latencies: &Latencies) -> Self {
        let (mut sum, mut buckets) = (0.0, [0; BUCKETS.len() + 1]);
        for step in latencies.iter_recorded() {
            let seconds = step.value_iterated_to() as f64 / 1e6;
            sum += seconds * step.count_at_value() as f64;
            buckets[BUCKETS.partition_point(|end| *end < seconds)] += step.count_at_value();
        }
        Self { sum, count: latencies.len(), buckets }
    }
}

/// A fleet of three, and a load of it with three publishes that went well.
#[cfg(test)]
pub(crate) fn example() -> (Fleet, LoadReading) {
    use crate::load::recorder::no_latencies;
    use thingfleet_control::snapshot::Counters;

    let fleet = Fleet {
        name: "flat".to_owned(),
        domain: "localhost".to_owned(),
        speed: 1.0,
        paused: false,
        devices: 3,
        states: [(State::Online, 2), (State::Failed, 1)].into(),
        lagging: 0,
        counters: Counters { published: 41, ..Counters::default() },
        latest_event: 0,
        tasks: 0,
        load: true,
    };
    let mut latencies = no_latencies();
    for micros in [800, 4_000, 400_000_000] {
        latencies.record(micros).expect("it is within the bounds");
    }
    let failed = [("timeout".to_owned(), 2)].into();
    let series = Series { sent: 6, acknowledged: 3, failed, latencies };
    let operations = vec![("publish", series)];
    (fleet, LoadReading { operations, online: (2, 3), generator: Generator::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn latencies_are_in_the_bucket_that_they_do_not_exceed() {
        let (_, load) = example();
        let distribution = Distribution::of(&load.operations[0].1.latencies);
        let filled: Vec<_> = (0..).zip(distribution.buckets).filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0, 1), (2, 1), (BUCKETS.len(), 1)]);
        assert!((distribution.sum - 400.0048).abs() < 0.5, "{}", distribution.sum);
        assert_eq!(distribution.count, 3);
    }
}
