//! The shipped things behave as people know them, over simulated days.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};
use thingfleet_device::{
    definition::{Behaviour, Channel, Definition, Role},
    time::{Instant, UnixMillis},
    trace::Trace,
    value::Value,
};
use thingfleet_schema::{
    catalogue,
    profile::{self, Surroundings},
    source::Memory,
};

/// Six o'clock in the morning of a day in May.
const MORNING: UnixMillis = UnixMillis(1_746_079_200_000);

fn hours(hours: f64) -> Instant {
    Instant::START.plus(Duration::from_secs_f64(hours * 3600.0))
}

fn shipped(name: &str) -> Definition {
    catalogue::find(name).unwrap().definition()
}

/// A shipped thing that runs, where values are set and read by name.
struct Thing<'d> {
    definition: &'d Definition,
    trace: Trace<'d>,
    sent: BTreeMap<String, Vec<(f64, f64)>>,
}

impl<'d> Thing<'d> {
    fn new(definition: &'d Definition, seed: u64) -> Self {
        Self {
            definition,
            trace: Trace::new(definition, &definition.kind, seed, MORNING),
            sent: BTreeMap::new(),
        }
    }

    fn run(&mut self, until: f64) -> &mut Self {
        let (definition, sent) = (self.definition, &mut self.sent);
        self.trace
            .run(hours(until), &mut |row| {
                let samples = sent.entry(definition.channel(row.channel).name.clone()).or_default();
                samples.push((row.at.as_secs_f64() / 3600.0, row.value.as_f64()));
                Ok::<(), Infallible>(())
            })
            .unwrap();
        self
    }

    fn set(&mut self, name: &str, value: &Value) -> &mut Self {
        let (channel, _) = self.definition.find(name).unwrap();
        self.trace.model_mut().set(self.definition, channel, value);
        self
    }

    fn now(&mut self, name: &str) -> f64 {
        let (channel, _) = self.definition.find(name).unwrap();
        self.trace.model_mut().value(channel).as_f64()
    }

    fn sent(&self, name: &str) -> &[(f64, f64)] {
        self.sent.get(name).map_or(&[], Vec::as_slice)
    }
}

#[test]
fn a_kettle_boils_within_six_minutes_and_switches_itself_off() {
    let kettle = shipped("kettle");
    let mut kettle = Thing::new(&kettle, 1);
    kettle.set("powerOn", &Value::Boolean(true)).run(4.0 / 60.0);
    assert_eq!(kettle.now("powerOn"), 1.0);
    kettle.run(6.5 / 60.0);
    assert_eq!(kettle.now("powerOn"), 0.0);
    assert!(kettle.now("temp") > 93.0);
    assert!(kettle.sent("temp").iter().any(|&(_, celsius)| celsius >= 99.0));
}

#[test]
fn a_kettle_that_is_hot_switches_off_again_when_somebody_insists() {
    let kettle = shipped("kettle");
    let mut kettle = Thing::new(&kettle, 1);
    kettle.set("powerOn", &Value::Boolean(true)).run(0.2);
    kettle.set("powerOn", &Value::Boolean(true)).run(0.25);
    assert_eq!(kettle.now("powerOn"), 0.0);
}

#[test]
fn a_thermostat_keeps_its_room_within_a_degree() {
    let thermostat = shipped("thermostat");
    let mut thermostat = Thing::new(&thermostat, 1);
    thermostat.run(24.0);
    let room: Vec<f64> =
        thermostat.sent("temp").iter().filter(|(at, _)| *at > 3.0).map(|(_, celsius)| *celsius).collect();
    assert!(room.iter().all(|celsius| (20.0..=22.0).contains(celsius)), "{room:?}");
    let switched = thermostat.sent("heating").len();
    assert!((20..400).contains(&switched), "heating switched {switched} times");
}

#[test]
fn a_fridge_comes_and_goes_and_stays_cold() {
    let fridge = shipped("fridge");
    let mut fridge = Thing::new(&fridge, 1);
    fridge.run(24.0);
    assert!(fridge.sent("temp").iter().all(|(_, celsius)| (2.0..9.0).contains(celsius)));
    let switched = fridge.sent("compressor").len();
    assert!((10..300).contains(&switched), "the compressor switched {switched} times");
    assert!((0.1..1.5).contains(&fridge.now("energy")), "{} kWh", fridge.now("energy"));
}

