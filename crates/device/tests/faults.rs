//! What each family of faults does to a device, in simulated time: what it says, hears and shows, and what is right
//! again when a fault has ended.

use std::time::Duration;
use thingfleet_device::{
    commissioning::gatt::{AttError, Characteristic, Write},
    condition::Condition,
    definition::{ChannelId, Security},
    fault::{
        Direction, Fault, Kind, Settings, Unfit,
        link::{Cut, Refused},
        plan::{Phase, Planned, When},
    },
    io::{Event, FailureKind, FaultId, Input, Session, StreamFailure},
    value::Value,
};
use thingfleet_simulated::{OWNER, Rig, Server, Turn, instance, kettle, written};

const SENSORS: &str = "xmpp.iot.sensors";
const TEMP: &str = "xmpp.iot.sensor.temp";

fn fault(kind: Kind, settings: Settings) -> Fault {
    Fault::new(kind, settings, &kettle()).unwrap()
}

fn begin(rig: &mut Rig, kind: Kind) {
    rig.feed(Input::Fault(Fault::of(kind).into(), None));
}

fn begin_with(rig: &mut Rig, kind: Kind, settings: Settings) {
    rig.feed(Input::Fault(fault(kind, settings).into(), None));
}

fn clear(rig: &mut Rig) {
    rig.feed(Input::ClearFault(None));
}

fn seconds(rig: &mut Rig, seconds: u64) {
    rig.run_for(Duration::from_secs(seconds));
}

fn id(rig: &Rig, name: &str) -> ChannelId {
    rig.device.definition().find(name).unwrap().0
}

fn temp(rig: &Rig) -> f64 {
    rig.value("temp").as_f64()
}

/// A kettle that goes through the same without a fault.
fn twin(after: u64) -> Rig {
    let mut rig = Rig::online("Prosody");
    seconds(&mut rig, after);
    rig
}

#[test]
fn settings_that_do_not_fit_a_kind_are_refused() {
    let kettle = kettle();
    let new = |kind, settings| Fault::new(kind, settings, &kettle).unwrap_err();
    let amount = |amount| Settings { amount: Some(amount), ..Settings::default() };
    assert_eq!(new(Kind::SensorStuck, amount(1.0)), Unfit::NotASetting { setting: "amount" });
    assert_eq!(
        new(Kind::PresenceFlood, amount(1e9)),
        Unfit::OutOfRange { setting: "amount", min: 0.1, max: 100.0 }
    );
    assert!(matches!(new(Kind::SensorNoise, amount(f64::NAN)), Unfit::OutOfRange { .. }));
    let power = kettle.find("powerOn").unwrap().0;
    let wrong = Settings { channel: Some(power), ..Settings::default() };
    assert!(matches!(new(Kind::SensorStuck, wrong), Unfit::WrongRole { .. }));
    let text = |text: &str| Settings { text: Some(text.into()), ..Settings::default() };
    assert!(matches!(new(Kind::NodeDeleted, text("everything")), Unfit::NotOneOf { .. }));
    assert_eq!(new(Kind::FirmwareVersion, text(&"x".repeat(257))), Unfit::TooLong);
    let read_only = Settings { characteristic: Some(Characteristic::SerialNumber), ..Settings::default() };
    assert_eq!(new(Kind::AttError, read_only), Unfit::NotWritable);
}

#[test]
fn a_wrong_sensor_shows_the_truth_again_when_the_fault_has_ended() {
    for kind in [
        Kind::SensorStuck,
        Kind::SensorDrift,
        Kind::SensorOffset,
        Kind::SensorSpike,
        Kind::SensorNoise,
        Kind::SensorOutOfRange,
    ] {
        let mut rig = Rig::online("Prosody");
        rig.feed(Input::Fault(Fault::of(kind).into(), Some(Duration::from_secs(30))));
        seconds(&mut rig, 29);
        let wrong = temp(&rig);
        let right = temp(&twin(29));
        if kind != Kind::SensorSpike {
            assert_ne!(wrong, right, "{kind:?}");
        }
        seconds(&mut rig, 31);
        assert!(rig.device.faults().is_empty(), "{kind:?}");
        assert_eq!(temp(&rig), temp(&twin(60)), "{kind:?}");
        assert_eq!(rig.item(SENSORS, TEMP), twin(60).item(SENSORS, TEMP), "{kind:?}");
    }
}

