//! The load's screen: a table of operations, the one under the cursor with its charts.

use thingfleet_control::load::{Load, Operation};

/// Operations that are looked at first, where there are any: what the server is for.
const FIRST: [&str; 2] = ["publish", "join"];

/// The load's screen.
#[derive(Debug, Default)]
pub struct LoadScreen {
    /// The operation that was chosen; others may come before it later.
    on: Option<String>,
}

impl LoadScreen {
    /// The line the cursor is on.
    pub fn cursor(&self, load: &Load) -> usize {
        let place = |name: &str| load.operations.iter().position(|operation| operation.name == name);
        let chosen = self.on.as_deref().and_then(place);
        chosen.or_else(|| FIRST.into_iter().find_map(place)).unwrap_or_default()
    }

    /// The operation the cursor is on, in a line.
    pub(super) fn words(&self, load: &Load) -> Option<String> {
        let Operation { name, sent, acknowledged, failed, run, .. } =
            load.operations.get(self.cursor(load))?;
        let failed: u64 = failed.values().sum();
        let latency = run.map_or_else(String::new, |run| {
            format!(", p50 {:.1} p90 {:.1} p99 {:.1} max {:.1} ms", run.p50, run.p90, run.p99, run.max)
        });
        Some(format!("{name}: {sent} sent, {acknowledged} went well, {failed} failed{latency}"))
    }

    /// Puts the cursor on a line.
    pub fn move_to(&mut self, line: usize, load: &Load) {
        let line = line.min(load.operations.len().saturating_sub(1));
        self.on = load.operations.get(line).map(|operation| operation.name.clone());
    }
}
