//! What the dashboard writes down is what the reader of plans takes, and means the same.

mod common;

use common::{OPTIONS, Stage};
use std::time::Duration;
use thingfleet_control::{
    command::{Command, Outcome},
    fault::{FaultKind, FaultSpec},
    snapshot::{Entry, State},
    value::Value,
};
use thingfleet_device::{
    definition::Definition,
    fault::{
        Kind,
        plan::{Planned, When},
    },
};
use thingfleet_schema::{
    plan::{self, Plan},
    profile::{self, Fleet, Surroundings},
    source::Memory,
};
use thingfleet_tui::{
    app::Effect,
    feed::{News, Steer, Steered},
};

const HOME: &str = "\
fleet: home
server: { private: home.test }
groups:
  - { definition: kettle, count: 2 }
  - { definition: door }
  - { definition: coffee-maker, commissioning: bluetooth }
";

fn fleet(text: &str) -> Fleet {
    let surroundings = Surroundings { loader: &Memory::default(), environment: &|_| None };
    profile::read("home.yaml", text, &surroundings)
        .unwrap_or_else(|mistakes| panic!("\n{}", mistakes.render(false, 120)))
}

/// A dashboard before that fleet.
fn stage(fleet: &Fleet) -> Stage {
    let mut stage = Stage::new(120, 40, OPTIONS);
    let entry = |device: &profile::Device| Entry {
        name: device.name.clone(),
        kind: device.definition.kind.clone(),
        tags: Vec::new(),
        state: State::Online,
        trouble: None,
        faults: Vec::new(),
    };
    stage.news(News::Roster(fleet.devices.iter().map(entry).collect()));
    stage
}

/// At that many seconds those devices did as they were told.
fn done(stage: &mut Stage, at: f64, names: &[&str], command: Command) {
    stage.time(100.0 + at);
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let outcome = Ok(Outcome { done: names.clone(), refused: Vec::new() });
    let steer = Steer { id: 0, names, command };
    stage.news(News::Steered(Steered { steer, before: std::collections::BTreeMap::new(), outcome }));
}

fn fault(fault: &str) -> FaultSpec {
    FaultSpec { fault: fault.to_owned(), ..FaultSpec::default() }
}

/// What the dashboard writes, given to the fleet by the reader of plans.
fn exported(stage: &mut Stage, fleet: &mut Fleet) -> (Plan, String) {
    let effects = stage.keys("E");
    let [Effect::Save { text, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let plan = plan::apply("exported.yaml", text, fleet)
        .unwrap_or_else(|mistakes| panic!("\n{}\n{text}", mistakes.render(false, 120)));
    (plan, text.clone())
}

fn faults<'f>(fleet: &'f Fleet, name: &str) -> &'f [Planned] {
    &fleet.devices.iter().find(|device| device.name == name).unwrap().faults
}

/// A fault of this kind with each of its settings given, and not as it is by default.
fn set_up(kind: &FaultKind, definition: &Definition) -> FaultSpec {
    let with = |channel: Option<&str>| {
        let mut spec = fault(&kind.fault);
        for setting in &kind.settings {
            let between = |share: f64| Some(setting.min? + (setting.max? - setting.min?) * share);
            let word = setting.options.last().cloned();
            match setting.name.as_str() {
                "channel" => spec.channel = channel.map(str::to_owned),
                "amount" => spec.amount = between(0.25),
                "delay" => spec.delay = between(0.25),
                "jitter" => spec.jitter = between(0.125),
                "share" => spec.share = Some(0.37),
                "direction" => spec.direction = word,
                "characteristic" => spec.characteristic = word,
                "text" => spec.text = word.or_else(|| Some("yes: \"no\" # ~".to_owned())),
                other => panic!("{other} is no setting of a fault"),
            }
        }
        spec
    };
    let names = definition.channels.iter().map(|channel| Some(channel.name.as_str()));
    let fits = |spec: &FaultSpec| spec.for_definition(definition).is_ok();
    let found = names.chain([None]).map(with).find(fits);
    found.unwrap_or_else(|| panic!("{:?}", with(None).for_definition(definition)))
}

