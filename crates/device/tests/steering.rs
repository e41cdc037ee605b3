//! A device steered from outside, in simulated time: held readings, its pace, offline and back, where values come from.

use std::time::Duration;
use thingfleet_device::{
    commissioning::journey::Stage,
    definition::{ChannelId, Security},
    io::{Colour, FailureKind, Input, Session, StreamFailure},
    model::Origin,
    value::Value,
};
use thingfleet_simulated::{DEVICE, OWNER, Rig, written};

const SENSORS: &str = "xmpp.iot.sensors";

fn id(rig: &Rig, name: &str) -> ChannelId {
    rig.device.definition().find(name).unwrap().0
}

fn origin(rig: &Rig, name: &str) -> Origin {
    rig.device.origin(id(rig, name)).0.clone()
}

fn number(rig: &Rig, name: &str) -> f64 {
    rig.value(name).as_f64()
}

#[test]
fn a_held_reading_stays_and_shows_its_behaviour_again_when_it_is_released() {
    let (mut rig, mut free) = (Rig::online("Prosody"), Rig::online("Prosody"));
    let temp = id(&rig, "temp");
    rig.feed(Input::Hold(temp, Some(Value::Float(95.0))));
    assert_eq!(rig.item(SENSORS, "xmpp.iot.sensor.temp").as_deref(), Some("95.00"), "it is told at once");
    rig.run_for(Duration::from_secs(20));
    assert_eq!((number(&rig, "temp"), origin(&rig, "temp")), (95.0, Origin::Held));
    assert_eq!(rig.device.origin(temp).1, Duration::from_secs(20));

    rig.feed(Input::Release(temp));
    rig.run_for(Duration::from_secs(10));
    free.run_for(Duration::from_secs(30));
    assert_eq!(rig.value("temp"), free.value("temp"), "as if it had never been held");
    assert_eq!(origin(&rig, "temp"), Origin::Behaviour);
}

#[test]
fn a_reading_is_held_where_it_is_if_no_value_is_given() {
    let mut rig = Rig::online("Prosody");
    let (temp, before) = (id(&rig, "temp"), number(&rig, "temp"));
    rig.feed(Input::Hold(temp, None));
    rig.run_for(Duration::from_secs(20));
    assert_eq!(number(&rig, "temp"), before);
}

#[test]
fn a_held_button_stays_down_and_whoever_sets_a_channel_ends_its_hold() {
    let mut rig = Rig::online("Prosody");
    let beep = id(&rig, "beep");
    rig.feed(Input::Hold(beep, Some(Value::Integer(1))));
    rig.run_for(Duration::from_secs(10));
    assert_eq!(number(&rig, "beep"), 1.0);
    rig.receive(written(OWNER, "beep", "2"));
    rig.run_for(Duration::from_secs(3));
    assert_eq!(number(&rig, "beep"), 0.0);
}

#[test]
fn a_value_tells_where_it_comes_from_and_how_old_it_is() {
    let mut rig = Rig::online("Prosody");
    assert_eq!(origin(&rig, "powerOn"), Origin::Behaviour);
    rig.receive(written(OWNER, "powerOn", "1"));
    assert_eq!(origin(&rig, "powerOn"), Origin::Set { by: Some(OWNER.into()) });
    rig.run_for(Duration::from_secs(7));
    assert_eq!(rig.device.origin(id(&rig, "powerOn")).1, Duration::from_secs(7));
    rig.feed(Input::Operate(id(&rig, "powerOn"), Value::Boolean(false)));
    assert_eq!(origin(&rig, "powerOn"), Origin::Set { by: None });

    rig.feed(Input::Inject(id(&rig, "temp"), Value::Float(90.0)));
    assert_eq!((number(&rig, "temp"), origin(&rig, "temp")), (90.0, Origin::Injected));
    rig.run_for(Duration::from_secs(2));
    assert_eq!(origin(&rig, "temp"), Origin::Behaviour, "the ramp has moved it on");
}

