//! A device that no one owns: it has every kind of channel, every source and every modifier, so that its trace
//! shows any change in any of them. Also built into the image that repeats the trace on riscv32.

use std::time::Duration;
use thingfleet_device::{
    condition::Condition,
    definition::{
        ActuatorMode, Behaviour, Channel, ChannelId, ChoiceOption, DailyPoint, Definition, Dialect, Kind,
        MarkovState, Operand, PublishPolicy, Range, Role, Rule, Setting, Source,
    },
    unit::Unit,
    value::Value,
};

/// The definition.
pub(crate) fn definition() -> Definition {
    let mut channels = channels();
    let hot_case = condition("power", &channels);
    let surge_case = condition("power and mode != eco", &channels);
    find(&mut channels, "water").behaviour.cases =
        vec![(hot_case, Source::Lag { toward: Operand::Number(108.0), over: minutes(4) })];
    find(&mut channels, "load").behaviour.cases =
        vec![(surge_case, Source::Ramp { from: 500.0, to: 2000.0, over: minutes(2), repeat: false })];
    let rules = rules(&channels);
    Definition {
        kind: "golden".into(),
        title: "Everything at once".into(),
        description: "Every source and every modifier".into(),
        manufacturer: "Thingfleet".into(),
        hardware: "1".into(),
        software: "1".into(),
        language: "en".into(),
        tick: Duration::from_secs(5),
        channels,
        rules,
        hello: "Hi".into(),
        actuators: ActuatorMode::Auto,
        dialect: Dialect::Thesis,
        firmware: Vec::new(),
    }
}

fn channels() -> Vec<Channel> {
    let float = || Value::Float(0.0);
    vec![
        channel("power", Kind::Boolean, Value::Boolean(false), Source::Hold),
        channel("mode", choice(["eco", "normal", "boost"]), Value::Choice(0), Source::Hold),
        channel("press", Kind::Button, Value::Integer(0), Source::Hold),
        channel("note", Kind::Text(40), Value::Text("fresh".into()), Source::Hold),
        Channel {
            precision: Some(2),
            range: Some(Range { min: -20.0, max: 120.0 }),
            ..with_modifiers(
                channel(
                    "water",
                    Kind::Float,
                    Value::Float(21.0),
                    Source::Lag { toward: Operand::Number(21.0), over: minutes(25) },
                ),
                |behaviour| behaviour.noise = Some(0.05),
            )
        },
        Channel {
            publish: PublishPolicy { change: Some(700.0), heartbeat: Some(minutes(120)), ..ON_CHANGE },
            ..channel("load", Kind::Float, float(), Source::Constant(Operand::Number(3.0)))
        },
        channel(
            "energy",
            Kind::Float,
            Value::Float(12.5),
            Source::Integral { of: ChannelId(5), per: minutes(60), scale: 0.001 },
        ),
        channel(
            "starts",
            Kind::Integer,
            Value::Integer(0),
            Source::Counter { per_hour: Operand::Number(7.3) },
        ),
        channel(
            "saw",
            Kind::Float,
            float(),
            Source::Ramp { from: -1.0, to: 1.0, over: minutes(47), repeat: true },
        ),
        channel(
            "wave",
            Kind::Float,
            float(),
            Source::Sine { mean: 5.0, amplitude: 2.0, period: minutes(90), phase: minutes(7) },
        ),
        channel(
            "sun",
            Kind::Float,
            float(),
            Source::Daily(vec![
                DailyPoint { second: 21_600, value: 0.0 },
                DailyPoint { second: 43_200, value: 850.0 },
                DailyPoint { second: 68_400, value: 1.0 },
            ]),
        ),
        with_modifiers(
            channel("walk", Kind::Float, Value::Float(50.0), Source::RandomWalk { step: 0.8 }),
            |behaviour| {
                behaviour.clamp = Some(Range { min: 40.0, max: 60.0 });
                behaviour.quantise = Some(0.75);
            },
        ),
        channel(
            "pull",
            Kind::Float,
            float(),
            Source::OrnsteinUhlenbeck {
                mean: Operand::Channel(ChannelId(9)),
                deviation: 0.3,
                over: minutes(10),
            },
        ),
        channel(
            "blink",
            Kind::Boolean,
            Value::Boolean(false),
            Source::Square { low: 0.0, high: 1.0, period: minutes(50), duty: 0.3 },
        ),
        channel("cycle", choice(["idle", "wash", "spin"]), Value::Choice(0), Source::Markov(states())),
        with_modifiers(
            channel("chase", Kind::Float, float(), Source::Constant(Operand::Channel(ChannelId(8)))),
            |behaviour| behaviour.rate_limit = Some(0.001),
        ),
        channel(
            "tape",
            Kind::Float,
            float(),
            Source::Replay { samples: samples(), interpolate: true, repeat: true },
        ),
        channel(
            "steps",
            Kind::Integer,
            Value::Integer(0),
            Source::Replay { samples: samples(), interpolate: false, repeat: false },
        ),
    ]
}

