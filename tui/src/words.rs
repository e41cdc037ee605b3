//! Events, commands and values in words.

use thingfleet_control::{
    command::{ButtonAction, Command},
    event::{CommissioningStep, Event, What},
    fault::FaultSpec,
    snapshot::{Bluetooth, Channel, State},
    traffic::{Direction, Exchange, Gatt, Operation, What as Exchanged},
    value::Value,
};

/// How much something asks for a person's eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It comes by all the time.
    Light,
    /// It is worth reading.
    Plain,
    /// Something went well.
    Good,
    /// Something is not as it should be.
    Bad,
}

/// An event in a line, as filters see it too.
pub fn line(event: &Event) -> String {
    format!("{} {} {}", event.device, event.what.name(), what(&event.what))
}

/// How much an event asks for a person's eye.
pub fn weight(what: &What) -> Weight {
    match what {
        What::Session { state, .. } => match state {
            State::Online => Weight::Good,
            State::Waiting | State::Failed | State::Restarting => Weight::Bad,
            State::Off
            | State::Commissioning
            | State::Joining
            | State::Connecting
            | State::SettingUp
            | State::Offline
            | State::Stopped => Weight::Plain,
        },
        What::Reading { .. } | What::Published { .. } | What::Led { .. } => Weight::Light,
        What::PublishFailed { .. }
        | What::Refused { .. }
        | What::SetupFailed { .. }
        | What::FaultBegan(_)
        | What::Bluetooth(Bluetooth::Down(_))
        | What::Lagging { lagging: true }
        | What::Commissioning(CommissioningStep { why: Some(_), .. }) => Weight::Bad,
        What::NodesReady { .. } | What::Lagging { lagging: false } => Weight::Good,
        What::Actuated { .. }
        | What::Rule { .. }
        | What::Handshake { .. }
        | What::Commissioning(_)
        | What::FaultEnded { .. }
        | What::Steered { .. }
        | What::Pace { .. }
        | What::Added
        | What::Removed
        | What::Bluetooth(Bluetooth::Advertising { .. } | Bluetooth::Queued { .. }) => Weight::Plain,
    }
}

/// What an event says besides its name.
pub fn what(what: &What) -> String {
    match what {
        What::Session { state, kind, text, retry_in_ms, .. } => {
            let mut line = state.to_string();
            for (before, words) in [(" · ", kind), (": ", text)] {
                if let Some(words) = words {
                    line = format!("{line}{before}{words}");
                }
            }
            match retry_in_ms {
                Some(ms) => format!("{line}; again in {:.1} s", *ms as f64 / 1000.0),
                None => line,
            }
        }
        What::Reading { channel, value } => format!("{channel} = {value}"),
        What::Published { channel } => channel.clone(),
        What::PublishFailed { what, why } => format!("{what}: {why}"),
        What::Actuated { channel, value, by } => {
            let by = by.as_deref().unwrap_or("a person at the device");
            format!("{channel} = {value} by {by}")
        }
        What::Refused { what, by, why } => {
            let by = by.as_deref().map(|by| format!(" from {by}")).unwrap_or_default();
            format!("{what}{by}: {why}")
        }
        What::Rule { rule } => format!("rule {} fired", rule + 1),
        What::NodesReady { created, repaired, actuators } => {
            format!("{created} created, {repaired} repaired, actuators {actuators}")
        }
        What::SetupFailed { why, next_step } => format!("{why}; {next_step}"),
        What::Handshake { step } => step.clone(),
        What::Commissioning(step) => commissioning(step),
        What::Led { colour } => colour.name().to_owned(),
        What::Bluetooth(state) => bluetooth(state),
        What::Steered { by, command: ordered } => format!("{} by {by}", command(ordered)),
        What::Lagging { lagging: true } => "this machine is too slow for its speed".to_owned(),
        What::Lagging { lagging: false } => "it keeps up again".to_owned(),
        What::Pace { paused: true, .. } => "the fleet stands still".to_owned(),
        What::Pace { speed, paused: false } => format!("the fleet runs at speed {speed}"),
        What::FaultBegan(active) => fault(&active.fault),
        What::FaultEnded { id } => format!("fault {id}"),
        What::Added => "it joined the fleet".to_owned(),
        What::Removed => "it left the fleet".to_owned(),
    }
}

