//! The log into which Tsung writes what it has counted.

use super::Mark;
use crate::{Failure, stage::PATIENCE};
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};
use tokio::time::{interval, timeout};

/// Between two looks at the log.
const LOOK: Duration = Duration::from_millis(20);

/// That log; a set of figures comes each ten seconds.
pub(super) struct Log {
    directory: PathBuf,
    /// Sets of figures that were read.
    read: usize,
    /// Bytes at the look before.
    seen: usize,
    /// Errors by kind.
    errors: BTreeMap<String, u64>,
}

impl Log {
    pub(super) const fn of(directory: PathBuf) -> Self {
        Self { directory, read: 0, seen: 0, errors: BTreeMap::new() }
    }

    /// Waits for the next set of figures.
    pub(super) async fn mark(&mut self) -> Result<Mark, Failure> {
        let mut look = interval(LOOK);
        let found = async {
            loop {
                look.tick().await;
                if let Some(mark) = self.next() {
                    return mark;
                }
            }
        };
        Ok(timeout(PATIENCE, found).await.map_err(|_| "Tsung says nothing any more")?)
    }

    /// The next set of figures, if it is there.
    fn next(&mut self) -> Option<Mark> {
        let run = fs::read_dir(&self.directory).ok()?.flatten().next()?;
        let text = fs::read_to_string(run.path().join("tsung.log")).ok()?;
        // A set is whole when nothing is added to it any more.
        if std::mem::replace(&mut self.seen, text.len()) != text.len() {
            return None;
        }
        // Each begins with its time; before the first stands nothing.
        let set = text.split("# stats: dump at").nth(self.read + 1)?;
        self.read += 1;
        // Presence is all that is sent without waiting for an answer, and the last step of signing on.
        let [connected, present] =
            ["connected", "request_noack"].map(|name| figure(set, name, 1).unwrap_or(0));
        for line in set.lines().filter_map(|line| line.strip_prefix("stats: error_")) {
            let mut words = line.split_whitespace();
            let (Some(kind), Some(count)) = (words.next(), words.next()) else { continue };
            *self.errors.entry(kind.to_owned()).or_default() += count.parse::<u64>().unwrap_or(0);
        }
        Some(Mark { sessions: connected.min(present), published: figure(set, "tr_publish", 0).unwrap_or(0) })
    }

    /// What went wrong, in its words.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.errors.iter().map(|(kind, count)| format!("Tsung: error_{kind} {count} times")).collect()
    }
}

/// A number of the line of a set that begins with this name.
fn figure(set: &str, name: &str, place: usize) -> Option<u64> {
    let start = format!("stats: {name} ");
    let line = set.lines().find_map(|line| line.strip_prefix(&start))?;
    line.split_whitespace().nth(place)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_figures_are_read_one_by_one_and_whole() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("20260101-0000");
        fs::create_dir(&run).unwrap();
        let first = "# stats: dump at 1\nstats: users 3 3\nstats: tr_publish 7 1.5 0.2 2.0 1.0 0 0\n\
                     stats: request_noack 1 2\nstats: error_unknown 2 0\nstats: connected 1 3\n";
        fs::write(run.join("tsung.log"), first).unwrap();
        let mut log = Log::of(directory.path().to_owned());
        assert!(log.next().is_none(), "more may follow");
        let mark = log.next().unwrap();
        assert_eq!((mark.sessions, mark.published), (2, 7));
        assert!(log.next().is_none(), "it was read");
        assert_eq!(log.complaints(), ["Tsung: error_unknown 2 times"]);
    }
}
