//! A device from its first breath to its last, in simulated time.

use std::time::Duration;
use thingfleet_device::{
    instance::{Access, Commissioning},
    io::{ActuatorModeInForce, Event, FailureKind, Handshake, Input, Session, StreamFailure},
    ns,
    value::Value,
    xml::Element,
};
use thingfleet_simulated::{
    DEVICE, OWNER, Rig, STRANGER, Server, chat, instance, kettle, roster_push, written,
};

const SENSORS: &str = "xmpp.iot.sensors";
const ACTUATORS: &str = "xmpp.iot.actuators";

#[test]
fn a_fresh_device_makes_its_nodes_and_reports_everything_once() {
    let rig = Rig::online("Prosody");
    let made = Event::NodesReady { created: 3, repaired: 0, mode: ActuatorModeInForce::Persistent };
    assert!(rig.events.contains(&made), "{:?}", rig.events);
    assert_eq!(rig.device.session(), &Session::Online);
    for (item, text) in
        [("temp", "21.00"), ("powerOn", "0"), ("target", "100"), ("mode", "boil"), ("beep", "0")]
    {
        assert_eq!(rig.item(SENSORS, &format!("xmpp.iot.sensor.{item}")).as_deref(), Some(text), "{item}");
    }
    assert_eq!(rig.item(ACTUATORS, "xmpp.iot.actuator.powerOn").as_deref(), Some("0"));
    assert_eq!(rig.server.roster, ["juliet@example.org"]);
    assert_eq!(rig.server.nodes[ACTUATORS].affiliations["juliet@example.org"], "publisher");
    assert_eq!(rig.server.nodes[SENSORS].config["pubsub#max_items"], ["64"]);
    let publishes = rig.sent.iter().filter(|stanza| stanza.to_string().contains("<publish ")).count();
    assert_eq!(publishes, 5 + 4 + 1, "values, actuators, form");
}

#[test]
fn the_server_decides_about_events_and_actuators() {
    for (server, notify, mode) in [
        ("Prosody", true, ActuatorModeInForce::Persistent),
        ("ejabberd", false, ActuatorModeInForce::Transient),
        ("Something new", true, ActuatorModeInForce::Transient),
    ] {
        let mut rig = Rig::online(server);
        assert!(
            rig.events.iter().any(|e| matches!(e, Event::NodesReady { mode: m, .. } if *m == mode)),
            "{server}"
        );
        let ask = Element::new(ns::CLIENT, "iq").attr("type", "get").attr("id", "d").attr("from", DEVICE);
        rig.receive(ask.child(Element::new(ns::DISCO_INFO, "query")));
        let answer = rig.sent.last().unwrap().to_string();
        assert_eq!(answer.contains("xmpp.iot.actuators+notify"), notify, "{server}");
    }
}

#[test]
fn values_flow_by_the_publish_policy() {
    let mut rig = Rig::online("ejabberd");
    rig.take_sent();
    rig.run_for(Duration::from_secs(20));
    let sent = rig.take_sent();
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert_eq!(rig.item(SENSORS, "xmpp.iot.sensor.temp").as_deref(), Some("36.80"));
}

#[test]
fn what_a_client_sets_is_applied_and_reported() {
    for server in ["Prosody", "ejabberd"] {
        let mut rig = Rig::online(server);
        rig.receive(written(OWNER, "powerOn", "true"));
        assert_eq!(rig.value("powerOn"), &Value::Boolean(true));
        assert_eq!(rig.item(SENSORS, "xmpp.iot.sensor.powerOn").as_deref(), Some("1"));
        assert_eq!(
            rig.item(ACTUATORS, "xmpp.iot.actuator.powerOn").as_deref(),
            Some("1"),
            "in our own spelling"
        );
        let by = Some(OWNER.to_string());
        let (channel, _) = rig.device.definition().find("powerOn").unwrap();
        assert!(rig.events.contains(&Event::Actuated { channel, value: Value::Boolean(true), by }));
        rig.take_sent();
        rig.run_for(Duration::from_secs(3));
        assert_eq!(rig.take_sent(), [""; 0], "reported once");
    }
}

