//! Where a board without a clock of its own gets the time from: SNTP, before anything that certificates are needed for.
//!
//! A time server cannot show who it is, so what it says is only believed within bounds ([`Wall::told`]), and
//! [`crate::body`] compares it with what the XMPP server says once that has shown its certificate. Belongs to the leg that
//! is in a network.

use crate::{
    body::{Inbox, Told},
    platform::{Entropy, Network},
    sntp::{self, SntpError},
    wall::{Knowledge, TooEarly, Wall},
};
use alloc::{format, string::String};
use core::{cell::RefCell, fmt, future::pending};
use embassy_time::{Duration, Instant, Timer, with_timeout};
use thingfleet_device::io::Input;

/// How long an answer may take, and how often the question is put before the device goes on without.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: u8 = 3;
/// Time after which a server that did not answer is asked again, doubled each time up to the most (RFC 4330 section 10
/// wants 15 s at least, and backing off).
const AGAIN: Duration = Duration::from_secs(64);
const AGAIN_MOST: Duration = Duration::from_secs(1024);
/// Time after which a clock that was set is set anew; a quartz is wrong by a second by then.
const RENEW: Duration = Duration::from_secs(6 * 3600);
/// Room for an answer; what follows the packet itself is not needed.
const ROOM: usize = 2 * sntp::PACKET;

/// Why nobody says what time it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeFailure {
    /// The time server's address cannot be found.
    Unresolved(String),
    /// Nothing can be sent to it.
    Unreachable(String),
    /// It does not answer.
    Silent,
    /// It answers with something else.
    Answer(SntpError),
    /// It answers with a time that cannot be.
    TooEarly(TooEarly),
}

impl fmt::Display for TimeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(name) => write!(f, "there is no address of {name}"),
            Self::Unreachable(why) => write!(f, "it cannot be reached: {why}"),
            Self::Silent => write!(f, "it did not answer within {} s", PATIENCE.as_secs()),
            Self::Answer(error) => write!(f, "{error}"),
            Self::TooEarly(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for TimeFailure {}

/// What sets the clock.
pub(crate) struct Timekeeper<'b, E> {
    pub(crate) wall: &'b Wall,
    pub(crate) entropy: &'b RefCell<&'b mut E>,
}

impl<E: Entropy> Timekeeper<'_, E> {
    /// Asks for the time in a network that was just joined, for a bounded time. Tells whether it was told.
    pub(crate) async fn learn(&self, network: &impl Network, inbox: &Inbox) -> bool {
        if self.wall.knowledge() == Knowledge::Own {
            return true;
        }
        let mut failure = TimeFailure::Silent;
        for _ in 0..TRIES {
            match self.ask(network).await {
                Ok(()) => {
                    inbox.send(Told::Input(Input::Clock(self.wall.now()))).await;
                    return true;
                }
                Err(error) => failure = error,
            }
            if matches!(failure, TimeFailure::Answer(SntpError::Kiss(_))) {
                break;
            }
        }
        let (date, least) = match self.wall.knowledge() {
            Knowledge::AtLeast => (self.wall.now(), " at least, so no certificate counts as not valid yet"),
            Knowledge::Told | Knowledge::Own => (self.wall.now(), " as counted since it was last told"),
        };
        let date = date.date_time();
        inbox.send(Told::Trouble(format!("the time server: {failure}; it is {date}{least}"))).await;
        false
    }

    /// Keeps the clock right in that network.
    pub(crate) async fn keep(&self, network: &impl Network, mut is_known: bool, inbox: &Inbox) -> ! {
        if self.wall.knowledge() == Knowledge::Own {
            pending::<()>().await;
        }
        let mut again = AGAIN;
        loop {
            Timer::after(if is_known { RENEW } else { again }).await;
            again = if is_known { AGAIN } else { AGAIN_MOST.min(again * 2) };
            is_known = self.learn(network, inbox).await;
        }
    }

    async fn ask(&self, network: &impl Network) -> Result<(), TimeFailure> {
        let mut number = [0; 8];
        self.entropy.borrow_mut().fill(&mut number);
        let (request, mut answer) = (sntp::request(number), [0; ROOM]);
        let asked = Instant::now();
        let length = with_timeout(PATIENCE, network.ask_time(&request, &mut answer)).await;
        let length = length.map_err(|_| TimeFailure::Silent)??;
        let took = core::time::Duration::from_micros(asked.elapsed().as_micros());
        let answer = &answer[..length.min(ROOM)];
        let date = sntp::answer(answer, number, took, self.wall.now()).map_err(TimeFailure::Answer)?;
        self.wall.told(date).map_err(TimeFailure::TooEarly)
    }
}
