//! tokio-xmpp, an implementation that is not ours, on a sink: signs on over TLS with SCRAM, makes friends, publishes,
//! is told, and meets a stall.

mod client;

use client::{Client, sign_on};
use std::time::{Duration, Instant};
use thingfleet_sink::{AccountCounts, Options, Sink};

fn sink() -> Sink {
    Sink::start(Options { password: Some("secret".to_owned()), ..Options::default() }).unwrap()
}

fn publish(id: &str, text: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='{id}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <publish node='xmpp.iot.sensors'><item id='xmpp.iot.sensor.temp'>\
         <val xmlns='urn:xmpp:uwpx:iot'>{text}</val></item></publish></pubsub></iq>"
    )
}

#[tokio::test]
async fn a_stranger_to_the_house_signs_on_publishes_and_is_counted() {
    let sink = sink();
    sink.enrol(["kettle"]);
    let mut kettle = sign_on(&sink, "kettle", "secret").await;
    kettle.ask(&publish("p1", "21.5")).await;
    kettle.ask(&publish("p2", "22.0")).await;
    let stored = kettle
        .ask(
            "<iq xmlns='jabber:client' type='get' id='i'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <items node='xmpp.iot.sensors'/></pubsub></iq>",
        )
        .await;
    assert!(stored.contains("22.0") && !stored.contains("21.5"), "{stored}");
    let counts = sink.account("kettle").unwrap();
    assert_eq!(counts, AccountCounts { sign_ons: 1, stanzas: 3, publishes: 2, events: 0 });
    assert_eq!(sink.counts().sessions, 1);
    assert_eq!(sink.account("nobody"), None);
}

#[tokio::test]
async fn tls_may_begin_with_the_first_byte() {
    let sink = sink();
    let mut kettle = client::open_directly(&sink, "kettle", "secret").await.unwrap();
    kettle.ask(&publish("p1", "21.5")).await;
    assert_eq!(sink.account("kettle").map(|counts| counts.publishes), Some(1));
}

#[tokio::test]
async fn a_wrong_password_and_a_foreign_authority_are_refused() {
    let sink = sink();
    let wrong = client::open(&sink, sink.ca_file(), "kettle", "guess").await;
    assert!(wrong.is_err_and(|why| why.contains("NotAuthorized") || why.contains("not-authorized")));
    assert_eq!(sink.counts().refused, 1);
    let other = self::sink();
    assert!(client::open(&sink, other.ca_file(), "kettle", "secret").await.is_err());
    assert_eq!((sink.counts().sign_ons, sink.counts().sessions), (0, 0));
}

#[tokio::test]
async fn subscribers_and_contacts_who_want_notice_are_told_once() {
    let sink = sink();
    let mut kettle = sign_on(&sink, "kettle", "secret").await;
    kettle.ask(&publish("p0", "20")).await;
    let mut juliet = sign_on(&sink, "juliet", "secret").await;
    befriend(&sink, &mut kettle, &mut juliet).await;
    let subscribe = format!(
        "<iq xmlns='jabber:client' type='set' id='s' to='kettle@{domain}'>\
         <pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <subscribe node='xmpp.iot.sensors' jid='juliet@{domain}/test'/></pubsub></iq>",
        domain = sink.domain()
    );
    juliet.ask(&subscribe).await;
    // Her capabilities say that she wants to be told, too.
    juliet.send("<presence xmlns='jabber:client'><c xmlns='http://jabber.org/protocol/caps' node='urn:x' ver='v1' hash='sha-1'/></presence>").await;
    let question = juliet.hear("disco#info").await;
    assert!(question.contains("urn:x#v1"), "{question}");
    juliet
        .send(&format!(
            "<iq xmlns='jabber:client' type='result' id='capabilities-v1' to='{}'>\
             <query xmlns='http://jabber.org/protocol/disco#info'><feature var='xmpp.iot.sensors+notify'/></query></iq>",
            sink.domain()
        ))
        .await;
    juliet.ask("<iq xmlns='jabber:client' type='get' id='r'><ping xmlns='urn:xmpp:ping'/></iq>").await;

    kettle.ask(&publish("p1", "21.5")).await;
    let event = juliet.hear("#event").await;
    assert!(event.contains("21.5") && event.contains(&format!("kettle@{}", sink.domain())), "{event}");
    kettle.ask(&publish("p2", "22.5")).await;
    let event = juliet.hear("#event").await;
    assert!(event.contains("22.5"), "told of the first one once only: {event}");
    assert_eq!(sink.account("juliet").unwrap().events, 2);
}

