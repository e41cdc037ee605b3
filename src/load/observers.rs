//! Clients that see what devices publish and operate them: each watches a few devices, as a person's client does.

use super::meters::Meters;
use crate::{
    fleet::Crew,
    xmpp::{
        client::{Client, answer},
        connect::Connector,
    },
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use thingfleet_device::{
    definition::{ChannelId, Definition},
    instance::Account,
    io::StreamFailure,
    jid::{BareJid, account as account_of},
    ns,
    xml::Element,
};
use thingfleet_link::xmpp::failure::Condition;
use tokio::{
    sync::mpsc,
    time::{Instant, interval, sleep},
};

/// The nodes of a device (thesis 4.4).
const SENSORS: &str = "xmpp.iot.sensors";
const ACTUATORS: &str = "xmpp.iot.actuators";
/// Pause before signing in again, and before asking a device again that has no nodes yet.
const PAUSE: Duration = Duration::from_secs(2);

/// An actuator to be set by an observer.
#[derive(Debug)]
pub(super) struct Order {
    /// Place of the device.
    pub(super) place: usize,
    pub(super) channel: ChannelId,
    /// What it is set to, as the device reports it.
    pub(super) text: String,
    /// When that should have begun.
    pub(super) intended: Instant,
}

/// A device as an observer knows it.
#[derive(Debug)]
struct Watched {
    place: usize,
    definition: Arc<Definition>,
    is_seen: bool,
}

/// One observer.
#[derive(Debug)]
pub(super) struct Observer {
    number: u32,
    account: Account,
    connector: Arc<Connector>,
    meters: Arc<Meters>,
    devices: HashMap<BareJid, Watched>,
    /// Requests that are not answered: places, and channels of actuations.
    requests: HashMap<String, (BareJid, Option<ChannelId>)>,
    asked: u64,
}

impl Observer {
    /// One that watches the devices at these places.
    pub(super) fn new(
        number: u32,
        account: Account,
        connector: Arc<Connector>,
        meters: Arc<Meters>,
        (crew, places): (&Crew, &[usize]),
    ) -> Self {
        let devices = places.iter().filter_map(|place| {
            let seat = crew.seat(*place)?;
            let jid = seat.instance.account.as_ref()?.jid.clone();
            let definition = Arc::clone(&seat.definition);
            Some((jid, Watched { place: *place, definition, is_seen: false }))
        });
        let (devices, requests) = (devices.collect(), HashMap::new());
        Self { number, account, connector, meters, devices, requests, asked: 0 }
    }

    /// Watches until it is dropped, and sets what it is ordered to.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let Err(failure) = self.session(&mut orders).await else { return };
            tracing::warn!(observer = %self.account.jid, kind = failure.kind.name(), text = failure.text, "an observer is down");
            for device in self.devices.values_mut().filter(|device| device.is_seen) {
                self.meters.unwatch(device.place, self.number);
                device.is_seen = false;
            }
            self.requests.clear();
            sleep(PAUSE).await;
        }
    }

    /// One stream; ends well when nobody can order anything any more.
    async fn session(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> Result<(), StreamFailure> {
        let mut client = Client::sign_in(Arc::clone(&self.connector), &self.account).await?;
        client.be_available();
        for jid in self.devices.keys() {
            client.presence("subscribe", jid.as_str());
        }
        let mut beat = interval(PAUSE);
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some(order) = order else {
                        client.sign_out().await;
                        return Ok(());
                    };
                    self.order(&mut client, order);
                }
                stanza = client.next() => self.stanza(&mut client, &stanza?),
                _ = beat.tick() => self.look_again(&mut client),
            }
        }
    }

    fn stanza(&mut self, client: &mut Client, stanza: &Element) {
        let Some(from) = stanza.get_attr("from").and_then(account_of) else { return };
        let kind = stanza.get_attr("type");
        match stanza.name() {
            "message" => self.event(&from, stanza),
            "presence" if kind == Some("subscribe") && self.devices.contains_key(&from) => {
                client.presence("subscribed", from.as_str());
            }
            "presence" if kind.is_none() => self.subscribe(client, &from),
            "iq" => match answer(stanza, &self.account.jid) {
                Some(answer) => client.send(answer),
                None => self.answered(stanza),
            },
            _ => {}
        }
    }

    /// Values in a notification (XEP-0060 section 7.1.2.1).
    fn event(&mut self, from: &BareJid, message: &Element) {
        let Some(device) = self.devices.get(from) else { return };
        let events = message.elements().filter(|child| child.is(ns::PUBSUB_EVENT, "event"));
        let items = events.flat_map(Element::elements).filter(|items| items.name() == "items");
        for item in items.flat_map(Element::elements) {
            let name = item.get_attr("id").and_then(|id| id.strip_prefix("xmpp.iot.sensor."));
            let Some((channel, _)) = name.and_then(|name| device.definition.find(name)) else { continue };
            if let Some(value) = item.get(ns::IOT, "val") {
                self.meters.seen(device.place, self.number, channel, &value.get_text());
            }
        }
    }

    /// Asks a device that is there to be told what it publishes.
    fn subscribe(&mut self, client: &mut Client, jid: &BareJid) {
        if self.devices.get(jid).is_none_or(|device| device.is_seen) || self.is_asking(jid) {
            return;
        }
        let subscribe =
            Element::new(ns::PUBSUB, "subscribe").attr("node", SENSORS).attr("jid", client.jid().to_owned());
        self.ask(client, jid, None, subscribe);
    }

    fn order(&mut self, client: &mut Client, order: Order) {
        let is_there = |(_, device): &(&BareJid, &Watched)| device.place == order.place;
        let Some((jid, device)) = self.devices.iter().find(is_there) else { return };
        if !device.is_seen || self.meters.is_away(order.place) {
            return;
        }
        if !self.meters.actuate(order.place, order.channel, &order.text, order.intended) {
            self.meters.overlapping();
            return;
        }
        let channel = device.definition.channel(order.channel);
        let value = Element::new(ns::IOT, "val").text(order.text);
        let item = Element::new(ns::PUBSUB, "item").attr("id", format!("xmpp.iot.actuator.{}", channel.name));
        let publish = Element::new(ns::PUBSUB, "publish").attr("node", ACTUATORS).child(item.child(value));
        let jid = jid.clone();
        self.ask(client, &jid, Some(order.channel), publish);
    }

    fn ask(&mut self, client: &mut Client, jid: &BareJid, channel: Option<ChannelId>, what: Element) {
        self.asked += 1;
        let id = format!("ask-{}", self.asked);
        let request = Element::new(ns::CLIENT, "iq")
            .attr("type", "set")
            .attr("id", id.clone())
            .attr("to", jid.to_string())
            .child(Element::new(ns::PUBSUB, "pubsub").child(what));
        client.send(request);
        self.requests.insert(id, (jid.clone(), channel));
    }

    fn answered(&mut self, stanza: &Element) {
        let request = stanza.get_attr("id").and_then(|id| self.requests.remove(id));
        let Some((jid, channel)) = request else { return };
        let Some(device) = self.devices.get_mut(&jid) else { return };
        let is_refused = stanza.get_attr("type") == Some("error");
        match channel {
            Some(channel) if is_refused => {
                self.meters.refused(device.place, channel, &Condition::of_stanza(stanza).name);
            }
            None if !is_refused && !device.is_seen => {
                device.is_seen = true;
                self.meters.watch(device.place, self.number);
            }
            Some(_) | None => {}
        }
    }

    fn is_asking(&self, jid: &BareJid) -> bool {
        self.requests.values().any(|(asked, channel)| asked == jid && channel.is_none())
    }

    /// Asks those again that were not ready, or whose nodes were not.
    fn look_again(&mut self, client: &mut Client) {
        let blind =
            self.devices.iter().filter(|(_, device)| !device.is_seen && self.meters.is_online(device.place));
        let blind: Vec<_> = blind.map(|(jid, _)| jid.clone()).collect();
        for jid in blind {
            self.subscribe(client, &jid);
        }
    }
}
