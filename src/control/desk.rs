//! What is done for each request.

use super::{
    answer::{self, Answer, Refused, json, nothing, stream},
    guard::Guard,
    metrics, newcomer, openapi, routes,
    routes::{Action, Field},
    show,
    stream::{events, traffic},
};
use crate::{
    driver::{self, Wanted},
    fleet::{Crew, Seat},
    load::Board,
};
use futures::future::join_all;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::{Body as _, Incoming},
    header::CONTENT_TYPE,
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use thingfleet_control::{
    command::{
        ButtonAction, Command, FleetChange, NewDevice, Order, Outcome, Refusal, Selection, Wait, object,
    },
    fault::FaultKind,
    snapshot::State,
    value::Value,
};
use thingfleet_device::{
    condition::ConditionError,
    definition::{Channel, ChannelId, Role},
    fault::{Active, Kind},
    instance::Commissioning,
    io::FaultId,
    value::Secret,
};
use tokio::{sync::watch, time::timeout};

/// Largest body, in bytes.
pub(super) const LARGEST: usize = 64 * 1024;
/// Longest wait for a condition.
const LONGEST_WAIT: f64 = 3600.0;
/// Slowest and fastest world, as in profiles.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;
/// Names in a selection; each is compared with each device.
const MOST_NAMES: usize = 1024;

/// Answers requests for one fleet.
pub(super) struct Desk {
    crew: Arc<Crew>,
    /// Where the fleet is a load.
    board: Option<Arc<Board>>,
    guard: Guard,
    stopping: watch::Receiver<bool>,
}

impl Desk {
    pub(super) fn new(
        crew: Arc<Crew>,
        board: Option<Arc<Board>>,
        guard: Guard,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { crew, board, guard, stopping }
    }

