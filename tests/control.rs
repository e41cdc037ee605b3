//! The control interface of a fleet on a private Prosody, through its client and over bare HTTP.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::MetadataExt as _,
    sync::Arc,
    time::Duration,
};
use thingfleet::{control::Control, fleet::Fleet};
use thingfleet_control::{
    client::{Client, ClientError, EventStream, Told},
    command::{Command, FleetChange, NewDevice, Order, Selection, Wait},
    event::{Event, What},
    fault::FaultSpec,
    problem::Problem,
    snapshot::{Channel, Device, Source, State},
    value::Value,
};
use thingfleet_schema::profile;
use tokio::time::{Instant, timeout};

const DEADLINE: Duration = Duration::from_secs(30);

const PROFILE: &str = "\
fleet: control-test
seed: 7
server: private
groups:
  - { definition: kettle, names: 'kettle-{n}', count: 2, tags: [kitchen] }
  - { definition: lamp }
";

struct Stage {
    fleet: Fleet,
    control: Control,
    client: Client,
}

impl Stage {
    async fn new() -> Self {
        let profile = profile::read("control.yaml", PROFILE, &profile::Surroundings::default()).unwrap();
        let (fleet, _) = Fleet::start(&profile, &|_| {}).await.unwrap();
        let control = Control::start(Control::ANYWHERE, Arc::clone(fleet.crew())).await.unwrap();
        let client = Client::new(control.url(), control.token().clone()).unwrap();
        let stage = Self { fleet, control, client };
        for device in ["kettle-1", "kettle-2", "lamp"] {
            stage.wait(device, "state == online").await.unwrap();
        }
        stage
    }

    async fn wait(&self, device: &str, condition: &str) -> Result<Device, ClientError> {
        let wait = Wait { condition: condition.into(), timeout_seconds: DEADLINE.as_secs_f64() };
        self.client.wait(device, &wait).await
    }

    async fn order(&self, name: &str, command: Command) -> Result<Vec<String>, ClientError> {
        let outcome = self.client.command(&Order { devices: Selection::device(name), command }).await?;
        assert_eq!(outcome.refused, []);
        Ok(outcome.done)
    }

    async fn stop(self) {
        self.control.stop().await;
        self.fleet.stop().await;
    }

    /// What the listener answers to these bytes, until it closes the connection or a whole answer is there.
    fn raw(&self, request: &str) -> String {
        let address = self.control.url().strip_prefix("http://").unwrap();
        let request = request.replace("HOST", address).replace("TOKEN", self.control.token().reveal());
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn channel<'d>(device: &'d Device, name: &str) -> &'d Channel {
    device.channels.iter().find(|channel| channel.name == name).unwrap()
}

fn refused(error: ClientError) -> Problem {
    match error {
        ClientError::Refused(problem) => *problem,
        other => panic!("{other}"),
    }
}

