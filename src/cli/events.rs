//! What `run --events` prints: each event of each device, for people or for programs.

use super::{Global, output};
use serde_json::{Value as Json, json};
use std::io;
use thingfleet::{
    ble,
    fleet::health::{Notice, What},
};
use thingfleet_device::{
    commissioning::journey::Step,
    definition::{Channel, ChannelId, Definition, Kind},
    io::{ActuatorModeInForce, Colour, Event, Handshake, Session},
    value::{Value, format_float},
};

/// Prints an event of a device of this definition.
pub(super) fn print(notice: &Notice, definition: &Definition, global: &Global) -> io::Result<()> {
    let mut json = match &notice.what {
        What::Event(event) => event_json(event, definition),
        What::Bluetooth(state) => bluetooth_json(state),
        What::Led(colour) => json!({ "event": "led", "colour": colour_name(*colour) }),
    };
    if global.json {
        json["type"] = json!("event");
        json["device"] = json!(&*notice.name);
        json["device_seconds"] = json!(notice.at.as_secs_f64());
        return output::json(&json);
    }
    let name = json["event"].as_str().unwrap_or_default();
    let words = json.as_object().into_iter().flatten().filter(|(key, _)| *key != "event");
    let words: Vec<_> = words.map(|(key, value)| format!("{key}={value}")).collect();
    output::line(&format!("{:>9.1} s  {} {name} {}", notice.at.as_secs_f64(), notice.name, words.join(" ")))
}

fn event_json(event: &Event, definition: &Definition) -> Json {
    let name = |channel: ChannelId| &definition.channel(channel).name;
    let value = |channel: ChannelId, value: &Value| value_json(definition.channel(channel), value);
    match event {
        Event::Session(session) => session_json(session),
        Event::Reading(channel, reading) => {
            json!({ "event": "reading", "channel": name(*channel), "value": value(*channel, reading) })
        }
        Event::Published(channel) => json!({ "event": "published", "channel": name(*channel) }),
        Event::PublishFailed { what, why } => json!({ "event": "publish-failed", "what": what, "why": why }),
        Event::Actuated { channel, value: new, by } => {
            json!({ "event": "actuated", "channel": name(*channel), "value": value(*channel, new), "by": by })
        }
        Event::Refused { what, by, why } => json!({ "event": "refused", "what": what, "by": by, "why": why }),
        Event::Rule(rule) => json!({ "event": "rule", "rule": rule }),
        Event::NodesReady { created, repaired, mode } => {
            let mode = match mode {
                ActuatorModeInForce::Persistent => "persistent",
                ActuatorModeInForce::Transient => "transient",
            };
            json!({ "event": "nodes-ready", "created": created, "repaired": repaired, "actuators": mode })
        }
        Event::SetupFailed { why, next_step } => {
            json!({ "event": "setup-failed", "why": why, "next_step": next_step })
        }
        Event::Handshake(step) => {
            let step = match step {
                Handshake::HelloSent => "hello-sent",
                Handshake::Mirrored => "mirrored",
                Handshake::OwnerAdded => "owner-added",
                Handshake::Done => "done",
            };
            json!({ "event": "handshake", "step": step })
        }
        Event::Commissioning(step) => step_json(step),
    }
}

fn bluetooth_json(state: &ble::State) -> Json {
    match state {
        ble::State::Queued { ahead } => json!({ "event": "bluetooth", "state": "queued", "ahead": ahead }),
        ble::State::Advertising { adapter, address } => json!({
            "event": "bluetooth", "state": "advertising", "adapter": adapter, "address": address.to_string(),
        }),
        ble::State::Down(trouble) => json!({
            "event": "bluetooth", "state": "down", "kind": trouble.kind.name(), "text": trouble.text,
            "next_step": trouble.kind.next_step(),
        }),
    }
}

fn step_json(step: &Step) -> Json {
    let of = |name: &str| json!({ "event": "commissioning", "step": name });
    match step {
        Step::Entered(stage) => json!({ "event": "commissioning", "stage": stage.name() }),
        Step::ClientConnected => of("client-connected"),
        Step::ClientGone => of("client-gone"),
        Step::PairingFailed(why) => json!({
            "event": "commissioning", "step": "pairing-failed", "why": why.to_string(),
            "next_step": why.next_step(),
        }),
        Step::Written(characteristic) => {
            json!({ "event": "commissioning", "step": "written", "characteristic": characteristic.name() })
        }
        Step::Rejected { characteristic, why } => json!({
            "event": "commissioning", "step": "rejected", "characteristic": characteristic.name(),
            "why": why.to_string(),
        }),
        Step::Incomplete(missing) => json!({
            "event": "commissioning", "step": "incomplete",
            "missing": missing.iter().map(|characteristic| characteristic.name()).collect::<Vec<_>>(),
        }),
        Step::NetworkFailed { ssid, why } => json!({
            "event": "commissioning", "step": "network-failed", "ssid": ssid, "why": why.describe(),
            "next_step": why.next_step(),
        }),
        Step::GaveUp { why, next_step } => json!({
            "event": "commissioning", "step": "gave-up", "why": why, "next_step": next_step,
        }),
        Step::Reset => of("reset"),
    }
}

fn session_json(session: &Session) -> Json {
    match session {
        Session::Commissioning => json!({ "event": "session", "state": "commissioning" }),
        Session::Joining => json!({ "event": "session", "state": "joining" }),
        Session::Connecting => json!({ "event": "session", "state": "connecting" }),
        Session::SettingUp => json!({ "event": "session", "state": "setting-up" }),
        Session::Online => json!({ "event": "session", "state": "online" }),
        Session::Stopped => json!({ "event": "session", "state": "stopped" }),
        Session::Waiting { failure, retry_in_ms } => json!({
            "event": "session", "state": "waiting", "kind": failure.kind.name(), "text": failure.text,
            "next_step": failure.kind.next_step(), "retry_in_ms": retry_in_ms,
        }),
        Session::Failed(failure) => json!({
            "event": "session", "state": "failed", "kind": failure.kind.name(), "text": failure.text,
            "next_step": failure.kind.next_step(),
        }),
    }
}

/// The value as a program wants it: numbers with the channel's precision, an option by its name.
fn value_json(channel: &Channel, value: &Value) -> Json {
    match value {
        Value::Boolean(on) => json!(on),
        Value::Integer(number) => json!(number),
        Value::Float(number) => {
            format_float(*number, channel.precision).parse::<f64>().map_or(Json::Null, |number| json!(number))
        }
        Value::Choice(index) => match &channel.kind {
            Kind::Choice(options) => json!(options.get(usize::from(*index)).map(|option| &option.name)),
            Kind::Boolean | Kind::Integer | Kind::Float | Kind::Text(_) | Kind::Button => json!(index),
        },
        Value::Text(text) => json!(text),
    }
}

fn colour_name(colour: Colour) -> &'static str {
    match colour {
        Colour::Red => "red",
        Colour::Blue => "blue",
        Colour::Yellow => "yellow",
        Colour::Green => "green",
    }
}
