//! What devices tell, in order.

use crate::{
    command::Command,
    fault::{ActiveFault, FaultSpec},
    snapshot::{Bluetooth, Colour, State, Trouble},
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thingfleet_device::{
    commissioning::journey::Step,
    definition::{ChannelId, Definition},
    io,
    time::Instant,
};

/// Something a device told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its place in the order of all events of the fleet; the first one is 1.
    pub seq: u64,
    /// The device; empty where it is about the fleet.
    pub device: String,
    /// The device's own time: seconds since it was switched on.
    pub device_seconds: f64,
    /// What it told.
    #[serde(flatten)]
    pub what: What,
}

/// What devices tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The session changed its state.
    Session {
        /// The new state.
        state: State,
        /// Short name of the failure, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// What happened.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// What a person can do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_step: Option<String>,
        /// Milliseconds until the next attempt.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u64>,
    },
    /// A value was sent.
    Reading {
        /// The sensor or actuator.
        channel: String,
        /// Its value.
        value: Value,
    },
    /// The server has acknowledged a value.
    Published {
        /// The sensor or actuator.
        channel: String,
    },
    /// The server refused to publish or to answer a request.
    PublishFailed {
        /// The item or node.
        what: String,
        /// The server's error.
        why: String,
    },
    /// A contact or a person at the device set an actuator.
    Actuated {
        /// The actuator.
        channel: String,
        /// Its new value.
        value: Value,
        /// Who did it, as far as the server says.
        by: Option<String>,
    },
    /// A request was refused.
    Refused {
        /// What was asked, shortened.
        what: String,
        /// Who asked, if known.
        by: Option<String>,
        /// Why it was refused.
        why: String,
    },
    /// A rule fired.
    Rule {
        /// Its place in the file, from 0.
        rule: u16,
    },
    /// The nodes are there and configured.
    NodesReady {
        /// How many were missing and created.
        created: u8,
        /// How many were mended.
        repaired: u8,
        /// How actuator values live on the server: `persistent` or `transient`.
        actuators: String,
    },
    /// The nodes cannot be set up.
    SetupFailed {
        /// What the server refused.
        why: String,
        /// What a person can do about it.
        next_step: String,
    },
    /// The greeting of the owner has come to this.
    Handshake {
        /// `hello-sent`, `mirrored`, `owner-added` or `done`.
        step: String,
    },
    /// A step of being commissioned over Bluetooth.
    Commissioning(CommissioningStep),
    /// Something begins to go wrong.
    FaultBegan(ActiveFault),
    /// It has ended; what is over at once ends as it begins.
    FaultEnded {
        /// Its name among the faults of its device.
        id: u32,
    },
    /// The light changed.
    Led {
        /// Its colour.
        colour: Colour,
    },
    /// The Bluetooth peripheral changed its state.
    Bluetooth(Bluetooth),
    /// Somebody steered the device; what follows from it comes after this.
    Steered {
        /// By which way: `control`, this interface.
        by: String,
        /// What it was told to do.
        command: Command,
    },
    /// Its world cannot keep its speed on this machine, or has caught up again.
    Lagging {
        /// Whether it falls behind.
        lagging: bool,
    },
    /// Time passes at another pace in the worlds of all devices, from about now on.
    Pace {
        /// Seconds there in each second of real time.
        speed: f64,
        /// Whether it stands still all the same.
        paused: bool,
    },
    /// The device joined the fleet.
    Added,
    /// The device was removed from the fleet.
    Removed,
}

/// A step of being commissioned. Exactly one of stage and step is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommissioningStep {
    /// The stage it has come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// What happened on the way: `client-connected`, `written`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The characteristic that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characteristic: Option<String>,
    /// The characteristics that were not written yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// The network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssid: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What a person can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
}

/// What a stream of events says in place of events that are not kept any more: `event: gap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Sequence number of the first event that is missing.
    pub from: u64,
    /// Sequence number of the last event that is missing.
    pub to: u64,
}

