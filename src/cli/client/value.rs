//! Values as a device publishes them, taken out of stanzas (thesis 4.4.1, XEP-0060).

use thingfleet::xmpp::client::{Client, IqError};
use thingfleet_device::{jid::BareJid, ns, xml::Element};

/// The node with the values of sensors and, mirrored, of actuators.
pub(super) const SENSORS: &str = "xmpp.iot.sensors";
/// The node that takes values for actuators.
pub(super) const ACTUATORS: &str = "xmpp.iot.actuators";

/// One published value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    /// The channel's name.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) unit: String,
}

/// The item id of an actuator.
pub(super) fn actuator_item(name: &str) -> String {
    format!("xmpp.iot.actuator.{name}")
}

/// Values in a notification from `device`.
pub(super) fn of_notification(stanza: &Element, device: &BareJid) -> Vec<Published> {
    let from = stanza.get_attr("from").unwrap_or_default();
    if stanza.name() != "message" || !device.covers(from) {
        return Vec::new();
    }
    let events = stanza.elements().filter(|child| child.is(ns::PUBSUB_EVENT, "event"));
    events.flat_map(Element::elements).flat_map(of_items).collect()
}

/// Values stored at `device`.
pub(super) async fn stored(client: &mut Client, device: &BareJid) -> Result<Vec<Published>, IqError> {
    let items = Element::new(ns::PUBSUB, "items").attr("node", SENSORS);
    let answer =
        client.iq("get", Some(device.as_str()), Element::new(ns::PUBSUB, "pubsub").child(items)).await?;
    let pubsub = answer.get(ns::PUBSUB, "pubsub").into_iter().flat_map(Element::elements);
    Ok(pubsub.flat_map(of_items).collect())
}

/// Asks `device` for notifications on this stream. The subscription ends with the stream, or with
/// [`unsubscribe`] on servers that keep it.
pub(super) async fn subscribe(client: &mut Client, device: &BareJid) -> Result<(), IqError> {
    ask(client, device, "subscribe").await
}

/// Takes back [`subscribe`].
pub(super) async fn unsubscribe(client: &mut Client, device: &BareJid) -> Result<(), IqError> {
    ask(client, device, "unsubscribe").await
}

async fn ask(client: &mut Client, device: &BareJid, what: &'static str) -> Result<(), IqError> {
    let request = Element::new(ns::PUBSUB, what).attr("node", SENSORS).attr("jid", client.jid().to_owned());
    client.iq("set", Some(device.as_str()), Element::new(ns::PUBSUB, "pubsub").child(request)).await?;
    Ok(())
}

fn of_items(items: &Element) -> impl Iterator<Item = Published> + '_ {
    let items = (items.name() == "items").then_some(items);
    items.into_iter().flat_map(Element::elements).filter_map(|item| {
        let id = item.get_attr("id")?;
        let name = id.strip_prefix("xmpp.iot.sensor.").or_else(|| id.strip_prefix("xmpp.iot.actuator."))?;
        let value = item.get(ns::IOT, "val")?;
        Some(Published {
            name: name.to_owned(),
            text: value.get_text().into_owned(),
            unit: value.get_attr("unit").unwrap_or_default().to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_of_the_device_itself_count() {
        let kettle = BareJid::parse("kettle@example.org").unwrap();
        let message = |from: &str| {
            let text = format!(
                "<message xmlns='jabber:client' from='{from}'><event xmlns='{}'><items node='{SENSORS}'>\
                 <item id='xmpp.iot.sensor.temp'><val xmlns='{}' unit='celsius' type='float'>21.5</val></item>\
                 <item id='other'><x/></item></items></event></message>",
                ns::PUBSUB_EVENT,
                ns::IOT
            );
            of_notification(&Element::parse(&text).unwrap(), &kettle)
        };
        let temp = Published { name: "temp".into(), text: "21.5".into(), unit: "celsius".into() };
        assert_eq!(message("kettle@example.org"), [temp]);
        assert_eq!(message("lamp@example.org"), []);
    }
}
