//! What keys and the mouse lead to, from a key to the request that the fleet gets.

mod common;

use common::{OPTIONS, Stage, kettle};
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use thingfleet_control::{
    command::{Command, FleetChange, Outcome},
    fault::FaultSpec,
    value::Value,
};
use thingfleet_tui::{
    app::{Effect, Hit, Message, Options, Screen},
    feed::{News, Request, Steer, Steered},
};

fn stage() -> Stage {
    let mut stage = Stage::new(120, 40, OPTIONS);
    stage.draw();
    stage
}

/// The only command among effects, and whom it is for.
fn command(effects: Vec<Effect>) -> (Steer, Command) {
    let steers = effects.into_iter().filter_map(|effect| match effect {
        Effect::Ask(Request::Steer(steer)) => Some(steer),
        _ => None,
    });
    let steers: Vec<Steer> = steers.collect();
    let [steer] = steers.as_slice() else { panic!("{} commands", steers.len()) };
    (steer.clone(), steer.command.clone())
}

/// The fleet does what it was told.
fn obey(stage: &mut Stage, steer: &Steer) -> Vec<Effect> {
    let channel = match &steer.command {
        Command::Inject { channel, .. } | Command::Set { channel, .. } | Command::Hold { channel, .. } => {
            channel.clone()
        }
        _ => String::new(),
    };
    let before = kettle(120.0).channels.into_iter().find(|one| one.name == channel);
    let before = before.map(|before| ("kettle".to_owned(), before)).into_iter().collect();
    let outcome = Ok(Outcome { done: steer.names.clone(), refused: Vec::new() });
    stage.news(News::Steered(Steered { steer: steer.clone(), before, outcome }))
}

fn float(name: &str, value: f64) -> (String, Value) {
    (name.into(), Value::Float(value))
}

#[test]
fn a_value_is_typed_and_injected() {
    let mut stage = stage();
    stage.open_kettle();
    let (steer, command) = command(stage.keys("i42.5\n"));
    let (channel, value) = float("temp", 42.5);
    assert_eq!((steer.names, command), (vec!["kettle".to_owned()], Command::Inject { channel, value }));
}

#[test]
fn a_reading_that_is_held_stays_held_and_an_actuator_is_set() {
    let mut stage = stage();
    stage.open_kettle();
    let (_, held) = command(stage.keys("j+"));
    assert!(matches!(held, Command::Hold { channel, value: Some(_) } if channel == "load"));
    let (_, set) = command(stage.keys("j "));
    assert_eq!(set, Command::Set { channel: "powerOn".into(), value: Value::Boolean(false) });
}

#[test]
fn nudges_wait_for_each_other_and_the_latest_one_counts() {
    let mut stage = stage();
    stage.open_kettle();
    stage.keys("jjj");
    let (first, _) = command(stage.keys("+"));
    assert_eq!(first.command, Command::Set { channel: "target".into(), value: Value::Float(100.0) });
    assert_eq!(stage.keys("---"), [], "the first one has not arrived");
    let (next, _) = command(obey(&mut stage, &first));
    assert_eq!(next.command, Command::Set { channel: "target".into(), value: Value::Float(85.0) });
    obey(&mut stage, &next);
    let (undo, _) = command(stage.keys("u"));
    assert_eq!(
        undo.command,
        Command::Set { channel: "target".into(), value: Value::Float(95.0) },
        "one gesture"
    );
}

#[test]
fn a_slider_follows_the_mouse() {
    let mut stage = stage();
    stage.open_kettle();
    stage.draw();
    let slider =
        stage.app.shown.hits.iter().find(|(_, hit)| *hit == Hit::Slider(0)).map(|(area, _)| *area).unwrap();
    let mouse = |kind, column| {
        Message::Mouse(MouseEvent { kind, column, row: slider.y, modifiers: KeyModifiers::NONE })
    };
    let (first, _) = command(stage.app.update(mouse(MouseEventKind::Down(MouseButton::Left), slider.x)));
    assert_eq!(first.command, Command::Inject { channel: "temp".into(), value: Value::Float(0.0) });
    let end = slider.right() + 20;
    assert_eq!(stage.app.update(mouse(MouseEventKind::Drag(MouseButton::Left), end)), []);
    let (next, _) = command(obey(&mut stage, &first));
    assert_eq!(next.command, Command::Inject { channel: "temp".into(), value: Value::Float(120.0) });
}