async fn event(stream: &mut EventStream, is_it: impl Fn(&Event) -> bool) -> Event {
    timeout(DEADLINE, async {
        loop {
            match stream.next().await.unwrap().expect("the stream goes on") {
                Told::Event(event) if is_it(&event) => return event,
                Told::Event(_) | Told::Gap(_) => {}
            }
        }
    })
    .await
    .expect("the event comes")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_read_steered_and_waited_for() {
    let stage = Stage::new().await;
    let (client, temp) = (&stage.client, || "temp".to_owned());

    let fleet = client.fleet().await.unwrap();
    assert_eq!((&*fleet.name, fleet.devices, fleet.states[&State::Online]), ("control-test", 3, 3));
    let kitchen = Selection { tag: Some("kitchen".into()), ..Selection::default() };
    let names: Vec<_> = client.devices(&kitchen).await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["kettle-1", "kettle-2"]);

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
async fn faults_are_listed_begun_and_cleared() {
    let stage = Stage::new().await;
    let library = stage.client.faults().await.unwrap();
    assert!(library.iter().any(|kind| kind.fault == "sensor-offset" && kind.settings.len() == 2));

    let spec = |text: &str| serde_json::from_str::<FaultSpec>(text).unwrap();
    let offset = spec(r#"{"fault":"sensor-offset","channel":"temp","amount":400.0,"for_seconds":600.0}"#);
    let begin = |fault: &FaultSpec| Command::Fault { fault: fault.clone() };
    stage.order("kettle-1", begin(&offset)).await.unwrap();
    stage.order("kettle-1", begin(&spec(r#"{"fault":"latency"}"#))).await.unwrap();
    let kettle = stage.wait("kettle-1", "temp > 300").await.unwrap();
    let [first, second] = &kettle.faults[..] else { panic!("{:?}", kettle.faults) };
    assert_eq!(first.fault, FaultSpec { for_seconds: None, ..offset });
    assert!(first.left_seconds.is_some_and(|left| left <= 600.0) && second.left_seconds.is_none());

    let clear = |id, kind: Option<&str>| Command::Clear { id, kind: kind.map(str::to_owned) };
    stage.order("kettle-1", clear(None, Some("latency"))).await.unwrap();
    assert_eq!(stage.client.device("kettle-1").await.unwrap().faults.len(), 1);
    stage.order("kettle-1", clear(Some(first.id), None)).await.unwrap();
    let kettle = stage.wait("kettle-1", "temp < 300").await.unwrap();
    assert_eq!(kettle.faults, []);

    let nonsense = stage.order("kettle-1", begin(&spec(r#"{"fault":"sensor-stuck","amount":1.0}"#))).await;
    assert_eq!(refused(nonsense.unwrap_err()).status, 409);
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
async fn devices_join_and_leave_a_running_fleet() {
    let stage = Stage::new().await;
    let new = NewDevice {
        name: "kettle-9".into(),
        definition: "kettle".into(),
        tags: vec!["new".into()],
        owners: Vec::new(),
        account: None,
    };
    assert_eq!(stage.client.add(&new).await.unwrap().tags, ["new"]);
    stage.wait("kettle-9", "state == online").await.unwrap();
    assert_eq!(refused(stage.client.add(&new).await.unwrap_err()).status, 409);
    let strange = NewDevice { name: "x".into(), definition: "spaceship".into(), ..new.clone() };
    assert_eq!(refused(stage.client.add(&strange).await.unwrap_err()).status, 400);

    stage.client.remove("kettle-9").await.unwrap();
    assert_eq!(refused(stage.client.device("kettle-9").await.unwrap_err()).status, 404);
    assert_eq!(stage.client.fleet().await.unwrap().devices, 3);
    stage.client.add(&new).await.unwrap();
    stage.wait("kettle-9", "state == online").await.unwrap();
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_order_and_go_on_where_a_watcher_left() {
    let stage = Stage::new().await;
    let (client, lamp) = (&stage.client, Selection::device("lamp"));
    let mut stream = client.events(&lamp, Some(0)).await.unwrap();
    stage.order("lamp", Command::Offline {}).await.unwrap();
    let gone = |event: &Event| matches!(event.what, What::Session { state: State::Offline, .. });
    let first = event(&mut stream, gone).await;
    assert_eq!(first.device, "lamp");
    drop(stream);
    stage.order("lamp", Command::Online {}).await.unwrap();
    stage.wait("lamp", "state == online").await.unwrap();

    let mut stream = client.events(&lamp, Some(first.seq)).await.unwrap();
    let mut last = first.seq;
    let back = event(&mut stream, |event| {
        assert_eq!(event.device, "lamp");
        matches!(event.what, What::Session { state: State::Online, .. })
    });
    let back = back.await;
    assert!(back.seq > last);
    last = back.seq;
    assert!(client.fleet().await.unwrap().latest_event >= last);

    // A fleet that stops ends its streams at once.
    stage.control.stop().await;
    while timeout(DEADLINE, stream.next()).await.unwrap().unwrap().is_some() {}
    stage.fleet.stop().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn only_a_program_of_this_machine_with_the_token_is_let_in() {
    let stage = Stage::new().await;
    assert_eq!(std::fs::metadata(stage.control.file()).unwrap().mode() & 0o777, 0o600);
    let close = "Connection: close\r\n\r\n";
    let get = |headers: &str| stage.raw(&format!("GET /v1/fleet HTTP/1.1\r\n{headers}{close}"));
    let (host, token) = ("Host: HOST\r\n", "Authorization: Bearer TOKEN\r\n");
    assert!(get(&format!("{host}{token}")).starts_with("HTTP/1.1 200"));
    for (headers, status) in [
        (host.to_owned(), 401),
        (format!("{host}Authorization: Bearer 0000\r\n"), 401),
        (format!("Host: evil.example\r\n{token}"), 403),
        (format!("{host}{token}Origin: http://evil.example\r\n"), 403),
    ] {
        let answer = get(&headers);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("next_step"), "{answer}");
    }
    let post = |headers: &str, body: &str| {
        stage.raw(&format!("POST /v1/commands HTTP/1.1\r\n{host}{token}{headers}{close}{body}"))
    };
    let json = "Content-Type: application/json\r\n";
    assert!(post(&format!("{json}Content-Length: 99999999\r\n"), "").starts_with("HTTP/1.1 413"));
    assert!(post("Content-Length: 2\r\n", "{}").starts_with("HTTP/1.1 415"));
    assert!(post(&format!("{json}Content-Length: 1\r\n"), "{").starts_with("HTTP/1.1 400"));
    // One that never sends its body, and one that never ends its headers.
    assert!(post(&format!("{json}Content-Length: 10\r\n"), "{").starts_with("HTTP/1.1 408"));
    let unfinished = stage.raw("GET /v1/fleet HTTP/1.1\r\nX-Slow: ");
    assert!(unfinished.is_empty() || unfinished.starts_with("HTTP/1.1 408"), "{unfinished}");
    let file = stage.control.file().to_owned();
    stage.stop().await;
    assert!(!file.exists());
}
