//! The faults of one device at work: which are there, and what each does to what the device says, hears and knows.
//!
//! [`crate::fault`] says what there is. The device asks here at the few places where something can go wrong; a device
//! without faults pays for one look at an empty list.

mod actuation;
mod late;
mod payload;
mod readings;
mod schedule;
mod stanzas;

use crate::{
    definition::Definition,
    fault::{
        Fault, Kind,
        link::{Impairments, Refused},
    },
    instance::Instance,
    io::FaultId,
    random::Stream,
    time::Instant,
};
pub(crate) use actuation::Actuation;
use alloc::vec::Vec;
use core::time::Duration;
pub(crate) use late::{Late, Lately};
pub(crate) use schedule::{Moment, Schedule, Situation};
pub(crate) use stanzas::{Incoming, Parties};

/// How long a device takes to start, where nothing else is said.
pub(crate) const BOOT: Duration = Duration::from_secs(1);

/// Most faults at a time. A plan that starts more of them than it ends must not fill the memory.
const MOST: usize = 64;

/// A fault that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    /// Its name.
    pub id: FaultId,
    /// What it is.
    pub fault: Fault,
    /// When it began.
    pub since: Instant,
    /// When it ends by itself.
    pub until: Option<Instant>,
    /// Its place in the plan, if it is of one.
    pub(crate) planned: Option<usize>,
    /// When it does something again: a flood, a crash loop, a flapping network.
    pub(crate) again: Option<Instant>,
    /// How often it has done that: with every second time a flapping network is there.
    pub(crate) count: u32,
}

/// The faults of one device.
#[derive(Debug)]
pub(crate) struct Faults {
    active: Vec<Active>,
    last: FaultId,
    pub(crate) schedule: Schedule,
    pub(crate) late: Late,
    /// How many readings of each channel a low battery has seen.
    readings: Vec<u32>,
    random: Stream,
    /// What the body was told last of the link.
    told: Impairments,
}

impl Faults {
    pub(crate) fn new(instance: &Instance) -> Self {
        let stream = |purpose| Stream::new(instance.seed, &instance.name, "", purpose);
        Self {
            active: Vec::new(),
            last: FaultId(0),
            schedule: Schedule::new(&instance.faults, stream("fault-times")),
            late: Late::default(),
            readings: Vec::new(),
            random: stream("faults"),
            told: Impairments::default(),
        }
    }

    /// Those that go on, in the order of their beginning.
    pub(crate) fn active(&self) -> &[Active] {
        &self.active
    }

    /// Whether nothing is wrong and nothing is late.
    pub(crate) fn is_idle(&self) -> bool {
        self.active.is_empty() && self.late.is_empty()
    }

    /// The latest fault of this kind.
    pub(crate) fn get(&self, kind: Kind) -> Option<&Fault> {
        self.active.iter().rev().map(|active| &active.fault).find(|fault| fault.kind() == kind)
    }

    /// Whether there is one of this kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.get(kind).is_some()
    }

    /// Takes a fault on; `None` where there are too many.
    pub(crate) fn add(
        &mut self,
        now: Instant,
        fault: Fault,
        lasts: Option<Duration>,
        planned: Option<usize>,
    ) -> Option<FaultId> {
        if self.active.len() >= MOST {
            return None;
        }
        self.last = FaultId(self.last.0.wrapping_add(1));
        let until =
            if fault.kind().entry().is_instant { Some(now) } else { lasts.map(|span| now.plus(span)) };
        let again = first_time(&fault).map(|span| now.plus(span));
        self.active.push(Active { id: self.last, fault, since: now, until, planned, again, count: 0 });
        Some(self.last)
    }

    /// Takes one out that has ended.
    pub(crate) fn remove(&mut self, id: FaultId) -> Option<Active> {
        let place = self.active.iter().position(|active| active.id == id)?;
        Some(self.active.remove(place))
    }

    /// The first one whose time is over.
    pub(crate) fn ended(&self, now: Instant) -> Option<FaultId> {
        self.active
            .iter()
            .find(|active| active.until.is_some_and(|until| until <= now))
            .map(|active| active.id)
    }

    /// One that has to do something again now; counts it, and sets its next time.
    pub(crate) fn again(&mut self, now: Instant) -> Option<Active> {
        let active = self.active.iter_mut().find(|active| active.again.is_some_and(|at| at <= now))?;
        let period = first_time(&active.fault)?;
        active.again = Some(now.plus(period));
        active.count = active.count.wrapping_add(1);
        Some(active.clone())
    }

    /// When one of them ends, or does something again, or something late arrives.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let own = self.active.iter().flat_map(|active| [active.until, active.again]).flatten();
        own.chain(self.late.deadline()).chain(self.schedule.deadline()).min()
    }

    /// How the link has to be now, if that is not what the body was told last.
    pub(crate) fn link(&mut self, is_booting: bool) -> Option<Impairments> {
        // A session that could be taken up again was in the memory that power takes with it.
        let mut link =
            Impairments { keeps_silent: is_booting, forgets_session: is_booting, ..Impairments::default() };
        for active in &self.active {
            impair(&mut link, active);
        }
        (link != self.told).then(|| {
            self.told = link;
            link
        })
    }

    /// How far the clock is off, in milliseconds.
    pub(crate) fn clock_skew(&self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "the catalogue bounds it")]
        self.get(Kind::ClockSkew).map_or(0, |fault| (fault.amount() * 1000.0) as i64)
    }

    /// The version of the firmware, where it is another than the definition says.
    pub(crate) fn firmware(&self) -> Option<&str> {
        self.get(Kind::FirmwareVersion).map(Fault::text)
    }

    /// The version of the firmware.
    pub(crate) fn software<'a>(&'a self, definition: &'a Definition) -> &'a str {
        self.firmware().unwrap_or(&definition.software)
    }

    fn chance(&mut self, share: f64) -> bool {
        self.random.uniform() < share
    }
}

/// How long after its beginning a fault does something again, if it does.
fn first_time(fault: &Fault) -> Option<Duration> {
    match fault.kind() {
        Kind::PresenceFlood | Kind::PublishFlood => Some(Duration::from_secs_f64(1.0 / fault.amount())),
        // It is down at first, and lives from each start on.
        Kind::CrashLoop => Some(BOOT + fault.delay()),
        Kind::Flapping => Some(fault.delay()),
        _ => None,
    }
}

/// Adds what a fault does to the link.
fn impair(link: &mut Impairments, active: &Active) {
    let fault = &active.fault;
    match fault.kind() {
        Kind::Hang => link.is_stalled = true,
        Kind::BrownOut | Kind::HalfOpen => link.keeps_silent = true,
        Kind::Offline => (link.refused, link.keeps_silent) = (Some(Refused::NoNetwork), true),
        Kind::Flapping if active.count.is_multiple_of(2) => {
            (link.refused, link.keeps_silent) = (Some(Refused::NoNetwork), true);
        }
        Kind::Latency => (link.latency, link.jitter) = (fault.delay(), fault.jitter()),
        Kind::Bandwidth => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the catalogue bounds it"
            )]
            let most = fault.amount() as u32;
            link.bandwidth = Some(most);
        }
        Kind::BlackHole => link.black_hole = Some(fault.direction()),
        Kind::SlowStart => link.slow_start = fault.delay(),
        Kind::DnsFailure => link.refused = Some(Refused::NoName),
        Kind::TlsFailure => link.refused = Some(Refused::Tls),
        Kind::Conflict => link.has_rival = true,
        Kind::NotResumed => link.forgets_session = true,
        // The others are the device's own, and leave its bytes alone.
        _ => {}
    }
}
