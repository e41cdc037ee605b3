//! A fleet is read and steered, and waited for.

use crate::stage::{DEADLINE, Stage, channel, refused};
use std::time::Duration;
use thingfleet_control::{
    command::{Command, FleetChange, Selection, Wait},
    snapshot::{Source, State},
    value::Value,
};
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_read_steered_and_waited_for() {
    let stage = Stage::new().await;
    let (client, temp) = (&stage.client, || "temp".to_owned());

    let fleet = client.fleet().await.unwrap();
    assert_eq!((&*fleet.name, fleet.devices, fleet.states[&State::Online]), ("control-test", 3, 3));
    let kitchen = Selection { tag: Some("kitchen".into()), ..Selection::default() };
    let names: Vec<_> = client.devices(&kitchen).await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["kettle-1", "kettle-2"]);
    let roster = client.roster().await.unwrap();
    let roster: Vec<_> = roster.iter().map(|entry| (&*entry.name, &*entry.kind, entry.state)).collect();
    let online = |name, kind| (name, kind, State::Online);
    assert_eq!(roster, [online("kettle-1", "kettle"), online("kettle-2", "kettle"), online("lamp", "lamp")]);

    let hold = Command::Hold { channel: temp(), value: Some(Value::Float(95.5)) };
    assert_eq!(stage.order("kettle-*", hold).await.unwrap(), ["kettle-1", "kettle-2"]);
    let kettle = stage.wait("kettle-1", "temp > 90 and state == online and led == green").await.unwrap();
    let reading = channel(&kettle, "temp");
    assert_eq!((&reading.value, reading.source), (&Value::Float(95.5), Source::Held));
    assert!(kettle.counters.stanzas_sent > 0);
    stage.order("kettle-1", Command::Release { channel: temp() }).await.unwrap();
    stage.wait("kettle-1", "temp < 90").await.unwrap();

    stage.order("lamp", Command::Offline {}).await.unwrap();
    assert_eq!(client.device("lamp").await.unwrap().state, State::Offline);
    stage.order("lamp", Command::Online {}).await.unwrap();
    stage.wait("lamp", "state == online").await.unwrap();

    let set = Command::Set { channel: "powerOn".into(), value: Value::Text("on".into()) };
    stage.order("kettle-2", set).await.unwrap();
    let power = client.device("kettle-2").await.unwrap();
    let power = channel(&power, "powerOn");
    assert_eq!((&power.value, power.source), (&Value::Boolean(true), Source::Set));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_fleet_stands_still_and_a_fast_one_hurries() {
    let stage = Stage::new().await;
    let client = &stage.client;
    let fleet = client.change(FleetChange { paused: Some(true), speed: None }).await.unwrap();
    assert!(fleet.paused);
    let before = client.device("kettle-1").await.unwrap();
    stage
        .order("kettle-1", Command::Inject { channel: "temp".into(), value: Value::Integer(70) })
        .await
        .unwrap();
    let after = client.device("kettle-1").await.unwrap();
    assert_eq!(before.world_seconds, after.world_seconds);
    assert_eq!(channel(&after, "temp").source, Source::Injected, "nothing moves it on");

    client.change(FleetChange { paused: Some(false), speed: Some(1000.0) }).await.unwrap();
    let begun = Instant::now();
    stage.wait("kettle-1", "temp < 60").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20), "ten minutes and more of a kettle that cools");
    let problem = refused(client.change(FleetChange { paused: None, speed: Some(0.0) }).await.unwrap_err());
    assert_eq!(problem.status, 400);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_is_too_fast_for_the_machine_lags_and_says_so_and_goes_on_answering() {
    // A second, if the machine had nothing else to do.
    const RESPONSIVE: Duration = Duration::from_secs(5);
    // More than the machine can do, whatever machine it is.
    let many = 32 * std::thread::available_parallelism().unwrap().get();
    let kettles = format!("{{ definition: kettle, names: 'kettle-{{n}}', count: {many} }}");
    let stage =
        Stage::of(&format!("fleet: control-crowd\ngroups: [{kettles}, {{ definition: lamp }}]\n")).await;
    let client = &stage.client;
    stage.wait("lamp", "state == online").await.unwrap();
    let change = FleetChange { paused: None, speed: Some(100_000.0) };
    let asked = Instant::now();
    client.change(change).await.unwrap();
    assert!(asked.elapsed() < RESPONSIVE, "{:?}", asked.elapsed());
    let deadline = Instant::now() + DEADLINE;
    while client.fleet().await.unwrap().lagging < many {
        assert!(Instant::now() < deadline, "it keeps up with a month of all of them in a second");
    }
    let asked = Instant::now();
    let kettle = client.device("kettle-1").await.unwrap();
    assert!(kettle.lag_seconds > 100_000.0, "{kettle:?}");
    stage.order("kettle-*", Command::Hold { channel: "temp".into(), value: None }).await.unwrap();
    assert!(asked.elapsed() < RESPONSIVE, "{:?}", asked.elapsed());
    // A stanza goes to the server and comes back.
    stage.order("lamp", Command::Offline {}).await.unwrap();
    stage.order("lamp", Command::Online {}).await.unwrap();
    stage.wait("lamp", "state == online").await.unwrap();

    client.change(FleetChange { paused: None, speed: Some(1.0) }).await.unwrap();
    while client.fleet().await.unwrap().lagging > 0 {
        assert!(Instant::now() < deadline);
    }
    let lag = client.device("kettle-1").await.unwrap().lag_seconds;
    assert!(lag < 1.0, "what it was behind is given up: {lag}");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_says_why_and_what_to_do() {
    let stage = Stage::new().await;
    let inject = |channel: &str, value| Command::Inject { channel: channel.into(), value };
    for (command, status) in [
        (inject("tmep", Value::Integer(5)), 409),
        (inject("temp", Value::Text("warm".into())), 409),
        (Command::Set { channel: "temp".into(), value: Value::Integer(5) }, 409),
        (Command::Reset {}, 409),
    ] {
        let problem = refused(stage.order("kettle-1", command.clone()).await.unwrap_err());
        assert_eq!(problem.status, status, "{command:?}: {problem:?}");
        assert!(!problem.next_step.is_empty() && problem.refused.len() == 1, "{problem:?}");
    }
    assert_eq!(refused(stage.order("toaster", Command::Offline {}).await.unwrap_err()).status, 404);
    assert_eq!(refused(stage.wait("kettle-1", "temp >").await.unwrap_err()).status, 400);
    let never = Wait { condition: "temp > 1000".into(), timeout_seconds: 0.2 };
    let problem = refused(stage.client.wait("kettle-1", &never).await.unwrap_err());
    assert_eq!((problem.status, &*problem.device.unwrap().name), (408, "kettle-1"));
    stage.stop().await;
}