#[tokio::test]
async fn what_is_said_to_somebody_reaches_them_and_nobody_is_refused() {
    let sink = sink();
    let mut kettle = sign_on(&sink, "kettle", "secret").await;
    let mut juliet = sign_on(&sink, "juliet", "secret").await;
    befriend(&sink, &mut kettle, &mut juliet).await;
    let say = format!(
        "<message xmlns='jabber:client' type='chat' to='kettle@{}'><body>status</body></message>",
        sink.domain()
    );
    juliet.send(&say).await;
    let heard = kettle.hear("status").await;
    assert!(heard.contains(&format!("juliet@{}/test", sink.domain())), "{heard}");
    let refused = juliet
        .ask(&format!(
            "<iq xmlns='jabber:client' type='get' id='x' to='kettle@{}/elsewhere'><ping xmlns='urn:xmpp:ping'/></iq>",
            sink.domain()
        ))
        .await;
    assert!(refused.contains("service-unavailable"), "{refused}");
}

#[tokio::test]
async fn a_stall_lasts_as_long_as_it_was_asked_for_and_meets_everybody() {
    let sink = sink();
    let mut kettle = sign_on(&sink, "kettle", "secret").await;
    let mut lamp = sign_on(&sink, "lamp", "secret").await;
    kettle.ask(&publish("p0", "1")).await;
    lamp.ask(&publish("p0", "1")).await;
    let begun = Instant::now();
    let end = sink.stall(Duration::from_millis(300));
    let (first, second) = (publish("p1", "2"), publish("p1", "2"));
    tokio::join!(kettle.ask(&first), lamp.ask(&second));
    assert!(Instant::now() >= end && begun.elapsed() >= Duration::from_millis(300));
    assert!(begun.elapsed() < Duration::from_secs(5), "and goes on afterwards");
    assert_eq!(sink.counts().publishes, 4, "what came meanwhile was kept");
}

#[tokio::test]
async fn a_session_gives_way_to_one_that_takes_its_resource() {
    let sink = sink();
    let mut kettle = sign_on(&sink, "kettle", "secret").await;
    kettle.ask(&publish("p0", "1")).await;
    let mut again = sign_on(&sink, "kettle", "secret").await;
    again.ask(&publish("p0", "1")).await;
    assert_eq!((sink.counts().sign_ons, sink.counts().sessions), (2, 1));
}

/// Lets each see the other's presence.
async fn befriend(sink: &Sink, kettle: &mut Client, juliet: &mut Client) {
    let domain = sink.domain();
    kettle.send("<presence xmlns='jabber:client'/>").await;
    juliet.send("<presence xmlns='jabber:client'/>").await;
    let presence =
        |kind: &str, to: &str| format!("<presence xmlns='jabber:client' type='{kind}' to='{to}@{domain}'/>");
    juliet.send(&presence("subscribe", "kettle")).await;
    kettle.hear("subscribe").await;
    kettle.send(&presence("subscribed", "juliet")).await;
    kettle.send(&presence("subscribe", "juliet")).await;
    juliet.hear("'subscribe'").await;
    juliet.send(&presence("subscribed", "kettle")).await;
    let roster = "<iq xmlns='jabber:client' type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>";
    assert!(juliet.ask(roster).await.contains("'both'"));
    assert!(kettle.ask(roster).await.contains("'both'"));
}
