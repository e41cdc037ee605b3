//! Metrics in the text that Prometheus reads (`OpenMetrics` 1.0).

use crate::{
    fleet::Crew,
    load::Board,
    metrics::{self, BUCKETS, Distribution, Family, Labels, Points, Unit},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::{MetricType, exemplar::Exemplar},
    registry::{self, Registry},
};
use std::{collections::HashMap, fmt};

/// What the answer is, and how it is written.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// No exemplars, which would lead to single operations.
const NO_EXEMPLARS: Option<&HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;

/// All metrics of a fleet, and of the load that it is.
pub(super) fn text(crew: &Crew, board: Option<&Board>) -> String {
    write(metrics::read(crew, board))
}

fn write(families: Vec<Family>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(families)));
    let mut text = String::new();
    text::encode(&mut text, &registry).expect("a text takes what is written");
    text
}

/// What one scrape tells.
#[derive(Debug)]
struct Page(Vec<Family>);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, unit, points } in &self.0 {
            let unit = unit.map(|unit| match unit {
                Unit::Seconds => registry::Unit::Seconds,
                Unit::Bytes => registry::Unit::Bytes,
            });
            let metric_type = match points {
                Points::Counters(_) => MetricType::Counter,
                Points::Gauges(_) => MetricType::Gauge,
                Points::Histograms(_) => MetricType::Histogram,
            };
            encode(points, &mut encoder.encode_descriptor(name, help, unit.as_ref(), metric_type)?)?;
        }
        Ok(())
    }
}

fn encode(points: &Points, family: &mut MetricEncoder<'_>) -> fmt::Result {
    match points {
        Points::Counters(points) => points.iter().try_for_each(|(labels, value)| {
            one(family, labels, |one| one.encode_counter::<NoLabelSet, _, f64>(value, None))
        }),
        Points::Gauges(points) => {
            points.iter().try_for_each(|(labels, value)| one(family, labels, |one| one.encode_gauge(value)))
        }
        Points::Histograms(points) => points.iter().try_for_each(|(labels, distribution)| {
            let Distribution { sum, count, buckets } = distribution;
            let ends = BUCKETS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<_> = ends.zip(buckets.iter().copied()).collect();
            one(family, labels, |one| one.encode_histogram(*sum, *count, &buckets, NO_EXEMPLARS))
        }),
    }
}

/// Writes the metric of a family that has these labels, if any.
fn one(
    family: &mut MetricEncoder<'_>,
    labels: &Labels,
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if labels.is_empty() { write(family) } else { write(&mut family.encode_family(labels)?) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{example, families};

    #[tokio::test]
    async fn a_fleet_is_counted_by_state() {
        let (fleet, _) = example();
        let text = write(families(&fleet, None));
        for line in [
            "thingfleet_devices{state=\"online\"} 2.0",
            "thingfleet_devices{state=\"off\"} 0.0",
            "thingfleet_publishes_total{outcome=\"acknowledged\"} 41.0",
            "# TYPE process_cpu_seconds counter",
            "# UNIT process_resident_memory_bytes bytes",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
        assert!(!text.contains("thingfleet_operations"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[tokio::test]
    async fn latencies_of_a_load_are_in_buckets() {
        let (fleet, load) = example();
        let text = write(families(&fleet, Some(&load)));
        let of = "operation=\"publish\"";
        for line in [
            format!("thingfleet_operations_sent_total{{{of}}} 6.0"),
            format!("thingfleet_operations_total{{{of},outcome=\"failed\"}} 2.0"),
            format!("thingfleet_operation_failures_total{{{of},kind=\"timeout\"}} 2.0"),
            format!("thingfleet_operation_latency_seconds_count{{{of}}} 3"),
            format!("thingfleet_operation_latency_seconds_bucket{{le=\"0.001\",{of}}} 1"),
            format!("thingfleet_operation_latency_seconds_bucket{{le=\"0.005\",{of}}} 2"),
            format!("thingfleet_operation_latency_seconds_bucket{{le=\"+Inf\",{of}}} 3"),
            "thingfleet_load_expected 3.0".to_owned(),
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
    }
}