fn rules(channels: &[Channel]) -> Vec<Rule> {
    let id = |name: &str| {
        let index = channels.iter().position(|channel| channel.name == name).expect("the channel is there");
        ChannelId(u16::try_from(index).expect("there are few channels"))
    };
    let rule = |when: &str, hysteresis: f64, delay: Duration, set: Vec<(ChannelId, Setting)>| Rule {
        when: condition(when, channels),
        hysteresis,
        delay,
        set,
    };
    let value = Setting::Value;
    vec![
        rule("water >= 100", 5.0, Duration::ZERO, vec![(id("power"), value(Value::Boolean(false)))]),
        rule(
            "not power and water < 40",
            2.0,
            minutes(35),
            vec![
                (id("press"), value(Value::Integer(1))),
                (id("note"), value(Value::Text("cold, \"again\"".into()))),
            ],
        ),
        rule("press", 0.0, Duration::ZERO, vec![(id("power"), value(Value::Boolean(true)))]),
        rule("blink == on", 0.0, minutes(1), vec![(id("mode"), value(Value::Choice(2)))]),
        rule(
            "pull > wave or cycle == spin",
            0.5,
            Duration::ZERO,
            vec![(id("mode"), value(Value::Choice(0)))],
        ),
        rule("saw > 0.9", 0.1, Duration::ZERO, vec![(id("walk"), Setting::Channel(id("starts")))]),
    ]
}

fn states() -> Vec<MarkovState> {
    let state = |value, mean, fixed, next| MarkovState { value, mean, fixed, next };
    vec![
        state(0.0, minutes(80), false, vec![(1, 1.0)]),
        state(1.0, minutes(40), true, vec![(2, 3.0), (0, 1.0)]),
        state(2.0, minutes(6), false, vec![(0, 1.0)]),
    ]
}

fn samples() -> Vec<(Duration, f64)> {
    [(1, 2.0), (9, 7.5), (30, -3.25), (31, 4.0), (75, 0.1)].map(|(at, value)| (minutes(at), value)).to_vec()
}

fn channel(name: &str, kind: Kind, starts: Value, base: Source) -> Channel {
    Channel {
        name: name.into(),
        role: if base == Source::Hold { Role::Actuator } else { Role::Sensor },
        label: name.into(),
        group: None,
        settable: base == Source::Hold,
        publish: match kind {
            Kind::Float => PublishPolicy { every: Some(minutes(30)), change: None, ..ON_CHANGE },
            Kind::Integer => PublishPolicy { change: Some(4.0), heartbeat: Some(minutes(240)), ..ON_CHANGE },
            Kind::Boolean | Kind::Choice(_) | Kind::Text(_) | Kind::Button => ON_CHANGE,
        },
        kind,
        unit: Unit::None,
        range: None,
        precision: None,
        step: None,
        starts,
        behaviour: Behaviour { base, ..Behaviour::HOLD },
    }
}

const ON_CHANGE: PublishPolicy =
    PublishPolicy { every: None, change: Some(0.0), gap: Duration::from_secs(10), heartbeat: None };

fn with_modifiers(mut channel: Channel, modify: impl FnOnce(&mut Behaviour)) -> Channel {
    modify(&mut channel.behaviour);
    channel
}

fn choice(names: [&str; 3]) -> Kind {
    Kind::Choice(names.map(|name| ChoiceOption { name: name.into(), label: name.into() }).to_vec())
}

fn condition(text: &str, channels: &[Channel]) -> Condition {
    Condition::parse(text, channels).expect("the condition is right")
}

fn find<'c>(channels: &'c mut [Channel], name: &str) -> &'c mut Channel {
    channels.iter_mut().find(|channel| channel.name == name).expect("the channel is there")
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}
