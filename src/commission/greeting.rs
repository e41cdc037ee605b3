//! The half over XMPP: from the device's greeting to a value that its owner can read (thesis 4.3).

use super::{
    CommissionError, Journey, Step,
    owner::{self, Heard, Owner},
    report::{Code, Log},
};
use crate::xmpp::client::{Client, IqError};
use std::time::Duration;
use thingfleet_device::{jid::BareJid, ns, xml::Element};
use thingfleet_schema::definition::HELLO;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Pause between two looks at the device's values.
const LOOK: Duration = Duration::from_millis(200);
/// How soon after leaving a device may be seen once more: packets on their way.
const GRACE: Duration = Duration::from_millis(500);
/// How soon that can be the old advertisement; after it the device waits for credentials anew.
const BACK: Duration = Duration::from_secs(3);
/// How long a device that was seen so soon may take to greet all the same. One that has given up, as after a wrong
/// password, never does.
const DOUBT: Duration = Duration::from_secs(15);
/// Time of a step that is the device's; the rest is for us to draw conclusions.
const SHARE: f32 = 0.9;

/// The nodes every device has.
const SENSORS: &str = "xmpp.iot.sensors";
const NODES: [&str; 3] = [SENSORS, "xmpp.iot.actuators", "xmpp.iot.ui"];

impl Journey<'_> {
    /// Takes the owner's part until the device shows a value.
    pub(super) async fn greet(
        &mut self,
        log: &mut Log<'_>,
        device: &BareJid,
        client: &mut Client,
    ) -> Result<(), CommissionError> {
        let mut talk = Talk {
            owner: Owner::new(self.order.owner.jid.clone(), device.clone()),
            client,
            device,
            greeting: String::new(),
            mirrors: 0,
        };
        log.step(Step::Hello, async |log| self.hello(log, &mut talk).await).await?;
        let is_done = log.step(Step::Mirror, async |log| talk.mirror(log).await).await?;
        let is_contact = log.step(Step::Befriend, async |log| talk.befriend(log).await).await?;
        match (is_done, is_contact) {
            (true, _) => {}
            (false, true) => log.notice(Code::NoSetupDone, "it never said \"Setup done!\""),
            (false, false) => log.notice(Code::MirrorIgnored, "it did not react to its greeting sent back"),
        }
        let mut last = "it published none".to_owned();
        let limit = log.limit(Step::Values).mul_f32(SHARE);
        log.step(Step::Values, async |log| {
            let late =
                |last: &str| CommissionError::NoValues { device: device.clone(), why: last.to_owned() };
            let channels = timeout(limit, talk.values(&mut last)).await;
            let channels = channels.map_err(|_| late(&last))??;
            talk.look_at_nodes(log).await?;
            let words = channels.join(", ");
            log.known.channels = channels;
            Ok(((), words))
        })
        .await
    }

    /// Waits for the greeting, and meanwhile watches whether the device is gone from the air.
    async fn hello(
        &mut self,
        log: &mut Log<'_>,
        talk: &mut Talk<'_>,
    ) -> Result<((), String), CommissionError> {
        let address = self.order.code.address;
        let left = Instant::now();
        let (mut is_watched, mut seen_at) = (true, None);
        let greeting = loop {
            tokio::select! {
                heard = talk.hear() => {
                    if let Some(greeting) = greeting_of(heard?, talk.device, log)? {
                        break greeting;
                    }
                }
                sighting = self.central.sighting(), if is_watched => match sighting {
                    Ok(sighting) if sighting.peer.address != address || left.elapsed() < GRACE => {}
                    Ok(_) if left.elapsed() < BACK => (is_watched, seen_at) = (false, Some(Instant::now())),
                    Ok(_) => return Err(CommissionError::GaveUp(address)),
                    Err(error) => {
                        tracing::debug!(%error, "nobody watches whether it advertises");
                        is_watched = false;
                    }
                },
                () = doubt(seen_at) => return Err(CommissionError::GaveUp(address)),
            }
        };
        if seen_at.is_some() {
            log.notice(Code::StillAdvertising, "it could still be found after Setup Done");
        }
        self.central.disconnect().await;
        if greeting != HELLO {
            log.notice(Code::OtherGreeting, format!("it greets with {greeting:?}"));
        }
        talk.greeting.clone_from(&greeting);
        Ok(((), format!("{greeting:?}")))
    }
}

/// Waits until a device that was seen has not greeted for too long.
async fn doubt(seen_at: Option<Instant>) {
    match seen_at {
        Some(seen_at) => sleep_until(seen_at + DOUBT).await,
        None => std::future::pending().await,
    }
}

/// The words of a greeting, if that is what was heard.
fn greeting_of(heard: Heard, device: &BareJid, log: &mut Log<'_>) -> Result<Option<String>, CommissionError> {
    match heard {
        Heard::Words { body, is_chat } => {
            if !is_chat {
                log.notice(Code::GreetingNotChat, "the greeting is no message of type chat");
            }
            Ok(Some(body))
        }
        Heard::Error(condition) => Err(CommissionError::Unreachable { device: device.clone(), condition }),
        Heard::Done | Heard::Subscribed | Heard::Unsubscribed | Heard::Subscribe => Ok(None),
    }
}

