//! What becomes of a valid file: each snapshot shows the data behind every key.

use std::time::Duration;
use thingfleet_device::{
    definition::Source,
    instance::{Addressing, Commissioning},
    value::{Secret, Value},
};
use thingfleet_schema::{
    definition,
    profile::{self, Adapter, Adapters, Fleet, Network, Server, Surroundings},
    source::Memory,
};

const DEFINITION: &str = "\
device: everything
title: Everything
description: Each kind of channel and each driver, once
manufacturer: Somebody
hardware: 2.1
software: \"7\"
language: de-AT
tick: 500ms
hello: Hello there
actuator_mode: transient
dialect: firmware
bluetooth: { name: Any thing, appearance: 0x0540, company: 89, setup_done: own-service, notify: true, security: encrypted, idle: 30s, join_attempts: 5, join: 10s, session: 1min, mirror: 1h }
sensors:
  a: { type: float, unit: celsius, range: [-40, 60], precision: 2, starts: 20, behaviour: { lag: { toward: target, over: 1h30min }, noise: 0.1, rate_limit: 30/min, clamp: [0, 50], quantise: 0.5 } }
  b: { type: integer, behaviour: { ramp: { from: 0, to: 10, over: 1min, repeat: true } }, publish: { every: tick, change: always, gap: 2s, heartbeat: never } }
  c: { type: float, behaviour: { sine: { mean: 1, amplitude: 2, period: 1d, phase: 6h } } }
  d: { type: float, behaviour: { daily: { \"00:00\": 1, \"23:59:59\": 2 } } }
  e: { type: float, behaviour: { random-walk: { step: 0.5, each: 100s } } }
  f: { type: float, behaviour: { ornstein-uhlenbeck: { mean: a, deviation: 1, over: 1min } } }
  g: { type: boolean, behaviour: { square: { low: false, high: true, period: 10s, duty: 0.25 } } }
  h: { type: choice, options: { x: Ex, y: Why }, behaviour: { markov: { y: { for: 1min }, x: { for: 2s, exactly: true, next: { x: 1, y: 2 } } } } }
  i: { type: integer, behaviour: { counter: { per_hour: -3 } } }
  j: { type: float, behaviour: { integral: { of: c, per: 1s, scale: 2 } } }
  k: { type: float, behaviour: { replay: { file: recording.csv, column: value, time: at, repeat: false } } }
  l: { type: text, max_length: 10, starts: hi }
actuators:
  target: { label: Target, group: Knobs, type: float, range: [5, 30], step: 0.5, behaviour: { when: [{ if: push and h == y, constant: 12 }] } }
  push: { type: button }
  led: { type: boolean, settable: false }
rules:
  - { when: a > 25, hysteresis: 2, delay: 3s, set: { led: true, target: a, l: \"hot\", push: 2 } }
firmware:
  led: { driver: gpio.output, pin: 18 }
";

#[test]
fn every_key_of_a_definition_has_its_effect() {
    let loader = Memory::default()
        .with("somewhere/recording.csv", "at,value\n2024-05-01T12:00:00Z,1\n2024-05-01T12:01:30Z,2.5\n");
    let definition = definition::read("somewhere/everything.yaml", DEFINITION, &loader)
        .unwrap_or_else(|mistakes| panic!("\n{}", mistakes.render(false, 120)));
    let Source::Replay { samples, .. } = &definition.find("k").unwrap().1.behaviour.base else { panic!() };
    assert_eq!(samples[1], (Duration::from_secs(90), 2.5));
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_debug_snapshot!("valid-definition", definition);
    });
}

fn fleet(text: &str) -> Fleet {
    let environment = |name: &str| {
        let number = name.strip_prefix("HOME_")?;
        Some(match number.strip_suffix("_JID") {
            Some(device) => format!("{}@example.org", device.to_lowercase()),
            None => "secret".to_owned(),
        })
    };
    profile::read("x.yaml", text, &Surroundings { loader: &Memory::default(), environment: &environment })
        .unwrap_or_else(|mistakes| panic!("\n{}", mistakes.render(false, 120)))
}

#[test]
fn devices_are_named_numbered_and_staggered() {
    let fleet = fleet(
        "fleet: a\ngroups:\n  - { definition: lamp }\n  - { definition: lamp, count: 3, names: \"l-{n:02}\", serials: \"S{n}/{name}\", after: 1s, stagger: 2s }\n",
    );
    let shown: Vec<_> = fleet
        .devices
        .iter()
        .map(|one| (one.name.as_str(), one.serial.as_str(), one.starts_after.as_secs()))
        .collect();
    assert_eq!(
        shown,
        [("lamp", "lamp", 0), ("l-01", "S1/l-01", 1), ("l-02", "S2/l-02", 3), ("l-03", "S3/l-03", 5)]
    );
}

#[test]
fn the_narrower_overrides_the_wider_and_tags_add_up() {
    let fleet = fleet(
        "fleet: a\nowners: me@a.b\ntags: [all]\naddressing: { service: pubsub.a.b, prefix: \"x.{name}.\" }\ngroups:\n  - definition: kettle\n    count: 2\n    tags: kitchen\n    starts: { temp: 30, powerOn: true }\n    devices:\n      kettle-2: { owners: [you@a.b], starts: { temp: 40 }, serial: K2, after: 9s, tags: old, addressing: pep }\n",
    );
    let [one, two] = fleet.devices.as_slice() else { panic!() };
    assert_eq!(one.tags, ["all", "kitchen"]);
    assert_eq!(two.tags, ["all", "kitchen", "old"]);
    assert_eq!((one.owners[0].as_str(), two.owners[0].as_str()), ("me@a.b", "you@a.b"));
    assert_eq!((two.serial.as_str(), two.starts_after), ("K2", Duration::from_secs(9)));
    assert_eq!(two.addressing, Addressing::Pep);
    assert_eq!(
        one.addressing,
        Addressing::Service { host: "pubsub.a.b".to_owned(), prefix: "x.kettle-1.".to_owned() }
    );
    let (temp, _) = two.definition.find("temp").unwrap();
    let temps: Vec<_> = two.starts.iter().filter(|(id, _)| *id == temp).collect();
    assert_eq!(temps, [&(temp, Value::Float(40.0))]);
    assert_eq!(two.starts.len(), 2);
}

#[test]
fn accounts_of_the_environment_reach_their_devices() {
    let fleet = fleet(
        "fleet: a\nserver: { domain: example.org }\naccounts: { environment: HOME }\ngroups: [{ definition: lamp, names: desk-lamp }]\n",
    );
    let (jid, password) = fleet.devices[0].account.as_ref().unwrap();
    assert_eq!((jid.as_str(), password.reveal()), ("desk_lamp@example.org", "secret"));
}

#[test]
fn observers_have_accounts_in_the_same_forms() {
    let fleet = fleet(
        "fleet: a\nserver: { domain: example.org }\ngroups: [{ definition: lamp, count: 3 }]\nload:\n  phases: [{ ramp: 1s }]\n\
         \x20 observers: { per_device: 1, devices_each: 2, accounts: { environment: HOME } }\n",
    );
    let observers = fleet.load.unwrap().observers;
    let jids: Vec<_> = observers.accounts.iter().map(|(jid, _)| jid.as_str()).collect();
    assert_eq!((observers.needed(3), jids), (2, vec!["observer_1@example.org", "observer_2@example.org"]));
}

#[test]
fn adapters_are_read_in_each_of_their_forms() {
    let read = |written: &str| {
        fleet(&format!("fleet: a\nadapters: {written}\ngroups: [{{ definition: lamp }}]\n")).adapters
    };
    let virtual_at = |address: &str| Adapters::Virtual { address: address.to_owned() };
    assert_eq!(fleet("fleet: a\ngroups: [{ definition: lamp }]\n").adapters, Adapters::Auto);
    assert_eq!(read("auto"), Adapters::Auto);
    assert_eq!(read("virtual"), virtual_at("127.0.0.1:6402"));
    assert_eq!(read("{ virtual: \"[::1]:7300\" }"), virtual_at("[::1]:7300"));
    assert_eq!(
        read("[hci0, \"tcp:air.test:6402\", \"serial:/dev/ttyACM0@1000000\", \"serial:/dev/ttyUSB0\"]"),
        Adapters::Named(vec![
            Adapter::BlueZ("hci0".to_owned()),
            Adapter::Tcp("air.test:6402".to_owned()),
            Adapter::Serial { path: "/dev/ttyACM0".into(), baud: 1_000_000 },
            Adapter::Serial { path: "/dev/ttyUSB0".into(), baud: 115_200 },
        ])
    );
}

#[test]
fn networks_are_all_there_unless_the_profile_lists_them() {
    let fleet = fleet(
        "fleet: a\nnetworks: [{ ssid: Home, password: { env: HOME_WIFI } }, { ssid: Far, signal: -84dBm, present: false }]\ngroups: [{ definition: lamp }]\n",
    );
    let network = |ssid: &str, password: &str, signal, is_present| Network {
        ssid: ssid.to_owned(),
        password: Secret::new(password),
        signal,
        is_present,
    };
    let expected = vec![network("Home", "secret", -50, true), network("Far", "", -84, false)];
    assert_eq!(fleet.networks, Some(expected));
    assert_eq!(self::fleet("fleet: a\ngroups: [{ definition: lamp }]\n").networks, None);
    assert_eq!(
        self::fleet("fleet: a\nnetworks: []\ngroups: [{ definition: lamp }]\n").networks,
        Some(vec![])
    );
}

#[test]
fn a_commissioned_device_needs_neither_account_nor_owner() {
    let fleet = fleet(
        "fleet: a\nserver: { domain: example.org }\naccounts: { environment: HOME }\ngroups:\n  - { definition: lamp, count: 2, devices: { lamp-2: { commissioning: bluetooth } } }\n",
    );
    let [given, commissioned] = fleet.devices.as_slice() else { panic!() };
    assert!(given.account.is_some() && commissioned.account.is_none());
    assert_eq!(commissioned.commissioning, Commissioning::Bluetooth);
}

#[test]
fn sources_are_one_address_or_several_and_none_by_default() {
    let from = |from: &str| {
        let text = format!(
            "fleet: home\nserver: {{ domain: example.org{from} }}\naccounts: register\n\
             owners: romeo@example.org\ngroups: [{{ definition: lamp }}]\n"
        );
        let Server::Remote(remote) = fleet(&text).server else { panic!("a server of somebody's") };
        remote.from.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(from(""), [""; 0]);
    assert_eq!(from(", from: 127.0.0.2"), ["127.0.0.2"]);
    assert_eq!(from(", from: [127.0.0.3, \"::1\"]"), ["127.0.0.3", "::1"]);
}
