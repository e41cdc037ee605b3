//! Whoever watches a load while it runs sees what its report says afterwards.

use crate::stage::Stage;
use nix::sys::signal::Signal;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};
use thingfleet_control::{client::Client, load::Load};
use thingfleet_device::value::Secret;
use tokio::time::{Instant, sleep};

const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

#[test]
fn a_load_shows_how_it_stands_over_its_control_interface() {
    let stage = Stage::new();
    let load = "load:\n  phases:\n    - ramp: 1s\n    - { hold: 10min, name: steady, publish: 50/s }\n\
                \x20 thresholds: [publish.count > 10]\n";
    let profile = stage.profile("door", 8, load);
    let mut running = stage.start(&profile, "watched", &[]);
    let started = running.until(|told| told["type"] == "started");
    let (url, token) =
        (started["control"]["url"].as_str().unwrap(), started["control"]["token"].as_str().unwrap());
    let client = Client::new(url, Secret::new(token)).unwrap();

    let seen = stage.wait(async {
        let end = Instant::now() + DEADLINE;
        loop {
            let load = client.load().await.unwrap();
            if is_busy(&load) {
                assert!(client.fleet().await.unwrap().load);
                return load;
            }
            assert!(Instant::now() < end, "{load:?}");
            sleep(LOOK).await;
        }
    });
    assert_eq!((seen.online, seen.expected), (8, 8));
    let phase = seen.phase.as_ref().unwrap();
    assert_eq!((phase.number, phase.of, phase.planned_seconds), (2, 2, Some(600.0)));
    assert_eq!(seen.series.at.len(), seen.series.operations["publish"].acknowledged.len());
    assert!(seen.generator.memory > 1 << 20 && !seen.generator.saturated, "{:?}", seen.generator);

    let page = metrics(url, token);
    let counted = |line: &str| {
        let found = page.lines().find_map(|one| one.strip_prefix(line));
        found.unwrap_or_else(|| panic!("{line} is not in\n{page}")).trim().parse::<f64>().unwrap()
    };
    assert_eq!(counted("thingfleet_devices{state=\"online\"}"), 8.0);
    let publish = seen.operations.iter().find(|operation| operation.name == "publish").unwrap();
    let labels = "operation=\"publish\",outcome=\"acknowledged\"";
    let acknowledged = counted(&format!("thingfleet_operations_total{{{labels}}}"));
    assert!(acknowledged >= publish.acknowledged as f64);
    let latencies = counted("thingfleet_operation_latency_seconds_count{operation=\"publish\"}");
    assert_eq!(latencies, acknowledged);

    running.signal(Signal::SIGINT);
    let (status, report) = running.end();
    assert!(status.success(), "{status}");
    assert!(report.operations["publish"].acknowledged >= publish.acknowledged);
}

/// Whether there is something to see of every kind.
fn is_busy(load: &Load) -> bool {
    let publish = load.operations.iter().find(|operation| operation.name == "publish");
    let is_steady = load.phase.as_ref().is_some_and(|phase| phase.name == "steady");
    let is_published = publish.is_some_and(|publish| publish.second.is_some() && publish.acknowledged > 10);
    is_steady && is_published && load.thresholds.iter().all(|threshold| threshold.held)
}

/// What Prometheus is told.
fn metrics(url: &str, token: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let head = format!("Host: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n");
    write!(stream, "GET /metrics HTTP/1.1\r\n{head}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("application/openmetrics-text"), "{head}");
    page.to_owned()
}
