//! A fleet as a load for its server: phases, open-loop traffic, and numbers of what became of it.
//!
//! A [`Run`] owns a fleet whose devices it switches on itself. `conduct` goes through the phases, `traffic` keeps
//! the rates, `meters` sees what happens and [`recorder`] counts; a [`Board`] shows it meanwhile, and [`report`] is
//! what it all comes to.

mod board;
mod conduct;
mod diary;
pub(crate) mod meters;
mod observers;
pub(crate) mod own;
pub mod recorder;
pub mod report;
pub mod schedule;
mod traffic;

pub use board::Board;

use crate::fleet::{AddError, Fleet, FleetError, Progress, clock::wall_clock, make_room};
use conduct::{Conductor, Stage};
use diary::Diary;
use meters::Meters;
use observers::{Observer, Order};
use recorder::{Recorder, Samples, Window, share};
use report::{Distribution, Generator, Operation as Ended, Report, Second, Slice, Threshold};
use schedule::Shard;
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use thingfleet_device::{
    jid::{BareJid, JidError},
    value::Secret,
};
use thingfleet_schema::{
    load::{Load, Operation},
    profile::{self, Accounts, Server},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// The share of what the generator does that may be late before it counts as saturated.
const TOLERATED: f64 = 0.01;
/// Distance between two lines of what happens.
const SECOND: Duration = Duration::from_secs(1);

/// What a run is to be besides what the profile says.
#[derive(Debug)]
pub struct Options {
    /// Which part of the fleet.
    pub shard: Shard,
    /// Where every single latency is told.
    pub samples: Option<Box<dyn Samples>>,
}

/// A load that is being put on a server.
#[derive(Debug)]
pub struct Run {
    fleet: Fleet,
    load: Load,
    profile: profile::Fleet,
    shard: Shard,
    meters: Arc<Meters>,
    conductor: Conductor,
    board: Arc<Board>,
    expected: Arc<AtomicUsize>,
    observers: JoinSet<()>,
    diary: Diary,
    latest: watch::Sender<Option<Second>>,
    phase: watch::Receiver<Option<Stage>>,
    started_ms: u64,
}

/// Why there is no load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The profile says nothing of a load.
    #[error("the profile has no `load`")]
    NoLoad,
    /// A shard without devices.
    #[error("no device falls to the part {0}")]
    Empty(Shard),
    /// The fleet did not start.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Observers need accounts, and too few are given.
    #[error(
        "{needed} observers of this part of the fleet need an account each, and {given} are given for it"
    )]
    NoAccounts {
        /// How many observers there are to be in this process.
        needed: usize,
        /// How many of the accounts fall to it.
        given: usize,
    },
    /// An observer's account cannot have its name.
    #[error("an observer cannot have the account {name}")]
    Name {
        /// The address.
        name: String,
        /// What is wrong with it.
        #[source]
        source: JidError,
    },
    /// An observer has no account.
    #[error(transparent)]
    Observer(#[from] AddError),
    /// There is no thread that keeps a schedule.
    #[error("cannot start a thread")]
    Thread(#[from] io::Error),
    /// There is no file for what happens each second.
    #[error("cannot keep what happened each second in a temporary file")]
    Diary(#[source] io::Error),
}

impl LoadError {
    /// What a person can do about it.
    pub const fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::NoLoad => Some("add `load` with its phases to the profile; docs/LOAD.md shows how"),
            Self::Empty(_) => Some("take fewer parts, or more devices"),
            Self::Fleet(error) => error.next_step(),
            Self::NoAccounts { .. } => {
                Some("give more under `observers: accounts`; each part of a fleet has observers of its own")
            }
            Self::Name { .. } => None,
            Self::Observer(error) => Some(error.next_step()),
            Self::Thread(_) => Some("end other programs, or raise the limit of threads"),
            Self::Diary(_) => {
                Some("make room in the directory for temporary files, or set TMPDIR to another")
            }
        }
    }
}

