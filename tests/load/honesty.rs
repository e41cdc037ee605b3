//! What the numbers say is what happened: to the server, to the last operation, and to the generator itself.

use crate::stage::Stage;
use nix::sys::signal::Signal;
use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

/// The share by which a stall may seem longer or shorter than it was.
const TOLERANCE: f64 = 0.01;

/// Whether a stall of a second was seen as one, in a run of its own; what was seen otherwise.
fn sees_a_stall() -> Result<(), String> {
    let stage = Stage::new();
    let load = "load:\n  phases:\n    - ramp: 2s\n    - { hold: 2s, name: warm, publish: 100/s }\n\
                \x20   - { hold: 5s, name: steady, publish: 400/s, arrivals: uniform }\n";
    let profile = stage.profile("door", 20, load);
    let mut running = stage.start(&profile, "stall", &[]);
    running.until(|told| told["phase"] == "steady");
    let stall = Duration::from_secs(1);
    stage.stall(stall);
    let (status, report) = running.end();

    assert!(status.success(), "{status}");
    assert!(!report.generator.saturated);
    let publish = &report.operations["publish"];
    let latencies = publish.latency_ms.unwrap();
    // Operations of the whole second waited, not one a device.
    let waited = publish.histogram.0.count_between(100_000, 1_100_000);
    assert!((300..=420).contains(&waited), "{waited} of {}", publish.acknowledged);
    let near = |millis: f64| (millis / 1e3 / stall.as_secs_f64() - 1.0).abs() <= TOLERANCE;
    assert!(latencies.max >= 990.0 && latencies.p999 >= 990.0, "a stall never seems shorter: {latencies:?}");
    if near(latencies.max) && near(latencies.p999) { Ok(()) } else { Err(format!("{latencies:?}")) }
}

#[test]
fn a_server_that_stalls_for_a_second_is_seen_to_stall_for_a_second() {
    // Other tests take the processor away now and then, which makes latencies longer and never shorter.
    let tries: Vec<_> = (0..3).map_while(|_| sees_a_stall().err()).collect();
    assert!(tries.len() < 3, "{tries:#?}");
}

#[test]
fn a_generator_that_gets_a_fraction_of_a_core_says_that_it_is_saturated() {
    let stage = Stage::new();
    let load = "load:\n  phases:\n    - ramp: 1s\n    - { hold: 4s, publish: 50/s }\n  thresholds: [publish.count > 10]\n";
    let profile = stage.profile("door", 10, load);
    let mut running = stage.start(&profile, "starved", &[]);
    running.until(|told| told["phase"] == "hold");
    let (is_over, pid) = (AtomicBool::new(false), running.pid());
    let (status, report) = thread::scope(|scope| {
        // As a machine would that has no time for it: it runs for a tenth of the time.
        let starving = scope.spawn(|| {
            while !is_over.load(Relaxed) {
                for (signal, millis) in [(Signal::SIGSTOP, 180), (Signal::SIGCONT, 20)] {
                    // It fails once the process has ended.
                    _ = nix::sys::signal::kill(pid, signal);
                    thread::park_timeout(Duration::from_millis(millis));
                }
            }
        });
        let ended = running.end();
        is_over.store(true, Relaxed);
        starving.join().unwrap();
        ended
    });
    assert_eq!(status.code(), Some(1));
    assert!(
        report.generator.saturated && report.generator.late_share > 0.01,
        "{}",
        report.generator.late_share
    );
    assert!(report.thresholds[0].held, "the server has done its part");
}

#[test]
fn every_operation_is_accounted_for_whatever_happens_to_devices() {
    let stage = Stage::new();
    let load = "load:\n  observers: { per_device: 2, devices_each: 5 }\n  phases:\n    - { ramp: flat-out, concurrency: 4 }\n\
                \x20   - { hold: 4s, publish: 50/s, actuate: 5/s, churn: 2/s, away: 1s }\n    - { storm: 10s, share: 50 % }\n\
                \x20   - { hold: 1s, publish: 50/s }\n    - stop: 1s\n";
    let profile = stage.profile("kettle", 10, load);
    let (status, report) = stage.run(&profile, "whole", &[]);
    assert!(status.success(), "{status}");
    for name in ["connect", "authenticate", "bind", "setup", "join", "return", "publish", "event", "actuate"]
    {
        let ended = &report.operations[name];
        let failed: u64 = ended.failed.values().sum();
        assert_eq!(ended.sent, ended.acknowledged + failed + ended.in_flight, "{name}: {ended:?}");
        assert!(ended.acknowledged > 0, "{name}: {ended:?}");
        let seconds: u64 = report
            .seconds
            .iter()
            .filter_map(|second| second.operations.get(name))
            .map(|slice| slice.sent)
            .sum();
        assert!(seconds <= ended.sent, "{name}");
    }
    assert_eq!(report.operations["join"].acknowledged, 10);
    // One publish can carry several values, and none is taken that the sink has not seen.
    let counts = stage.sink.counts();
    assert!(counts.publishes >= report.operations["publish"].acknowledged / 2, "{counts:?}");
    assert!(report.operations["event"].acknowledged <= counts.events, "{counts:?}");
}

#[test]
fn thresholds_and_bounds_end_a_run_and_make_its_exit_code() {
    let stage = Stage::new();
    let load = "load:\n  phases:\n    - ramp: spike\n    - { hold: 1min, publish: 100/s, until: [publish.count >= 150] }\n\
                \x20 thresholds: [publish.p99 < 1ms, join.failed < 1]\n";
    let profile = stage.profile("door", 5, load);
    let mut running = stage.start(&profile, "bounds", &[]);
    let told = running.until(|told| told["type"] == "report");
    assert_eq!(told["report"]["phases"][1]["ended_by"], json!("publish.count >= 150"));
    let (status, report) = running.end();
    assert_eq!(status.code(), Some(1), "a publish takes longer than a millisecond now and then");
    let held: Vec<_> = report.thresholds.iter().map(|threshold| threshold.held).collect();
    assert_eq!(held, [false, true]);
    assert!(report.lasted_s < 30.0, "{}", report.lasted_s);
}

#[test]
fn ctrl_c_ends_a_run_with_its_numbers() {
    let stage = Stage::new();
    let profile =
        stage.profile("door", 5, "load:\n  phases: [{ ramp: 1s }, { hold: 10min, publish: 20/s }]\n");
    let mut running = stage.start(&profile, "interrupted", &[]);
    running.until(|told| told["second"]["at"] == 2);
    running.signal(Signal::SIGINT);
    let (status, report) = running.end();
    assert!(status.success(), "{status}");
    assert_eq!(report.operations["join"].acknowledged, 5);
    let [up, hold] = &report.phases[..] else { panic!("{:?}", report.phases) };
    assert!(hold.from_s >= up.to_s && hold.to_s > hold.from_s, "{:?}", report.phases);
}