/// The exchange with the device.
struct Talk<'t> {
    owner: Owner,
    client: &'t mut Client,
    device: &'t BareJid,
    greeting: String,
    mirrors: u32,
}

impl Talk<'_> {
    /// Waits for the next thing the device says. Cancel-safe.
    async fn hear(&mut self) -> Result<Heard, CommissionError> {
        loop {
            let stanza = self.client.next().await?;
            let (heard, answer) = self.owner.hear(&stanza);
            if let Some(answer) = answer {
                self.client.send(answer);
            }
            if let Some(heard) = heard {
                return Ok(heard);
            }
        }
    }

    /// Sends the greeting back. Returns whether the device said that it is done.
    async fn mirror(&mut self, log: &mut Log<'_>) -> Result<(bool, String), CommissionError> {
        self.send_mirror();
        let limit = log.limit(Step::Mirror).mul_f32(SHARE);
        let done = timeout(limit, async {
            loop {
                match self.hear().await? {
                    Heard::Done => return Ok(()),
                    Heard::Words { body, .. } if body == self.greeting => {
                        log.notice(Code::GreetsAgain, "it greeted again after the mirror");
                        self.send_mirror();
                    }
                    Heard::Error(condition) => {
                        return Err(CommissionError::Unreachable { device: self.device.clone(), condition });
                    }
                    Heard::Words { .. } | Heard::Subscribed | Heard::Unsubscribed | Heard::Subscribe => {}
                }
            }
        });
        match done.await {
            Ok(done) => done.map(|()| (true, "Setup done!".to_owned())),
            Err(_) => Ok((false, "it did not answer".to_owned())),
        }
    }

    fn send_mirror(&mut self) {
        self.mirrors += 1;
        let id = format!("mirror-{}", self.mirrors);
        self.client.send(self.owner.mirror(&self.greeting, &id));
    }

    /// Becomes the device's contact, in the order that servers accept. Returns whether it let that happen.
    async fn befriend(&mut self, log: &mut Log<'_>) -> Result<(bool, String), CommissionError> {
        let roster = self.client.roster().await?;
        let is_there = |item: &Element| {
            item.get_attr("jid") == Some(self.device.as_str())
                && item.get_attr("subscription") == Some("both")
        };
        if roster.elements().any(is_there) {
            return Ok((true, "they were already".to_owned()));
        }
        let name = log.known.name.clone().unwrap_or_else(|| self.device.local().to_owned());
        self.client.iq("set", None, self.owner.roster_entry(&name)).await?;
        self.client.send(self.owner.subscribe());
        let (mut is_subscribed, mut has_asked) = (false, false);
        let limit = log.limit(Step::Befriend).mul_f32(SHARE);
        let done = timeout(limit, async {
            while !(is_subscribed && has_asked) {
                match self.hear().await? {
                    Heard::Subscribed => is_subscribed = true,
                    Heard::Subscribe => has_asked = true,
                    Heard::Unsubscribed => break,
                    Heard::Words { .. } | Heard::Done | Heard::Error(_) => {}
                }
            }
            Ok::<_, CommissionError>(())
        });
        done.await.unwrap_or(Ok(()))?;
        if !is_subscribed {
            log.notice(Code::NotInRoster, "it does not let its owner see its presence");
        }
        if !has_asked {
            log.notice(Code::NoSubscription, "it did not ask to see its owner's presence");
        }
        let words = if is_subscribed && has_asked { "both see each other" } else { "not in both directions" };
        Ok((is_subscribed, words.to_owned()))
    }

    /// Looks at the sensors node until it holds a value.
    async fn values(&mut self, last: &mut String) -> Result<Vec<String>, CommissionError> {
        loop {
            match self.client.iq("get", Some(self.device.as_str()), owner::items(SENSORS)).await {
                Ok(answer) => {
                    let channels = owner::channels(&answer);
                    if !channels.is_empty() {
                        return Ok(channels);
                    }
                }
                Err(IqError::Down(failure)) => return Err(failure.into()),
                // The device is still making its nodes.
                Err(error) => *last = error.to_string(),
            }
            sleep(LOOK).await;
        }
    }

    async fn look_at_nodes(&mut self, log: &mut Log<'_>) -> Result<(), CommissionError> {
        let query = Element::new(ns::DISCO_ITEMS, "query");
        let answer = match self.client.iq("get", Some(self.device.as_str()), query).await {
            Ok(answer) => answer,
            Err(IqError::Down(failure)) => return Err(failure.into()),
            Err(error) => {
                tracing::debug!(%error, "the server does not list the device's nodes");
                return Ok(());
            }
        };
        let nodes = owner::nodes(&answer);
        for node in NODES {
            if !nodes.iter().any(|one| one == node) {
                log.notice(Code::MissingNode, format!("the node {node} is missing"));
            }
        }
        Ok(())
    }
}
