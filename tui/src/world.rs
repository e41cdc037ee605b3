//! What the dashboard knows of a fleet, as the feed tells it.

use crate::{air::Air, roster::Roster};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use thingfleet_control::{
    client::Told,
    event::{Event, What},
    load::Load,
    snapshot::{Channel, Counters, Device, Fleet, State},
    traffic::Exchange,
    value::Value,
};

/// Events that are kept of the fleet, and of the device that is followed.
const KEPT: usize = 4096;
/// Devices that are kept with all they have; those on the screen are a fraction of it.
const DEVICES: usize = 512;
/// Points of a chart.
const POINTS: usize = 512;
/// Seconds over which rates are shown.
const SECONDS: usize = 120;

/// What is known of a fleet.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Whether the fleet answers; otherwise why it does not.
    pub connection: Option<Result<(), String>>,
    /// The fleet as a whole.
    pub fleet: Option<Fleet>,
    /// The load that the fleet is, if it is one.
    pub load: Option<Arc<Load>>,
    /// All devices, in one line each.
    pub roster: Roster,
    /// What happens each second.
    pub rates: Rates,
    /// The latest events, oldest first.
    pub log: VecDeque<Arc<Event>>,
    /// Devices that were looked at.
    pub devices: HashMap<String, Arc<Device>>,
    /// The device that is followed.
    pub followed: Followed,
    /// The device whose traffic is followed.
    pub traffic: Traffic,
}

/// What happens each second, the latest second last.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// Publishes the server has acknowledged.
    pub publishes: VecDeque<f64>,
    /// Events.
    pub events: VecDeque<f64>,
    last: Option<(Duration, Counters)>,
}

/// One device over time.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// Its name.
    pub device: String,
    /// What it told, oldest first.
    pub events: VecDeque<Arc<Event>>,
    /// The states of its session, each from its moment on.
    pub sessions: Timeline<State>,
    /// Where its Bluetooth peripheral stood, from each moment on.
    pub air: Timeline<Air>,
    /// The values of its channels over its own time.
    pub tracks: HashMap<String, Track>,
}

/// What one device exchanges with its surroundings, since somebody listens.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Its name; empty while nobody listens.
    pub device: String,
    /// What it exchanged, oldest first.
    pub exchanges: VecDeque<Arc<Exchange>>,
    /// How many were missed.
    pub missed: u64,
}

/// What was so from which moment on: seconds since the device was switched on, and what.
pub type Timeline<T> = VecDeque<(f64, T)>;

/// Values over time: seconds since the device was switched on, and the value as a number.
pub type Track = VecDeque<(f64, f64)>;

impl World {
    /// The device with this name, if it was looked at.
    pub fn device(&self, name: &str) -> Option<&Arc<Device>> {
        self.devices.get(name)
    }

    /// Notes how the fleet is.
    pub fn note_fleet(&mut self, now: Duration, fleet: Fleet) {
        self.rates.note(now, fleet.counters);
        self.fleet = Some(fleet);
    }

    /// Notes how devices are.
    pub fn note_devices(&mut self, devices: Vec<Device>) {
        if self.devices.len() + devices.len() > DEVICES {
            self.devices.retain(|name, _| *name == self.followed.device);
        }
        for device in devices {
            if device.name == self.followed.device {
                for channel in &device.channels {
                    if let Some(number) = number(channel, &channel.value) {
                        let track = self.followed.tracks.entry(channel.name.clone()).or_default();
                        push_point(track, (device.device_seconds, number));
                    }
                }
            }
            self.devices.insert(device.name.clone(), Arc::new(device));
        }
    }

    /// Notes an event; whether the list of devices is still as good as the fleet's own.
    pub fn note(&mut self, told: Told) -> bool {
        match told {
            Told::Event(event) => {
                let is_known = self.roster.tell(&event);
                push(&mut self.log, Arc::new(event));
                is_known
            }
            // What was missed is in a new roster.
            Told::Gap(_) => false,
        }
    }

    /// Follows another device.
    pub fn follow(&mut self, device: &str) {
        if self.followed.device != device {
            self.followed = Followed { device: device.to_owned(), ..Followed::default() };
        }
    }

