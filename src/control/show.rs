//! Devices and events in the words of the control interface.

use crate::{
    ble,
    driver::Look,
    fleet::{
        Crew, Seat,
        health::{Counts, Notice, Standing, What},
    },
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use thingfleet_control::{
    event,
    fault::{ActiveFault, FaultSpec},
    snapshot::{Bluetooth, Channel, Counters, Device, Entry, Fleet, State, Trouble},
};
use thingfleet_device::{
    commissioning::journey::Stage,
    definition::{ChannelId, Definition},
    fault::Active,
    io::Session,
    model::Origin,
    time::Instant,
    value::Value,
};
use tokio::runtime::Handle;

/// By which way a device is steered here.
const BY: &str = "control";

/// What was told, in the vocabulary; `definition` is the device's that it is about. None where a device told something
/// and there is no definition of it.
pub fn told(notice: &Notice, definition: Option<&Definition>) -> Option<event::What> {
    Some(match &notice.what {
        What::Event(event) => event::What::of(event, notice.at, definition?),
        What::Bluetooth(state) => event::What::Bluetooth(bluetooth(state)),
        What::Led(colour) => event::What::Led { colour: (*colour).into() },
        What::Steered(command) => event::What::Steered { by: BY.to_owned(), command: command.clone() },
        What::Paced(pace) => event::What::Pace { speed: pace.speed, paused: pace.is_paused },
        What::Added => event::What::Added,
        What::Removed => event::What::Removed,
    })
}

/// The fleet as a whole, which may be a load.
pub(crate) fn fleet(crew: &Crew, load: bool) -> Fleet {
    let (health, pace) = (crew.health(), crew.pace());
    let snapshot = health.snapshot();
    let present = crew.present();
    let mut states = BTreeMap::new();
    for (place, _) in &present {
        *states.entry(state(&health.standing(*place))).or_default() += 1;
    }
    Fleet {
        name: crew.name().to_owned(),
        domain: crew.domain().to_owned(),
        speed: pace.speed,
        paused: pace.is_paused,
        devices: present.len(),
        states,
        lagging: snapshot.lagging,
        tasks: Handle::current().metrics().num_alive_tasks(),
        counters: counters(&snapshot.counts),
        latest_event: health.history().latest(),
        load,
    }
}

/// All devices, without asking them.
pub(super) fn roster(crew: &Crew) -> Vec<Entry> {
    let entry = |(place, seat): (usize, Arc<Seat>)| {
        let standing = crew.health().standing(place);
        let trouble = match &standing.session {
            Some(Session::Waiting { failure, .. } | Session::Failed(failure)) => Some(failure.kind.name()),
            _ => standing.setup_failure.is_some().then_some("setup"),
        };
        Entry {
            name: seat.instance.name.clone(),
            kind: seat.definition.kind.clone(),
            tags: seat.tags.clone(),
            state: state(&standing),
            trouble: trouble.map(str::to_owned),
            faults: standing.faults.iter().map(|id| id.0).collect(),
        }
    };
    crew.present().into_iter().map(entry).collect()
}

/// The device at this place, once it has done everything it was told.
pub(super) async fn device(crew: &Crew, place: usize, seat: &Seat) -> Device {
    let look = seat.look().await;
    as_looked(crew, place, seat, look)
}

/// The device at this place as it was when it was looked at, or as it will be when it is switched on.
pub(super) fn as_looked(crew: &Crew, place: usize, seat: &Seat, look: Option<Look>) -> Device {
    let standing = crew.health().standing(place);
    let (definition, instance) = (&seat.definition, &seat.instance);
    let session = look.as_ref().map(|look| &look.session);
    let state = session.map_or_else(|| state(&standing), State::from);
    let trouble = match session.or(standing.session.as_ref()) {
        Some(Session::Waiting { failure, .. } | Session::Failed(failure)) => Some(failure.into()),
        _ => standing.setup_failure.map(|(text, next_step)| Trouble {
            kind: "setup".to_owned(),
            text,
            next_step: next_step.to_owned(),
        }),
    };
    let jid = instance.account.as_ref().map(|account| account.jid.as_str().to_owned());
    let look = look.unwrap_or_else(|| switched_off(seat));
    let channel = |((_, channel), (value, origin, age)): ((_, _), &(Value, Origin, Duration))| {
        Channel::new(channel, value, origin, age.as_secs_f64())
    };
    Device {
        name: instance.name.clone(),
        kind: definition.kind.clone(),
        title: definition.title.clone(),
        serial: instance.serial.clone(),
        tags: seat.tags.clone(),
        jid: look.jid.or(jid),
        state,
        trouble,
        stage: look.stage.map(Stage::name).map(str::to_owned),
        qr: None,
        bluetooth: look.bluetooth.as_ref().map(bluetooth),
        led: look.led,
        device_seconds: look.at.as_secs_f64(),
        world_seconds: look.world.as_secs_f64(),
        lag_seconds: look.lag.as_secs_f64(),
        channels: definition.channels().zip(&look.values).map(channel).collect(),
        faults: look.faults.iter().map(|active| fault(active, look.at, definition)).collect(),
        counters: counters(&standing.counts),
    }
}

/// A device that is switched off: its values are those it will start with.
pub(super) fn switched_off(seat: &Seat) -> Look {
    let starts = &seat.instance.starts;
    let value = |(id, channel): (ChannelId, &thingfleet_device::definition::Channel)| {
        let own = starts.iter().rev().find(|(other, _)| *other == id).map(|(_, value)| value);
        (own.unwrap_or(&channel.starts).clone(), Origin::Behaviour, Duration::ZERO)
    };
    Look {
        at: Instant::START,
        world: Instant::START,
        lag: Duration::ZERO,
        session: Session::Stopped,
        stage: None,
        led: None,
        bluetooth: None,
        jid: None,
        values: seat.definition.channels().map(value).collect(),
        faults: Vec::new(),
    }
}

/// Where a device stands, as far as its fleet knows.
pub(super) fn state(standing: &Standing) -> State {
    match &standing.session {
        Some(session) => session.into(),
        None if standing.is_restarting => State::Restarting,
        None => State::Off,
    }
}

fn fault(active: &Active, now: Instant, definition: &Definition) -> ActiveFault {
    ActiveFault {
        id: active.id.0,
        since_seconds: active.since.as_secs_f64(),
        left_seconds: active.until.map(|until| until.since(now).as_secs_f64()),
        fault: FaultSpec::of(&active.fault, definition),
    }
}

fn bluetooth(state: &ble::State) -> Bluetooth {
    match state {
        ble::State::Queued { ahead } => Bluetooth::Queued { ahead: *ahead },
        ble::State::Advertising { adapter, address } => {
            Bluetooth::Advertising { adapter: adapter.clone(), address: address.to_string() }
        }
        ble::State::Down(trouble) => Bluetooth::Down(Trouble {
            kind: trouble.kind.name().to_owned(),
            text: trouble.text.clone(),
            next_step: trouble.kind.next_step().to_owned(),
        }),
    }
}

pub(super) fn counters(counts: &Counts) -> Counters {
    Counters {
        events: counts.events,
        published: counts.published,
        publish_failures: counts.publish_failures,
        setup_failures: counts.setup_failures,
        actuations: counts.actuations,
        refusals: counts.refusals,
        stanzas_sent: counts.sent,
        stanzas_received: counts.received,
        restarts: counts.restarts,
    }
}