#[test]
fn own_echoes_and_repetitions_change_nothing() {
    let mut rig = Rig::online("Prosody");
    rig.receive(written(OWNER, "powerOn", "1"));
    rig.take_sent();
    rig.receive(written(DEVICE, "powerOn", "0"));
    assert_eq!(rig.value("powerOn"), &Value::Boolean(true), "our own old word");
    assert_eq!(rig.take_sent(), [""; 0]);
}

#[test]
fn what_cannot_be_set_is_answered_with_the_old_value() {
    for (actuator, text, old) in [("target", "1000", "100"), ("target", "57", "100"), ("mode", "fly", "boil")]
    {
        let mut rig = Rig::online("Prosody");
        rig.take_sent();
        rig.receive(written(OWNER, actuator, text));
        let sent = rig.take_sent();
        assert_eq!(sent.len(), 2, "mirror and actuator: {sent:?}");
        assert!(sent.iter().all(|stanza| stanza.contains(&format!(">{old}</val>"))), "{sent:?}");
        assert!(matches!(rig.events.last(), Some(Event::Reading(..) | Event::Published(_))));
        assert!(rig.events.iter().any(|event| matches!(event, Event::Refused { .. })));
    }
}

#[test]
fn a_button_falls_back_by_itself() {
    let mut rig = Rig::online("Prosody");
    rig.receive(written(OWNER, "beep", "1"));
    assert_eq!(rig.value("beep"), &Value::Integer(1));
    rig.run_for(Duration::from_secs(3));
    assert_eq!(rig.value("beep"), &Value::Integer(0));
    assert_eq!(rig.item(ACTUATORS, "xmpp.iot.actuator.beep").as_deref(), Some("0"));
    rig.receive(written(OWNER, "beep", "2"));
    assert_eq!(rig.value("beep"), &Value::Integer(2), "clients alternate 1 and 2");
}

#[test]
fn a_contact_talks_to_it_in_plain_words() {
    let mut rig = Rig::online("Prosody");
    let mut say = |body: &str| {
        rig.take_sent();
        rig.receive(chat(OWNER, body));
        let answer = rig.sent.iter().find(|stanza| stanza.name() == "message").expect("an answer");
        assert_eq!(answer.get_attr("to"), Some(OWNER));
        answer.get(ns::CLIENT, "body").unwrap().get_text().into_owned()
    };
    assert!(say("help").starts_with("Electric kettle understands:"));
    assert_eq!(say("temp"), "temp: 21.79 °C");
    assert_eq!(say("powerOn on"), "powerOn: on");
    assert_eq!(say("target 30"), "target is unchanged: it takes 40 to 100");
    assert!(say("tmep").contains("Did you mean \"temp\"?"));
    assert_eq!(rig.value("powerOn"), &Value::Boolean(true));
}

#[test]
fn a_stranger_gets_the_protocols_error_and_nothing_more() {
    let mut rig = Rig::online("Prosody");
    rig.take_sent();
    rig.receive(chat(STRANGER, "powerOn on"));
    let question = Element::new(ns::CLIENT, "iq").attr("type", "get").attr("id", "q").attr("from", STRANGER);
    rig.receive(question.child(Element::new(ns::DISCO_INFO, "query")));
    rig.receive(Element::new(ns::CLIENT, "presence").attr("type", "subscribe").attr("from", STRANGER));
    // An event that pretends to come from our node, an answer that pretends to be the server's, a forged push.
    rig.receive(forged(written("juliet@example.org", "powerOn", "1")));
    rig.receive(forged(roster_push("romeo@example.org", "both")));
    rig.receive(chat(STRANGER, "status"));
    let sent = rig.take_sent();
    assert_eq!(rig.value("powerOn"), &Value::Boolean(false));
    assert_eq!(sent.len(), 5, "{sent:?}");
    assert!(sent[0].contains("<forbidden ") && sent[1].contains("<service-unavailable "), "{sent:?}");
    assert!(sent[2].contains("type='unsubscribed'"), "{sent:?}");
    assert!(sent[3].contains("<service-unavailable ") && sent[4].contains("<forbidden "), "{sent:?}");
}

