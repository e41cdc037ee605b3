//! Many sessions of one kind in this process.

use super::{Kind, STAGGER, name, stanza_stream};
use crate::{
    Failure,
    lean::{self, Lean},
    stage,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use thingfleet::{
    fleet::Fleet,
    xmpp::{
        connect::Connector,
        session::{Session, SessionEvent},
    },
};
use thingfleet_device::{ns, xml::Element};
use thingfleet_peers::account;
use thingfleet_schema::profile::Remote;
use tokio::time::{Instant, Interval, interval, interval_at, sleep};

/// The sessions, until it is dropped.
pub(super) enum Crowd {
    Fleet(Box<Fleet>),
    Tasks(Arc<Tally>),
}

/// What sessions without a fleet have done.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) up: AtomicUsize,
    pub(super) published: AtomicU64,
    pub(super) failed: AtomicUsize,
}

impl Crowd {
    /// Starts to sign on, one session after the other.
    pub(super) async fn start(
        kind: Kind,
        remote: Remote,
        count: u32,
        period: Option<Duration>,
    ) -> Result<Self, Failure> {
        let tally = Arc::new(Tally::default());
        match kind {
            Kind::Devices => {
                let definition = stage::sensor(period);
                let device = |number| {
                    stage::device(&account(&name(number)), Arc::clone(&definition), STAGGER * number)
                };
                let fleet = stage::fleet(remote, (0..count).map(device).collect()).await?;
                return Ok(Self::Fleet(Box::new(fleet)));
            }
            Kind::Sessions => {
                let connector = Arc::new(Connector::new(remote)?);
                spawn(count, &tally, |number, tally| {
                    run_session(Arc::clone(&connector), number, period, tally)
                });
            }
            Kind::Lean => {
                let lean = Lean::new(&remote)?;
                spawn(count, &tally, |number, tally| run_lean(lean.clone(), number, period, tally));
            }
            Kind::StanzaStream => {
                let connector = stanza_stream::Connector::new(&remote)?;
                spawn(count, &tally, |number, tally| {
                    stanza_stream::run(connector.clone(), number, period, tally)
                });
            }
        }
        Ok(Self::Tasks(tally))
    }

    /// Waits until all sessions are up.
    pub(super) async fn all_up(&self, count: usize) -> Result<(), Failure> {
        match self {
            Self::Fleet(fleet) => stage::online(fleet, count).await,
            Self::Tasks(tally) => {
                let mut tick = interval(Duration::from_millis(20));
                while tally.up.load(Relaxed) < count {
                    if tally.failed.load(Relaxed) > 0 {
                        return Err("a session failed".into());
                    }
                    tick.tick().await;
                }
                Ok(())
            }
        }
    }

    /// Publishes that the server has acknowledged.
    pub(super) fn published(&self) -> u64 {
        match self {
            Self::Fleet(fleet) => fleet.health().snapshot().counts.published,
            Self::Tasks(tally) => tally.published.load(Relaxed),
        }
    }
}

/// Starts one task a session. Each kind has a task of its own type, so that none is as large as the largest.
fn spawn<Run>(count: u32, tally: &Arc<Tally>, session: impl Fn(u32, Arc<Tally>) -> Run)
where
    Run: Future<Output = Result<(), Failure>> + Send + 'static,
{
    for number in 0..count {
        let (session, tally) = (session(number, Arc::clone(tally)), Arc::clone(tally));
        tokio::spawn(async move {
            sleep(STAGGER * number).await;
            if let Err(failure) = session.await {
                eprintln!("bench: a session failed: {failure}");
                tally.failed.fetch_add(1, Relaxed);
            }
        });
    }
}

/// The pace of one session; without a period it never ticks.
pub(super) struct Pace(Option<Interval>);

impl Pace {
    pub(super) fn new(period: Option<Duration>) -> Self {
        Self(period.map(|period| interval_at(Instant::now() + period, period)))
    }

    /// Waits for the next moment to publish. Cancel-safe.
    pub(super) async fn tick(&mut self) {
        match &mut self.0 {
            Some(ticks) => _ = ticks.tick().await,
            None => std::future::pending().await,
        }
    }
}

/// A value that changes with each publish.
pub(super) fn reading(number: u64) -> String {
    format!("{}.{:02}", 20 + number % 7, number % 100)
}

async fn run_lean(
    lean: Lean,
    number: u32,
    period: Option<Duration>,
    tally: Arc<Tally>,
) -> Result<(), Failure> {
    let mut session = lean.sign_on(&account(&name(number))).await?;
    tally.up.fetch_add(1, Relaxed);
    let (mut pace, mut count) = (Pace::new(period), 0);
    loop {
        tokio::select! {
            answers = session.answers() => { tally.published.fetch_add(answers?, Relaxed); }
            () = pace.tick() => {
                count += 1;
                let kind = "unit='celsius' type='float'";
                session.write(&lean::publish(count, "xmpp.iot.sensor.temp", kind, reading(count))).await?;
            }
        }
    }
}

async fn run_session(
    connector: Arc<Connector>,
    number: u32,
    period: Option<Duration>,
    tally: Arc<Tally>,
) -> Result<(), Failure> {
    let mut session = Session::new(connector);
    session.open(&account(&name(number)));
    let (mut pace, mut count) = (Pace::new(None), 0);
    loop {
        tokio::select! {
            event = session.next() => match event {
                SessionEvent::Up { .. } => {
                    session.send(Element::new(ns::CLIENT, "presence"));
                    tally.up.fetch_add(1, Relaxed);
                    pace = Pace::new(period);
                }
                SessionEvent::Down(failure) => return Err(failure.text.into()),
                SessionEvent::Stanza(stanza) if stanza.get_attr("type") == Some("result") => {
                    tally.published.fetch_add(1, Relaxed);
                }
                SessionEvent::Stanza(_) => {}
            },
            () = pace.tick() => {
                count += 1;
                session.send(publish(count));
            }
        }
    }
}

/// The same stanza as [`lean::publish`], built as the device builds it.
fn publish(number: u64) -> Element {
    let field = |var: &'static str, value: &'static str| {
        Element::new(ns::FORMS, "field").attr("var", var).child(Element::new(ns::FORMS, "value").text(value))
    };
    let value =
        Element::new(ns::IOT, "val").attr("unit", "celsius").attr("type", "float").text(reading(number));
    let item = Element::new(ns::PUBSUB, "item").attr("id", "xmpp.iot.sensor.temp").child(value);
    let form = Element::new(ns::FORMS, "x")
        .attr("type", "submit")
        .child(field("FORM_TYPE", "http://jabber.org/protocol/pubsub#publish-options").attr("type", "hidden"))
        .child(field("pubsub#persist_items", "true"))
        .child(field("pubsub#access_model", "presence"));
    let pubsub = Element::new(ns::PUBSUB, "pubsub")
        .child(Element::new(ns::PUBSUB, "publish").attr("node", "xmpp.iot.sensors").child(item))
        .child(Element::new(ns::PUBSUB, "publish-options").child(form));
    Element::new(ns::CLIENT, "iq").attr("type", "set").attr("id", format!("p{number}")).child(pubsub)
}
