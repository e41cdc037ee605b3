//! What a process used, as Linux counts it.

use std::{fs, time::Duration};

/// Processor time of this process so far, user and system, in steps of 10 ms (`proc_pid_stat(5)`).
pub(crate) fn processor_time() -> Duration {
    processor_time_of("self")
}

/// Processor time of a process, by its id.
pub(crate) fn processor_time_of(pid: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is the name in parentheses and may contain anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
