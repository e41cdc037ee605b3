//! Sessions against real servers: signing on, what goes wrong with it, what strangers send, broken connections.

#[path = "common/proxy.rs"]
mod proxy;

use proxy::Proxy;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use thingfleet::xmpp::{
    client::Client,
    connect::Connector,
    register::{Registrar, Registration},
    session::{Session, SessionEvent},
};
use thingfleet_device::{
    instance::Account,
    io::{FailureKind, StreamFailure},
    value::Secret,
    xml::Element,
};
use thingfleet_peers::{self as peers, Server};
use tokio::time::timeout;

const CLIENT: &str = "jabber:client";

async fn next(session: &mut Session) -> SessionEvent {
    timeout(Duration::from_secs(20), session.next()).await.expect("an event within 20 s")
}

async fn up(session: &mut Session) -> (String, bool) {
    match next(session).await {
        SessionEvent::Up { jid, resumed } => (jid, resumed),
        other => panic!("{other:?}"),
    }
}

async fn down(session: &mut Session) -> StreamFailure {
    loop {
        match next(session).await {
            SessionEvent::Down(failure) => return failure,
            SessionEvent::Stanza(_) => {}
            SessionEvent::Up { .. } => panic!("signed on"),
        }
    }
}

async fn signed_on(server: &Server, account: &Account) -> Session {
    let mut session = Session::new(server.connector());
    session.open(account);
    up(&mut session).await;
    session
}

fn message(to: &str, body: &str) -> Element {
    Element::new(CLIENT, "message")
        .attr("to", to.to_string())
        .attr("type", "chat")
        .child(Element::new(CLIENT, "body").text(body.to_string()))
}

/// The body of a message, if the event is one.
fn said(event: &SessionEvent) -> Option<String> {
    let SessionEvent::Stanza(stanza) = event else { return None };
    assert_ne!(stanza.get_attr("type"), Some("error"), "{stanza:?}");
    stanza.get(CLIENT, "body").map(|body| body.get_text().into_owned())
}

/// The body of the next message that has one.
async fn body(session: &mut Session) -> String {
    loop {
        let event = next(session).await;
        assert!(matches!(event, SessionEvent::Stanza(_)), "{event:?}");
        if let Some(body) = said(&event) {
            return body;
        }
    }
}

async fn a_device_signs_on_and_a_wrong_password_is_told_at_once(server: Server) {
    let mut account = server.account("kettle").await;
    let mut session = Session::new(server.connector());
    session.open(&account);
    let (jid, resumed) = up(&mut session).await;
    assert_eq!((jid.as_str(), resumed), ("kettle@things.example/test", false));
    session.close();
    session.closed().await;

    let mut registrar = Registrar::new(server.connector(), peers::DOMAIN);
    let again = registrar.register(&account.jid, &account.password).await.unwrap();
    assert_eq!(again, Registration::Exists);

    account.password = Secret::new("wrong");
    let started = Instant::now();
    session.open(&account);
    let failure = down(&mut session).await;
    assert_eq!(failure.kind, FailureKind::Authentication, "{failure:?}");
    assert!(failure.text.starts_with("not-authorized"), "{failure:?}");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

    let stranger = peers::account("nobody");
    session.open(&stranger);
    assert_eq!(down(&mut session).await.kind, FailureKind::Authentication);
}

#[tokio::test]
async fn on_prosody_a_device_signs_on_and_a_wrong_password_is_told_at_once() {
    a_device_signs_on_and_a_wrong_password_is_told_at_once(Server::prosody().await).await;
}

#[tokio::test]
async fn on_ejabberd_a_device_signs_on_and_a_wrong_password_is_told_at_once() {
    a_device_signs_on_and_a_wrong_password_is_told_at_once(Server::ejabberd().await).await;
}

