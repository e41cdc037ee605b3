//! Where the log goes: to stderr, or, while the dashboard has the terminal, into memory until it gives it back.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Lines that are kept; older ones go.
const MOST_LINES: usize = 200;

/// What is held back; nothing while lines go to stderr.
static HELD: Mutex<Option<VecDeque<Vec<u8>>>> = Mutex::new(None);

/// Takes the lines of the log, one a write.
pub(crate) struct Log;

/// Holds the log back until it is dropped, and prints it then.
pub(super) struct Hold;

impl Hold {
    pub(super) fn new() -> Self {
        held().get_or_insert_default();
        Self
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let lines = held().take().unwrap_or_default();
        let mut err = io::stderr().lock();
        for line in lines {
            // A log that cannot be written has nobody who could be told.
            _ = err.write_all(&line);
        }
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &mut *held() {
            Some(lines) => {
                if lines.len() == MOST_LINES {
                    lines.pop_front();
                }
                lines.push_back(line.to_vec());
                Ok(line.len())
            }
            None => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A panic cannot leave it half changed: nothing in between can panic.
fn held() -> MutexGuard<'static, Option<VecDeque<Vec<u8>>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}
