//! Makes the person of a private server a friend of every device, so that a client that joins sees them at once
//! instead of answering a prompt for each.
//!
//! It signs in as the person and takes the person's part of the presence handshake, in the order both servers
//! accept: contact `subscribe`, device `subscribed` and `subscribe`, contact `subscribed` (docs/PROTOCOL.md).

use crate::xmpp::{
    client::{Client, answer},
    connect::Connector,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use thingfleet_device::{
    instance::Account,
    io::StreamFailure,
    jid::{BareJid, account as account_of},
    ns,
    xml::Element,
};
use tokio::time::sleep;

/// Pause before signing in again after the stream broke.
const PAUSE: Duration = Duration::from_secs(2);

/// A device as it appears in the person's roster.
#[derive(Debug, Clone)]
pub(super) struct Friend {
    /// Its account.
    pub(super) jid: BareJid,
    /// Its name.
    pub(super) name: String,
    /// The group it stands in: what kind of thing it is.
    pub(super) group: String,
}

/// Returns when the person and all `friends` see each other. Devices may come online at any time.
pub(super) async fn befriend(connector: Arc<Connector>, person: Account, friends: Vec<Friend>) {
    let friends: BTreeMap<_, _> = friends.into_iter().map(|friend| (friend.jid.clone(), friend)).collect();
    while let Err(failure) = attempt(&connector, &person, &friends).await {
        tracing::warn!(kind = failure.kind.name(), text = failure.text, "lost touch while making friends");
        sleep(PAUSE).await;
    }
    tracing::debug!(friends = friends.len(), "the person and the devices see each other");
}

async fn attempt(
    connector: &Arc<Connector>,
    person: &Account,
    friends: &BTreeMap<BareJid, Friend>,
) -> Result<(), StreamFailure> {
    // A resource of its own, so that it never throws the person's client out.
    let account = Account { resource: "befriend".into(), ..person.clone() };
    let mut client = Client::sign_in(Arc::clone(connector), &account).await?;
    let mut strangers: BTreeSet<_> = friends.keys().cloned().collect();
    if let Ok(roster) = client.roster().await {
        for item in roster.elements() {
            note(item, &mut strangers);
        }
    }
    // A negative priority, so that no message for the person lands here (RFC 6121 section 4.7.2.3).
    client.send(Element::new(ns::CLIENT, "presence").child(Element::new(ns::CLIENT, "priority").text("-1")));
    for friend in strangers.iter().filter_map(|jid| friends.get(jid)) {
        client.send(roster_entry(friend));
        client.presence("subscribe", friend.jid.as_str());
    }
    while !strangers.is_empty() {
        let stanza = client.next().await?;
        let kind = stanza.get_attr("type");
        let from = stanza.get_attr("from").and_then(account_of);
        match stanza.name() {
            "presence" if kind == Some("subscribe") => {
                if let Some(friend) = from.filter(|from| friends.contains_key(from)) {
                    client.presence("subscribed", friend.as_str());
                }
            }
            "iq" => {
                let Some(answer) = answer(&stanza, &person.jid) else { continue };
                let is_accepted = answer.get_attr("type") == Some("result");
                let push = stanza.get(ns::ROSTER, "query").filter(|_| is_accepted);
                for item in push.into_iter().flat_map(Element::elements) {
                    note(item, &mut strangers);
                }
                client.send(answer);
            }
            _ => {}
        }
    }
    client.sign_out().await;
    Ok(())
}

/// Strikes out whoever is seen to be a friend.
fn note(item: &Element, strangers: &mut BTreeSet<BareJid>) {
    if item.get_attr("subscription") == Some("both")
        && let Some(jid) = item.get_attr("jid").and_then(account_of)
    {
        strangers.remove(&jid);
    }
}

fn roster_entry(friend: &Friend) -> Element {
    let item = Element::new(ns::ROSTER, "item")
        .attr("jid", friend.jid.to_string())
        .attr("name", friend.name.clone())
        .child(Element::new(ns::ROSTER, "group").text(friend.group.clone()));
    Element::new(ns::CLIENT, "iq")
        .attr("type", "set")
        .attr("id", format!("entry-{}", friend.jid.local()))
        .child(Element::new(ns::ROSTER, "query").child(item))
}
