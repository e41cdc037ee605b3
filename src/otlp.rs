//! Sends the numbers of a fleet, and of the load that it is, to a collector: OTLP over HTTP, in protobuf
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).
//!
//! It speaks plain HTTP: a collector stands beside the program, or is reached through a tunnel. A collector that does
//! not answer costs nothing but a line of the log; what it missed is in the next request, since counters only grow.

use crate::{
    fleet::{Crew, clock::wall_clock},
    load::Board,
    metrics::{self, BUCKETS, Distribution, Family, Labels, Points, Unit},
};
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
    },
    resource::v1::Resource,
};
use prost::Message as _;
use std::{io, str::FromStr, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

/// Distance between two requests.
const EVERY: Duration = Duration::from_secs(5);
/// How long a collector may take for one.
const PATIENCE: Duration = Duration::from_secs(4);
/// What stands behind the collector's own address, for metrics.
const PATH: &str = "v1/metrics";

/// Where a collector takes metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host and port.
    authority: String,
    path: String,
}

/// Why a text names no collector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It has another form.
    #[error("{0:?} is no address of a collector; it looks like http://127.0.0.1:4318")]
    Form(String),
    /// It asks for TLS.
    #[error("{0:?} asks for TLS; send to a collector beside the program, or through a tunnel, over http")]
    Tls(String),
}

/// Metrics that are sent again and again. Dropping it ends that without a last request.
#[derive(Debug)]
pub struct Export {
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Why a collector has not taken a request.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("nobody answers at {address}")]
    Unreachable {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    #[error("the request cannot be written")]
    Request(#[from] hyper::http::Error),
    #[error("it answers with status {0}")]
    Refused(StatusCode),
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    Late,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let form = || EndpointError::Form(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| form())?;
        if uri.scheme_str() == Some("https") {
            return Err(EndpointError::Tls(text.to_owned()));
        }
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(form)?;
        authority.port_u16().ok_or_else(form)?;
        let path = format!("{}/{PATH}", uri.path().trim_end_matches('/'));
        Ok(Self { authority: authority.as_str().to_owned(), path })
    }
}

impl Export {
    /// Begins to send the metrics of a fleet, and of the load that it is.
    pub fn start(endpoint: Endpoint, crew: Arc<Crew>, board: Option<Arc<Board>>) -> Self {
        let (stopping, stopped) = watch::channel(false);
        Self { stopping, task: tokio::spawn(export(endpoint, crew, board, stopped)) }
    }

    /// Sends a last time, and ends.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        // It fails only if it panicked, which has been reported.
        _ = (&mut self.task).await;
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn export(
    endpoint: Endpoint,
    crew: Arc<Crew>,
    board: Option<Arc<Board>>,
    mut stopping: watch::Receiver<bool>,
) {
    let began = wall_clock().0;
    let mut beat = interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_heard = true;
    loop {
        let is_last = tokio::select! {
            _ = beat.tick() => false,
            _ = stopping.wait_for(|stopping| *stopping) => true,
        };
        let moments = Moments { began, now: wall_clock().0 };
        let request = request(crew.name(), metrics::read(&crew, board.as_deref()), moments);
        let sent = timeout(PATIENCE, send(&endpoint, request.encode_to_vec()));
        let sent = sent.await.unwrap_or(Err(SendError::Late));
        match &sent {
            Err(error) if is_heard => {
                let error: &dyn std::error::Error = error;
                tracing::warn!(error, collector = endpoint.authority, "metrics could not be sent");
            }
            Ok(()) | Err(_) => {}
        }
        is_heard = sent.is_ok();
        if is_last {
            return;
        }
    }
}

async fn send(endpoint: &Endpoint, body: Vec<u8>) -> Result<(), SendError> {
    let Endpoint { authority, path } = endpoint;
    let stream = TcpStream::connect(authority)
        .await
        .map_err(|source| SendError::Unreachable { address: authority.clone(), source })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/x-protobuf")
        .body(Full::new(Bytes::from(body)))?;
    let answer = sender.send_request(request).await?;
    // What a collector says of parts that it did not take is its operator's affair.
    if answer.status().is_success() { Ok(()) } else { Err(SendError::Refused(answer.status())) }
}

/// When counting began, and when it was read, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Moments {
    began: u64,
    now: u64,
}