    /// Answers a request, good or bad.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        self.act(request).await.unwrap_or_else(Refused::answer)
    }

    async fn act(&self, request: Request<Incoming>) -> Result<Answer, Refused> {
        self.guard.check(request.headers())?;
        let (route, device) = routes::find(request.method(), request.uri().path())?;
        // Whoever asks anything may want to know later what happened since.
        self.crew.health().history().begin();
        let query = query(request.uri().query().unwrap_or_default(), route.query)?;
        let device = device.as_deref().unwrap_or_default();
        match route.action {
            Action::ShowFleet => Ok(self.show_fleet()),
            Action::ChangeFleet => self.change_fleet(body(request).await?).await,
            Action::ListDevices => self.list(&selection(&query)).await,
            Action::Roster => Ok(json(StatusCode::OK, &show::roster(&self.crew))),
            Action::AddDevice => self.add(body(request).await?).await,
            Action::ShowDevice => self.show(device, StatusCode::OK).await,
            Action::RemoveDevice => {
                let (place, _) = self.find(device)?;
                self.crew.remove(place).await;
                Ok(nothing())
            }
            Action::Wait => self.wait(device, body(request).await?).await,
            Action::Command => self.command(body(request).await?).await,
            Action::ListFaults => Ok(json(StatusCode::OK, &FaultKind::library())),
            Action::ShowLoad => {
                let board = self.board.as_ref().ok_or(Refused::NoLoad)?;
                Ok(json(StatusCode::OK, &board.show()))
            }
            Action::Metrics => Ok(answer::metrics(metrics::text(&self.crew, self.board.as_deref()))),
            Action::Events => {
                let since = since(&query, request.headers())?;
                let crew = Arc::clone(&self.crew);
                Ok(stream(events(crew, selection(&query), since, self.stopping.clone())))
            }
            Action::Traffic => {
                let (place, _) = self.find(device)?;
                let listener = self.crew.health().listen(place);
                Ok(stream(traffic(listener, self.stopping.clone())))
            }
            Action::OpenApi => Ok(json(StatusCode::OK, &*openapi::DOCUMENT)),
        }
    }

    async fn change_fleet(&self, change: FleetChange) -> Result<Answer, Refused> {
        if change.speed.is_some_and(|speed| !SPEEDS.contains(&speed)) {
            let detail = format!("a speed is {} to {}", SPEEDS.start(), SPEEDS.end());
            return Err(Refused::bad(detail, "`paused` stops the world"));
        }
        let apply = |pace: &mut crate::fleet::Pace| {
            pace.speed = change.speed.unwrap_or(pace.speed);
            pace.is_paused = change.paused.unwrap_or(pace.is_paused);
        };
        self.crew.set_pace(apply).await;
        Ok(self.show_fleet())
    }

    fn show_fleet(&self) -> Answer {
        json(StatusCode::OK, &show::fleet(&self.crew, self.board.is_some()))
    }

    async fn list(&self, selection: &Selection) -> Result<Answer, Refused> {
        let seats = self.selected(selection);
        let devices = join_all(seats.iter().map(|(place, seat)| show::device(&self.crew, *place, seat)));
        Ok(json(StatusCode::OK, &devices.await))
    }

    async fn show(&self, name: &str, status: StatusCode) -> Result<Answer, Refused> {
        let (place, seat) = self.find(name)?;
        let mut device = show::device(&self.crew, place, &seat).await;
        if device.state == State::Commissioning {
            device.qr = self.crew.code(&seat).map(|code| Secret::new(code.to_string()));
        }
        Ok(json(status, &device))
    }

    async fn add(&self, new: NewDevice) -> Result<Answer, Refused> {
        let device = newcomer::described(&new, &self.crew.present())?;
        self.crew.add(&device).await.map_err(|error| Refused::Conflict {
            next_step: error.next_step().to_owned(),
            detail: error.to_string(),
        })?;
        self.show(&new.name, StatusCode::CREATED).await
    }

    async fn wait(&self, name: &str, wait: Wait) -> Result<Answer, Refused> {
        let (place, seat) = self.find(name)?;
        if !(0.0..=LONGEST_WAIT).contains(&wait.timeout_seconds) {
            let detail = format!("a wait takes 0 to {LONGEST_WAIT} seconds");
            return Err(Refused::bad(detail, "wait again for longer"));
        }
        let wanted =
            Wanted::parse(&wait.condition, &seat.definition).map_err(|error| misread(&wait, &error))?;
        let span = Duration::from_secs_f64(wait.timeout_seconds);
        let holds_off = async {
            let off = show::switched_off(&seat);
            let state = show::state(&self.crew.health().standing(place));
            let value = |id: ChannelId| &off.values[usize::from(id.0)].0;
            let is_off = seat.look().await.is_none();
            if !(is_off && wanted.holds(state, None, None, value)) {
                return Some(seat.wait(&wanted).await);
            }
            None
        };
        let mut stopping = self.stopping.clone();
        let outcome = tokio::select! {
            outcome = timeout(span, holds_off) => outcome.ok(),
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        if let Some(look) = outcome {
            return Ok(json(StatusCode::OK, &show::as_looked(&self.crew, place, &seat, look)));
        }
        let device = Box::new(show::device(&self.crew, place, &seat).await);
        let detail =
            format!("`{}` did not hold for {name} within {} s", wait.condition, wait.timeout_seconds);
        Err(Refused::NotYet { detail, device })
    }

    async fn command(&self, order: Order) -> Result<Answer, Refused> {
        if order.devices.names.len() > MOST_NAMES {
            let detail = format!("a selection has at most {MOST_NAMES} names");
            return Err(Refused::bad(detail, "give more orders, or select by a pattern"));
        }
        let seats = self.selected(&order.devices);
        if seats.is_empty() {
            return Err(Refused::NoDevice("the fleet has no such device".to_owned()));
        }
        let done = join_all(seats.iter().map(|(_, seat)| carry_out(seat, &order.command))).await;
        let mut outcome = Outcome::default();
        for ((_, seat), done) in seats.iter().zip(done) {
            let device = seat.instance.name.clone();
            match done {
                Ok(()) => outcome.done.push(device),
                Err((why, next_step)) => {
                    outcome.refused.push(Refusal { device, why, next_step: next_step.to_owned() });
                }
            }
        }
        if outcome.done.is_empty() {
            return Err(Refused::NotDone(outcome.refused));
        }
        Ok(json(StatusCode::OK, &outcome))
    }

    fn selected(&self, selection: &Selection) -> Vec<(usize, Arc<Seat>)> {
        let mut seats = self.crew.present();
        seats.retain(|(_, seat)| selection.takes(&seat.instance.name, &seat.definition.kind, &seat.tags));
        seats
    }

    fn find(&self, name: &str) -> Result<(usize, Arc<Seat>), Refused> {
        self.crew.find(name).ok_or_else(|| Refused::NoDevice(format!("the fleet has no device `{name}`")))
    }
}

/// Has a device do something, and returns when it has, or says why it does not and what a person can do about it.
async fn carry_out(seat: &Seat, command: &Command) -> Result<(), (String, &'static str)> {
    use driver::Command as Do;
    let acts = match command {
        Command::Inject { channel, value } => {
            let (id, channel) = channel_of(seat, channel)?;
            vec![Do::Inject(id, fitted(channel, value)?)]
        }
        Command::Hold { channel, value } => {
            let (id, channel) = channel_of(seat, channel)?;
            let value = value.as_ref().map(|value| fitted(channel, value)).transpose()?;
            vec![Do::Hold(id, value)]
        }
        Command::Release { channel } => vec![Do::Release(channel_of(seat, channel)?.0)],
        Command::Set { channel, value } => {
            let (id, channel) = channel_of(seat, channel)?;
            if channel.role != Role::Actuator {
                return Err((format!("`{}` is a sensor", channel.name), "inject or hold its value"));
            }
            vec![Do::Operate(id, fitted(channel, value)?)]
        }
        Command::Button { action: ButtonAction::Press } => vec![Do::Button(true), Do::Button(false)],
        Command::Button { action: ButtonAction::Hold } => vec![Do::Button(true)],
        Command::Button { action: ButtonAction::Release } => vec![Do::Button(false)],
        Command::Reset {} if seat.instance.commissioning != Commissioning::Bluetooth => {
            let why = "it is not commissioned, so it has nothing to forget".to_owned();
            return Err((why, "use `commissioning: bluetooth` in its profile"));
        }
        Command::Reset {} => vec![Do::Reset],
        Command::Offline {} => vec![Do::Offline],
        Command::Online {} => vec![Do::Online],
        Command::Fault { fault } => {
            let (fault, lasts) = fault.for_definition(&seat.definition).map_err(|problem| {
                (problem.to_string(), "see `GET /v1/faults` for the kinds and their settings")
            })?;
            vec![Do::Fault(fault.into(), lasts)]
        }
        Command::Clear { id, kind } => to_clear(seat, *id, kind.as_deref()).await?,
    };
    if !seat.steer(driver::Order { command: command.clone(), acts }).await {
        return Err(("it is not switched on".to_owned(), "wait until it is"));
    }
    // It answers once it has done everything before.
    let look = seat.look().await;
    look.map(drop).ok_or_else(|| ("it was switched off meanwhile".to_owned(), "look at its state"))
}

