//! What comes from a fleet and what goes to it: a pair of channels, and the task behind them.
//!
//! The task owns every connection. It tells of a fleet that is gone and looks for it again by itself; [`Request`]s are
//! carried out beside each other, so that a slow one holds nothing up.

use std::{collections::BTreeMap, sync::Arc, time::Duration};
use thingfleet_control::{
    client::{Client, ClientError, Told},
    command::{Command, FleetChange, Order, Outcome, Selection},
    load::Load,
    snapshot::{Channel, Device, Entry, Fleet},
    traffic::Exchange,
};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep},
};

/// News that wait to be looked at. When it is full the feed waits, and the fleet keeps the events meanwhile.
const MOST_NEWS: usize = 4096;
/// Requests that wait to be sent; one more is dropped, and the dashboard says so.
const MOST_REQUESTS: usize = 256;
/// Distance between two looks at the fleet as a whole.
const PULSE: Duration = Duration::from_secs(1);
/// Pause before a fleet that is gone is looked for again.
const PAUSE: Duration = Duration::from_secs(1);
/// Names in one order; all of them have to fit into a body of the control interface.
const NAMES: usize = 512;
/// Devices whose values are noted before they are steered, so that it can be undone.
const REMEMBERED: usize = 512;

/// Something the dashboard wants.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "few wait at a time")]
pub enum Request {
    /// The devices in one line each.
    Roster,
    /// These devices with all they have.
    Look(Vec<String>),
    /// All that is kept of what this device told, and what it tells from now on.
    Follow(Option<String>),
    /// What this device exchanges from now on; it is recorded only while somebody listens.
    Listen(Option<String>),
    /// These devices are to do something.
    Steer(Steer),
    /// The whole fleet is to change.
    Change(FleetChange),
    /// These devices are to go.
    Remove(Vec<String>),
}

/// Devices that are to do something.
#[derive(Clone, Debug, PartialEq)]
pub struct Steer {
    /// Number of the request, which comes back.
    pub id: u64,
    /// Their names.
    pub names: Vec<String>,
    /// What they are to do.
    pub command: Command,
}

/// Something the dashboard learns.
#[derive(Debug)]
pub enum News {
    /// The fleet answers.
    Connected,
    /// The fleet does not answer; it is tried again.
    Lost(String),
    /// The fleet as a whole.
    Fleet(Fleet),
    /// The load that the fleet is.
    Load(Arc<Load>),
    /// All devices, in one line each.
    Roster(Vec<Entry>),
    /// Some devices.
    Devices(Vec<Device>),
    /// What any device told.
    Told(Told),
    /// What the device that is followed told.
    Followed(String, Told),
    /// What the device exchanged that is listened to.
    Exchanged(String, Told<Exchange>),
    /// What has become of [`Request::Steer`].
    Steered(Steered),
    /// What was asked has not been done.
    Failed(String),
}

/// What has become of a [`Steer`].
#[derive(Debug)]
pub struct Steered {
    /// The request.
    pub steer: Steer,
    /// How the channel that is meant was before, by device, as far as that is known.
    pub before: BTreeMap<String, Channel>,
    /// Who has done it and who has not.
    pub outcome: Result<Outcome, String>,
}

/// Both ends of the way to a fleet, as the dashboard holds them.
#[derive(Debug)]
pub struct Feed {
    /// What the dashboard learns.
    pub news: mpsc::Receiver<News>,
    /// What it asks.
    pub requests: mpsc::Sender<Request>,
    task: Option<AbortHandle>,
}

impl Feed {
    /// A feed whose other ends are the caller's, for tests and benchmarks.
    pub fn from_channels(news: mpsc::Receiver<News>, requests: mpsc::Sender<Request>) -> Self {
        Self { news, requests, task: None }
    }