    /// Listens to another device, or to none.
    pub fn listen(&mut self, device: &str) {
        self.traffic = Traffic { device: device.to_owned(), ..Traffic::default() };
    }

    /// Notes what a device exchanged that is listened to, or was a moment ago.
    pub fn note_exchange(&mut self, device: &str, told: Told<Exchange>) {
        if self.traffic.device != device {
            return;
        }
        match told {
            Told::Event(exchange) => push(&mut self.traffic.exchanges, Arc::new(exchange)),
            Told::Gap(gap) => self.traffic.missed += gap.to.saturating_sub(gap.from) + 1,
        }
    }

    /// Notes what a device told that is followed, or was a moment ago.
    pub fn note_followed(&mut self, device: &str, told: Told) {
        let Told::Event(event) = told else { return };
        if self.followed.device != device {
            return;
        }
        if let What::Reading { channel: name, value } | What::Actuated { channel: name, value, .. } =
            &event.what
        {
            let looked = self.devices.get(device);
            let channel = looked.and_then(|device| device.channels.iter().find(|one| one.name == *name));
            let number = channel.map_or_else(|| plain_number(value), |channel| number(channel, value));
            if let Some(number) = number {
                let track = self.followed.tracks.entry(name.clone()).or_default();
                push_point(track, (event.device_seconds, number));
            }
        }
        self.followed.stand(&event);
        push(&mut self.followed.events, Arc::new(event));
    }
}

impl Followed {
    /// Notes where session and peripheral stand.
    fn stand(&mut self, event: &Event) {
        if let What::Session { state, .. } = &event.what {
            push_change(&mut self.sessions, event.device_seconds, *state);
        }
        let air = self.air.back().map_or_else(Air::default, |(_, air)| *air);
        let is_first = self.air.is_empty() && air.after(&event.what) == air;
        if !is_first {
            push_change(&mut self.air, event.device_seconds, air.after(&event.what));
        }
    }
}

impl Rates {
    fn note(&mut self, now: Duration, counters: Counters) {
        if let Some((before, last)) = self.last {
            let span = now.saturating_sub(before).as_secs_f64();
            if span < 0.1 {
                return;
            }
            let rate = |after: u64, before: u64| after.saturating_sub(before) as f64 / span;
            for (rates, rate) in [
                (&mut self.publishes, rate(counters.published, last.published)),
                (&mut self.events, rate(counters.events, last.events)),
            ] {
                if rates.len() == SECONDS {
                    rates.pop_front();
                }
                rates.push_back(rate);
            }
        }
        self.last = Some((now, counters));
    }
}

/// A value as a number, for charts and sliders: the place of an option, 0 and 1 for a switch.
pub fn number(channel: &Channel, value: &Value) -> Option<f64> {
    match value {
        Value::Text(text) => {
            let place = channel.options.iter().position(|option| option == text)?;
            Some(place as f64)
        }
        Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => plain_number(value),
    }
}

fn plain_number(value: &Value) -> Option<f64> {
    match value {
        Value::Boolean(on) => Some(f64::from(u8::from(*on))),
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Text(_) => None,
    }
}

/// Notes a change. A device that was switched on anew counts its time from the beginning.
fn push_change<T: PartialEq>(timeline: &mut Timeline<T>, at: f64, what: T) {
    if timeline.back().is_some_and(|(last, _)| *last > at) {
        timeline.clear();
    }
    if timeline.back().is_some_and(|(_, last)| *last == what) {
        return;
    }
    if timeline.len() == POINTS {
        timeline.pop_front();
    }
    timeline.push_back((at, what));
}

fn push_point(track: &mut Track, point: (f64, f64)) {
    // Looks and events overtake each other.
    if track.back().is_some_and(|(last, _)| *last >= point.0) {
        return;
    }
    if track.len() == POINTS {
        track.pop_front();
    }
    track.push_back(point);
}

fn push<T>(events: &mut VecDeque<Arc<T>>, event: Arc<T>) {
    if events.len() == KEPT {
        events.pop_front();
    }
    events.push_back(event);
}
