//! What becomes of plans of faults: which devices get what, and when.

use std::time::Duration;
use thingfleet_device::{
    commissioning::gatt::Characteristic,
    fault::{
        Direction, Kind,
        plan::{Phase, Planned, When},
    },
};
use thingfleet_schema::{
    plan,
    profile::{self, Fleet, Surroundings},
    source::Memory,
};

const FLEET: &str = "\
fleet: home
seed: 7
server: { private: home.test }
groups:
  - { definition: kettle, count: 2, tags: kitchen, after: 10s, stagger: 20s }
  - { definition: door, tags: [hall, kitchen] }
  - { definition: coffee-maker, commissioning: bluetooth }
";

fn fleet(text: &str) -> Fleet {
    let surroundings = Surroundings { loader: &Memory::default(), environment: &|_| None };
    profile::read("home.yaml", text, &surroundings)
        .unwrap_or_else(|mistakes| panic!("\n{}", mistakes.render(false, 120)))
}

/// The fleet with these entries in its profile.
fn with(entries: &str) -> Fleet {
    fleet(&format!("{FLEET}faults:\n{entries}"))
}

fn faults<'f>(fleet: &'f Fleet, name: &str) -> &'f [Planned] {
    &fleet.devices.iter().find(|device| device.name == name).unwrap().faults
}

/// The devices that have a fault.
fn broken(fleet: &Fleet) -> Vec<&str> {
    let broken = fleet.devices.iter().filter(|device| !device.faults.is_empty());
    broken.map(|device| device.name.as_str()).collect()
}