#[test]
fn a_value_goes_to_the_marked_or_to_everything_filtered() {
    let mut stage = stage();
    let (steer, _) = command(stage.keys("/lamp\nia=1\n"));
    assert_eq!(steer.names, ["desk-lamp"]);
    let (steer, _) = command(stage.keys("ia=1\t\n"));
    assert_eq!(steer.names, ["desk-lamp", "floor-lamp"], "everything filtered");
    stage.keys("\u{1b}/kettle\n \u{1b}/\u{1b}");
    let (steer, _) = command(stage.keys("ia=1\n"));
    assert_eq!(steer.names, ["kettle"], "the marked one, wherever the cursor is");
}

#[test]
fn what_destroys_waits_for_a_yes() {
    let mut stage = stage();
    assert_eq!(stage.keys("R"), []);
    assert_eq!(stage.keys("n"), []);
    assert_eq!(stage.keys("D"), []);
    assert_eq!(stage.keys("y"), [Effect::Ask(Request::Remove(vec!["kettle".into()]))]);
    assert_eq!(stage.keys("q"), [], "the fleet would end");
    assert_eq!(stage.keys("y"), [Effect::Quit]);
}

#[test]
fn many_devices_are_steered_after_a_yes() {
    let mut stage = stage();
    let (steer, command_) = command(stage.keys("ao"));
    assert_eq!((steer.names.len(), command_), (8, Command::Offline {}), "eight are few");
}

#[test]
fn a_dashboard_that_may_only_look_asks_for_nothing() {
    let mut stage = Stage::new(120, 40, Options { is_read_only: true, ..OPTIONS });
    stage.draw();
    for keys in ["i", "o", "O", "R", "D", "B", "p", ">", "<", "u"] {
        assert_eq!(stage.keys(keys), [], "{keys}");
        assert!(stage.app.overlay.is_none(), "{keys}");
    }
    stage.open_kettle();
    for keys in ["+", "-", " ", "H", "[", "]", "\n"] {
        assert_eq!(stage.keys(keys), [], "{keys}");
    }
    stage.draw();
    for (area, hit) in stage.app.shown.hits.clone() {
        let press = MouseEventKind::Down(MouseButton::Left);
        let event = MouseEvent { kind: press, column: area.x, row: area.y, modifiers: KeyModifiers::NONE };
        let effects = stage.app.update(Message::Mouse(event));
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Ask(Request::Steer(_)))), "{hit:?}");
        stage.keys("\u{1b}2");
    }
}

#[test]
fn the_world_is_paused_and_hurried() {
    let mut stage = stage();
    let change = |paused, speed| vec![Effect::Ask(Request::Change(FleetChange { paused, speed }))];
    assert_eq!(stage.keys("p"), change(Some(true), None));
    assert_eq!(stage.keys(">"), change(None, Some(20.0)));
    assert_eq!(stage.keys("<"), change(None, Some(5.0)));
    assert_eq!(stage.keys(":speed 60\n"), change(None, Some(60.0)));
}

#[test]
fn a_frozen_picture_changes_only_by_hand() {
    let mut stage = stage();
    stage.keys("f");
    let before = stage.text();
    let mut later = common::roster();
    later.truncate(2);
    stage.news(News::Roster(later));
    assert_eq!(stage.text(), before);
    stage.keys("j");
    assert_ne!(stage.text(), "", "the cursor still moves");
    stage.keys("f");
    assert!(!stage.text().contains("front-door"));
}

#[test]
fn the_cursor_stays_on_its_device_while_lines_move() {
    let mut stage = stage();
    stage.keys("jjj");
    assert_eq!(stage.app.fleet.on().map(|name| &**name), Some("floor-lamp"));
    stage.keys("s");
    assert_eq!(stage.app.fleet.on().map(|name| &**name), Some("floor-lamp"));
    let mut fewer = common::roster();
    fewer.remove(0);
    stage.news(News::Roster(fewer));
    stage.draw();
    assert_eq!(stage.app.fleet.on().map(|name| &**name), Some("floor-lamp"));
}