fn lost() -> StreamFailure {
    StreamFailure { kind: FailureKind::Lost, text: "reset".into() }
}

fn forged(mut stanza: Element) -> Element {
    stanza.set_attr("from", STRANGER);
    stanza
}

#[test]
fn a_flood_of_strangers_is_not_answered_for_ever() {
    let mut rig = Rig::online("Prosody");
    rig.take_sent();
    for _ in 0..1000 {
        rig.receive(chat(STRANGER, "open the door"));
    }
    assert!(rig.take_sent().len() <= 20);
}

#[test]
fn a_contact_that_leaves_the_roster_loses_its_rights() {
    let mut rig = Rig::online("Prosody");
    rig.receive(roster_push("juliet@example.org", "remove"));
    assert_eq!(rig.server.nodes[ACTUATORS].affiliations["juliet@example.org"], "none");
    rig.take_sent();
    rig.receive(chat(OWNER, "powerOn on"));
    assert!(rig.take_sent()[0].contains("<forbidden "));
    assert_eq!(rig.value("powerOn"), &Value::Boolean(false));
}

#[test]
fn whoever_left_the_roster_meanwhile_loses_its_rights_at_the_next_start() {
    let mut server = Rig::online("Prosody").server;
    let actuators = server.nodes.get_mut(ACTUATORS).unwrap();
    actuators.affiliations.insert("romeo@example.org".into(), "publisher".into());
    let mut rig = Rig::new(kettle(), instance(), server);
    rig.run_for(Duration::from_secs(1));
    assert_eq!(rig.server.nodes[ACTUATORS].affiliations["romeo@example.org"], "none");
    assert_eq!(rig.server.nodes[ACTUATORS].affiliations["juliet@example.org"], "publisher");
}

#[test]
fn hello_is_mirrored_by_the_owner_and_nobody_else() {
    let mut thing = instance();
    thing.commissioning = Commissioning::Handshake;
    let hello = kettle().hello;
    let mut rig = Rig::new(kettle(), thing, Server::new("Prosody"));
    rig.run_for(Duration::from_secs(5));
    rig.receive(chat(STRANGER, &hello));
    rig.receive(chat(OWNER, "Hi!"));
    assert!(rig.server.nodes.is_empty(), "not before the mirror");
    rig.receive(chat(OWNER, &hello));
    let steps: Vec<_> = rig
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Handshake(step) => Some(*step),
            _ => None,
        })
        .collect();
    assert_eq!(steps, [Handshake::HelloSent, Handshake::Mirrored, Handshake::OwnerAdded, Handshake::Done]);
    assert_eq!(rig.device.session(), &Session::Online);
    assert_eq!(rig.server.roster, ["juliet@example.org"]);
    assert!(rig.take_sent().iter().any(|stanza| stanza.contains("<body>Setup done!</body>")));
}

#[test]
fn nodes_are_reused_and_a_wrong_configuration_is_mended() {
    let mut server = Rig::online("Prosody").server;
    let sensors = server.nodes.get_mut(SENSORS).unwrap();
    sensors.config.insert("pubsub#access_model".into(), vec!["open".into()]);
    let mut rig = Rig::new(kettle(), instance(), server);
    rig.run_for(Duration::from_secs(1));
    let made = Event::NodesReady { created: 0, repaired: 1, mode: ActuatorModeInForce::Persistent };
    assert!(rig.events.contains(&made), "{:?}", rig.events);
    assert_eq!(rig.server.nodes[SENSORS].config["pubsub#access_model"], ["presence"]);
}