async fn nothing_is_lost_when_the_connection_is_cut(server: Server) {
    let (kettle, owner) = (server.account("kettle").await, server.account("owner").await);
    let proxy = Proxy::to(server.port).await;
    let mut remote = server.remote();
    remote.port = Some(proxy.port);
    let mut device = Session::new(Arc::new(Connector::new(remote).unwrap()));
    device.open(&kettle);
    up(&mut device).await;
    device.send(Element::new(CLIENT, "presence"));
    let mut person = signed_on(&server, &owner).await;
    person.send(Element::new(CLIENT, "presence"));
    person.send(message("kettle@things.example/test", "to-0"));
    device.send(message("owner@things.example/test", "from-0"));
    let first = tokio::join!(body(&mut device), body(&mut person));
    assert_eq!((first.0.as_str(), first.1.as_str()), ("to-0", "from-0"));

    for round in 1..=3 {
        proxy.cut();
        // Neither side knows of the cut: these go into a dead connection.
        for number in 0..3 {
            device.send(message("owner@things.example/test", &format!("from-{round}-{number}")));
            person.send(message("kettle@things.example/test", &format!("to-{round}-{number}")));
        }
        // Some of them may have overtaken the cut.
        let (mut to, mut from) = (Vec::new(), Vec::new());
        let failure = loop {
            tokio::select! {
                event = next(&mut device) => match event {
                    SessionEvent::Down(failure) => break failure,
                    event => to.extend(said(&event)),
                },
                event = person.next() => from.extend(said(&event)),
            }
        };
        assert_eq!(failure.kind, FailureKind::Lost, "{failure:?}");
        device.open(&kettle);
        let mut resumed = false;
        while !resumed || to.len() < 3 || from.len() < 3 {
            tokio::select! {
                event = next(&mut device) => match event {
                    SessionEvent::Up { resumed: true, .. } => resumed = true,
                    event @ SessionEvent::Stanza(_) => to.extend(said(&event)),
                    other => panic!("not resumed on {}: {other:?}", server.name),
                },
                event = person.next() => from.extend(said(&event)),
            }
        }
        for number in 0..3 {
            assert_eq!(to[number], format!("to-{round}-{number}"));
            assert_eq!(from[number], format!("from-{round}-{number}"));
        }
    }
}

#[tokio::test]
async fn on_prosody_nothing_is_lost_when_the_connection_is_cut() {
    nothing_is_lost_when_the_connection_is_cut(Server::prosody().await).await;
}

#[tokio::test]
async fn on_ejabberd_nothing_is_lost_when_the_connection_is_cut() {
    nothing_is_lost_when_the_connection_is_cut(Server::ejabberd().await).await;
}

async fn what_was_read_before_a_goodbye_does_not_come_again(server: Server) {
    let (kettle, owner) = (server.account("kettle").await, server.account("owner").await);
    let mut person = signed_on(&server, &owner).await;
    let mut device = signed_on(&server, &kettle).await;
    device.send(Element::new(CLIENT, "presence"));
    person.send(message("kettle@things.example/test", "first"));
    let event = tokio::select! {
        body = body(&mut device) => body,
        event = person.next() => panic!("{event:?}"),
    };
    assert_eq!(event, "first");
    device.close();
    device.closed().await;

    device.open(&kettle);
    up(&mut device).await;
    device.send(Element::new(CLIENT, "presence"));
    person.send(message("kettle@things.example/test", "second"));
    let event = tokio::select! {
        body = body(&mut device) => body,
        event = person.next() => panic!("{event:?}"),
    };
    assert_eq!(event, "second", "on {}", server.name);
}

#[tokio::test]
async fn on_prosody_what_was_read_before_a_goodbye_does_not_come_again() {
    what_was_read_before_a_goodbye_does_not_come_again(Server::prosody().await).await;
}

#[tokio::test]
async fn on_ejabberd_what_was_read_before_a_goodbye_does_not_come_again() {
    what_was_read_before_a_goodbye_does_not_come_again(Server::ejabberd().await).await;
}

async fn a_session_the_server_forgot_is_bound_anew(server: Server) {
    let kettle = server.account("kettle").await;
    let mut session = signed_on(&server, &kettle).await;
    // A second session with the same resource takes the place of the first, and with it its resumption.
    let mut second = signed_on(&server, &kettle).await;
    let failure = down(&mut session).await;
    assert_eq!(failure.kind, FailureKind::Conflict, "{failure:?}");
    second.close();
    second.closed().await;
    session.open(&kettle);
    let (jid, resumed) = up(&mut session).await;
    assert_eq!((jid.as_str(), resumed), ("kettle@things.example/test", false));
}

#[tokio::test]
async fn on_prosody_a_session_in_conflict_goes_down_and_binds_anew() {
    a_session_the_server_forgot_is_bound_anew(Server::prosody().await).await;
}

#[tokio::test]
async fn on_ejabberd_a_session_in_conflict_goes_down_and_binds_anew() {
    a_session_the_server_forgot_is_bound_anew(Server::ejabberd().await).await;
}

