//! What the benchmarks on real servers share: definitions, fleets, a client that is a device's contact.

use crate::Failure;
use serde_json::Value;
use std::{process::Stdio, sync::Arc, time::Duration};
use thingfleet::{
    fleet::{Fleet, health::Events},
    xmpp::{client::Client, connect::Connector},
};
use thingfleet_device::{
    definition::{ActuatorMode, Definition},
    instance::{Access, Account, Addressing, Commissioning},
    jid::BareJid,
    ns,
    xml::Element,
};
use thingfleet_peers::{Server, account};
use thingfleet_schema::{
    definition,
    profile::{self, Accounts, Remote},
    source::Disk,
};
use tokio::{process::Command, time::timeout};

/// How long anything on a server of our own may take before the run is given up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// What a process of its own has measured, as the JSON that it prints.
pub(crate) struct Told(Value);

impl Told {
    /// Runs a process to its end; `what` it is, for whoever reads that it failed.
    pub(crate) async fn by(process: &mut Command, what: &str) -> Result<Self, Failure> {
        let process = process.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = process.wait_with_output().await?;
        if !output.status.success() {
            return Err(format!("the process of {what}: {}", output.status).into());
        }
        Ok(Self(serde_json::from_slice(&output.stdout)?))
    }

    /// A figure; no number if it did not measure that.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap_or(f64::NAN)
    }
}

/// A device with one sensor that publishes each `period`; with none it has nothing to say after the first value.
pub(crate) fn sensor(period: Option<Duration>) -> Arc<Definition> {
    read(&thermometer(period))
}

/// The same as a file has it.
pub(crate) fn thermometer(period: Option<Duration>) -> String {
    let period = period.map_or_else(|| "1h".to_owned(), |period| format!("{}ms", period.as_millis()));
    let tick = if period == "1h" { "1s" } else { &period };
    format!(
        "device: thermometer\ntitle: Thermometer\ntick: {tick}\nsensors:\n  temp: {{ type: float, unit: celsius, precision: 2, \
         starts: 21, behaviour: {{ random-walk: {{ step: 0.5 }}, clamp: [0, 100] }}, publish: {{ every: {period} }} }}\n"
    )
}

/// A device with a sensor and an actuator that keep whatever number they are given.
pub(crate) fn echo() -> Arc<Definition> {
    read(
        "device: echo\ntitle: Echo\nsensors:\n  count: { type: integer, starts: 0, publish: { every: 1h } }\n\
         actuators:\n  level: { type: integer, range: [0, 1000000] }\n",
    )
}

fn read(text: &str) -> Arc<Definition> {
    let read = definition::read("bench.yaml", text, &Disk);
    Arc::new(read.unwrap_or_else(|mistakes| panic!("the benchmark's own definition: {mistakes:?}")))
}

/// A device of a fleet, with an account that exists.
pub(crate) fn device(
    account: &Account,
    definition: Arc<Definition>,
    starts_after: Duration,
) -> profile::Device {
    profile::Device {
        name: account.jid.local().to_owned(),
        definition_name: definition.kind.as_str().into(),
        definition,
        serial: String::new(),
        starts_after,
        account: Some((account.jid.clone(), account.password.clone())),
        starts: Vec::new(),
        owners: Vec::new(),
        commissioning: Commissioning::Preset,
        access: Access::Presence,
        addressing: Addressing::Pep,
        actuators: ActuatorMode::Auto,
        faults: Vec::new(),
        tags: Vec::new(),
    }
}

/// Switches devices on.
pub(crate) async fn fleet(remote: Remote, devices: Vec<profile::Device>) -> Result<Fleet, Failure> {
    fleet_with(remote, devices, 8).await
}

/// The same, with so many of them that create nodes at a time.
pub(crate) async fn fleet_with(
    remote: Remote,
    devices: Vec<profile::Device>,
    setups: usize,
) -> Result<Fleet, Failure> {
    let fleet = profile::Fleet {
        name: "bench".to_owned(),
        description: String::new(),
        seed: 1,
        speed: 1.0,
        server: profile::Server::Remote(remote),
        accounts: Accounts::Given,
        setup_concurrency: Some(setups),
        adapters: profile::Adapters::default(),
        networks: None,
        devices,
        load: None,
    };
    let (fleet, _) = Fleet::start(&fleet, &|_| {}).await?;
    Ok(fleet)
}