/// Where a peripheral stands.
pub fn bluetooth(state: &Bluetooth) -> String {
    match state {
        Bluetooth::Queued { ahead } => format!("waits for an adapter, {ahead} before it"),
        Bluetooth::Advertising { adapter, address } => format!("advertises as {address} on {adapter}"),
        Bluetooth::Down(trouble) => format!("{}: {}", trouble.kind, trouble.text),
    }
}

fn commissioning(step: &CommissioningStep) -> String {
    let CommissioningStep { stage, step, characteristic, missing, ssid, why, next_step } = step;
    let missing = missing.as_ref().map(|missing| format!("missing {}", missing.join(", ")));
    [stage, step, characteristic, &missing, ssid, why, next_step]
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(" · ")
}

/// An exchange in a line, as filters see it too.
pub fn exchange(exchange: &Exchange) -> String {
    match &exchange.what {
        Exchanged::Stanza(stanza) => format!("{} {}", direction(stanza.direction), stanza.xml),
        Exchanged::Gatt(operation) => gatt(operation),
    }
}

/// Which way a stanza went.
pub const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Sent => "sent",
        Direction::Received => "received",
    }
}

/// An operation on a peripheral.
pub fn gatt(gatt: &Gatt) -> String {
    let Gatt { operation, characteristic, uuid: _, length, value, refused } = gatt;
    let operation = match operation {
        Operation::Connect => "connect",
        Operation::Disconnect => "disconnect",
        Operation::Read => "read",
        Operation::Write => "write",
    };
    let length = length.map(|length| format!("{length} bytes"));
    let refused =
        refused.as_ref().map(|refused| format!("refused: {} (0x{:02x})", refused.text, refused.code));
    let rest = [characteristic, &length, value, &refused].into_iter().flatten();
    rest.fold(operation.to_owned(), |text, part| format!("{text} {part}"))
}

/// A command in words: `hold temp at 95`.
pub fn command(command: &Command) -> String {
    match command {
        Command::Inject { channel, value } => format!("inject {channel} = {value}"),
        Command::Hold { channel, value: Some(value) } => format!("hold {channel} at {value}"),
        Command::Hold { channel, value: None } => format!("hold {channel}"),
        Command::Release { channel } => format!("release {channel}"),
        Command::Set { channel, value } => format!("set {channel} = {value}"),
        Command::Button { action: ButtonAction::Press } => "press the button".to_owned(),
        Command::Button { action: ButtonAction::Hold } => "keep the button down".to_owned(),
        Command::Button { action: ButtonAction::Release } => "let the button go".to_owned(),
        Command::Reset {} => "reset to factory settings".to_owned(),
        Command::Offline {} => "cut off".to_owned(),
        Command::Online {} => "let come back".to_owned(),
        Command::Fault { fault: spec } => fault(spec),
        Command::Clear { kind: Some(kind), .. } => format!("end {kind}"),
        Command::Clear { id: Some(id), kind: None } => format!("end fault {id}"),
        Command::Clear { id: None, kind: None } => "end all faults".to_owned(),
    }
}

/// A fault with its settings: `latency · delay 2 · for 30 s`.
pub fn fault(spec: &FaultSpec) -> String {
    let number = |name: &str, number: Option<f64>| number.map(|number| format!("{name} {number}"));
    let parts = [
        spec.channel.clone(),
        number("amount", spec.amount),
        number("delay", spec.delay),
        number("jitter", spec.jitter),
        number("share", spec.share),
        spec.direction.clone(),
        spec.characteristic.clone(),
        spec.text.clone(),
        spec.for_seconds.map(|seconds| format!("for {}", span(seconds))),
    ];
    parts.into_iter().flatten().fold(spec.fault.clone(), |text, part| format!("{text} · {part}"))
}

/// A value with its unit.
pub fn value(channel: &Channel, value: &Value) -> String {
    let symbol = channel.symbol();
    match value {
        Value::Boolean(true) => "on".to_owned(),
        Value::Boolean(false) => "off".to_owned(),
        Value::Integer(_) | Value::Float(_) if !symbol.is_empty() => format!("{value} {symbol}"),
        Value::Integer(_) | Value::Float(_) | Value::Text(_) => value.to_string(),
    }
}

/// A span in the shortest words: `12 s`, `3 min`, `2 h`.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// Some devices: a name, or how many.
pub fn devices(names: &[String]) -> String {
    match names {
        [] => "no device".to_owned(),
        [name] => name.clone(),
        names => format!("{} devices", names.len()),
    }
}
