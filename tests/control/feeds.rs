//! What devices tell as it happens: events, and what a device exchanges.

use crate::stage::{DEADLINE, Stage, event};
use thingfleet_control::{
    command::{Command, FleetChange, Selection},
    event::{Event, What},
    snapshot::State,
    traffic::{self, Direction, Exchange},
    value::Value,
};
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_order_and_go_on_where_a_watcher_left() {
    let stage = Stage::new().await;
    let (client, lamp) = (&stage.client, Selection::device("lamp"));
    let mut stream = client.events(&lamp, Some(0)).await.unwrap();
    stage.order("lamp", Command::Offline {}).await.unwrap();
    let gone = |event: &Event| matches!(event.what, What::Session { state: State::Offline, .. });
    let first = event(&mut stream, gone).await;
    assert_eq!(first.device, "lamp");
    drop(stream);
    stage.order("lamp", Command::Online {}).await.unwrap();
    stage.wait("lamp", "state == online").await.unwrap();

    let mut stream = client.events(&lamp, Some(first.seq)).await.unwrap();
    let mut last = first.seq;
    let back = event(&mut stream, |event| {
        assert_eq!(event.device, "lamp");
        matches!(event.what, What::Session { state: State::Online, .. })
    });
    let back = back.await;
    assert!(back.seq > last);
    last = back.seq;
    assert!(client.fleet().await.unwrap().latest_event >= last);

    // A fleet that stops ends its streams at once.
    stage.control.stop().await;
    while timeout(DEADLINE, stream.next()).await.unwrap().unwrap().is_some() {}
    stage.fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_tells_that_a_device_is_steered_before_what_follows_from_it() {
    let stage = Stage::new().await;
    let mut stream = stage.client.events(&Selection::device("kettle-1"), None).await.unwrap();
    let set = Command::Set { channel: "powerOn".into(), value: Value::Text("on".into()) };
    stage.order("kettle-1", set.clone()).await.unwrap();
    let steered = event(&mut stream, |event| matches!(event.what, What::Steered { .. })).await;
    assert_eq!(steered.what, What::Steered { by: "control".into(), command: set });
    let actuated = event(&mut stream, |event| matches!(event.what, What::Actuated { .. })).await;
    assert!(actuated.seq > steered.seq && actuated.device_seconds >= steered.device_seconds);
    // Nothing was done, so nothing is told.
    let latest = stage.client.fleet().await.unwrap().latest_event;
    stage.order("kettle-1", Command::Reset {}).await.unwrap_err();
    stage.order("kettle-1", Command::Release { channel: "temp".into() }).await.unwrap();
    let mut stream = stage.client.events(&Selection::device("kettle-1"), Some(latest)).await.unwrap();
    let steered = event(&mut stream, |event| matches!(event.what, What::Steered { .. })).await;
    let release = Command::Release { channel: "temp".into() };
    assert_eq!(steered.what, What::Steered { by: "control".into(), command: release });
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_pace_is_told_once_to_everybody() {
    let stage = Stage::new().await;
    let client = &stage.client;
    let mut stream = client.events(&Selection::device("lamp"), None).await.unwrap();
    let change = |paused, speed| client.change(FleetChange { paused, speed });
    change(None, Some(60.0)).await.unwrap();
    change(None, Some(60.0)).await.unwrap();
    change(Some(true), None).await.unwrap();
    let mut told = Vec::new();
    for _ in 0..2 {
        let pace = event(&mut stream, |event| matches!(event.what, What::Pace { .. })).await;
        assert_eq!(pace.device, "", "it is about all of them");
        told.push(pace.what);
    }
    let pace = |paused| What::Pace { speed: 60.0, paused };
    assert_eq!(told, [pace(false), pace(true)], "what is so already is no news");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_exchanges_is_heard_while_somebody_listens() {
    let stage = Stage::new().await;
    let mut heard = stage.client.traffic("lamp").await.unwrap();
    stage.order("lamp", Command::Offline {}).await.unwrap();
    stage.order("lamp", Command::Online {}).await.unwrap();
    stage.wait("lamp", "state == online").await.unwrap();
    let stanza = |exchange: &Exchange, direction: Direction, part: &str| match &exchange.what {
        traffic::What::Stanza(stanza) => stanza.direction == direction && stanza.xml.contains(part),
        traffic::What::Gatt(_) => false,
    };
    let goodbye = event(&mut heard, |it| stanza(it, Direction::Sent, "type='unavailable'")).await;
    let roster = event(&mut heard, |it| stanza(it, Direction::Sent, "jabber:iq:roster")).await;
    let answer = event(&mut heard, |it| stanza(it, Direction::Received, "jabber:iq:roster")).await;
    assert!(goodbye.seq < roster.seq && roster.seq < answer.seq);
    assert!(goodbye.device_seconds > 0.0);

    // It ends with the device.
    stage.client.remove("lamp").await.unwrap();
    while timeout(DEADLINE, heard.next()).await.unwrap().unwrap().is_some() {}
    assert!(stage.client.traffic("lamp").await.is_err());
    stage.stop().await;
}
