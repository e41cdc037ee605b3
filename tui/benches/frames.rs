//! The dashboard before ten thousand devices: how long a picture takes, a filter, and what it costs when nothing
//! happens. `scripts/bench.sh --only dashboard` runs it; docs/PERFORMANCE.md says what the figures mean.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use serde_json::{Value as Json, json};
use std::{
    fs,
    io::{self, Sink},
    time::{Duration, Instant},
};
use thingfleet_control::{
    client::Told,
    event::Event,
    snapshot::{Entry, Fleet, State},
};
use thingfleet_tui::{
    app::{App, Message, Options},
    feed::{Feed, News},
    run::{draw, drive},
};
use tokio::sync::mpsc;

const DEVICES: usize = 10_000;
/// Events that come between two pictures: five thousand a second.
const EVENTS: usize = 167;
const FRAMES: usize = 600;
const SCREEN: Rect = Rect { x: 0, y: 0, width: 200, height: 60 };
/// How long nothing happens.
const REST: Duration = Duration::from_secs(10);
const KINDS: [&str; 5] = ["kettle", "lamp", "thermostat", "washing-machine", "weather"];

type Screen = Terminal<CrosstermBackend<Sink>>;

fn main() {
    let is_json = std::env::args().any(|argument| argument == "--json");
    let mut results = Vec::new();
    for (name, keys) in [
        ("table", ""),
        ("table, sorted by events", "ssss"),
        ("table, grouped by state and sorted by name", "bbs"),
        ("table, filtered by a regular expression", "/~kettle-.*7\n"),
        ("map", "m"),
        ("log", "4"),
    ] {
        let (samples, processor) = frames(keys);
        let picture = format!("{name}, a picture with its events");
        results.push((format!("{picture}, p99"), quantile(&samples, 0.99), "ms", 16.0));
        // This one is the same however busy the machine is.
        results.push((format!("{picture}, processor time"), processor, "ms", 16.0));
    }
    results.push(("a letter of a filter, with its picture, worst".to_owned(), filter(), "ms", 50.0));
    results.push(("nothing happens, share of a core".to_owned(), rest() * 100.0, "%", 10.0));
    if is_json {
        let rows: Vec<Json> = results
            .iter()
            .map(|(what, value, unit, most)| json!({ "what": what, "value": value, "unit": unit, "most": most }))
            .collect();
        println!("{:#}", json!({ "dashboard": rows }));
        return;
    }
    println!("the dashboard, {DEVICES} devices, {} by {} characters", SCREEN.width, SCREEN.height);
    for (what, value, unit, most) in results {
        let met = if value <= most { "met" } else { "MISSED" };
        println!("  {what:<72} {value:>8.2} {unit:<3} (at most {most} {unit}: {met})");
    }
}

fn screen() -> Screen {
    let options = TerminalOptions { viewport: Viewport::Fixed(SCREEN) };
    Terminal::with_options(CrosstermBackend::new(io::sink()), options)
        .expect("a fixed size needs no terminal")
}

fn app() -> App {
    let options = Options { is_read_only: false, has_mouse: true, has_colour: true, owns_fleet: false };
    let mut app = App::new(options);
    app.update(Message::News(News::Connected));
    app.update(Message::News(News::Fleet(fleet(0))));
    let entry = |place: usize| Entry {
        name: format!("{}-{place}", KINDS[place % KINDS.len()]),
        kind: KINDS[place % KINDS.len()].to_owned(),
        tags: vec!["bench".to_owned()],
        state: State::Online,
        trouble: None,
        faults: Vec::new(),
    };
    app.update(Message::News(News::Roster((0..DEVICES).map(entry).collect())));
    app.update(Message::Frame);
    app
}

fn fleet(second: u64) -> Fleet {
    let counters = json!({
        "events": second * 5000, "published": second * 2000, "publish_failures": 0, "setup_failures": 0,
        "actuations": 0, "refusals": 0, "stanzas_sent": 0, "stanzas_received": 0, "restarts": 0,
    });
    let fleet = json!({
        "name": "bench", "domain": "localhost", "speed": 1.0, "paused": false, "devices": DEVICES, "lagging": 0,
        "states": {}, "counters": counters, "latest_event": 0,
    });
    serde_json::from_value(fleet).expect("it is a fleet")
}

