//! Definitions and instances for the unit tests of this crate.

use crate::{
    definition::{
        ActuatorMode, Behaviour, Bluetooth, Channel, ChoiceOption, Definition, Dialect, Kind, PublishPolicy,
        Range, Role, Source,
    },
    instance::{Access, Account, Addressing, Commissioning, Instance},
    jid::BareJid,
    time::UnixMillis,
    unit::Unit,
    value::{Secret, Value},
};
use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::time::Duration;

/// A settable actuator of this kind at its zero, published on every change.
pub(crate) fn channel(name: &str, kind: Kind) -> Channel {
    let starts = match kind {
        Kind::Boolean => Value::Boolean(false),
        Kind::Integer | Kind::Button => Value::Integer(0),
        Kind::Float => Value::Float(0.0),
        Kind::Choice(_) => Value::Choice(0),
        Kind::Text(_) => Value::Text(String::new()),
    };
    Channel {
        name: name.to_string(),
        role: Role::Actuator,
        label: name.to_string(),
        group: None,
        kind,
        unit: Unit::None,
        range: None,
        precision: None,
        step: None,
        starts,
        settable: true,
        behaviour: Behaviour::HOLD,
        publish: PublishPolicy { every: None, change: Some(0.0), gap: Duration::ZERO, heartbeat: None },
    }
}

/// A kettle: temperature that is published each 5 s, power switch, mode, setpoint and a button.
pub(crate) fn kettle() -> Definition {
    let mut temp = channel("temp", Kind::Float);
    temp.role = Role::Sensor;
    temp.label = "Water temperature".to_string();
    temp.settable = false;
    temp.unit = Unit::Celsius;
    temp.precision = Some(2);
    temp.starts = Value::Float(21.0);
    temp.behaviour.base =
        Source::Ramp { from: 21.0, to: 100.0, over: Duration::from_secs(100), repeat: false };
    temp.publish = PublishPolicy {
        every: Some(Duration::from_secs(5)),
        change: None,
        gap: Duration::ZERO,
        heartbeat: None,
    };
    let mut target = channel("target", Kind::Integer);
    target.range = Some(Range { min: 40.0, max: 100.0 });
    target.step = Some(5.0);
    target.starts = Value::Integer(100);
    let option = |name: &str, label: &str| ChoiceOption { name: name.to_string(), label: label.to_string() };
    let mode = channel("mode", Kind::Choice(vec![option("boil", "Boil"), option("keep", "Keep warm")]));
    Definition {
        kind: "kettle".to_string(),
        title: "Electric kettle".to_string(),
        description: "Boils water.".to_string(),
        manufacturer: "Thingfleet".to_string(),
        hardware: "1.0".to_string(),
        software: "1.2".to_string(),
        language: "en".to_string(),
        tick: Duration::from_secs(1),
        channels: vec![temp, channel("powerOn", Kind::Boolean), target, mode, channel("beep", Kind::Button)],
        rules: Vec::new(),
        hello: "Hi from the ESP32. Please mirror this message!".to_string(),
        actuators: ActuatorMode::Auto,
        dialect: Dialect::Thesis,
        bluetooth: Bluetooth::named("Electric kettle"),
        firmware: Vec::new(),
    }
}

/// `kettle-1` of Juliet.
pub(crate) fn instance() -> Instance {
    Instance {
        name: "kettle-1".to_string(),
        seed: 7,
        serial: "0001".to_string(),
        epoch: UnixMillis(1_700_000_000_000),
        speed: 1.0,
        starts: Vec::new(),
        account: Some(Account {
            jid: BareJid::parse("kettle-1@example.org").unwrap(),
            password: Secret::new("secret"),
            resource: "thingfleet".to_string(),
        }),
        owners: vec![BareJid::parse("juliet@example.org").unwrap()],
        commissioning: Commissioning::Preset,
        key: None,
        stored: None,
        access: Access::Presence,
        addressing: Addressing::Pep,
        actuators: ActuatorMode::Auto,
        faults: Vec::new(),
        last_reset: None,
    }
}
