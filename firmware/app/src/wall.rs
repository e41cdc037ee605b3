//! How late it is by the wall clock, on a board that does not know when it is switched on.
//!
//! Until somebody has said what time it is, there is only a moment before which it cannot be: the image's build date, or a
//! later one kept in flash. Nothing that is told may be earlier. Belongs to the board, which shares it with whatever checks
//! certificates.

use core::{cell::Cell, fmt};
use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use embassy_time::Instant;
use thingfleet_device::time::UnixMillis;

/// The wall clock of a board.
pub struct Wall(Mutex<CriticalSectionRawMutex, Cell<Reading>>);

/// What it stood at, and when.
#[derive(Clone, Copy)]
struct Reading {
    date: UnixMillis,
    at: Instant,
    /// When the image was built.
    built: UnixMillis,
    /// No later than now, whoever says otherwise.
    earliest: UnixMillis,
    knowledge: Knowledge,
}

/// How the time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// It is at least so late; how much later, nobody has said.
    AtLeast,
    /// A time server or an XMPP server has said so.
    Told,
    /// The board has a clock that goes on without power. It asks nobody.
    Own,
}

/// Why a time that was told is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooEarly {
    /// What was told.
    pub told: UnixMillis,
    /// Before which it cannot be.
    pub earliest: UnixMillis,
}

impl fmt::Display for TooEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (told, earliest) = (self.told.date_time(), self.earliest.date_time());
        write!(f, "it says {told}, and it cannot be before {earliest}")
    }
}

impl core::error::Error for TooEarly {}

impl Wall {
    /// A clock that knows no more than when its image was built.
    pub const fn built(built: UnixMillis) -> Self {
        Self(Mutex::new(Cell::new(Reading::built(built))))
    }

    /// The clock of a board that knows how late it is.
    pub fn own(date: UnixMillis) -> Self {
        let wall = Self::built(UnixMillis(0));
        wall.take(date, Knowledge::Own);
        wall
    }

    /// How late it is, at least.
    pub fn now(&self) -> UnixMillis {
        self.0.lock(Cell::get).now()
    }

    /// How that is known.
    pub fn knowledge(&self) -> Knowledge {
        self.0.lock(Cell::get).knowledge
    }

    /// It cannot be before this moment either.
    pub fn not_before(&self, earliest: UnixMillis) {
        self.0.lock(|cell| {
            let mut reading = cell.get();
            reading.earliest = reading.earliest.max(earliest);
            if reading.now() < earliest {
                (reading.date, reading.at) = (earliest, Instant::now());
            }
            cell.set(reading);
        });
    }

    /// Somebody says that it is so late.
    ///
    /// # Errors
    /// [`TooEarly`]; nothing changes then.
    pub fn told(&self, date: UnixMillis) -> Result<(), TooEarly> {
        let Reading { earliest, .. } = self.0.lock(Cell::get);
        if date < earliest {
            return Err(TooEarly { told: date, earliest });
        }
        self.take(date, Knowledge::Told);
        Ok(())
    }

    /// Forgets everything but when the image was built, as the device forgets its owner. A board's own clock goes on.
    pub fn forget(&self) {
        self.0.lock(|cell| {
            let reading = cell.get();
            match reading.knowledge {
                Knowledge::AtLeast | Knowledge::Told => cell.set(Reading::built(reading.built)),
                Knowledge::Own => {}
            }
        });
    }

    fn take(&self, date: UnixMillis, knowledge: Knowledge) {
        self.0.lock(|cell| cell.set(Reading { date, at: Instant::now(), knowledge, ..cell.get() }));
    }
}

impl Reading {
    const fn built(built: UnixMillis) -> Self {
        Self { date: built, at: Instant::MIN, built, earliest: built, knowledge: Knowledge::AtLeast }
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(self.date.0.saturating_add(self.at.elapsed().as_millis()))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wall").field("now", &self.now()).field("knowledge", &self.knowledge()).finish()
    }
}