/// The event with this number: readings, and now and then a session that breaks or comes back.
fn event(seq: usize) -> Event {
    let place = seq.wrapping_mul(7919) % DEVICES;
    let what = match seq % 50 {
        0 => {
            json!({ "event": "session", "state": "waiting", "kind": "lost", "text": "gone", "retry_in_ms": 100 })
        }
        1 => json!({ "event": "session", "state": "online" }),
        _ => json!({ "event": "reading", "channel": "temp", "value": 20.0 + (seq % 700) as f64 / 10.0 }),
    };
    let mut event = what;
    event["seq"] = json!(seq);
    event["device"] = json!(format!("{}-{place}", KINDS[place % KINDS.len()]));
    event["device_seconds"] = json!(seq as f64 / 5000.0);
    serde_json::from_value(event).expect("it is an event")
}

fn press(app: &mut App, key: char) {
    let code = if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) };
    app.update(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
}

/// How long pictures take after these keys, each with the events that came before it, and the processor time of one on
/// average; all in ms.
fn frames(keys: &str) -> (Vec<f64>, f64) {
    let (mut app, mut screen) = (app(), screen());
    keys.chars().for_each(|key| press(&mut app, key));
    let mut samples = Vec::with_capacity(FRAMES);
    let mut events = (1..=FRAMES * EVENTS).map(event).collect::<Vec<_>>().into_iter();
    let used = processor_seconds();
    for _ in 0..FRAMES {
        let begun = Instant::now();
        for event in events.by_ref().take(EVENTS) {
            app.update(Message::News(News::Told(Told::Event(event))));
        }
        // The cursor moves too, as it does under a key that is held down.
        press(&mut app, 'j');
        app.update(Message::Frame);
        draw(&mut screen, &mut app).expect("nothing refuses a picture");
        samples.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    (samples, (processor_seconds() - used) * 1000.0 / FRAMES as f64)
}

/// The longest time from a letter of a filter to its picture, in ms.
fn filter() -> f64 {
    let (mut app, mut screen) = (app(), screen());
    let mut worst = 0.0_f64;
    for key in "/kettle !online\n/ ~^lamp-[0-9]+9|weather\n".chars() {
        let begun = Instant::now();
        press(&mut app, key);
        app.update(Message::Frame);
        draw(&mut screen, &mut app).expect("nothing refuses a picture");
        worst = worst.max(begun.elapsed().as_secs_f64() * 1000.0);
    }
    worst
}

/// The share of a core that the loop takes while the fleet only says, once a second, that nothing happened.
fn rest() -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime can be made");
    let used = processor_seconds();
    runtime.block_on(async {
        let (tell, news) = mpsc::channel(64);
        let (requests, mut asked) = mpsc::channel(64);
        let mut feed = Feed::from_channels(news, requests);
        let (mut app, mut screen, mut out) = (app(), screen(), io::sink());
        let fleet_alone = async {
            let mut second = tokio::time::interval(Duration::from_secs(1));
            loop {
                second.tick().await;
                while asked.try_recv().is_ok() {}
                _ = tell.send(News::Fleet(fleet(7))).await;
            }
        };
        tokio::select! {
            () = fleet_alone => {}
            _ = drive(&mut screen, futures::stream::pending(), &mut feed, &mut app, &mut out) => {}
            () = tokio::time::sleep(REST) => {}
        }
    });
    (processor_seconds() - used) / REST.as_secs_f64()
}

/// Processor time of this process so far, user and system, in seconds (`proc_pid_stat(5)`, fields 14 and 15).
fn processor_seconds() -> f64 {
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS
}

fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (1..=sorted.len()).find(|rank| *rank as f64 >= share * sorted.len() as f64);
    rank.map_or(0.0, |rank| sorted[rank - 1])
}
