//! Measures the core: many devices through simulated time, publish decisions included, on one thread.
//!
//! `cargo run --release -p thingfleet-device --example simulate -- [DEVICES] [HOURS]`

#[path = "../tests/golden/definition.rs"]
mod golden;

use core::time::Duration;
use std::{env, process::ExitCode, time};
use thingfleet_device::{
    condition::Condition,
    definition::{
        Behaviour, Channel, ChannelId, Definition, Kind, Operand, PublishPolicy, Role, Rule, Setting, Source,
    },
    time::{Instant, UnixMillis},
    trace::Trace,
    unit::Unit,
    value::Value,
};

fn main() -> ExitCode {
    let number = |index: usize, default: u64| match env::args().nth(index) {
        Some(text) => text.parse().ok(),
        None => Some(default),
    };
    let (Some(devices), Some(hours)) = (number(1, 1000), number(2, 24)) else {
        eprintln!("usage: simulate [DEVICES] [HOURS]");
        return ExitCode::from(2);
    };
    let everything = Definition { tick: Duration::from_secs(1), ..golden::definition() };
    measure("kettle", &kettle(), devices, hours);
    measure("everything", &everything, devices, hours);
    ExitCode::SUCCESS
}

#[expect(clippy::disallowed_methods, reason = "this program measures; nothing it simulates sees the clock")]
fn now() -> time::Instant {
    time::Instant::now()
}

fn measure(name: &str, definition: &Definition, devices: u64, hours: u64) {
    let span = Duration::from_secs(hours * 3600);
    let mut published = 0u64;
    let began = now();
    for index in 0..devices {
        let mut trace = Trace::new(definition, &format!("{name}-{index}"), 7, UnixMillis(0));
        let counted: Result<(), ()> = trace.run(Instant::START.plus(span), &mut |_| {
            published += 1;
            Ok(())
        });
        counted.expect("counting cannot fail");
    }
    let seconds = began.elapsed().as_secs_f64();
    let ticks = devices as f64 * (span.as_secs_f64() / definition.tick.as_secs_f64() + 1.0);
    println!(
        "{name}: {devices} devices x {hours} h, tick {:?}, {} channels: {seconds:.2} s, {:.0} ns a tick, {:.0} device-hours a second, {published} values sent",
        definition.tick,
        definition.channels.len(),
        seconds * 1e9 / ticks,
        (devices * hours) as f64 / seconds,
    );
}

/// A kettle that boils, switches itself off, cools down and is switched on again.
fn kettle() -> Definition {
    let channel = |name: &str, kind, starts, behaviour, publish| Channel {
        name: name.into(),
        role: Role::Sensor,
        label: name.into(),
        group: None,
        kind,
        unit: Unit::None,
        range: None,
        precision: Some(2),
        step: None,
        starts,
        settable: false,
        behaviour,
        publish,
    };
    let lag = |toward, minutes: u64| Source::Lag {
        toward: Operand::Number(toward),
        over: Duration::from_secs(minutes * 60),
    };
    let sent =
        |every, change| PublishPolicy { every, change: Some(change), gap: Duration::ZERO, heartbeat: None };
    let power = channel("power", Kind::Boolean, Value::Boolean(true), Behaviour::HOLD, sent(None, 0.0));
    let condition =
        |text, channels: &[Channel]| Condition::parse(text, channels).expect("the condition is right");
    let behaviour = Behaviour {
        base: lag(21.0, 25),
        cases: vec![(condition("power", std::slice::from_ref(&power)), lag(108.0, 4))],
        noise: Some(0.05),
        ..Behaviour::HOLD
    };
    let every = Some(Duration::from_secs(5));
    let water = channel("water", Kind::Float, Value::Float(21.0), behaviour, sent(every, 0.1));
    let channels = vec![power, water];
    let rule = |when, on| Rule {
        when: condition(when, &channels),
        hysteresis: 5.0,
        delay: Duration::ZERO,
        set: vec![(ChannelId(0), Setting::Value(Value::Boolean(on)))],
    };
    let rules = vec![rule("water >= 100", false), rule("water <= 40", true)];
    Definition {
        kind: "kettle".into(),
        tick: Duration::from_secs(1),
        channels,
        rules,
        ..golden::definition()
    }
}
