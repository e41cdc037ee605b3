//! What faults do to the values that a device publishes.

use super::Faults;
use crate::{
    definition::{Channel, ChannelId},
    fault::Kind,
    ns,
    time::UnixMillis,
    unit::Unit,
    xml::Element,
};
use alloc::{string::String, vec};

impl Faults {
    /// Whether readings of this channel are published at all.
    pub(crate) fn publishes(&mut self, channel: ChannelId) -> bool {
        let concerns =
            |active: &super::Active, kind| active.fault.kind() == kind && active.fault.concerns(channel);
        if self.active.iter().any(|active| concerns(active, Kind::SensorDropout)) {
            return false;
        }
        if !self.has(Kind::LowBattery) {
            return true;
        }
        // Each channel for itself: those that take turns would otherwise always get the same one through.
        let place = usize::from(channel.0);
        if self.readings.len() <= place {
            self.readings.resize(place + 1, 0);
        }
        let count = &mut self.readings[place];
        *count = count.wrapping_add(1);
        *count % 10 == 1
    }

    /// Spoils the value of a channel on its way out.
    pub(crate) fn spoil_payload(
        &self,
        id: ChannelId,
        channel: &Channel,
        mut payload: Element,
        clock: UnixMillis,
    ) -> Element {
        for active in self.active.iter().filter(|active| active.fault.concerns(id)) {
            let fault = &active.fault;
            match fault.kind() {
                Kind::WrongUnit => payload.set_attr("unit", other_unit(channel.unit).name()),
                Kind::WrongType => {
                    let kind = if payload.get_attr("type") == Some("boolean") { "float" } else { "boolean" };
                    payload = Element::new(ns::IOT, "val")
                        .attr_opt("unit", payload.get_attr("unit").map(String::from))
                        .attr("type", kind)
                        .text("unknown");
                }
                Kind::MalformedPayload => {
                    let inner = Element::new(ns::IOT, "val").attr("type", "");
                    payload = Element::new(ns::IOT, "value").child(inner);
                }
                Kind::StaleTimestamp => {
                    let age = u64::try_from(fault.delay().as_millis()).unwrap_or(u64::MAX);
                    let then = UnixMillis(clock.0.saturating_sub(age)).date_time();
                    payload = payload.child(Element::new(ns::DELAY, "delay").attr("stamp", then));
                }
                Kind::Oversize => {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "the catalogue bounds it"
                    )]
                    let bytes = fault.amount() as usize;
                    let filling = String::from_utf8(vec![b'x'; bytes]).unwrap_or_default();
                    payload = payload.child(Element::new(ns::IOT, "filling").text(filling));
                }
                _ => {}
            }
        }
        payload
    }
}

/// A unit that is none of this one's kind.
fn other_unit(unit: Unit) -> Unit {
    if unit == Unit::Fahrenheit || unit == Unit::None { Unit::Kelvin } else { Unit::Fahrenheit }
}
