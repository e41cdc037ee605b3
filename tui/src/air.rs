//! Where a device's Bluetooth peripheral stood, as its events tell.
//!
//! Pairing is the stacks' own affair and seldom seen: that it went well shows in the first value written, that it failed
//! is told.

use thingfleet_control::{
    event::{CommissioningStep, What},
    snapshot::{Bluetooth, State},
};

/// Where a peripheral stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Air {
    /// It is not on the air.
    #[default]
    Silent,
    /// It waits for an adapter.
    Queued,
    /// It can be found.
    Advertising,
    /// A client is connected.
    Connected,
    /// That client has written something that was accepted.
    Written,
    /// That client could not pair, or has written something that was not accepted.
    Refused,
    /// Something is in its way.
    Down,
}

impl Air {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Queued => "queued",
            Self::Advertising => "advertising",
            Self::Connected => "connected",
            Self::Written => "written to",
            Self::Refused => "refused",
            Self::Down => "down",
        }
    }

    /// Where one stands that was looked at.
    pub const fn of(bluetooth: &Bluetooth) -> Self {
        match bluetooth {
            Bluetooth::Queued { .. } => Self::Queued,
            Bluetooth::Advertising { .. } => Self::Advertising,
            Bluetooth::Down(_) => Self::Down,
        }
    }

    /// Where it stands after this was told.
    #[must_use]
    pub fn after(self, told: &What) -> Self {
        match told {
            What::Bluetooth(bluetooth) => Self::of(bluetooth),
            What::Commissioning(step) => self.after_step(step),
            // Only a device that waits to be commissioned has a peripheral.
            What::Session { state: State::Commissioning, .. } => self,
            What::Session { .. } => Self::Silent,
            What::FaultBegan(active) if active.fault.fault == "not-advertising" => Self::Silent,
            What::FaultBegan(_)
            | What::FaultEnded { .. }
            | What::Reading { .. }
            | What::Published { .. }
            | What::PublishFailed { .. }
            | What::Actuated { .. }
            | What::Refused { .. }
            | What::Rule { .. }
            | What::NodesReady { .. }
            | What::SetupFailed { .. }
            | What::Handshake { .. }
            | What::Led { .. }
            | What::Steered { .. }
            | What::Lagging { .. }
            | What::Pace { .. }
            | What::Added
            | What::Removed => self,
        }
    }

    fn after_step(self, step: &CommissioningStep) -> Self {
        match step.step.as_deref() {
            Some("client-connected") => Self::Connected,
            Some("written") => Self::Written,
            Some("pairing-failed" | "rejected" | "incomplete") => Self::Refused,
            Some("client-gone") => Self::Advertising,
            // Stages, and what happens once it has left the air.
            Some(_) | None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_commissioning_goes_over_the_air_from_the_advert_to_silence() {
        use Air::*;
        let mut air = Silent;
        for (told, then) in [
            (json!({ "event": "session", "state": "commissioning" }), Silent),
            (json!({ "event": "bluetooth", "state": "queued", "ahead": 1 }), Queued),
            (
                json!({ "event": "bluetooth", "state": "advertising", "adapter": "hci0", "address": "C0" }),
                Advertising,
            ),
            (json!({ "event": "commissioning", "step": "client-connected" }), Connected),
            (
                json!({ "event": "commissioning", "step": "pairing-failed", "why": "no common method" }),
                Refused,
            ),
            (json!({ "event": "commissioning", "step": "client-gone" }), Advertising),
            (json!({ "event": "commissioning", "step": "client-connected" }), Connected),
            (json!({ "event": "led", "colour": "blue" }), Connected),
            (json!({ "event": "commissioning", "step": "written", "characteristic": "Wi-Fi SSID" }), Written),
            (json!({ "event": "commissioning", "stage": "collecting" }), Written),
            (json!({ "event": "commissioning", "step": "rejected", "why": "not UTF-8" }), Refused),
            (json!({ "event": "commissioning", "stage": "joining-network" }), Refused),
            (json!({ "event": "session", "state": "joining" }), Silent),
        ] {
            let what: What = serde_json::from_value(told.clone()).unwrap();
            air = air.after(&what);
            assert_eq!(air, then, "{told}");
        }
    }

    #[test]
    fn a_fault_takes_it_from_the_air() {
        let began = |fault: &str| -> What {
            let began = json!({ "event": "fault-began", "id": 1, "since_seconds": 0.0, "left_seconds": null, "fault": fault });
            serde_json::from_value(began).unwrap()
        };
        assert_eq!(Air::Advertising.after(&began("not-advertising")), Air::Silent);
        assert_eq!(Air::Advertising.after(&began("latency")), Air::Advertising);
    }
}
