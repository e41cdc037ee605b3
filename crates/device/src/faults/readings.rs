//! What faults do to what a sensor shows.

use super::Faults;
use crate::{definition::ChannelId, fault::Kind, model::Distortion};
use alloc::vec::Vec;

impl Faults {
    /// How the reading of a channel is distorted, in the order in which the faults began.
    pub(crate) fn distortions(&self, channel: ChannelId) -> Vec<Distortion> {
        let concerning =
            self.active.iter().map(|active| &active.fault).filter(|fault| fault.concerns(channel));
        concerning
            .filter_map(|fault| match fault.kind() {
                Kind::SensorStuck => Some(Distortion::Stuck),
                Kind::SensorDrift => Some(Distortion::Drift { per_minute: fault.amount() }),
                Kind::SensorOffset => Some(Distortion::Offset(fault.amount())),
                Kind::SensorSpike => Some(Distortion::Spike { by: fault.amount(), share: fault.share() }),
                Kind::SensorNoise => Some(Distortion::Noise { deviation: fault.amount() }),
                Kind::SensorOutOfRange => Some(Distortion::Far(fault.amount())),
                _ => None,
            })
            .collect()
    }
}