/// The faults that are to end: one, those of a kind, or all.
async fn to_clear(
    seat: &Seat,
    id: Option<u32>,
    kind: Option<&str>,
) -> Result<Vec<driver::Command>, (String, &'static str)> {
    let end = |id| driver::Command::ClearFault(Some(id));
    match (id, kind) {
        (None, None) => Ok(vec![driver::Command::ClearFault(None)]),
        (Some(id), None) => Ok(vec![end(FaultId(id))]),
        (id, Some(kind)) => {
            let see = "see `GET /v1/faults` for the kinds";
            let kind = Kind::with_id(kind).ok_or_else(|| (format!("there is no fault {kind:?}"), see))?;
            let faults = seat.look().await.map(|look| look.faults).unwrap_or_default();
            let wanted = |active: &&Active| {
                active.fault.kind() == kind && id.is_none_or(|id| active.id == FaultId(id))
            };
            Ok(faults.iter().filter(wanted).map(|active| end(active.id)).collect())
        }
    }
}

fn channel_of<'s>(seat: &'s Seat, name: &str) -> Result<(ChannelId, &'s Channel), (String, &'static str)> {
    seat.definition.find(name).ok_or_else(|| {
        let names: Vec<_> = seat.definition.channels.iter().map(|channel| channel.name.as_str()).collect();
        let why = format!("it has no sensor or actuator `{name}`");
        let why = if names.is_empty() { why } else { format!("{why}; it has {}", names.join(", ")) };
        (why, "name one that it has")
    })
}

pub(super) fn fitted(
    channel: &Channel,
    value: &Value,
) -> Result<thingfleet_device::value::Value, (String, &'static str)> {
    let why = |error| format!("`{}` does not take {value}: {error}", channel.name);
    value.for_channel(channel).map_err(|error| (why(error), "give a value that it takes"))
}

fn misread(wait: &Wait, error: &ConditionError) -> Refused {
    let detail = format!("{error}, at byte {} of `{}`", error.at.start, wait.condition);
    Refused::bad(detail, "write for example `temp > 90 and state == online`; docs/CONTROL.md has the grammar")
}

/// Reads a query that may have these fields.
fn query(text: &str, fields: &[Field]) -> Result<BTreeMap<String, String>, Refused> {
    let mut query = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(text.as_bytes()) {
        if !fields.iter().any(|field| field.name == key) {
            let detail = format!("there is no field `{key}` here");
            return Err(Refused::bad(detail, "see /openapi.json for what there is"));
        }
        if query.insert(key.to_string(), value.into_owned()).is_some() {
            return Err(Refused::bad(format!("`{key}` is there twice"), "give it once"));
        }
    }
    Ok(query)
}

fn selection(query: &BTreeMap<String, String>) -> Selection {
    let field = |name: &str| query.get(name).cloned();
    Selection { name: field("name"), names: Vec::new(), kind: field("kind"), tag: field("tag") }
}

/// Where a stream of events begins; a client that comes back says it in a header.
fn since(query: &BTreeMap<String, String>, headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let text = header.or(query.get("since").map(String::as_str));
    let number = |text: &str| {
        let wrong = || Refused::bad(format!("`{text}` is no sequence number"), "give the `id` of an event");
        text.parse::<u64>().map_err(|_| wrong())
    };
    text.map(number).transpose()
}

/// Reads the JSON that a request carries, as far as it is not too much and comes in time.
async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refused> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Refused::MediaType);
    }
    // Before the first byte of it, where the length is announced.
    if request.body().size_hint().lower() > LARGEST as u64 {
        return Err(Refused::TooLarge);
    }
    let whole = Limited::new(request.into_body(), LARGEST).collect();
    let whole = match timeout(super::PATIENCE, whole).await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Refused::TooLarge),
        Ok(Err(error)) => return Err(Refused::bad(error.to_string(), "send the whole body")),
        Err(_) => return Err(Refused::TooSlow),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(&whole);
    object(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Refused::bad(error.to_string(), "see /openapi.json for what the body looks like"))
}