#[test]
fn an_actuator_that_a_client_changed_meanwhile_is_applied_on_return() {
    let mut rig = Rig::online("Prosody");
    rig.feed(Input::StreamDown(lost()));
    let actuators = rig.server.nodes.get_mut(ACTUATORS).unwrap();
    let value = Element::new(ns::IOT, "val").text("1");
    let item = Element::new(ns::PUBSUB, "item").attr("id", "xmpp.iot.actuator.powerOn").child(value);
    actuators.items.insert("xmpp.iot.actuator.powerOn".into(), item);
    // Changed at the device itself; the server's word about it is older.
    let (target, _) = rig.device.definition().find("target").unwrap();
    rig.feed(Input::Operate(target, Value::Integer(80)));
    rig.run_for(Duration::from_secs(2));
    assert_eq!(rig.value("powerOn"), &Value::Boolean(true));
    assert_eq!(rig.value("target"), &Value::Integer(80));
    assert_eq!(rig.item(ACTUATORS, "xmpp.iot.actuator.target").as_deref(), Some("80"));
    assert_eq!(rig.item(SENSORS, "xmpp.iot.sensor.powerOn").as_deref(), Some("1"));
}

#[test]
fn an_overloaded_server_is_asked_again_later() {
    let mut server = Server::new("ejabberd");
    server.create_errors = vec!["internal-server-error", "resource-constraint", "internal-server-error"];
    let mut rig = Rig::new(kettle(), instance(), server);
    rig.run_for(Duration::from_secs(1));
    assert_eq!(rig.device.session(), &Session::SettingUp);
    rig.run_for(Duration::from_mins(1));
    assert_eq!(rig.device.session(), &Session::Online);
    assert_eq!(rig.server.nodes.len(), 3);
}

#[test]
fn a_server_that_refuses_gets_no_nodes_and_everybody_sees_why() {
    let mut server = Server::new("Prosody");
    server.create_errors = vec!["not-acceptable"];
    let mut thing = instance();
    thing.access = Access::Roster(vec!["family".into()]);
    let mut rig = Rig::new(kettle(), thing, server);
    rig.run_for(Duration::from_secs(1));
    let told = rig.events.iter().any(|event| {
        matches!(event, Event::SetupFailed { why, next_step } if why.contains("not-acceptable") && next_step.contains("whitelist"))
    });
    assert!(told, "{:?}", rig.events);
    assert!(rig.sent.last().unwrap().to_string().contains("<show>dnd</show>"));
    rig.receive(chat(OWNER, "temp"));
    assert!(rig.sent.last().unwrap().to_string().contains("temp: 21.79"), "still talks");
}

#[test]
fn a_mute_server_does_not_make_the_device_forget_or_pile_up() {
    let mut rig = Rig::online("Prosody");
    rig.take_sent();
    rig.server.is_mute = true;
    rig.run_for(Duration::from_mins(10));
    let unanswered = rig.take_sent().len();
    assert!(unanswered < 60, "{unanswered}");
    rig.server.is_mute = false;
    rig.run_for(Duration::from_mins(1));
    assert_eq!(
        rig.item(SENSORS, "xmpp.iot.sensor.temp").as_deref(),
        Some("100.00"),
        "the latest value, not a backlog"
    );
}

#[test]
fn a_node_that_vanishes_is_made_again() {
    let mut rig = Rig::online("Prosody");
    rig.server.nodes.remove(SENSORS);
    rig.run_for(Duration::from_secs(10));
    assert_eq!(rig.server.nodes[SENSORS].config["pubsub#max_items"], ["64"]);
    assert!(rig.item(SENSORS, "xmpp.iot.sensor.powerOn").is_some(), "with all its items");
}

#[test]
fn a_lost_stream_is_opened_again_with_growing_pauses() {
    let mut rig = Rig::online("Prosody");
    rig.connect_failure = Some(FailureKind::Unreachable);
    rig.feed(Input::StreamDown(StreamFailure { kind: FailureKind::Lost, text: "reset".into() }));
    assert!(matches!(rig.device.session(), Session::Waiting { .. }));
    rig.run_for(Duration::from_mins(10));
    assert!((10..30).contains(&rig.opened), "{}", rig.opened);
    rig.connect_failure = None;
    rig.run_for(Duration::from_mins(1));
    assert_eq!(rig.device.session(), &Session::Online);
}