#[test]
fn a_blind_stops_on_the_way_when_somebody_says_so() {
    let blind = shipped("blind");
    let mut blind = Thing::new(&blind, 1);
    blind.run(0.001).set("down", &Value::Integer(1)).run(0.004);
    assert!((10.0..60.0).contains(&blind.now("position")) && blind.now("moving") == 1.0);
    blind.set("stop", &Value::Integer(1)).run(0.01);
    assert!((10.0..70.0).contains(&blind.now("position")) && blind.now("moving") == 0.0);
}

#[test]
fn a_coffee_maker_brews_and_runs_out_of_water() {
    let maker = shipped("coffee-maker");
    let mut maker = Thing::new(&maker, 1);
    maker.set("espresso", &Value::Integer(1)).run(0.005);
    assert_eq!(maker.now("state"), 2.0);
    maker.run(0.05);
    assert_eq!(maker.now("state"), 1.0);
    assert!((1600.0..1790.0).contains(&maker.now("water")), "{} ml", maker.now("water"));
}

#[test]
fn a_washing_machine_goes_through_its_programme() {
    let machine = shipped("washing-machine");
    let mut machine = Thing::new(&machine, 1);
    machine.run(24.0);
    let phases: Vec<f64> = machine.sent("phase").iter().map(|(_, phase)| *phase).collect();
    assert!((0..7).all(|phase| phases.contains(&f64::from(phase))), "{phases:?}");
    assert!((1.0..12.0).contains(&machine.now("energy")), "{} kWh", machine.now("energy"));
}

#[test]
fn a_smoke_alarm_sounds_for_toast_and_falls_silent() {
    let alarm = shipped("smoke-alarm");
    let mut alarm = Thing::new(&alarm, 3);
    alarm.run(240.0);
    let sounds = alarm.sent("alarm");
    assert!(sounds.iter().any(|(_, on)| *on == 1.0), "ten days without toast");
    assert!(alarm.run(264.0).sent("alarm").len() > 2);
    alarm.set("test", &Value::Integer(1)).run(264.001);
    assert_eq!(alarm.now("alarm"), 1.0);
    alarm.run(264.02);
    assert_eq!(alarm.now("alarm"), 0.0);
}

#[test]
fn every_shipped_thing_does_something_every_quarter_of_an_hour_and_keeps_to_its_ranges() {
    for entry in catalogue::all() {
        let definition = entry.definition();
        let mut thing = Thing::new(&definition, 7);
        thing.run(24.0);
        let sent: usize = thing.sent.values().map(Vec::len).sum();
        assert!(sent >= 24 * 4, "{} sends only {sent} values a day", entry.name);
        // What holds its value waits for somebody to do something.
        let moves = |channel: &&Channel| channel.role == Role::Sensor && channel.behaviour != Behaviour::HOLD;
        for channel in definition.channels.iter().filter(moves) {
            let samples = thing.sent(&channel.name);
            assert!(samples.len() > 1, "{} never sends {}", entry.name, channel.name);
            if let Some(range) = channel.range {
                assert!(samples.iter().all(|(_, value)| (range.min..=range.max).contains(value)));
            }
        }
    }
}

#[test]
fn the_load_profile_publishes_one_to_two_hundred_values_a_second() {
    let entry = catalogue::find_profile("load-500").unwrap();
    let surroundings = Surroundings { loader: &Memory::default(), environment: &|_| None };
    let fleet = profile::read(entry.path, entry.text, &surroundings).unwrap();
    assert_eq!(fleet.devices.len(), 500);
    assert!(fleet.devices.iter().all(|device| device.starts_after <= Duration::from_mins(1)));
    let mut sent = 0;
    for device in &fleet.devices {
        let mut trace = Trace::new(&device.definition, &device.name, fleet.seed, MORNING);
        let quarter = Instant::START.plus(Duration::from_mins(15));
        trace
            .run(quarter, &mut |_| {
                sent += 1;
                Ok::<(), Infallible>(())
            })
            .unwrap();
    }
    let rate = f64::from(sent) / 900.0;
    assert!((100.0..200.0).contains(&rate), "{rate} values a second");
}