#[test]
fn every_kind_with_every_setting_is_read_back_as_it_was() {
    let mut fleet = fleet(HOME);
    let mut stage = stage(&fleet);
    let definition =
        fleet.devices.iter().find(|device| device.name == "coffee-maker").unwrap().definition.clone();
    let mut wanted = Vec::new();
    for (second, kind) in FaultKind::library().iter().enumerate() {
        let mut spec = set_up(kind, &definition);
        if !kind.is_instant && second % 2 == 0 {
            spec.for_seconds = Some(30.5 + second as f64);
        }
        done(&mut stage, second as f64, &["coffee-maker"], Command::Fault { fault: spec.clone() });
        let (fault, lasts) = spec.for_definition(&definition).unwrap();
        wanted.push((fault, When::At(Duration::from_secs(second as u64)), lasts));
        let inject = Command::Inject { channel: "temp".into(), value: Value::Float(42.5) };
        done(&mut stage, second as f64, &["kettle-1"], inject);
    }

    let (plan, text) = exported(&mut stage, &mut fleet);

    assert_eq!((plan.faults, plan.devices), (wanted.len(), 1));
    assert_eq!(plan.name, "by-hand-flat");
    let planned = faults(&fleet, "coffee-maker");
    assert_eq!(planned.len(), wanted.len());
    for (planned, (fault, when, lasts)) in planned.iter().zip(wanted) {
        assert_eq!((&planned.fault, &planned.when, planned.lasts), (&fault, &when, lasts), "{text}");
        assert_eq!((planned.chance, planned.times), (1.0, None));
    }
}

#[test]
fn what_was_ended_by_hand_lasts_that_long_and_what_is_over_at_once_has_no_duration() {
    let mut fleet = fleet(HOME);
    let mut stage = stage(&fleet);
    let both = ["kettle-1", "kettle-2"];
    done(&mut stage, 0.0, &both, Command::Fault { fault: fault("latency") });
    done(&mut stage, 1.0, &["door"], Command::Fault { fault: fault("reboot") });
    done(&mut stage, 2.5, &["kettle-2"], Command::Fault { fault: fault("sensor-stuck") });
    done(&mut stage, 4.0, &["kettle-2"], Command::Clear { id: Some(7), kind: Some("sensor-stuck".into()) });
    done(&mut stage, 12.0, &["kettle-1", "kettle-2", "door"], Command::Clear { id: None, kind: None });
    done(&mut stage, 13.0, &["door"], Command::Fault { fault: fault("offline") });

    let (plan, text) = exported(&mut stage, &mut fleet);

    assert!(text.contains("{ definition: kettle }"), "all of a kind are one entry: {text}");
    assert_eq!((plan.faults, plan.devices), (4, 3));
    let of = |name| {
        let one = |planned: &Planned| (planned.fault.kind(), planned.when.clone(), planned.lasts);
        faults(&fleet, name).iter().map(one).collect::<Vec<_>>()
    };
    let ms = Duration::from_millis;
    let latency = (Kind::Latency, When::At(ms(0)), Some(ms(12_000)));
    assert_eq!(of("kettle-1"), std::slice::from_ref(&latency));
    assert_eq!(of("kettle-2"), [latency, (Kind::SensorStuck, When::At(ms(2500)), Some(ms(1500)))]);
    let reboot = (Kind::Reboot, When::At(ms(1000)), None);
    assert_eq!(of("door"), [reboot, (Kind::Offline, When::At(ms(13_000)), None)]);
}

#[test]
fn a_plan_stays_as_long_as_a_plan_can_be() {
    let text = HOME.replace("count: 2", "count: 301");
    let mut fleet = fleet(&text);
    let mut stage = stage(&fleet);
    let names: Vec<String> = (1..=300).map(|number| format!("kettle-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    done(&mut stage, 0.0, &names, Command::Fault { fault: fault("latency") });

    let (plan, text) = exported(&mut stage, &mut fleet);

    assert_eq!((plan.faults, plan.devices), (256, 256));
    assert_eq!(text.matches("# one too many for a plan").count(), 44);
}

#[test]
fn without_a_fault_there_is_no_plan() {
    let fleet = fleet(HOME);
    let mut stage = stage(&fleet);
    done(&mut stage, 0.0, &["door"], Command::Offline {});
    assert_eq!(stage.keys("E"), []);
    assert!(stage.text().contains("there is no plan to write"), "{}", stage.text());
}
