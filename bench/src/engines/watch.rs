//! An engine's processes, seen from outside: what they take as Linux counts it, and what they say of themselves.

use super::{Mark, log::Log};
use crate::{Failure, stage::PATIENCE};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::{Pid, SysconfVar, sysconf},
};
use std::{collections::HashMap, fs, time::Duration};
use tokio::{
    io::{BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

/// How long an engine may take to end.
const GOODBYE: Duration = Duration::from_secs(10);

/// Where it says so.
pub(super) enum Source {
    /// A line of JSON a second, and how it is read.
    Lines(Lines<BufReader<ChildStdout>>, fn(&serde_json::Value) -> Option<Mark>),
    /// Tsung's log.
    Log(Log),
}

/// A running engine. Its processes end when it is dropped.
pub(super) struct Process {
    child: Child,
    group: Pid,
    source: Source,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// One line of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    /// Ticks of itself and of those of its children that have ended.
    ticks: u64,
    pages: u64,
}

impl Process {
    /// Watches a child that leads a process group.
    pub(super) fn new(child: Child, source: Source) -> Result<Self, Failure> {
        let group = Pid::from_raw(i32::try_from(child.id().ok_or("the engine has ended")?)?);
        Ok(Self { child, group, source })
    }

    /// Waits until the engine says something of itself.
    pub(super) async fn mark(&mut self) -> Result<Mark, Failure> {
        match &mut self.source {
            Source::Lines(lines, read) => loop {
                let line = timeout(PATIENCE, lines.next_line()).await??.ok_or("the engine has ended")?;
                if let Some(mark) = read(&serde_json::from_str(&line)?) {
                    return Ok(mark);
                }
            },
            Source::Log(log) => log.mark().await,
        }
    }

    /// Processor time of all processes so far, user and system.
    pub(super) fn processor_time(&self) -> Result<Duration, Failure> {
        let ticks: u64 = self.processes()?.iter().map(|stat| stat.ticks).sum();
        let a_second = sysconf(SysconfVar::CLK_TCK)?.ok_or("the length of a tick is not known")?;
        Ok(Duration::from_secs_f64(ticks as f64 / a_second as f64))
    }

    /// Resident memory of all processes in bytes.
    pub(super) fn resident_memory(&self) -> Result<u64, Failure> {
        let pages: u64 = self.processes()?.iter().map(|stat| stat.pages).sum();
        let page = sysconf(SysconfVar::PAGE_SIZE)?.ok_or("the size of a page is not known")?;
        Ok(pages * u64::try_from(page)?)
    }

    /// Ends all processes; gives what the engine had to complain about.
    pub(super) async fn stop(mut self) -> Result<Vec<String>, Failure> {
        self.signal(Signal::SIGTERM);
        // It may have a goodbye to say; what does not end by itself ends when this is dropped.
        _ = timeout(GOODBYE, self.child.wait()).await;
        Ok(match &self.source {
            Source::Lines(..) => Vec::new(),
            Source::Log(log) => log.complaints(),
        })
    }

    /// Sends a signal to the child and to what it has started, which are one group.
    fn signal(&self, signal: Signal) {
        // It fails once all have ended.
        _ = killpg(self.group, signal);
    }

    /// The child and all that descend from it.
    fn processes(&self) -> Result<Vec<Stat>, Failure> {
        let root = self.child.id().ok_or("the engine has ended")?;
        let mut all = HashMap::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // One that has just ended is none of ours any more.
            let Ok(text) = fs::read_to_string(entry.path().join("stat")) else { continue };
            all.extend(Stat::parse(&text).map(|stat| (pid, stat)));
        }
        let mut own = vec![root];
        let mut next = 0;
        while let Some(parent) = own.get(next).copied() {
            own.extend(all.iter().filter(|(_, stat)| stat.parent == parent).map(|(pid, _)| *pid));
            next += 1;
        }
        Ok(own.iter().filter_map(|pid| all.remove(pid)).collect())
    }
}

impl Stat {
    /// Fields 4, 14 to 17 and 24 of `proc_pid_stat(5)`.
    fn parse(text: &str) -> Option<Self> {
        // The second field is a name in parentheses, in which anything may stand.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let ticks = (14..=17).map(number).sum::<Option<u64>>()?;
        Some(Self { parent: u32::try_from(number(4)?).ok()?, ticks, pages: number(24)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        let text = "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 9 0 55 1000 2500 18446744073709551615";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent, stat.ticks, stat.pages), (7, 124, 2500));
    }
}