fn request(fleet: &str, families: Vec<Family>, moments: Moments) -> ExportMetricsServiceRequest {
    let version = env!("CARGO_PKG_VERSION");
    // Two processes of one load are told apart.
    let instance = format!("{}-{}", std::process::id(), moments.began);
    let attributes = [
        ("service.name", "thingfleet"),
        ("service.version", version),
        ("service.instance.id", &instance),
        ("thingfleet.fleet", fleet),
    ];
    let attributes = attributes.into_iter().map(|(key, value)| attribute(key, value)).collect();
    let scope = InstrumentationScope {
        name: "thingfleet".to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let metrics = families.into_iter().map(|family| describe(family, moments)).collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }],
            schema_url: String::new(),
        }],
    }
}

fn describe(family: Family, moments: Moments) -> Metric {
    let Family { name, help, unit, points } = family;
    let cumulative = AggregationTemporality::Cumulative.into();
    let numbers = |points: Vec<(Labels, f64)>| {
        points.into_iter().map(|(labels, value)| number(&labels, value, moments)).collect()
    };
    let data = match points {
        Points::Counters(points) => metric::Data::Sum(Sum {
            data_points: numbers(points),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Points::Gauges(points) => metric::Data::Gauge(Gauge { data_points: numbers(points) }),
        Points::Histograms(points) => metric::Data::Histogram(Histogram {
            data_points: points
                .into_iter()
                .map(|(labels, distribution)| spread(&labels, &distribution, moments))
                .collect(),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        name: name.to_owned(),
        description: help.to_owned(),
        // As UCUM has them.
        unit: match unit {
            Some(Unit::Seconds) => "s",
            Some(Unit::Bytes) => "By",
            None => "1",
        }
        .to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

fn number(labels: &Labels, value: f64, moments: Moments) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: nanos(moments.began),
        time_unix_nano: nanos(moments.now),
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn spread(labels: &Labels, distribution: &Distribution, moments: Moments) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: nanos(moments.began),
        time_unix_nano: nanos(moments.now),
        count: distribution.count,
        sum: Some(distribution.sum),
        bucket_counts: distribution.buckets.to_vec(),
        explicit_bounds: BUCKETS.to_vec(),
        ..HistogramDataPoint::default()
    }
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    labels.iter().map(|(key, value)| attribute(key, value)).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanos(millis: u64) -> u64 {
    millis.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{example, families};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    const DEADLINE: Duration = Duration::from_secs(10);

    #[test]
    fn an_endpoint_is_the_collectors_own_address() {
        let read = |text: &str| text.parse::<Endpoint>();
        assert_eq!(read("http://127.0.0.1:4318").unwrap().path, "/v1/metrics");
        assert_eq!(read("http://127.0.0.1:4318/otlp/").unwrap().path, "/otlp/v1/metrics");
        assert!(matches!(read("https://collector:4318"), Err(EndpointError::Tls(_))));
        for text in ["", "127.0.0.1:4318", "http://collector", "ftp://collector:21"] {
            assert!(matches!(read(text), Err(EndpointError::Form(_))), "{text}");
        }
    }

    #[tokio::test]
    async fn a_collector_reads_what_was_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint: Endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let collector = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            loop {
                if let Some(body) = whole(&read) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                    return ExportMetricsServiceRequest::decode(body).unwrap();
                }
                assert!(stream.read_buf(&mut read).await.unwrap() > 0, "it ended early");
            }
        });
        let (fleet, load) = example();
        let moments = Moments { began: 1_000, now: 3_000 };
        let request = request("flat", families(&fleet, Some(&load)), moments);
        timeout(DEADLINE, send(&endpoint, request.encode_to_vec())).await.unwrap().unwrap();
        let taken = timeout(DEADLINE, collector).await.unwrap().unwrap();
        assert_eq!(taken, request);

        let metrics = &taken.resource_metrics[0].scope_metrics[0].metrics;
        let latency = metrics.iter().find(|metric| metric.name == "thingfleet_operation_latency").unwrap();
        assert_eq!(latency.unit, "s");
        let Some(metric::Data::Histogram(histogram)) = &latency.data else { panic!("{latency:?}") };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.bucket_counts.len()), (3, point.explicit_bounds.len() + 1));
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1_000_000_000, 3_000_000_000));
    }

    /// The body of a request that is there as a whole.
    fn whole(read: &[u8]) -> Option<&[u8]> {
        let head = read.windows(4).position(|end| end == b"\r\n\r\n")?;
        let (head, body) = (std::str::from_utf8(&read[..head]).unwrap(), &read[head + 4..]);
        assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("content-type: application/x-protobuf"), "{head}");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        (body.len() == length?).then_some(body)
    }

    #[tokio::test]
    async fn a_collector_that_is_not_there_is_told_of() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint: Endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let sent = send(&endpoint, Vec::new()).await;
        assert!(matches!(sent, Err(SendError::Unreachable { .. })), "{sent:?}");
    }
}