/// What a stranger can get a server to pass on to a full JID.
fn hostile(to: &str) -> Vec<Element> {
    let stanza = |name: &'static str| Element::new(CLIENT, name).attr("to", to.to_string());
    let long = "z".repeat(20_000);
    let mut deep = Element::new("urn:x", "x");
    for _ in 0..30 {
        deep = Element::new("urn:x", "x").child(deep);
    }
    vec![
        stanza("presence").child(Element::new(CLIENT, "priority").text("abc")),
        stanza("presence").child(Element::new(CLIENT, "show").text("dancing")),
        stanza("message").attr("type", "bogus").child(Element::new(CLIENT, "body").text("x")),
        stanza("message").attr("id", long.clone()),
        stanza("message").child(Element::new(CLIENT, "body").text("b".repeat(100_000))),
        stanza("message").child(Element::new(CLIENT, "body").text("b".repeat(200_000))),
        stanza("message").child(Element::new("urn:x", format!("n{long}"))),
        stanza("message").child(Element::new("", "nowhere")),
        stanza("message").child(deep),
        stanza("iq").attr("type", "get").attr("id", long.clone()).child(Element::new("urn:unknown", "what")),
        stanza("iq")
            .attr("type", "get")
            .attr("id", "large")
            .child(Element::new("urn:x", "x").text("c".repeat(150_000))),
        stanza("iq").attr("type", "result").attr("id", "never-asked"),
    ]
}

async fn nothing_a_stranger_sends_ends_the_stream(server: Server) {
    let (kettle, mallory) = (server.account("kettle").await, server.account("mallory").await);
    let mut device = signed_on(&server, &kettle).await;
    device.send(Element::new(CLIENT, "presence"));
    let mut stranger = signed_on(&server, &mallory).await;
    stranger.send(Element::new(CLIENT, "presence"));
    for (number, stanza) in hostile("kettle@things.example/test").into_iter().enumerate() {
        stranger.send(stanza);
        // The servers' parser looks at an unfinished tag again only when twice as much has come (libexpat since 2.6.0,
        // and in Debian's security updates), so the longest ones would wait for what follows.
        stranger.send(message("kettle@things.example/test", &"f".repeat(40_000)));
        let mark = format!("after-{number}");
        stranger.send(message("kettle@things.example/test", &mark));
        let (mut arrived, mut large_refused) = (false, number != 10);
        while !(arrived && large_refused) {
            tokio::select! {
                // The device's session writes its answers while it is driven.
                event = next(&mut device) => match event {
                    SessionEvent::Stanza(stanza) => {
                        arrived |= stanza.get(CLIENT, "body").is_some_and(|body| body.get_text() == mark);
                    }
                    other => panic!("after stanza {number} on {}: {other:?}", server.name),
                },
                event = stranger.next() => match event {
                    SessionEvent::Stanza(stanza) if stanza.get_attr("id") == Some("large") => {
                        assert_eq!(stanza.get_attr("type"), Some("error"));
                        large_refused = true;
                    }
                    SessionEvent::Stanza(_) => {}
                    other => panic!("the stranger, after stanza {number} on {}: {other:?}", server.name),
                },
            }
        }
    }
}

#[tokio::test]
async fn on_prosody_nothing_a_stranger_sends_ends_the_stream() {
    nothing_a_stranger_sends_ends_the_stream(Server::prosody().await).await;
}

#[tokio::test]
async fn on_ejabberd_nothing_a_stranger_sends_ends_the_stream() {
    nothing_a_stranger_sends_ends_the_stream(Server::ejabberd().await).await;
}

#[tokio::test]
async fn a_client_asks_and_is_answered_and_removes_its_account() {
    let server = Server::prosody().await;
    let owner = server.account("owner").await;
    let mut client = Client::sign_in(server.connector(), &owner).await.unwrap();
    assert_eq!(client.roster().await.unwrap().elements().count(), 0);
    let disco = Element::new("http://jabber.org/protocol/disco#info", "query");
    client.iq("get", Some(peers::DOMAIN), disco).await.unwrap();
    let refused = client.iq("get", Some(peers::DOMAIN), Element::new("urn:x", "x")).await.unwrap_err();
    assert_eq!(refused.to_string(), "service-unavailable");
    client.unregister().await.unwrap();
    let failure = Client::sign_in(server.connector(), &owner).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Authentication);
}
