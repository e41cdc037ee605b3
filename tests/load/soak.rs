//! Hours in short: sessions that come and go for a while, in memory that does not grow.

use crate::stage::Stage;

/// Sessions and seconds of an ordinary run; `make soak` asks for more with these variables.
const SESSIONS: (&str, usize) = ("THINGFLEET_SOAK_SESSIONS", 200);
const SECONDS: (&str, usize) = ("THINGFLEET_SOAK_SECONDS", 120);
/// How much more memory the last quarter may take than the one before the middle's end.
const GROWTH: f64 = 1.01;
/// Bytes of a mebibyte.
const MIB: f64 = 1_048_576.0;

fn asked((name, otherwise): (&str, usize)) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn memory_does_not_grow_while_devices_come_and_go() {
    let stage = Stage::new();
    let (sessions, seconds) = (asked(SESSIONS), asked(SECONDS));
    let churn = (sessions / 20).max(1);
    // It is judged by its memory: a machine that has other things to do makes it late, and not larger.
    let load = format!(
        "load:\n  lateness: 1min\n  phases:\n    - {{ ramp: flat-out, concurrency: 20 }}\n    - {{ hold: {seconds}s, churn: {churn}/s, away: 2s, publish: {churn}/s }}\n"
    );
    let profile = stage.profile("door", sessions, &load);
    let (status, report) = stage.run(&profile, "soak", &[]);
    assert!(status.success(), "{status}");

    let hold = &report.phases[1];
    let memory = |from: f64, to: f64| {
        let within = |at: f64| {
            at >= hold.from_s + from * (hold.to_s - hold.from_s)
                && at < hold.from_s + to * (hold.to_s - hold.from_s)
        };
        let seconds = report.seconds.iter().filter(|second| within(f64::from(second.at)));
        let memory: Vec<_> = seconds.map(|second| second.own.memory as f64).collect();
        memory.iter().sum::<f64>() / memory.len() as f64
    };
    let (middle, end) = (memory(0.5, 0.75), memory(0.75, 1.0));
    assert!(end < middle * GROWTH, "{:.1} MiB became {:.1} MiB", middle / MIB, end / MIB);
    let back = &report.operations["return"];
    assert!(back.acknowledged > sessions as u64 / 2, "{back:?}");
}