#[test]
fn a_paused_world_stands_still_while_its_device_still_answers() {
    let mut rig = Rig::online("Prosody");
    rig.feed(Input::Pace(0.0));
    let (before, time) = (number(&rig, "temp"), rig.device.world_time());
    rig.take_sent();
    rig.run_for(Duration::from_mins(10));
    assert_eq!((number(&rig, "temp"), rig.device.world_time()), (before, time));
    let publishes = |stanza: &String| stanza.contains("<publish ");
    assert!(!rig.take_sent().iter().any(publishes), "looking after its nodes goes on, publishing does not");
    rig.receive(written(OWNER, "powerOn", "1"));
    assert_eq!(rig.item(SENSORS, "xmpp.iot.sensor.powerOn").as_deref(), Some("1"));

    rig.feed(Input::Pace(10.0));
    rig.run_for(Duration::from_secs(3));
    assert_eq!(rig.device.world_time().since(time), Duration::from_secs(30));
}

#[test]
fn changes_of_pace_leave_the_values_of_each_moment_alone() {
    let (mut steady, mut jumpy) = (Rig::online("Prosody"), Rig::online("Prosody"));
    steady.run_for(Duration::from_secs(40));
    for (speed, seconds) in [(0.0, 100), (5.0, 4), (0.5, 20), (1.0, 10)] {
        jumpy.feed(Input::Pace(speed));
        jumpy.run_for(Duration::from_secs(seconds));
    }
    assert_eq!(jumpy.device.world_time(), steady.device.world_time());
    assert_eq!(jumpy.value("temp"), steady.value("temp"));
}

#[test]
fn an_offline_device_says_goodbye_goes_on_inside_and_comes_back_on_request() {
    let mut rig = Rig::online("Prosody");
    rig.take_sent();
    rig.feed(Input::Offline);
    assert_eq!((rig.device.session(), rig.led), (&Session::Offline, Some(Colour::Yellow)));
    assert!(rig.take_sent().iter().any(|stanza| stanza.contains("unavailable")));
    let (opened, before) = (rig.opened, number(&rig, "temp"));
    rig.run_for(Duration::from_mins(5));
    rig.feed(Input::StreamUp { jid: DEVICE.into(), resumed: false });
    rig.feed(Input::StreamDown(StreamFailure { kind: FailureKind::Lost, text: String::new() }));
    assert_eq!((rig.device.session(), rig.opened), (&Session::Offline, opened), "too late");
    assert!(number(&rig, "temp") > before);
    assert_eq!(rig.take_sent(), [""; 0]);

    rig.feed(Input::Online);
    rig.run_for(Duration::from_secs(1));
    assert_eq!(rig.device.session(), &Session::Online);
    let temp = format!("{:.2}", number(&rig, "temp"));
    assert_eq!(rig.item(SENSORS, "xmpp.iot.sensor.temp"), Some(temp));
}

#[test]
fn a_device_that_gave_up_tries_again_when_it_is_asked_to_come_online() {
    let mut rig = Rig::online("Prosody");
    let refused = StreamFailure { kind: FailureKind::Authentication, text: String::new() };
    rig.feed(Input::StreamDown(refused));
    assert!(matches!(rig.device.session(), Session::Failed(_)));
    rig.feed(Input::Online);
    rig.run_for(Duration::from_secs(1));
    assert_eq!(rig.device.session(), &Session::Online);
}

#[test]
fn a_new_device_leaves_the_air_and_waits_there_again_afterwards() {
    let mut rig = Rig::unboxed(Security::Open);
    rig.feed(Input::Offline);
    assert!(!rig.is_peripheral);
    rig.feed(Input::Online);
    assert!(rig.is_peripheral);
    assert_eq!(
        (rig.device.session(), rig.device.stage()),
        (&Session::Commissioning, Some(Stage::Unprovisioned))
    );
}

#[test]
fn only_a_commissioned_device_can_be_reset_and_a_stopped_one_does_nothing_any_more() {
    let mut rig = Rig::online("Prosody");
    rig.feed(Input::Reset);
    assert_eq!(rig.device.session(), &Session::Online);
    rig.feed(Input::Stop);
    for input in [Input::Online, Input::Offline, Input::Reset] {
        rig.feed(input);
        assert_eq!(rig.device.session(), &Session::Stopped);
    }
}