#[test]
fn an_offset_is_what_clients_read_and_a_stuck_sensor_stays() {
    let mut rig = Rig::online("Prosody");
    begin_with(&mut rig, Kind::SensorOffset, Settings { amount: Some(40.0), ..Settings::default() });
    seconds(&mut rig, 10);
    let twin = twin(10);
    assert!((temp(&rig) - temp(&twin) - 40.0).abs() < 1e-9);
    clear(&mut rig);
    begin(&mut rig, Kind::SensorStuck);
    let stuck = temp(&rig);
    seconds(&mut rig, 60);
    assert_eq!(temp(&rig), stuck);
}

#[test]
fn what_is_random_comes_of_the_seed() {
    let run = |seed| {
        let mut instance = instance();
        instance.seed = seed;
        let mut rig = Rig::new(kettle(), instance, Server::new("Prosody"));
        begin(&mut rig, Kind::SensorNoise);
        begin_with(
            &mut rig,
            Kind::StanzaLost,
            Settings { share: Some(0.3), direction: Some(Direction::Out), ..Settings::default() },
        );
        seconds(&mut rig, 120);
        rig.take_sent()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn payloads_are_spoilt_and_come_right_when_the_fault_has_ended() {
    for (kind, sign) in [
        (Kind::WrongUnit, "unit='"),
        (Kind::WrongType, "unknown"),
        (Kind::MalformedPayload, "<value xmlns='urn:xmpp:uwpx:iot'"),
        (Kind::StaleTimestamp, "stamp='2023-11-13T"),
        (Kind::Oversize, "xxxxxxxx"),
    ] {
        let mut rig = Rig::online("Prosody");
        rig.take_sent();
        begin(&mut rig, kind);
        seconds(&mut rig, 60);
        let sent = rig.take_sent().concat();
        assert!(sent.contains(sign), "{kind:?}: {sent}");
        clear(&mut rig);
        seconds(&mut rig, 1);
        let sent = rig.take_sent().concat();
        assert!(sent.contains(TEMP) && !sent.contains(sign) || kind == Kind::WrongUnit, "{kind:?}: {sent}");
    }
}

#[test]
fn a_silent_sensor_publishes_nothing_and_speaks_when_it_can_again() {
    let mut rig = Rig::online("Prosody");
    begin(&mut rig, Kind::SensorDropout);
    rig.take_sent();
    seconds(&mut rig, 60);
    assert_eq!(rig.take_sent().iter().filter(|sent| sent.contains(TEMP)).count(), 0);
    clear(&mut rig);
    assert_eq!(rig.item(SENSORS, TEMP), Some(format!("{:.2}", temp(&rig))));
}

#[test]
fn actuators_do_not_do_what_they_are_told() {
    let set = |kind: Kind| {
        let mut rig = Rig::online("Prosody");
        begin(&mut rig, kind);
        rig.take_sent();
        rig.receive(written(OWNER, "powerOn", "1"));
        rig
    };
    let mirror = |rig: &Rig| rig.item(SENSORS, "xmpp.iot.sensor.powerOn");

    let mut rig = set(Kind::ActuatorIgnored);
    assert_eq!((rig.take_sent().len(), rig.value("powerOn")), (0, &Value::Boolean(false)));

    let mut rig = set(Kind::ActuatorStuck);
    assert!(rig.take_sent().concat().contains("xmpp.iot.sensor.powerOn"), "it reports the old value");
    assert_eq!(mirror(&rig).as_deref(), Some("0"));

    let mut rig = set(Kind::ActuatorDelayed);
    seconds(&mut rig, 2);
    assert_eq!(mirror(&rig).as_deref(), Some("0"));
    seconds(&mut rig, 2);
    assert_eq!(mirror(&rig).as_deref(), Some("1"));

    let mut rig = set(Kind::ActuatorReverts);
    assert_eq!(mirror(&rig).as_deref(), Some("1"));
    seconds(&mut rig, 4);
    assert_eq!((mirror(&rig).as_deref(), rig.value("powerOn")), (Some("0"), &Value::Boolean(false)));

    let rig = set(Kind::ActuatorWrong);
    assert_eq!(rig.value("powerOn"), &Value::Boolean(false));

    let mut rig = set(Kind::ActuatorDouble);
    seconds(&mut rig, 1);
    let mirrored = rig.take_sent().iter().filter(|sent| sent.contains("xmpp.iot.sensor.powerOn")).count();
    assert_eq!(mirrored, 2);
}

#[test]
fn a_hollow_actuator_says_so_and_does_nothing() {
    let mut rig = Rig::online("Prosody");
    begin(&mut rig, Kind::ActuatorHollow);
    let before = temp(&rig);
    rig.receive(written(OWNER, "powerOn", "1"));
    assert_eq!(rig.item(SENSORS, "xmpp.iot.sensor.powerOn").as_deref(), Some("1"));
    clear(&mut rig);
    seconds(&mut rig, 1);
    assert_eq!(rig.item(SENSORS, "xmpp.iot.sensor.powerOn").as_deref(), Some("0"));
    assert!(temp(&rig) >= before);
}

#[test]
fn a_reboot_is_a_silent_end_and_a_start_from_scratch() {
    let mut rig = Rig::online("Prosody");
    rig.feed(Input::Operate(id(&rig, "target"), Value::Float(90.0)));
    begin(&mut rig, Kind::Reboot);
    assert_eq!((rig.device.session(), rig.cuts.as_slice()), (&Session::Off, &[Cut::Silent][..]));
    assert!(rig.link.keeps_silent && rig.link.forgets_session);
    rig.take_sent();
    seconds(&mut rig, 2);
    assert_eq!(rig.take_sent().len(), 0);
    let opened = rig.opened;
    seconds(&mut rig, 5);
    assert_eq!((rig.device.session(), rig.opened), (&Session::Online, opened + 1));
    assert!(rig.link.is_none());
    assert_ne!(rig.value("target"), &Value::Float(90.0));
    assert!(rig.events.contains(&Event::FaultEnded(FaultId(1))));
}

#[test]
fn without_power_nothing_happens_until_there_is_power() {
    let mut rig = Rig::online("Prosody");
    begin(&mut rig, Kind::BrownOut);
    rig.take_sent();
    seconds(&mut rig, 3600);
    assert_eq!(rig.take_sent().len(), 0);
    assert_eq!(rig.device.session(), &Session::Off);
    clear(&mut rig);
    seconds(&mut rig, 2);
    assert_eq!(rig.device.session(), &Session::Online);
}

#[test]
fn a_crash_loop_comes_and_goes() {
    let mut rig = Rig::online("Prosody");
    begin(&mut rig, Kind::CrashLoop);
    seconds(&mut rig, 60);
    assert!(rig.cuts.len() >= 5, "{:?}", rig.cuts);
    clear(&mut rig);
    seconds(&mut rig, 5);
    assert_eq!(rig.device.session(), &Session::Online);
}

#[test]
fn a_device_that_hangs_says_nothing_and_goes_on_afterwards() {
    let mut rig = Rig::online("Prosody");
    begin(&mut rig, Kind::Hang);
    rig.take_sent();
    seconds(&mut rig, 100);
    assert!(rig.link.is_stalled);
    assert_eq!(rig.take_sent().len(), 0);
    clear(&mut rig);
    seconds(&mut rig, 10);
    assert_eq!(rig.item(SENSORS, TEMP), twin(110).item(SENSORS, TEMP));
}

#[test]
fn a_write_to_a_device_that_hangs_is_answered_when_it_goes_on() {
    let mut rig = Rig::unboxed(Security::Open);
    begin(&mut rig, Kind::Hang);
    rig.feed(Input::ClientConnected);
    let value = b"Home".to_vec();
    rig.feed(Input::GattWrite(Write { characteristic: Characteristic::Ssid, value, encrypted: false }));
    seconds(&mut rig, 5);
    assert!(rig.answers.is_empty());
    rig.feed(Input::ClientGone);
    clear(&mut rig);
    assert_eq!(rig.answers, [Ok(())], "a radio waits for it");
}

#[test]
fn a_device_that_was_rebooted_begins_anew_even_where_its_session_is_resumed() {
    let mut rig = Rig::online("Prosody");
    rig.resumes = true;
    begin(&mut rig, Kind::Reboot);
    assert_eq!(rig.device.session(), &Session::Off);
    seconds(&mut rig, 30);
    assert_eq!(rig.device.session(), &Session::Online);
}

#[test]
fn a_device_that_hung_while_its_turn_came_gives_it_back_and_asks_again() {
    let mut rig = Rig::online("Prosody");
    rig.turn = Turn::Taken;
    rig.feed(Input::StreamDown(StreamFailure { kind: FailureKind::Lost, text: "cut".into() }));
    seconds(&mut rig, 30);
    assert_eq!(rig.device.session(), &Session::SettingUp, "it waits for its turn");
    begin(&mut rig, Kind::Hang);
    rig.turn = Turn::Given;
    rig.feed(Input::SetupGranted);
    seconds(&mut rig, 10);
    clear(&mut rig);
    seconds(&mut rig, 10);
    assert_eq!(rig.device.session(), &Session::Online);
    assert_eq!(rig.turn, Turn::Free, "others have theirs now");
}

#[test]
fn the_network_is_gone_and_the_device_comes_back_with_it() {
    for (kind, refused, cut) in [
        (Kind::Offline, Refused::NoNetwork, Cut::Silent),
        (Kind::DnsFailure, Refused::NoName, Cut::Reset),
        (Kind::TlsFailure, Refused::Tls, Cut::Reset),
    ] {
        let mut rig = Rig::online("Prosody");
        rig.connect_failure = Some(FailureKind::Unreachable);
        begin(&mut rig, kind);
        assert_eq!((rig.link.refused, rig.cuts.as_slice()), (Some(refused), &[cut][..]));
        seconds(&mut rig, 600);
        assert!(matches!(rig.device.session(), Session::Waiting { .. }), "{kind:?}");
        rig.connect_failure = None;
        clear(&mut rig);
        seconds(&mut rig, 4);
        assert_eq!(rig.device.session(), &Session::Online, "{kind:?}");
        assert!(rig.link.is_none());
    }
}

#[test]
fn lost_stanzas_leave_nothing_wrong_behind() {
    for direction in [Direction::In, Direction::Out] {
        let mut rig = Rig::online("Prosody");
        let settings = Settings { share: Some(1.0), direction: Some(direction), ..Settings::default() };
        begin_with(&mut rig, Kind::StanzaLost, settings);
        rig.receive(written(OWNER, "powerOn", "1"));
        seconds(&mut rig, 20);
        clear(&mut rig);
        seconds(&mut rig, 30);
        let told: f64 = rig.item(SENSORS, TEMP).unwrap().parse().unwrap();
        assert!((told - temp(&rig)).abs() < 5.0, "{direction:?}: {told}, a publish ago at most");
        assert_eq!(rig.device.session(), &Session::Online);
    }
}

#[test]
fn stanzas_come_twice_late_or_out_of_order() {
    let mut rig = Rig::online("Prosody");
    begin_with(
        &mut rig,
        Kind::StanzaDuplicated,
        Settings { share: Some(1.0), direction: Some(Direction::Out), ..Settings::default() },
    );
    rig.take_sent();
    seconds(&mut rig, 20);
    let sent = rig.take_sent();
    assert!(sent.len() >= 4 && sent.len().is_multiple_of(2), "{sent:#?}");
    clear(&mut rig);

    begin(&mut rig, Kind::Slow);
    rig.take_sent();
    rig.receive(written(OWNER, "powerOn", "1"));
    assert_eq!(rig.take_sent().len(), 0, "it takes its time");
    seconds(&mut rig, 3);
    assert!(rig.take_sent().concat().contains("xmpp.iot.sensor.powerOn"));
}

#[test]
fn floods_come_at_their_rate_and_end() {
    let mut rig = Rig::online("Prosody");
    begin(&mut rig, Kind::PresenceFlood);
    rig.take_sent();
    seconds(&mut rig, 10);
    let presences = rig.take_sent().iter().filter(|sent| sent.starts_with("<presence")).count();
    assert!((49..=51).contains(&presences), "{presences}");
    clear(&mut rig);
    seconds(&mut rig, 10);
    assert_eq!(rig.take_sent().iter().filter(|sent| sent.starts_with("<presence")).count(), 0);
}

#[test]
fn a_rival_keeps_the_device_away_until_it_is_gone() {
    let mut rig = Rig::online("Prosody");
    begin(&mut rig, Kind::Conflict);
    assert!(rig.link.has_rival);
    rig.feed(Input::StreamDown(StreamFailure { kind: FailureKind::Conflict, text: "conflict".into() }));
    seconds(&mut rig, 600);
    assert!(matches!(rig.device.session(), Session::Failed(_)));
    clear(&mut rig);
    seconds(&mut rig, 2);
    assert_eq!((rig.device.session(), rig.link.has_rival), (&Session::Online, false));
}

#[test]
fn what_is_no_xml_is_sent_once() {
    let mut rig = Rig::online("Prosody");
    begin(&mut rig, Kind::InvalidXml);
    begin(&mut rig, Kind::StreamError);
    seconds(&mut rig, 10);
    assert_eq!(rig.raw.len(), 2);
    assert!(rig.device.faults().is_empty(), "they are over as soon as they have happened");
}

#[test]
fn a_node_that_vanishes_is_made_anew() {
    for node in ["sensors", "ui", "actuators"] {
        let mut rig = Rig::online("Prosody");
        begin_with(&mut rig, Kind::NodeDeleted, Settings { text: Some(node.into()), ..Settings::default() });
        assert!(!rig.server.nodes.contains_key(&*format!("xmpp.iot.{node}")), "{node}");
        seconds(&mut rig, 15);
        assert!(rig.server.nodes.contains_key(&*format!("xmpp.iot.{node}")), "{node}");
        assert_eq!(rig.device.session(), &Session::Online);
    }
}

#[test]
fn writes_go_wrong_where_the_fault_says() {
    let mut rig = Rig::unboxed(Security::Open);
    let at = |characteristic| Settings { characteristic: Some(characteristic), ..Settings::default() };
    begin_with(&mut rig, Kind::AttError, at(Characteristic::Ssid));
    begin_with(&mut rig, Kind::DropsDuringWrite, at(Characteristic::Jid));
    rig.feed(Input::ClientConnected);
    assert_eq!(rig.write(Characteristic::Ssid, b"Home"), Err(AttError::InvalidLength));
    assert_eq!(rig.write(Characteristic::NetworkPassword, b"secret"), Ok(()));
    assert_eq!(rig.disconnects, 0);
    assert!(rig.write(Characteristic::Jid, b"a@example.org").is_err());
    assert_eq!(rig.disconnects, 1);
    clear(&mut rig);
    assert_eq!(rig.write(Characteristic::Ssid, b"Home"), Ok(()));

    begin(&mut rig, Kind::NotAdvertising);
    assert!(!rig.is_peripheral);
    clear(&mut rig);
    assert!(rig.is_peripheral);

    begin(&mut rig, Kind::WrongInformation);
    assert_eq!(rig.device.peripheral().value(Characteristic::SerialNumber), Some("Unknown"));
    clear(&mut rig);
    assert_eq!(rig.device.peripheral().value(Characteristic::SerialNumber), Some("0001"));
}

#[test]
fn a_plan_begins_and_ends_faults_by_what_the_device_lives_through() {
    let planned =
        |when, lasts| Planned { fault: Fault::of(Kind::SensorOffset), when, chance: 1.0, lasts, times: None };
    let kettle = kettle();
    let hot = Condition::parse("temp > 22", &kettle.channels).unwrap();
    let ten = Some(Duration::from_secs(10));
    for (when, lasts, at) in [
        (When::At(Duration::from_secs(5)), ten, 5),
        (When::After(Phase::Online, Duration::from_secs(5)), ten, 5),
        (When::Every { first: Duration::from_secs(5), period: Duration::from_secs(100) }, ten, 5),
    ] {
        let mut instance = instance();
        instance.faults = vec![planned(when.clone(), lasts)];
        let mut rig = Rig::new(kettle.clone(), instance, Server::new("Prosody"));
        seconds(&mut rig, at - 1);
        assert_eq!(rig.device.faults().len(), 0, "{when:?}");
        seconds(&mut rig, 2);
        assert_eq!(rig.device.faults().len(), 1, "{when:?}");
        seconds(&mut rig, 12);
        assert_eq!(rig.device.faults().len(), 0, "{when:?}");
    }

    let mut instance = instance();
    instance.faults = vec![planned(When::Condition(hot), ten), planned(When::During(Phase::Waiting), None)];
    let mut rig = Rig::new(kettle, instance, Server::new("Prosody"));
    seconds(&mut rig, 1);
    assert_eq!(rig.device.faults().len(), 0);
    rig.feed(Input::Inject(id(&rig, "temp"), Value::Float(50.0)));
    assert_eq!(rig.device.faults().len(), 1);
    seconds(&mut rig, 11);
    assert_eq!(rig.device.faults().len(), 0);
    rig.connect_failure = Some(FailureKind::Unreachable);
    rig.feed(Input::StreamDown(StreamFailure { kind: FailureKind::Lost, text: "gone".into() }));
    assert_eq!(rig.device.faults().len(), 1);
    rig.connect_failure = None;
    seconds(&mut rig, 100);
    assert_eq!((rig.device.faults().len(), rig.device.session()), (0, &Session::Online));
}

#[test]
fn a_thousand_faults_leave_nothing_behind() {
    let mut rig = Rig::online("Prosody");
    rig.keeps_history = false;
    for round in 0..1000 {
        let entry = &thingfleet_device::fault::catalogue::CATALOGUE[round % 62];
        rig.feed(Input::Fault(Fault::of(entry.kind).into(), Some(Duration::from_secs(20))));
        seconds(&mut rig, 3);
        if matches!(rig.device.session(), Session::Failed(_)) {
            rig.feed(Input::Online);
        }
    }
    clear(&mut rig);
    seconds(&mut rig, 30);
    assert_eq!(rig.device.session(), &Session::Online);
    assert!(rig.device.faults().is_empty() && rig.link.is_none());
    assert_eq!(rig.item(SENSORS, TEMP), Some(format!("{:.2}", temp(&rig))));
}