/// One device and a client that sees it: friends on the server, the client subscribed to the sensors node.
pub(crate) struct Pair {
    pub(crate) fleet: Fleet,
    pub(crate) device: BareJid,
    pub(crate) client: Client,
    pub(crate) events: Events,
}

impl Pair {
    /// Signs both on, with accounts that exist.
    pub(crate) async fn online(
        server: &Server,
        device_name: &str,
        client_name: &str,
    ) -> Result<Self, Failure> {
        let (account, client) = (account(device_name), account(client_name));
        let mut device = device(&account, echo(), Duration::ZERO);
        device.owners.push(client.jid.clone());
        let switched_on = async {
            let fleet = fleet(server.remote(), vec![device]).await?;
            online(&fleet, 1).await.map(|()| fleet)
        };
        let befriended = befriended(server.connector(), &client, &account.jid);
        let (fleet, mut client) =
            timeout(PATIENCE, async { tokio::try_join!(switched_on, befriended) }).await??;
        let events = fleet.health().watch();
        let subscribe = Element::new(ns::PUBSUB, "subscribe")
            .attr("node", "xmpp.iot.sensors")
            .attr("jid", client.jid().to_owned());
        let request = Element::new(ns::PUBSUB, "pubsub").child(subscribe);
        client.iq("set", Some(account.jid.as_str()), request).await?;
        Ok(Self { fleet, device: account.jid, client, events })
    }

    /// Waits for the device's next number for `channel` at the client.
    pub(crate) async fn number(&mut self, channel: &str) -> Result<u64, Failure> {
        let item_id = format!("xmpp.iot.sensor.{channel}");
        loop {
            let stanza = timeout(PATIENCE, self.client.next()).await?.map_err(|failure| failure.text)?;
            let event = stanza.get(ns::PUBSUB_EVENT, "event");
            let items = event.and_then(|event| event.get(ns::PUBSUB_EVENT, "items"));
            let item = items.and_then(|items| items.get(ns::PUBSUB_EVENT, "item"));
            let item = item.filter(|item| item.get_attr("id") == Some(&item_id));
            if let Some(value) = item.and_then(|item| item.get(ns::IOT, "val")) {
                return Ok(value.get_text().parse()?);
            }
        }
    }

    /// Signs both off.
    pub(crate) async fn leave(self) {
        self.client.sign_out().await;
        self.fleet.stop().await;
    }
}

/// Waits until that many devices of a fleet are online.
pub(crate) async fn online(fleet: &Fleet, count: usize) -> Result<(), Failure> {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        let snapshot = fleet.health().snapshot();
        if snapshot.online >= count {
            return Ok(());
        }
        // A device that waits comes again by itself; one that has failed does not.
        if let Some(trouble) = fleet.health().troubles().first()
            && !snapshot.failed.is_empty()
        {
            return Err(format!("{}: {}", trouble.device, trouble.text).into());
        }
        tick.tick().await;
    }
}

/// Signs a client in and waits until it and the device see each other's presence.
async fn befriended(
    connector: Arc<Connector>,
    person: &Account,
    device: &BareJid,
) -> Result<Client, Failure> {
    let mut client = Client::sign_in(connector, person).await.map_err(|failure| failure.text)?;
    let subscribed = |roster: &Element| {
        roster.elements().any(|item| {
            item.get_attr("jid") == Some(device.as_str()) && item.get_attr("subscription") == Some("both")
        })
    };
    let mut is_friend = subscribed(&client.roster().await?);
    client.be_available();
    if !is_friend {
        client.presence("subscribe", device.as_str());
    }
    while !is_friend {
        let stanza = client.next().await.map_err(|failure| failure.text)?;
        match (stanza.name(), stanza.get_attr("type")) {
            ("presence", Some("subscribe")) => client.presence("subscribed", device.as_str()),
            ("iq", Some("set")) => is_friend = stanza.get(ns::ROSTER, "query").is_some_and(subscribed),
            _ => {}
        }
    }
    Ok(client)
}