/// The one fault of the coffee maker, which starts with the fleet.
fn one(entry: &str) -> Planned {
    let fleet = with(&format!("  - {{ {entry}, devices: coffee-maker }}\n"));
    let [planned] = faults(&fleet, "coffee-maker") else { panic!("{entry}") };
    planned.clone()
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn settings_are_those_of_the_catalogue() {
    let kettle = with("  - { fault: sensor-offset, channel: temp, amount: -2.5, devices: kettle-1 }\n");
    let [planned] = faults(&kettle, "kettle-1") else { panic!() };
    let (id, _) = kettle.devices[0].definition.find("temp").unwrap();
    assert_eq!((planned.fault.settings().channel, planned.fault.amount()), (Some(id), -2.5));

    let lost = one("fault: stanza-lost, share: 20 %, direction: out").fault;
    assert_eq!((lost.share(), lost.direction()), (0.2, Direction::Out));
    let late = one("fault: latency, delay: 250ms, jitter: 1s").fault;
    assert_eq!((late.delay(), late.jitter()), (Duration::from_millis(250), seconds(1)));
    let refused = one("fault: att-error, characteristic: jid-password, text: not-sealed").fault;
    assert_eq!(refused.settings().characteristic, Some(Characteristic::JidPassword));
    assert_eq!(refused.text(), "not-sealed");
    assert_eq!(one("fault: clock-skew, amount: -1h30min").fault.amount(), -5400.0);
    assert_eq!(one("fault: clock-skew, amount: 60").fault.amount(), 60.0);
    assert_eq!(one("fault: publish-flood, amount: 30/min").fault.amount(), 0.5);
    assert_eq!(one("fault: bandwidth, amount: 2048 B/s").fault.amount(), 2048.0);
}

#[test]
fn every_way_to_say_when_has_its_effect() {
    let when = |text: &str| one(&format!("fault: reboot{text}")).when;
    assert_eq!(when(""), When::At(Duration::ZERO));
    assert_eq!(when(", at: 30s"), When::At(seconds(30)));
    assert_eq!(when(", every: 5min"), When::Every { first: seconds(300), period: seconds(300) });
    assert_eq!(when(", every: 5min, first: 10s"), When::Every { first: seconds(10), period: seconds(300) });
    assert_eq!(when(", randomly: 10min"), When::Randomly { mean: seconds(600) });
    assert_eq!(when(", after: online"), When::After(Phase::Online, Duration::ZERO));
    assert_eq!(when(", after: setting-up, wait: 5s"), When::After(Phase::SettingUp, seconds(5)));
    assert_eq!(when(", during: connecting"), When::During(Phase::Connecting));
    let writing = Phase::Writing(Characteristic::JidPassword);
    assert_eq!(when(", during: commissioning.write-jid-password"), When::During(writing));
    assert!(matches!(when(", when: power"), When::Condition(_)));

    let limited = one("fault: offline, randomly: 10min, for: 1min, chance: 20 %, times: 3");
    assert_eq!((limited.chance, limited.lasts, limited.times), (0.2, Some(seconds(60)), Some(3)));
    let unlimited = one("fault: offline");
    assert_eq!((unlimited.chance, unlimited.lasts, unlimited.times), (1.0, None, None));
}

#[test]
fn devices_are_chosen_by_everything_given() {
    let chosen = |devices: &str| {
        let fleet = with(&format!("  - {{ fault: offline, devices: {devices} }}\n"));
        broken(&fleet).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(chosen("kettle-*"), ["kettle-1", "kettle-2"]);
    assert_eq!(chosen("{ name: \"*-2\" }"), ["kettle-2"]);
    assert_eq!(chosen("{ definition: door }"), ["door"]);
    assert_eq!(chosen("{ tag: kitchen }"), ["kettle-1", "kettle-2", "door"]);
    assert_eq!(chosen("{ tag: kitchen, definition: kettle, name: kettle-2 }"), ["kettle-2"]);
    assert_eq!(broken(&with("  - fault: offline\n")).len(), 4);
}

#[test]
fn what_does_not_fit_a_device_leaves_it_out_unless_it_was_named() {
    assert_eq!(broken(&with("  - { fault: sensor-stuck, channel: temp }\n")), ["kettle-1", "kettle-2"]);
    assert_eq!(broken(&with("  - { fault: reboot, when: temp > 90 }\n")), ["kettle-1", "kettle-2"]);
    assert_eq!(broken(&with("  - fault: not-advertising\n")), ["coffee-maker"]);
    assert_eq!(broken(&with("  - { fault: reboot, after: stage.done }\n")), ["coffee-maker"]);
    assert_eq!(
        broken(&with("  - { fault: sensor-stuck, channel: temp, devices: { tag: kitchen } }\n")),
        ["kettle-1", "kettle-2"]
    );
    let text = format!("{FLEET}faults:\n  - {{ fault: sensor-stuck, channel: temp, devices: \"*\" }}\n");
    let surroundings = Surroundings { loader: &Memory::default(), environment: &|_| None };
    let mistakes = profile::read("home.yaml", &text, &surroundings).unwrap_err().to_string();
    assert!(mistakes.contains("`door` has no sensor or actuator `temp`"), "{mistakes}");
}

#[test]
fn a_share_is_drawn_from_seed_plan_and_names_and_nothing_else() {
    let groups = |count| format!("groups:\n  - {{ definition: door, count: {count} }}\n");
    let drawn = |seed, count, name: &str, share| {
        let text = format!("fleet: home\nseed: {seed}\nserver: {{ private: home.test }}\n{}", groups(count));
        let mut fleet = fleet(&text);
        let text =
            format!("name: {name}\nfaults:\n  - {{ fault: offline, devices: {{ share: {share} % }} }}\n");
        let plan = plan::apply("plan.yaml", &text, &mut fleet).unwrap();
        let broken: Vec<_> = broken(&fleet).into_iter().map(str::to_owned).collect();
        assert_eq!(plan.devices, broken.len());
        broken
    };
    let fifth = drawn(1, 200, "storm", 20);
    assert!((25..=55).contains(&fifth.len()), "{}", fifth.len());
    assert_eq!(fifth, drawn(1, 200, "storm", 20));
    assert_ne!(fifth, drawn(2, 200, "storm", 20));
    assert_ne!(fifth, drawn(1, 200, "flood", 20));
    // More devices leave the others alone, and a larger share has the smaller one in it.
    assert_eq!(drawn(1, 300, "storm", 20)[..fifth.len()], fifth);
    let half = drawn(1, 200, "storm", 50);
    assert!(fifth.iter().all(|name| half.contains(name)));
    assert_eq!(drawn(1, 3, "storm", 1).len(), 1, "somebody has to have it");
}

#[test]
fn clock_times_count_from_the_start_of_the_fleet() {
    let fleet = with(concat!(
        "  - { fault: offline, at: 20s, for: 15s }\n",
        "  - { fault: reboot, at: 15s }\n",
        "  - { fault: latency, at: 5s }\n",
        "  - { fault: reboot, every: 20s, first: 5s }\n",
        "  - { fault: hang, for: 10s }\n",
        "  - { fault: conflict, at: 1s, for: 9s }\n",
    ));
    let when =
        |name| faults(&fleet, name).iter().map(|one| (one.when.clone(), one.lasts)).collect::<Vec<_>>();
    let every = |first| When::Every { first: seconds(first), period: seconds(20) };
    let at = |at| When::At(seconds(at));
    // The first kettle is switched on after 10 s, the second after 30 s.
    assert_eq!(
        when("kettle-1"),
        [
            (at(10), Some(seconds(15))),
            (at(5), None),
            (at(0), None),
            (every(15), None),
            (at(0), Some(seconds(10))),
        ]
    );
    assert_eq!(
        when("kettle-2"),
        [(at(0), Some(seconds(5))), (at(0), None), (every(15), None), (at(0), Some(seconds(10)))]
    );
    assert_eq!(when("door").len(), 6);
}

#[test]
fn several_plans_add_up_and_one_with_mistakes_changes_nothing() {
    let mut fleet = with("  - fault: offline\n");
    let good = "name: good\nfaults:\n  - fault: reboot\n  - { fault: sensor-stuck, devices: kettle-* }\n";
    assert_eq!(plan::apply("good.yaml", good, &mut fleet).unwrap().devices, 4);
    let before = fleet.clone();
    let bad = "name: bad\nfaults:\n  - fault: reboot\n  - { fault: reboot, devices: nobody }\n";
    let mistakes = plan::apply("bad.yaml", bad, &mut fleet).unwrap_err();
    assert_eq!((mistakes.list()[0].line, mistakes.list()[0].column), (4, 31));
    assert_eq!(fleet, before);
    let kinds: Vec<_> = faults(&fleet, "kettle-1").iter().map(|one| one.fault.kind()).collect();
    assert_eq!(kinds, [Kind::Offline, Kind::Reboot, Kind::SensorStuck]);
}