#[test]
fn escape_goes_back_and_takes_the_filter_away() {
    let mut stage = stage();
    stage.keys("4\n");
    assert_eq!(stage.app.screen, Screen::Device);
    stage.keys("\u{1b}");
    assert_eq!(stage.app.screen, Screen::Log);
    stage.keys("\u{1b}");
    assert_eq!(stage.app.screen, Screen::Fleet);
    stage.keys("/lamp\n");
    assert_eq!(stage.app.fleet.recipe.filter.text(), "lamp");
    stage.keys("\u{1b}");
    assert!(stage.app.fleet.recipe.filter.is_empty());
}

#[test]
fn a_filter_that_is_left_is_the_one_before() {
    let mut stage = stage();
    stage.keys("/lamp\n/ ~(");
    assert!(stage.text().contains("is no regular expression"));
    stage.keys("\u{1b}");
    assert_eq!(stage.app.fleet.recipe.filter.text(), "lamp");
}

#[test]
fn a_device_that_is_not_known_has_the_list_fetched_again_once() {
    let mut stage = stage();
    let mut event = common::events().remove(0);
    event.device = "stranger".into();
    let told = || News::Told(thingfleet_control::client::Told::Event(event.clone()));
    assert_eq!(stage.news(told()), [Effect::Ask(Request::Roster)]);
    assert_eq!(stage.news(told()), [], "it is under way");
}

#[test]
fn undo_takes_back_what_was_held_before() {
    let mut stage = stage();
    stage.open_kettle();
    let (hold, _) = command(stage.keys("H"));
    assert_eq!(hold.command, Command::Hold { channel: "temp".into(), value: None });
    obey(&mut stage, &hold);
    let (undo, _) = command(stage.keys("u"));
    assert_eq!(undo.command, Command::Release { channel: "temp".into() });
}

#[test]
fn a_fault_is_set_up_and_taken_back() {
    let mut stage = stage();
    stage.keys("x/sensor-offset\n\n");
    stage.keys("temp");
    stage.app.update(Message::Key(crossterm::event::KeyCode::Down.into()));
    assert_eq!(stage.keys("much\n"), [], "it is no number");
    assert!(stage.text().contains("amount is a number"), "{}", stage.text());
    for _ in 0..4 {
        stage.app.update(Message::Key(crossterm::event::KeyCode::Backspace.into()));
    }
    stage.keys("5");
    stage.app.update(Message::Key(crossterm::event::KeyCode::Down.into()));
    let (steer, command_) = command(stage.keys("30\n"));
    let fault = FaultSpec {
        fault: "sensor-offset".into(),
        channel: Some("temp".into()),
        amount: Some(5.0),
        for_seconds: Some(30.0),
        ..FaultSpec::default()
    };
    assert_eq!((steer.names.clone(), command_), (vec!["kettle".to_owned()], Command::Fault { fault }));
    obey(&mut stage, &steer);

    let saved = stage.keys("E");
    let [Effect::Save { text, .. }] = saved.as_slice() else { panic!("{saved:?}") };
    let wanted = "faults:\n  - fault: sensor-offset\n    devices: { name: kettle }\n    at: 0.0s\n    for: 30s\n    \
                  channel: temp\n    amount: 5\n";
    assert!(text.ends_with(wanted), "{text}");

    let (undo, _) = command(stage.keys("u"));
    assert_eq!(undo.command, Command::Clear { id: None, kind: Some("sensor-offset".into()) });
}

#[test]
fn the_fault_under_the_cursor_is_ended_or_all_of_them() {
    let mut stage = stage();
    stage.open_kettle();
    stage.go_wrong();
    let (_, all) = command(stage.keys("X"));
    assert_eq!(all, Command::Clear { id: None, kind: None });
    let (_, one) = command(stage.keys("GX"));
    assert_eq!(one, Command::Clear { id: Some(2), kind: Some("latency".into()) });
}
