//! What this process used, as Linux counts it.

use nix::sys::resource::{UsageWho, getrusage};
use std::{fs, time::Duration};

/// Processor time of this process so far, user and system, over all its threads.
pub(crate) fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a process may ask about itself");
    [usage.user_time(), usage.system_time()]
        .map(|time| {
            let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
            Duration::from_micros(u64::try_from(micros).expect("processor time is not negative"))
        })
        .into_iter()
        .sum()
}

/// Resident memory of this process in bytes (`VmRSS` of `proc_pid_status(5)`).
pub(crate) fn resident_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells a process about itself");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has memory");
    let kibibytes = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    kibibytes.expect("memory is given in KiB") * 1024
}
