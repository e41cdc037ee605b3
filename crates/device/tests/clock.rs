//! What a device knows of the time by the wall clock: from its body, and from its server if it is told to ask.

use std::time::Duration;
use thingfleet_device::{
    definition::{DailyPoint, Kind, Role, Source},
    io::Input,
    ns,
    time::{Instant, UnixMillis},
    value::Value,
    xml::Element,
};
use thingfleet_simulated::{DEVICE, OWNER, Rig, Server, answer_to, channel, instance, kettle};

const NOON: UnixMillis = UnixMillis(1_790_078_400_000 - 1_790_078_400_000 % 86_400_000 + 43_200_000);

/// What a device answers to whoever asks it for the time.
fn told(rig: &mut Rig) -> String {
    rig.take_sent();
    let time = Element::new(ns::TIME, "time");
    rig.receive(
        Element::new(ns::CLIENT, "iq").attr("type", "get").attr("id", "q").attr("from", OWNER).child(time),
    );
    let answer = rig.take_sent().pop().expect("an answer");
    let (_, utc) = answer.split_once("<utc>").expect("the time");
    utc.split_once('<').expect("its end").0.into()
}

#[test]
fn a_device_tells_the_time_that_it_was_given_and_counts_on_from_there() {
    let mut rig = Rig::online("Prosody");
    rig.server.roster.push("juliet@example.org".into());
    rig.feed(Input::Clock(NOON));
    assert_eq!(told(&mut rig), NOON.date_time());
    rig.run_for(Duration::from_hours(1));
    assert_eq!(told(&mut rig), NOON.at(Instant::from_micros(3_600_000_000)).date_time());
    let earlier = UnixMillis(NOON.0 - 86_400_000);
    rig.feed(Input::Clock(earlier));
    assert_eq!(told(&mut rig), earlier.date_time(), "also back");
}

#[test]
fn what_follows_the_time_of_day_follows_the_corrected_clock() {
    let mut definition = kettle();
    let mut light = channel("light", Role::Sensor, Kind::Float, Value::Float(0.0));
    let points = [(0, 0.0), (43_200, 100.0)];
    light.behaviour.base = Source::Daily(points.map(|(second, value)| DailyPoint { second, value }).to_vec());
    definition.channels.push(light);
    let mut rig = Rig::new(definition, instance(), Server::new("Prosody"));
    rig.run_for(Duration::from_secs(10));
    rig.feed(Input::Clock(NOON));
    rig.run_for(Duration::from_secs(2));
    let Value::Float(light) = rig.value("light") else { unreachable!("it is a number") };
    assert!((99.9..=100.0).contains(light), "{light}");
}

#[test]
fn a_device_that_is_told_to_asks_its_server_and_takes_half_of_the_way_into_account() {
    let mut rig = Rig::online("Prosody");
    rig.take_sent();
    rig.server.is_mute = true;
    rig.feed(Input::AskTime);
    let question = rig.sent.pop().expect("a question");
    assert_eq!(question.get_attr("to"), Some("example.org"));
    rig.run_for(Duration::from_secs(2));
    let utc = Element::new(ns::TIME, "utc").text(NOON.date_time());
    let zone = Element::new(ns::TIME, "tzo").text("+02:00");
    let time = Element::new(ns::TIME, "time").child(zone).child(utc);
    rig.receive(answer_to(&question, Some(time)));
    assert_eq!(rig.server_time, Some(UnixMillis(NOON.0 + 1000)));
    let before = told(&mut rig);
    assert!(before.starts_with("2023-"), "its own clock is its body's to set: {before}");
}

#[test]
fn an_answer_without_a_time_is_none() {
    for payload in [
        None,
        Some(Element::new(ns::TIME, "time")),
        Some(Element::new(ns::TIME, "time").child(Element::new(ns::TIME, "utc").text("noon"))),
    ] {
        let mut rig = Rig::online("Prosody");
        rig.server.is_mute = true;
        rig.feed(Input::AskTime);
        let question = rig.sent.pop().expect("a question");
        rig.receive(answer_to(&question, payload));
        assert_eq!(rig.server_time, None);
    }
}

#[test]
fn without_a_stream_nobody_is_asked() {
    let mut rig = Rig::online("Prosody");
    rig.feed(Input::Offline);
    rig.take_sent();
    rig.feed(Input::AskTime);
    assert_eq!(rig.take_sent(), Vec::<String>::new());
    let own = rig.device.instance().account.as_ref().map(|account| account.jid.as_str());
    assert_eq!(own, Some(DEVICE));
}
