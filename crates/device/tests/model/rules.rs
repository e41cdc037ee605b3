//! Rules and buttons.

use crate::bench::{Bench, channel, definition, float, parse, switch};
use std::time::Duration;
use thingfleet_device::{
    definition::{Channel, ChannelId, Kind, Rule, Setting, Source},
    model::ModelEvent,
    value::Value,
};

const FIRED: ModelEvent = ModelEvent::Rule(0);

fn rule(when: &str, channels: &[Channel], channel: u16, setting: Setting) -> Rule {
    Rule {
        when: parse(when, channels),
        hysteresis: 0.0,
        delay: Duration::ZERO,
        set: vec![(ChannelId(channel), setting)],
    }
}

fn on() -> Setting {
    Setting::Value(Value::Boolean(true))
}

/// A temperature that is set by hand and a lamp that a rule switches on.
fn thermometer(change: impl FnOnce(&mut Rule)) -> Bench {
    let channels = vec![float("temp", 0.0, Source::Hold), switch("lamp")];
    let mut rule = rule("temp >= 100", &channels, 1, on());
    change(&mut rule);
    let mut definition = definition(channels);
    definition.rules = vec![rule];
    Bench::new(definition)
}

/// Whether the rule fired at the tick after each of these temperatures.
fn fired(bench: &mut Bench, temperatures: &[f64]) -> Vec<bool> {
    let fires = |temperature: &f64| {
        bench.set(0, &Value::Float(*temperature));
        bench.tick().contains(&FIRED)
    };
    temperatures.iter().map(fires).collect()
}

#[test]
fn a_rule_fires_once_until_its_condition_has_been_false() {
    let mut bench = thermometer(|_| {});
    assert_eq!(fired(&mut bench, &[99.0, 100.0, 101.0, 99.0, 100.0]), [false, true, false, false, true]);
}

#[test]
fn hysteresis_decides_when_a_rule_may_fire_again() {
    let mut bench = thermometer(|rule| rule.hysteresis = 5.0);
    assert_eq!(
        fired(&mut bench, &[100.0, 95.5, 100.0, 94.0, 99.0, 100.0]),
        [true, false, false, false, false, true]
    );
}

#[test]
fn a_delayed_rule_fires_only_if_its_condition_has_held_that_long() {
    let mut bench = thermometer(|rule| rule.delay = Duration::from_millis(1500));
    assert_eq!(
        fired(&mut bench, &[100.0, 100.0, 0.0, 100.0, 100.0, 100.0, 100.0]),
        [false, false, false, false, false, true, false]
    );
}

#[test]
fn a_rule_changes_the_value_in_the_tick_it_fires() {
    let mut bench = thermometer(|_| {});
    bench.set(0, &Value::Float(100.0));
    assert_eq!(bench.tick(), [FIRED, ModelEvent::Changed(ChannelId(1))]);
    assert_eq!(bench.model.value(ChannelId(1)), &Value::Boolean(true));
    assert_eq!(bench.tick(), []);
}

#[test]
fn rules_below_see_what_rules_above_have_set() {
    let channels = vec![switch("a"), switch("b"), switch("c")];
    let mut definition = definition(channels.clone());
    definition.rules =
        vec![rule("c", &channels, 0, on()), rule("a", &channels, 1, on()), rule("b", &channels, 2, on())];
    let mut bench = Bench::new(definition);
    bench.set(0, &Value::Boolean(true));
    let rules = |events: Vec<ModelEvent>| {
        events.into_iter().filter(|event| matches!(event, ModelEvent::Rule(_))).collect::<Vec<_>>()
    };
    assert_eq!(rules(bench.tick()), [ModelEvent::Rule(1), ModelEvent::Rule(2)]);
    assert_eq!(rules(bench.tick()), [ModelEvent::Rule(0)]);
}

#[test]
fn a_rule_copies_a_value_and_fits_it_to_the_other_kind() {
    let channels = vec![
        float("temp", 21.7, Source::Hold),
        channel("shown", Kind::Integer, Value::Integer(0), Source::Hold),
    ];
    let mut definition = definition(channels.clone());
    definition.rules = vec![rule("temp > 20", &channels, 1, Setting::Channel(ChannelId(0)))];
    let mut bench = Bench::new(definition);
    bench.tick();
    assert_eq!(bench.model.value(ChannelId(1)), &Value::Integer(22));
}

#[test]
fn a_button_is_seen_at_one_tick_and_up_at_the_next() {
    let channels = vec![channel("brew", Kind::Button, Value::Integer(0), Source::Hold), switch("pump")];
    let mut definition = definition(channels.clone());
    definition.rules = vec![rule("brew == 2", &channels, 1, on())];
    let mut bench = Bench::new(definition);
    bench.tick();
    bench.set(0, &Value::Integer(2));
    assert_eq!(bench.tick(), [FIRED, ModelEvent::Changed(ChannelId(1))]);
    assert_eq!(bench.tick(), [ModelEvent::Changed(ChannelId(0))]);
    assert_eq!(bench.model.value(ChannelId(0)), &Value::Integer(0));
    assert_eq!(bench.tick(), []);
}