    /// A feed from the fleet that this client reaches. It ends when it is dropped.
    pub fn start(client: Client) -> Self {
        let (tell, news) = mpsc::channel(MOST_NEWS);
        let (requests, asked) = mpsc::channel(MOST_REQUESTS);
        let task = tokio::spawn(async move {
            let desk = Desk { client, tell };
            tokio::join!(desk.watch(), desk.serve(asked));
        });
        Self { news, requests, task: Some(task.abort_handle()) }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The dashboard does not listen any more.
struct Gone;

#[derive(Clone)]
struct Desk {
    client: Client,
    tell: mpsc::Sender<News>,
}

impl Desk {
    async fn tell(&self, news: News) -> Result<(), Gone> {
        self.tell.send(news).await.map_err(|_| Gone)
    }

    /// Tells of the fleet and of all events, for as long as somebody listens.
    async fn watch(&self) {
        let mut seen = None;
        loop {
            let why = match self.connection(&mut seen).await {
                Ok(Gone) => return,
                Err(error) => with_causes(&error),
            };
            if self.tell(News::Lost(why)).await.is_err() {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// One connection; `seen` is the event that was told last.
    async fn connection(&self, seen: &mut Option<u64>) -> Result<Gone, ClientError> {
        let fleet = self.client.fleet().await?;
        // A fleet that was started anew counts from the beginning.
        let since = seen.filter(|seen| *seen <= fleet.latest_event).unwrap_or(fleet.latest_event);
        let mut events = self.client.events(&Selection::default(), Some(since)).await?;
        let roster = self.client.roster().await?;
        for news in [News::Connected, News::Fleet(fleet), News::Roster(roster)] {
            if self.tell(news).await.is_err() {
                return Ok(Gone);
            }
        }
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let news = tokio::select! {
                told = events.next() => match told? {
                    Some(told) => {
                        *seen = Some(last(&told));
                        News::Told(told)
                    }
                    None => return Err(ClientError::Broken("it has ended".into())),
                },
                _ = pulse.tick() => {
                    let fleet = self.client.fleet().await?;
                    if fleet.load {
                        let load = News::Load(Arc::new(self.client.load().await?));
                        if self.tell(load).await.is_err() {
                            return Ok(Gone);
                        }
                    }
                    News::Fleet(fleet)
                }
            };
            if self.tell(news).await.is_err() {
                return Ok(Gone);
            }
        }
    }

    async fn serve(&self, mut asked: mpsc::Receiver<Request>) {
        let mut work = JoinSet::new();
        let (mut followed, mut listened): (Option<AbortHandle>, Option<AbortHandle>) = (None, None);
        loop {
            let request = tokio::select! {
                request = asked.recv() => request,
                Some(_) = work.join_next() => continue,
            };
            let Some(request) = request else { return };
            // One at a time of those that do not end by themselves.
            let mut endless = match request {
                Request::Follow(_) => Some(&mut followed),
                Request::Listen(_) => Some(&mut listened),
                Request::Roster
                | Request::Look(_)
                | Request::Steer(_)
                | Request::Change(_)
                | Request::Remove(_) => None,
            };
            if let Some(before) = endless.as_mut().and_then(|endless| endless.take()) {
                before.abort();
            }
            let desk = self.clone();
            let task = work.spawn(async move {
                // There is nobody to tell if it fails.
                _ = desk.act(request).await;
            });
            if let Some(endless) = endless {
                *endless = Some(task);
            }
        }
    }

    async fn act(&self, request: Request) -> Result<(), Gone> {
        let done = match request {
            Request::Roster => self.client.roster().await.map(News::Roster),
            Request::Look(names) => return self.look(&names).await,
            Request::Follow(None) | Request::Listen(None) => return Ok(()),
            Request::Listen(Some(name)) => return self.listen(&name).await,
            Request::Follow(Some(name)) => return self.follow(&name).await,
            Request::Steer(steer) => Ok(News::Steered(self.steer(steer).await)),
            Request::Change(change) => self.client.change(change).await.map(News::Fleet),
            Request::Remove(names) => self.remove(&names).await.map(News::Roster),
        };
        self.tell(done.unwrap_or_else(|error| News::Failed(with_causes(&error)))).await
    }

    async fn look(&self, names: &[String]) -> Result<(), Gone> {
        let mut devices = Vec::with_capacity(names.len());
        for name in names {
            // One that is gone is missed by the roster.
            devices.extend(self.client.device(name).await);
        }
        self.tell(News::Devices(devices)).await
    }

    async fn remove(&self, names: &[String]) -> Result<Vec<Entry>, ClientError> {
        for name in names {
            self.client.remove(name).await?;
        }
        self.client.roster().await
    }

    async fn follow(&self, name: &str) -> Result<(), Gone> {
        let mut since = 0;
        loop {
            if let Ok(mut events) = self.client.events(&Selection::device(name), Some(since)).await {
                while let Ok(Some(told)) = events.next().await {
                    since = last(&told);
                    self.tell(News::Followed(name.to_owned(), told)).await?;
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn listen(&self, name: &str) -> Result<(), Gone> {
        loop {
            match self.client.traffic(name).await {
                Ok(mut traffic) => {
                    while let Ok(Some(told)) = traffic.next().await {
                        self.tell(News::Exchanged(name.to_owned(), told)).await?;
                    }
                }
                // Nobody can listen to it; asking again and again would say so again and again.
                Err(error @ ClientError::Refused(_)) => {
                    return self.tell(News::Failed(with_causes(&error))).await;
                }
                Err(_) => {}
            }
            sleep(PAUSE).await;
        }
    }

    async fn steer(&self, steer: Steer) -> Steered {
        let mut before = BTreeMap::new();
        if let (Some(channel), true) = (channel(&steer.command), steer.names.len() <= REMEMBERED) {
            for name in &steer.names {
                let device = self.client.device(name).await;
                let found =
                    device.ok().and_then(|one| one.channels.into_iter().find(|one| one.name == channel));
                before.extend(found.map(|found| (name.clone(), found)));
            }
        }
        let mut outcome = Outcome::default();
        for names in steer.names.chunks(NAMES) {
            let devices = Selection { names: names.to_vec(), ..Selection::default() };
            match self.client.command(&Order { devices, command: steer.command.clone() }).await {
                Ok(done) => {
                    outcome.done.extend(done.done);
                    outcome.refused.extend(done.refused);
                }
                Err(ClientError::Refused(problem)) if !problem.refused.is_empty() => {
                    outcome.refused.extend(problem.refused);
                }
                Err(error) => return Steered { steer, before, outcome: Err(with_causes(&error)) },
            }
        }
        Steered { steer, before, outcome: Ok(outcome) }
    }
}

/// The channel a command is about.
pub(crate) fn channel(command: &Command) -> Option<&str> {
    match command {
        Command::Inject { channel, .. }
        | Command::Hold { channel, .. }
        | Command::Release { channel }
        | Command::Set { channel, .. } => Some(channel),
        Command::Button { .. }
        | Command::Reset {}
        | Command::Offline {}
        | Command::Online {}
        | Command::Fault { .. }
        | Command::Clear { .. } => None,
    }
}

fn last(told: &Told) -> u64 {
    match told {
        Told::Event(event) => event.seq,
        Told::Gap(gap) => gap.to,
    }
}

fn with_causes(error: &ClientError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
