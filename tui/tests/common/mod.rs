//! A flat with eight things as the dashboard sees it, the same every time, for tests and pictures.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each of those who include it uses a part")]

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};
use serde_json::{Value as Json, json};
use std::time::Duration;
use thingfleet_control::{
    client::Told,
    event::Event,
    load::Load,
    snapshot::{Device, Entry, Fleet},
    traffic::Exchange,
};
use thingfleet_tui::{
    app::{App, Effect, Message, Options},
    feed::News,
    run::draw,
};

pub const OPTIONS: Options =
    Options { is_read_only: false, has_mouse: true, has_colour: true, owns_fleet: true };

const CODE: &str = "xmpp:iot-register?mac=C0:FF:EE:00:00:01&algo=ed25519&key=AAAAC3NzaC1lZDI1NTE5AAAAIGPdJ8mJQJw\
                    9cXDm4dRSpJjSxhTjXp1jyW2VYh5cPq8S";

/// Name, kind, state and trouble of each device.
const DEVICES: [(&str, &str, &str, Option<&str>); 8] = [
    ("kettle", "kettle", "online", None),
    ("thermostat", "thermostat", "online", None),
    ("desk-lamp", "lamp", "online", None),
    ("floor-lamp", "lamp", "waiting", Some("unreachable")),
    ("front-door", "door", "online", None),
    ("roof", "weather", "setting-up", None),
    ("washing-machine", "washing-machine", "failed", Some("authentication")),
    ("board", "board", "commissioning", None),
];

/// A dashboard at a terminal that exists in memory only.
pub struct Stage {
    pub app: App,
    pub terminal: Terminal<TestBackend>,
    pub now: f64,
}

impl Stage {
    /// A dashboard that knows the flat.
    pub fn new(columns: u16, lines: u16, options: Options) -> Self {
        let terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        let mut stage = Self { app: App::new(options), terminal, now: 0.0 };
        stage.time(0.0);
        stage.news(News::Connected);
        stage.news(News::Fleet(fleet(0)));
        stage.news(News::Roster(roster()));
        for second in 1..=30_u64 {
            stage.time(second as f64);
            stage.news(News::Fleet(fleet(second)));
        }
        for event in events() {
            stage.news(News::Told(Told::Event(event)));
        }
        stage
    }

    pub fn news(&mut self, news: News) -> Vec<Effect> {
        self.app.update(Message::News(news))
    }

    pub fn time(&mut self, seconds: f64) -> Vec<Effect> {
        self.now = seconds;
        self.app.update(Message::Time(Duration::from_secs_f64(seconds)))
    }

    /// Opens the kettle, with two minutes of its life.
    pub fn open_kettle(&mut self) {
        self.keys("\n");
        for second in 0..=120 {
            self.news(News::Devices(vec![kettle(f64::from(second))]));
        }
        for event in events() {
            if event.device == "kettle" {
                self.news(News::Followed("kettle".into(), Told::Event(event)));
            }
        }
    }

    /// Opens the board, which is being commissioned.
    pub fn open_board(&mut self) {
        self.keys("G\n");
        let mut board = kettle(64.0);
        board.name = "board".into();
        (board.kind, board.title, board.jid, board.led) = ("board".into(), "Sensor board".into(), None, None);
        board.state = thingfleet_control::snapshot::State::Commissioning;
        board.stage = Some("collecting".into());
        board.bluetooth =
            read(json!({ "state": "advertising", "adapter": "hci0", "address": "C0:FF:EE:00:00:01" }));
        self.news(News::Devices(vec![board]));
        for event in commissioning() {
            self.news(News::Followed("board".into(), Told::Event(event)));
        }
    }

    /// Opens the code of the kettle, as if it waited to be commissioned.
    pub fn open_code(&mut self) {
        let mut device = kettle(3.0);
        device.qr = serde_json::from_value(json!(CODE)).unwrap();
        self.keys("c");
        self.news(News::Devices(vec![device]));
    }

    /// A dashboard that knows a load.
    pub fn load(columns: u16, lines: u16) -> Self {
        let terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        let mut stage = Self { app: App::new(OPTIONS), terminal, now: 0.0 };
        stage.time(0.0);
        let fleet = Fleet { load: true, ..fleet(0) };
        for news in [News::Connected, News::Fleet(fleet), News::Roster(roster()), News::Load(load().into())] {
            stage.news(news);
        }
        stage
    }

    /// Turns the flat into a load, and opens that.
    pub fn open_load(&mut self) {
        self.news(News::Fleet(Fleet { load: true, ..fleet(31) }));
        self.news(News::Load(load().into()));
        self.keys("7");
    }

