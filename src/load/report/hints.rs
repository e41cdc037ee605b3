//! What a report's numbers point at, for people who would otherwise have to know: limits of servers by their names.

use super::{Report, Second};
use thingfleet_schema::load::Operation;

/// Seconds of a run below which nothing is said of how it went on.
const SHORTEST: usize = 20;
/// How many times as long publishes take in the end as at their best, where a server cannot keep up. They do not take
/// longer and longer for ever: devices that have to wait send the latest value only.
const GROWTH: f64 = 10.0;
/// Milliseconds below which nobody minds.
const HARMLESS: f64 = 100.0;

/// A sentence for each thing that stands out.
pub fn hints(report: &Report) -> Vec<String> {
    let mut hints = Vec::new();
    for (name, ended) in &report.operations {
        for (kind, count) in &ended.failed {
            if let Some(meaning) = meaning(kind) {
                hints.push(format!("{name} failed {} with `{kind}`: {meaning}", times(*count)));
            }
        }
    }
    if !report.generator.saturated && is_falling_behind(report) {
        hints.push(
            "publishes came to wait ten times as long as at their best: the server takes less than it is sent. If it is busy, that is its capacity; \
             if it is idle, a shaper holds the sessions back (ejabberd: `shaper` and `shaper_rules`, 3,000 bytes a second \
             in Debian's configuration; Prosody: `limits`)"
                .to_owned(),
        );
    }
    hints
}

/// So many times, for people.
pub fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// What a kind of failure points at.
fn meaning(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "policy-violation" | "policy" => {
            "a limit of the server's (ejabberd: `max_stanza_size`, `max_fsm_queue`, `shaper`; Prosody: `limits`, \
             `c2s_stanza_size_limit`)"
        }
        "resource-constraint" => {
            "the server has run out of something, or limits it (ejabberd: `max_user_sessions`, `max_fsm_queue`; Prosody: \
             `limits_user`, pubsub's `max_items`)"
        }
        "conflict" => "two sessions use one account; give each device its own",
        "authentication" => "accounts or passwords are not those of the server",
        "unreachable" => {
            "the server refuses connections, or their backlog is full (`net.core.somaxconn`, ejabberd: `backlog`)"
        }
        "item-not-found" => "nodes are not there: somebody deletes them, or the server does",
        "tls" => "handshakes fail: check the certificate, or the server is too busy to finish them",
        _ => return None,
    })
}

/// Whether publishes came to take much longer while the devices stayed.
fn is_falling_behind(report: &Report) -> bool {
    let held = |second: &&Second| {
        let at = f64::from(second.at);
        report.phases.iter().any(|phase| phase.step == "hold" && (phase.from_s..phase.to_s).contains(&at))
    };
    let medians: Vec<_> = report
        .seconds
        .iter()
        .filter(held)
        .filter_map(|second| Some(second.operations.get(Operation::Publish.name())?.summary()?.p50))
        .collect();
    if medians.len() < SHORTEST {
        return false;
    }
    let quarter = &medians[medians.len() - medians.len() / 4..];
    let last = quarter.iter().sum::<f64>() / quarter.len() as f64;
    let best = medians.iter().copied().fold(f64::INFINITY, f64::min);
    last > HARMLESS && last > best * GROWTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::{long_example, slowing_example};

    #[test]
    fn a_server_that_falls_behind_is_told_from_one_that_is_slow() {
        assert!(hints(&long_example(1, 40.0)).is_empty(), "slow all the time");
        let hints = hints(&slowing_example());
        assert!(hints.len() == 1 && hints[0].contains("shaper"), "{hints:?}");
    }

    #[test]
    fn a_limit_is_named() {
        let mut report = long_example(1, 1.0);
        report.operations.get_mut("publish").unwrap().failed.insert("policy-violation".into(), 3);
        let hints = hints(&report);
        assert!(hints[0].contains("max_stanza_size") && hints[0].contains('3'), "{hints:?}");
    }
}