impl Run {
    /// Prepares server, accounts and observers. Nothing is switched on yet.
    ///
    /// # Errors
    /// [`LoadError`]; nothing keeps running then.
    pub async fn prepare(
        mut profile: profile::Fleet,
        options: Options,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, LoadError> {
        let Options { shard, samples } = options;
        let load = profile.load.clone().ok_or(LoadError::NoLoad)?;
        let devices = profile.devices.len();
        let mut global = 0..;
        profile.devices.retain(|_| global.next().is_some_and(|global| shard.place(global).is_some()));
        if profile.devices.is_empty() {
            return Err(LoadError::Empty(shard));
        }
        let crowds = introduce(&mut profile, &load, shard)?;
        make_room(profile.devices.len() + crowds.len()).map_err(FleetError::from)?;
        let meters = Meters::new(profile.devices.len(), Recorder::new(samples));
        let (fleet, _) = Fleet::prepare(&profile, Some(Arc::clone(&meters)), progress).await?;
        let crew = fleet.crew();
        let mut orders: Vec<Vec<mpsc::UnboundedSender<Order>>> = vec![Vec::new(); profile.devices.len()];
        let mut observers = JoinSet::new();
        for (number, crowd) in crowds.iter().enumerate() {
            let account = crew.account(&crowd.name, crowd.account.clone()).await?;
            let (sender, receiver) = mpsc::unbounded_channel();
            for place in &crowd.places {
                orders[*place].push(sender.clone());
            }
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let connector = fleet.connector();
            let observer =
                Observer::new(number, account, connector, Arc::clone(&meters), (crew, &crowd.places));
            observers.spawn(observer.run(receiver));
        }
        let (current, phase) = watch::channel(None);
        let whole = (shard, profile.seed, devices);
        let conductor = Conductor::new(Arc::clone(crew), Arc::clone(&meters), whole, orders.into(), current);
        let expected = conductor.expected();
        let board = Board::new(load.clone(), Arc::clone(&meters), Arc::clone(&expected), phase.clone());
        Ok(Self {
            board: Arc::new(board),
            expected,
            fleet,
            load,
            profile,
            shard,
            meters,
            conductor,
            observers,
            diary: Diary::new().map_err(LoadError::Diary)?,
            latest: watch::Sender::new(None),
            phase,
            started_ms: wall_clock().0,
        })
    }

    /// The fleet, for whoever steers it besides.
    pub fn fleet(&mut self) -> &mut Fleet {
        &mut self.fleet
    }

    /// Where whoever watches sees how it stands.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// What happened in the latest second, each second.
    pub fn live(&self) -> Live {
        Live { seconds: self.latest.subscribe(), phase: self.phase.clone() }
    }

    /// Goes through the phases, until they are over or `ended` is, and says what it came to.
    ///
    /// # Errors
    /// [`LoadError::Thread`], [`LoadError::Diary`].
    pub async fn conduct(&mut self, ended: impl Future<Output = ()>) -> Result<Report, LoadError> {
        let mut own = own::Watch::new();
        let began = Instant::now();
        self.started_ms = wall_clock().0;
        let expected = Arc::clone(&self.expected);
        let at_the_end = Mutex::new(None);
        let look = || (self.meters.online(), expected.load(Relaxed), began.elapsed());
        self.board.begin(began);
        let sampling = sample(&self.meters, &expected, &self.board, (&self.diary, &self.latest), &mut own);
        let goodbye = || *at_the_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(look());
        tokio::select! {
            conducted = self.conductor.conduct(&self.load, goodbye) => conducted?,
            () = ended => {}
            () = sampling => {}
        }
        let before_the_goodbye = *at_the_end.lock().unwrap_or_else(PoisonError::into_inner);
        let end = before_the_goodbye.unwrap_or_else(look);
        self.report(end, own.cpu())
    }

    /// Lets everybody go.
    pub async fn stop(mut self) {
        self.observers.shutdown().await;
        self.fleet.stop().await;
    }

    /// What it came to at a moment with so many devices online, of so many.
    fn report(
        &self,
        (online, expected, lasted): (usize, usize, Duration),
        cpu_s: f64,
    ) -> Result<Report, LoadError> {
        let recorder = self.meters.recorder();
        let in_flight = self.meters.in_flight();
        let operations = Operation::ALL.into_iter().filter_map(|operation| {
            let series = recorder.series(operation, Window::Run);
            let in_flight = in_flight.get(&operation).copied().unwrap_or_default();
            (series.sent > 0).then(|| (operation.name().to_owned(), Ended::new(series, in_flight)))
        });
        let thresholds = self.load.thresholds.iter().map(|bound| {
            Threshold::new(
                bound,
                recorder.measure(bound.metric, Window::Run, lasted, share(online, expected)),
            )
        });
        let limit = self.load.lateness;
        let late_share = recorder.late_share(limit);
        let mut phases = self.conductor.phases().to_vec();
        // One that somebody has ended lasted until now.
        if let Some(last) = phases.last_mut().filter(|last| last.to_s <= last.from_s) {
            last.to_s = lasted.as_secs_f64().max(last.from_s);
        }
        Ok(Report {
            version: report::VERSION,
            fleet: self.profile.name.clone(),
            description: self.profile.description.clone(),
            seed: self.profile.seed,
            domain: self.fleet.remote().domain.clone(),
            started_ms: self.started_ms,
            lasted_s: lasted.as_secs_f64(),
            devices: self.profile.devices.len(),
            online,
            expected,
            shards: vec![self.shard.to_string()],
            phases,
            operations: operations.collect(),
            thresholds: thresholds.collect(),
            generator: Generator {
                saturated: late_share > TOLERATED,
                late_share,
                limit_ms: limit.as_secs_f64() * 1e3,
                lateness: Distribution(recorder.lateness()),
                cores: std::thread::available_parallelism().map_or(1, usize::from),
                cpu_s,
                peak_memory: own::peak_memory(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            seconds: self.diary.seconds().map_err(LoadError::Diary)?,
        })
    }
}

/// What happens in a run, second by second.
#[derive(Debug, Clone)]
pub struct Live {
    seconds: watch::Receiver<Option<Second>>,
    phase: watch::Receiver<Option<Stage>>,
}

impl Live {
    /// Waits for the next second, and gives it with the name of the phase; `None` when the run is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<(String, Second)> {
        loop {
            self.seconds.changed().await.ok()?;
            let second = self.seconds.borrow_and_update().clone();
            if let Some(second) = second {
                let phase = self.phase.borrow().as_ref().map(|stage| stage.name.clone());
                return Some((phase.unwrap_or_default(), second));
            }
        }
    }
}

/// Takes the numbers of each second; for ever.
async fn sample(
    meters: &Meters,
    expected: &AtomicUsize,
    board: &Board,
    (diary, latest): (&Diary, &watch::Sender<Option<Second>>),
    own: &mut own::Watch,
) {
    let mut beat = interval(SECOND);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let began = beat.tick().await;
    loop {
        let due = beat.tick().await;
        meters.recorder().late(due.elapsed());
        meters.expire();
        let (series, lateness) = meters.recorder().take_second();
        let mut second = Second {
            at: u32::try_from((due - began).as_secs().saturating_sub(1)).unwrap_or(u32::MAX),
            online: meters.online(),
            expected: expected.load(Relaxed),
            own: own.look(Duration::from_micros(if lateness.is_empty() { 0 } else { lateness.max() })),
            operations: BTreeMap::new(),
        };
        board.note(&second, &series);
        let slice = |(operation, series): (Operation, _)| (operation.name().to_owned(), Slice::new(series));
        second.operations = series.into_iter().map(slice).collect();
        diary.note(&second);
        latest.send_replace(Some(second));
    }
}

/// An observer before it has an account.
#[derive(Debug)]
struct Crowd {
    name: String,
    account: Option<(BareJid, Secret)>,
    /// Places of the devices that it watches.
    places: Vec<usize>,
}

/// Says who watches which devices, and makes them the devices' people.
fn introduce(profile: &mut profile::Fleet, load: &Load, shard: Shard) -> Result<Vec<Crowd>, LoadError> {
    if load.observers.per_device == 0 {
        return Ok(Vec::new());
    }
    let domain = match &profile.server {
        Server::Private { domain } => domain.clone(),
        Server::Remote(remote) => remote.domain.clone(),
    };
    let needed = load.observers.needed(profile.devices.len());
    // Each part of a fleet has observers of its own, since no two sign in with one account.
    let all = load.observers.accounts.iter().enumerate();
    let mut given = all.filter(|(number, _)| shard.place(*number).is_some()).map(|(_, account)| account);
    let are_given = profile.accounts == Accounts::Given || !load.observers.accounts.is_empty();
    let count = given.clone().count();
    if are_given && count < needed {
        return Err(LoadError::NoAccounts { needed, given: count });
    }
    let mut crowds = Vec::new();
    let places: Vec<_> = (0..profile.devices.len()).collect();
    for _ in 0..load.observers.per_device {
        for places in places.chunks(load.observers.devices_each.max(1)) {
            let name = format!("observer-{}-{}", shard.index() + 1, crowds.len() + 1);
            let account = given.next().cloned();
            let given_jid = account.as_ref().map(|(jid, _)| jid.clone());
            let jid = given_jid.map_or_else(|| own_jid(&name, &domain), Ok)?;
            for place in places {
                profile.devices[*place].owners.push(jid.clone());
            }
            crowds.push(Crowd { name, account, places: places.to_vec() });
        }
    }
    Ok(crowds)
}

/// The address of an observer whose account is yet to be made.
fn own_jid(name: &str, domain: &str) -> Result<BareJid, LoadError> {
    let name = format!("{name}@{domain}");
    BareJid::parse(&name).map_err(|source| LoadError::Name { name, source })
}