    /// Two faults of the kettle.
    pub fn go_wrong(&mut self) {
        let mut device = kettle(121.0);
        device.faults = read(json!([
            { "id": 1, "since_seconds": 100.0, "left_seconds": 9.4, "fault": "sensor-offset", "channel": "temp",
              "amount": 5.0 },
            { "id": 2, "since_seconds": 110.0, "left_seconds": null, "fault": "latency", "delay": 2.0 },
        ]));
        self.news(News::Devices(vec![device]));
    }

    /// The device whose traffic is shown exchanges something.
    pub fn exchange(&mut self) {
        let device = self.app.world().traffic.device.clone();
        for exchange in exchanges() {
            self.news(News::Exchanged(device.clone(), Told::Event(exchange)));
        }
    }

    /// Presses keys, a character each; a line feed is Enter, an escape Esc, a tab Tab.
    pub fn keys(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for key in keys.chars() {
            let code = match key {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                key => KeyCode::Char(key),
            };
            effects.extend(self.app.update(Message::Key(KeyEvent::new(code, KeyModifiers::NONE))));
            self.draw();
        }
        effects
    }

    /// Presses keys; Enter alone opens the kettle with its life.
    pub fn keys_or_kettle(&mut self, keys: &str) {
        if keys == "\n" {
            self.open_kettle();
        } else {
            self.keys(keys);
        }
    }

    pub fn draw(&mut self) {
        self.app.update(Message::Frame);
        draw(&mut self.terminal, &mut self.app).unwrap();
    }

    pub fn buffer(&mut self) -> Buffer {
        self.draw();
        self.terminal.backend().buffer().clone()
    }

