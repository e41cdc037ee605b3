//! What happened in each second of a run, kept in a file while it goes on, so that a long run takes no more memory than
//! a short one.
//!
//! The file has no name, and goes with the run. What cannot be written, for a disk is full, stays in memory.

use super::report::Second;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The seconds of a run.
#[derive(Debug)]
pub(super) struct Diary(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    file: File,
    /// Bytes of whole lines in the file.
    written: u64,
    /// Seconds that are not in the file, later than all that are.
    rest: Vec<Second>,
}

impl Diary {
    /// An empty one.
    pub(super) fn new() -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        Ok(Self(Mutex::new(Pages { file, written: 0, rest: Vec::new() })))
    }

    /// Adds a second.
    pub(super) fn note(&self, second: &Second) {
        let mut pages = self.pages();
        if !pages.rest.is_empty() || pages.write(second).is_err() {
            pages.rest.push(second.clone());
        }
    }

    /// All of them, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn seconds(&self) -> io::Result<Vec<Second>> {
        let mut pages = self.pages();
        pages.file.seek(SeekFrom::Start(0))?;
        let lines = BufReader::new(io::Read::take(&pages.file, pages.written)).lines();
        let seconds: io::Result<Vec<Second>> = lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect();
        let mut seconds = seconds?;
        seconds.extend(pages.rest.iter().cloned());
        let end = SeekFrom::Start(pages.written);
        pages.file.seek(end)?;
        Ok(seconds)
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Writes one line; half a line that did not fit is not counted.
    fn write(&mut self, second: &Second) -> io::Result<()> {
        let mut line = serde_json::to_vec(second)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.written += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            recorder::Series,
            report::{Own, Slice},
        },
        *,
    };
    use std::collections::BTreeMap;

    fn second(at: u32) -> Second {
        let mut series = Series::new();
        series.sent = 3;
        series.latencies.saturating_record(u64::from(at) + 1_000);
        let operations = BTreeMap::from([("publish".to_owned(), Slice::new(series))]);
        let own = Own { cpu: 0.25, memory: 1 << 20, ..Own::default() };
        Second { at, online: 1, expected: 1, own, operations }
    }

    #[test]
    fn seconds_come_back_in_order_whether_they_fit_into_the_file_or_not() {
        let diary = Diary::new().unwrap();
        (0..3).for_each(|at| diary.note(&second(at)));
        assert_eq!(diary.seconds().unwrap().len(), 3);
        diary.note(&second(3));
        // As on a full disk: every further write fails.
        diary.pages().file = File::open("/dev/null").unwrap();
        let written = std::mem::take(&mut diary.pages().written);
        assert!(written > 0);
        (4..6).for_each(|at| diary.note(&second(at)));
        let seconds = diary.seconds().unwrap();
        let at: Vec<_> = seconds.iter().map(|second| second.at).collect();
        assert_eq!(at, [4, 5]);
        let histogram = seconds[0].operations["publish"].histogram.as_ref().unwrap();
        assert_eq!(histogram.unpack().max(), 1_004);
    }
}