impl What {
    /// The short name: `session`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Session { .. } => "session",
            Self::Reading { .. } => "reading",
            Self::Published { .. } => "published",
            Self::PublishFailed { .. } => "publish-failed",
            Self::Actuated { .. } => "actuated",
            Self::Refused { .. } => "refused",
            Self::Rule { .. } => "rule",
            Self::NodesReady { .. } => "nodes-ready",
            Self::SetupFailed { .. } => "setup-failed",
            Self::Handshake { .. } => "handshake",
            Self::Commissioning(_) => "commissioning",
            Self::FaultBegan(_) => "fault-began",
            Self::FaultEnded { .. } => "fault-ended",
            Self::Led { .. } => "led",
            Self::Bluetooth(_) => "bluetooth",
            Self::Steered { .. } => "steered",
            Self::Lagging { .. } => "lagging",
            Self::Pace { .. } => "pace",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }

    /// What an event of a device of this definition says.
    pub fn of(event: &io::Event, at: Instant, definition: &Definition) -> Self {
        let name = |id: ChannelId| definition.channel(id).name.clone();
        match event {
            io::Event::Session(session) => Self::session(session),
            io::Event::Reading(id, value) => {
                Self::Reading { channel: name(*id), value: Value::of(definition.channel(*id), value) }
            }
            io::Event::Published(id) => Self::Published { channel: name(*id) },
            io::Event::PublishFailed { what, why } => {
                Self::PublishFailed { what: what.clone(), why: why.clone() }
            }
            io::Event::Actuated { channel: id, value, by } => Self::Actuated {
                channel: name(*id),
                value: Value::of(definition.channel(*id), value),
                by: by.clone(),
            },
            io::Event::Refused { what, by, why } => {
                Self::Refused { what: what.clone(), by: by.clone(), why: why.clone() }
            }
            io::Event::Rule(rule) => Self::Rule { rule: *rule },
            io::Event::NodesReady { created, repaired, mode } => Self::NodesReady {
                created: *created,
                repaired: *repaired,
                actuators: match mode {
                    io::ActuatorModeInForce::Persistent => "persistent",
                    io::ActuatorModeInForce::Transient => "transient",
                }
                .to_owned(),
            },
            io::Event::SetupFailed { why, next_step } => {
                Self::SetupFailed { why: why.clone(), next_step: (*next_step).to_owned() }
            }
            io::Event::Handshake(step) => Self::Handshake {
                step: match step {
                    io::Handshake::HelloSent => "hello-sent",
                    io::Handshake::Mirrored => "mirrored",
                    io::Handshake::OwnerAdded => "owner-added",
                    io::Handshake::Done => "done",
                }
                .to_owned(),
            },
            io::Event::Commissioning(step) => Self::Commissioning(CommissioningStep::of(step)),
            io::Event::FaultBegan(id, fault) => Self::FaultBegan(ActiveFault {
                id: id.0,
                since_seconds: at.as_secs_f64(),
                left_seconds: None,
                fault: FaultSpec::of(fault, definition),
            }),
            io::Event::FaultEnded(id) => Self::FaultEnded { id: id.0 },
            io::Event::Lagging(lagging) => Self::Lagging { lagging: *lagging },
        }
    }

    fn session(session: &io::Session) -> Self {
        let failure = match session {
            io::Session::Waiting { failure, .. } | io::Session::Failed(failure) => {
                Some(Trouble::from(failure))
            }
            io::Session::Commissioning
            | io::Session::Joining
            | io::Session::Connecting
            | io::Session::SettingUp
            | io::Session::Online
            | io::Session::Offline
            | io::Session::Off
            | io::Session::Stopped => None,
        };
        let retry_in_ms = match session {
            io::Session::Waiting { retry_in_ms, .. } => Some(*retry_in_ms),
            _ => None,
        };
        let (kind, text, next_step) = match failure {
            Some(Trouble { kind, text, next_step }) => (Some(kind), Some(text), Some(next_step)),
            None => (None, None, None),
        };
        Self::Session { state: session.into(), kind, text, next_step, retry_in_ms }
    }
}

impl CommissioningStep {
    fn of(step: &Step) -> Self {
        let named = |name: &str| Self { step: Some(name.to_owned()), ..Self::default() };
        match step {
            Step::Entered(stage) => Self { stage: Some(stage.name().to_owned()), ..Self::default() },
            Step::ClientConnected => named("client-connected"),
            Step::ClientGone => named("client-gone"),
            Step::PairingFailed(why) => Self {
                why: Some(why.to_string()),
                next_step: Some(why.next_step().to_owned()),
                ..named("pairing-failed")
            },
            Step::Written(characteristic) => {
                Self { characteristic: Some(characteristic.name().to_owned()), ..named("written") }
            }
            Step::Rejected { characteristic, why } => Self {
                characteristic: Some(characteristic.name().to_owned()),
                why: Some(why.to_string()),
                ..named("rejected")
            },
            Step::Incomplete(missing) => Self {
                missing: Some(missing.iter().map(|one| one.name().to_owned()).collect()),
                ..named("incomplete")
            },
            Step::NetworkFailed { ssid, why } => Self {
                ssid: Some(ssid.clone()),
                why: Some(why.describe().to_owned()),
                next_step: Some(why.next_step().to_owned()),
                ..named("network-failed")
            },
            Step::GaveUp { why, next_step } => {
                Self { why: Some(why.clone()), next_step: Some((*next_step).to_owned()), ..named("gave-up") }
            }
            Step::Reset => named("reset"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_flat_object_and_comes_back_the_same() {
        let event = Event {
            seq: 7,
            device: "kettle".into(),
            device_seconds: 1.5,
            what: What::Commissioning(CommissioningStep { stage: Some("done".into()), ..Default::default() }),
        };
        let value = serde_json::to_value(&event).unwrap();
        let flat = json!({ "seq": 7, "device": "kettle", "device_seconds": 1.5, "event": "commissioning", "stage": "done" });
        assert_eq!(value, flat);
        assert_eq!(serde_json::from_value::<Event>(value).unwrap(), event);
    }

    #[test]
    fn events_without_a_word_more_and_those_with_a_command_come_back_the_same() {
        for (what, fields) in [
            (What::Added, json!({ "event": "added" })),
            (
                What::Steered { by: "control".into(), command: Command::Offline {} },
                json!({ "event": "steered", "by": "control", "command": { "do": "offline" } }),
            ),
        ] {
            let event = Event { seq: 1, device: "kettle".into(), device_seconds: 0.0, what };
            let mut flat = json!({ "seq": 1, "device": "kettle", "device_seconds": 0.0 });
            flat.as_object_mut().unwrap().append(&mut fields.as_object().unwrap().clone());
            assert_eq!(serde_json::to_value(&event).unwrap(), flat);
            assert_eq!(serde_json::from_value::<Event>(flat).unwrap(), event);
        }
    }

    #[test]
    fn a_session_that_waits_says_why_and_for_how_long() {
        let failure = io::StreamFailure { kind: io::FailureKind::Lost, text: "gone".into() };
        let what = What::session(&io::Session::Waiting { failure, retry_in_ms: 250 });
        assert_eq!(
            serde_json::to_value(&what).unwrap(),
            json!({
                "event": "session", "state": "waiting", "kind": "lost", "text": "gone",
                "next_step": io::FailureKind::Lost.next_step(), "retry_in_ms": 250,
            })
        );
    }
}