    /// What stands on the screen, without blanks at the ends of lines.
    pub fn text(&mut self) -> String {
        let buffer = self.buffer();
        let width = usize::from(buffer.area.width);
        let lines = buffer.content.chunks(width).map(|cells| {
            let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn read<T: serde::de::DeserializeOwned>(json: Json) -> T {
    serde_json::from_value(json).unwrap()
}

/// The fleet after some seconds.
pub fn fleet(second: u64) -> Fleet {
    let published = second * 14 + (second % 7) * 5;
    read(json!({
        "name": "flat", "domain": "localhost", "speed": 10.0, "paused": false, "devices": DEVICES.len(), "lagging": 0,
        "states": {}, "latest_event": second * 40,
        "counters": counters(published, second * 40 + (second % 5) * 9),
    }))
}

/// A load in its second minute, with a stall of a second and a storm behind it.
pub fn load() -> Load {
    const SECONDS: u32 = 90;
    let latency = |p50: f64| json!({ "p50": p50, "p90": p50 * 1.7, "p99": p50 * 3.1, "max": p50 * 4.4 });
    let wave = |at: u32| f64::from(at % 7) * 0.31 + f64::from(at % 3) * 0.2;
    let stalled = |at: u32| (40..42).contains(&at);
    let online = |at: u32| {
        if at < 10 {
            at * 50
        } else if (60..64).contains(&at) {
            250
        } else {
            498
        }
    };
    let seconds = 0..SECONDS;
    let each = |value: &dyn Fn(u32) -> Json| seconds.clone().map(value).collect::<Json>();
    let publishes = |at: u32| if stalled(at) { 12 } else { 180 + (at * 7) % 41 };
    let operation = |name: &str, sent: u64, failed: Json, rate: u64, run: f64| {
        let failures: u64 = failed.as_object().unwrap().values().filter_map(Json::as_u64).sum();
        json!({
            "name": name, "sent": sent, "acknowledged": sent - failures - 3, "failed": failed, "in_flight": 3,
            "rate": rate, "second": (rate > 0).then(|| latency(run * 0.8)), "run": latency(run),
        })
    };
    read(json!({
        "seconds": 90.4, "online": 498, "expected": 500,
        "phase": { "name": "steady", "step": "hold", "number": 3, "of": 5, "seconds": 26.4, "planned_seconds": 60.0 },
        "operations": [
            operation("connect", 752, json!({}), 0, 4.2),
            operation("authenticate", 752, json!({ "not-authorized": 2 }), 0, 11.9),
            operation("bind", 750, json!({}), 0, 1.1),
            operation("setup", 750, json!({ "wait": 1 }), 0, 48.0),
            operation("join", 500, json!({ "authentication": 2 }), 0, 71.3),
            operation("return", 250, json!({}), 0, 312.5),
            operation("publish", 17_204, json!({ "resource-constraint": 31, "timeout": 4 }), 201, 6.4),
            operation("event", 17_100, json!({ "missing": 1 }), 199, 9.7),
        ],
        "thresholds": [
            { "text": "publish.p99 < 200ms", "value": 0.019_84, "measured": "19.8 ms", "held": true },
            { "text": "errors < 0.1 %", "value": 0.001_1, "measured": "0.110 %", "held": false },
            { "text": "online >= 99 %", "value": 0.996, "measured": "99.600 %", "held": true },
        ],
        "generator": {
            "cpu": 0.83, "memory": 123_731_968, "tasks": 1204, "files": 1017, "late_ms": 1.7, "limit_ms": 50.0,
            "late_share": 0.0002, "saturated": false,
        },
        "series": {
            "at": each(&|at| at.into()), "online": each(&|at| online(at).into()),
            "expected": each(&|at| (at * 50).min(500).into()), "cpu": each(&|at| (0.8 + wave(at) / 20.0).into()),
            "memory": each(&|_| 123_731_968.into()), "late_ms": each(&|at| (1.0 + wave(at)).into()),
            "operations": {
                "publish": {
                    "acknowledged": each(&|at| publishes(at).into()),
                    "failed": each(&|at| if stalled(at) { 9 } else { 0 }.into()),
                    "latency": each(&|at| latency(if stalled(at) { 300.0 } else { 5.0 + wave(at) })),
                },
                "setup": {
                    "acknowledged": each(&|at| if at < 10 { 50 } else { 0 }.into()),
                    "failed": each(&|_| 0.into()),
                    "latency": each(&|at| if at < 10 { latency(40.0) } else { Json::Null }),
                },
            },
        },
    }))
}

fn counters(published: u64, events: u64) -> Json {
    json!({
        "events": events, "published": published, "publish_failures": 0, "setup_failures": 0, "actuations": 3,
        "refusals": 1, "stanzas_sent": published + 21, "stanzas_received": published + 34, "restarts": 0,
    })
}

pub fn roster() -> Vec<Entry> {
    let entry = |(name, kind, state, trouble)| -> Entry {
        let faults = match name {
            "thermostat" => json!([4]),
            "floor-lamp" => json!([1, 2]),
            _ => json!([]),
        };
        read(json!({
            "name": name, "kind": kind, "tags": ["flat"], "state": state, "trouble": trouble, "faults": faults,
        }))
    };
    DEVICES.into_iter().map(entry).collect()
}

/// The kettle after some seconds.
pub fn kettle(second: f64) -> Device {
    let temp = 100.0 - 79.0 * (-second / 40.0).exp() + (second * 0.9).sin();
    let number = |name: &str, label: &str, unit: &str, range: [f64; 2], value: f64, source: &str| {
        json!({
            "name": name, "label": label, "role": "sensor", "type": "float", "unit": unit, "min": range[0],
            "max": range[1], "settable": false, "value": (value * 100.0).round() / 100.0, "source": source,
            "age_seconds": 0.4,
        })
    };
    read(json!({
        "name": "kettle", "kind": "kettle", "title": "Electric kettle", "serial": "TF-0001", "tags": ["flat"],
        "jid": "kettle@localhost", "state": "online", "trouble": null, "stage": null, "bluetooth": null,
        "led": "green", "device_seconds": second, "world_seconds": second * 10.0, "lag_seconds": 0.0, "faults": [],
        "channels": [
            number("temp", "Water temperature", "celsius", [0.0, 120.0], temp, "behaviour"),
            number("load", "Load", "watt", [0.0, 3000.0], 2000.0, "held"),
            { "name": "powerOn", "label": "Power", "role": "actuator", "type": "boolean", "settable": true,
              "value": true, "source": "set", "set_by": "ada@localhost", "age_seconds": 118.0 },
            { "name": "target", "label": "Target", "role": "actuator", "type": "float", "unit": "celsius",
              "min": 40.0, "max": 100.0, "step": 5.0, "settable": true, "value": 95.0, "source": "behaviour",
              "age_seconds": 120.0 },
            { "name": "mode", "label": "Mode", "role": "actuator", "type": "choice",
              "options": ["off", "boil", "keep-warm"], "settable": true, "value": "boil", "source": "behaviour",
              "age_seconds": 7300.0 },
            { "name": "button", "label": "Button", "role": "actuator", "type": "button", "settable": true,
              "value": 0, "source": "behaviour", "age_seconds": 120.0 },
        ],
        "counters": counters(341, 700),
    }))
}

pub fn events() -> Vec<Event> {
    let told = [
        (0.2, "kettle", json!({ "event": "session", "state": "connecting" })),
        (0.6, "kettle", json!({ "event": "session", "state": "setting-up" })),
        (0.8, "thermostat", json!({ "event": "session", "state": "online" })),
        (
            0.9,
            "kettle",
            json!({ "event": "nodes-ready", "created": 4, "repaired": 0, "actuators": "persistent" }),
        ),
        (0.9, "kettle", json!({ "event": "led", "colour": "green" })),
        (1.0, "kettle", json!({ "event": "session", "state": "online" })),
        (
            3.0,
            "kettle",
            json!({ "event": "actuated", "channel": "powerOn", "value": true, "by": "ada@localhost" }),
        ),
        (5.0, "thermostat", json!({ "event": "reading", "channel": "temp", "value": 20.6 })),
        (5.0, "desk-lamp", json!({ "event": "reading", "channel": "powerOn", "value": false })),
        (6.0, "front-door", json!({ "event": "reading", "channel": "open", "value": true })),
        (
            7.5,
            "floor-lamp",
            json!({
                "event": "session", "state": "waiting", "kind": "unreachable", "text": "connection refused",
                "next_step": "look whether the server runs", "retry_in_ms": 4200,
            }),
        ),
        (
            9.0,
            "board",
            json!({ "event": "bluetooth", "state": "advertising", "adapter": "hci0",
            "address": "C0:FF:EE:00:00:01" }),
        ),
        (
            41.5,
            "kettle",
            json!({ "event": "session", "state": "waiting", "kind": "lost", "text": "the stream ended",
            "next_step": "wait", "retry_in_ms": 250 }),
        ),
        (44.0, "kettle", json!({ "event": "session", "state": "online" })),
        (
            60.0,
            "kettle",
            json!({ "event": "refused", "what": "target 400", "by": "bob@localhost",
            "why": "400 is more than 100" }),
        ),
        (118.0, "kettle", json!({ "event": "reading", "channel": "temp", "value": 95.87 })),
    ];
    numbered(told)
}

/// What the board tells of being commissioned: a client that cannot pair, then one that can.
pub fn commissioning() -> Vec<Event> {
    let step = |step: &str| json!({ "event": "commissioning", "step": step });
    let air = json!({ "event": "bluetooth", "state": "advertising", "adapter": "hci0",
        "address": "C0:FF:EE:00:00:01" });
    let told = [
        (0.0, json!({ "event": "session", "state": "commissioning" })),
        (0.1, json!({ "event": "bluetooth", "state": "queued", "ahead": 1 })),
        (12.0, air),
        (30.0, step("client-connected")),
        (32.0, json!({ "event": "commissioning", "step": "pairing-failed", "why": "no common method" })),
        (36.0, step("client-gone")),
        (48.0, step("client-connected")),
        (54.0, json!({ "event": "commissioning", "step": "written", "characteristic": "Wi-Fi SSID" })),
        (54.1, json!({ "event": "commissioning", "stage": "collecting" })),
    ];
    numbered(told.map(|(at, what)| (at, "board", what)))
}

fn numbered<const N: usize>(told: [(f64, &str, Json); N]) -> Vec<Event> {
    let event = |(seq, (at, device, mut what)): (u64, (f64, &str, Json))| -> Event {
        let fields = what.as_object_mut().unwrap();
        fields.extend([
            ("seq".to_owned(), json!(seq)),
            ("device".to_owned(), json!(device)),
            ("device_seconds".to_owned(), json!(at)),
        ]);
        read(what)
    };
    (1..).zip(told).map(event).collect()
}

pub fn exchanges() -> Vec<Exchange> {
    let item = "<item id='temp'><value type='float' unit='celsius'>95.87</value></item>";
    let publish = format!(
        "<iq xmlns='jabber:client' type='set' id='p41'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <publish node='xmpp.iot.sensors'>{item}</publish></pubsub></iq>"
    );
    let told = [
        json!({ "exchange": "gatt", "operation": "connect" }),
        json!({ "exchange": "gatt", "operation": "write", "characteristic": "Wi-Fi SSID", "length": 4,
            "uuid": "00000003-0000-0000-0000-00000000b001", "value": "Home" }),
        json!({ "exchange": "gatt", "operation": "write", "characteristic": "Wi-Fi password", "length": 12 }),
        json!({ "exchange": "stanza", "direction": "sent", "xml": "<presence xmlns='jabber:client'/>", "length": 33 }),
        json!({ "exchange": "stanza", "direction": "received", "length": 68,
            "xml": "<iq xmlns='jabber:client' type='result' id='p40' from='kettle@localhost'/>" }),
        json!({ "exchange": "stanza", "direction": "sent", "xml": publish, "length": publish.len() }),
    ];
    let exchange = |(seq, mut what): (u64, Json)| -> Exchange {
        let fields = what.as_object_mut().unwrap();
        fields
            .extend([("seq".to_owned(), json!(seq)), ("device_seconds".to_owned(), json!(seq as f64 * 1.3))]);
        read(what)
    };
    (1..).zip(told).map(exchange).collect()
}
