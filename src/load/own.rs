//! What the generator itself takes: processor time, memory, tasks, open files.

use super::report::Own;
use nix::sys::resource::{UsageWho, getrusage};
use std::{fs, time::Duration};
use tokio::{runtime::Handle, time::Instant};

/// Looks at the process again and again.
#[derive(Debug)]
pub(super) struct Watch {
    began: Duration,
    last: (Instant, Duration),
}

impl Watch {
    /// Begins to look.
    pub(super) fn new() -> Self {
        let cpu = processor_time();
        Self { began: cpu, last: (Instant::now(), cpu) }
    }

    /// What was taken since the last look; `late` is the latest that something was done meanwhile.
    pub(super) fn look(&mut self, late: Duration) -> Own {
        let (now, cpu) = (Instant::now(), processor_time());
        let (before, cpu_before) = std::mem::replace(&mut self.last, (now, cpu));
        let elapsed = (now - before).as_secs_f64().max(f64::MIN_POSITIVE);
        let used = cpu.saturating_sub(cpu_before).as_secs_f64();
        Own {
            cpu: used / elapsed,
            memory: resident_memory(),
            tasks: tasks(),
            files: open_files(),
            late_ms: late.as_secs_f64() * 1e3,
        }
    }

    /// Processor time since the first look, in seconds.
    pub(super) fn cpu(&self) -> f64 {
        processor_time().saturating_sub(self.began).as_secs_f64()
    }
}

/// The most resident memory there was, in bytes.
pub(super) fn peak_memory() -> u64 {
    memory("VmHWM:")
}

/// Processor time of the process, user and system.
pub(crate) fn processor_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    [usage.user_time(), usage.system_time()].into_iter().fold(Duration::ZERO, |sum, time| {
        let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
        sum + Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    })
}

/// Resident memory, in bytes.
pub(crate) fn resident_memory() -> u64 {
    memory("VmRSS:")
}

/// Files that are open. Nearly all of them are sockets; to look at each would cost more than it tells.
pub(crate) fn open_files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64)
}

/// Tasks of this runtime that are alive.
pub(crate) fn tasks() -> u64 {
    Handle::current().metrics().num_alive_tasks() as u64
}

/// A line of `/proc/self/status` that tells a size, in bytes; 0 where there is none.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|one| one.strip_prefix(line));
    let kibibytes = found.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_process_is_seen_as_it_is() {
        let mut watch = Watch::new();
        let busy = Instant::now();
        while busy.elapsed() < Duration::from_millis(50) {
            std::hint::spin_loop();
        }
        let own = watch.look(Duration::from_millis(3));
        assert!(own.cpu > 0.1, "{own:?}");
        assert!(own.memory > 1 << 20 && peak_memory() >= own.memory, "{own:?}");
        assert!(own.files > 2 && watch.cpu() > 0.0, "{own:?}");
    }
}