#[test]
fn a_wrong_password_is_a_state_and_no_loop() {
    let mut rig = Rig::online("Prosody");
    rig.connect_failure = Some(FailureKind::Authentication);
    rig.feed(Input::StreamDown(lost()));
    rig.run_for(Duration::from_hours(1));
    assert!(
        matches!(rig.device.session(), Session::Failed(failure) if failure.kind == FailureKind::Authentication)
    );
    assert_eq!(rig.opened, 2);
}

#[test]
fn a_resumed_stream_goes_on_where_it_was() {
    let mut rig = Rig::online("Prosody");
    rig.resumes = true;
    rig.take_sent();
    rig.feed(Input::StreamDown(lost()));
    rig.run_for(Duration::from_secs(2));
    assert_eq!(rig.device.session(), &Session::Online);
    rig.run_for(Duration::from_secs(10));
    let sent = rig.take_sent();
    assert!(sent.iter().all(|stanza| stanza.contains("xmpp.iot.sensor.temp")), "only new readings: {sent:?}");
}

#[test]
fn a_setup_that_was_interrupted_while_it_waited_is_taken_up_on_resumption() {
    let mut rig = Rig::new(kettle(), instance(), Server::new("Prosody"));
    rig.resumes = true;
    rig.server.nodes.clear();
    rig.server.create_errors = vec!["internal-server-error"];
    rig.feed(Input::StreamDown(lost()));
    rig.run_for(Duration::from_mins(1));
    assert_eq!(rig.device.session(), &Session::Online);
}

#[test]
fn goodbye_is_said_once() {
    let mut rig = Rig::online("Prosody");
    rig.take_sent();
    rig.feed(Input::Stop);
    rig.feed(Input::Stop);
    rig.run_for(Duration::from_mins(5));
    let sent = rig.take_sent();
    assert_eq!(sent, ["<presence xmlns='jabber:client' type='unavailable'/>"]);
    assert_eq!(rig.device.session(), &Session::Stopped);
}

#[test]
fn the_same_seed_and_inputs_give_the_same_words() {
    let run = || {
        let mut rig = Rig::online("Prosody");
        rig.receive(written(OWNER, "powerOn", "1"));
        rig.run_for(Duration::from_hours(1));
        rig.take_sent()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_node_deleted_or_made_anew_while_it_runs_is_mended_within_minutes() {
    let mut rig = Rig::online("Prosody");
    rig.server.nodes.get_mut(SENSORS).unwrap().config.insert("pubsub#max_items".into(), vec!["1".into()]);
    rig.server.nodes.remove("xmpp.iot.ui");
    rig.run_for(Duration::from_mins(5));
    let mended = Event::NodesReady { created: 1, repaired: 1, mode: ActuatorModeInForce::Persistent };
    assert_eq!(rig.events.iter().filter(|event| **event == mended).count(), 1);
    assert_eq!(rig.server.nodes[SENSORS].config["pubsub#max_items"], ["64"]);
    assert!(rig.item("xmpp.iot.ui", "current").is_some());
    assert_eq!(rig.device.session(), &Session::Online);
}

#[test]
fn strangers_who_flood_it_do_not_keep_its_owner_from_commanding() {
    let mut rig = Rig::online("Prosody");
    for _ in 0..100 {
        rig.receive(chat(STRANGER, "powerOn on"));
    }
    rig.receive(chat(OWNER, "powerOn on"));
    assert_eq!(rig.value("powerOn"), &Value::Boolean(true));
    rig.take_sent();
    for _ in 0..200 {
        rig.receive(chat(OWNER, "powerOn off"));
    }
    let sent = rig.take_sent();
    assert_eq!(sent.iter().filter(|stanza| stanza.contains("<body>powerOn: off</body>")).count(), 99);
    assert!(!sent.iter().any(|stanza| stanza.contains("<resource-constraint")), "strangers used those up");
}
