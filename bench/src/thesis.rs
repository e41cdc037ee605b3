//! The experiment of the thesis's section 6.2: half of the way of a value from the device to a client and, as a value
//! for an actuator, back to the device.

use crate::{
    Failure,
    report::Report,
    samples::Samples,
    stage::{PATIENCE, Pair},
};
use std::time::{Duration, Instant};
use thingfleet::{driver::Command, fleet::health::What};
use thingfleet_device::{definition::ChannelId, io::Event, ns, value::Value, xml::Element};
use thingfleet_peers::Server;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Rounds of the thesis.
const ROUNDS: i64 = 1000;

/// Pause between rounds, in which their last answers come in.
const PERIOD: Duration = Duration::from_millis(20);

/// Runs the experiment on both servers.
pub(crate) async fn run(quick: bool, report: &mut Report) -> Result<(), Failure> {
    let rounds = if quick { 50 } else { ROUNDS };
    for server in [Server::prosody().await, Server::ejabberd().await] {
        eprintln!("the thesis's experiment on {}: {rounds} rounds", server.name);
        let halves = on(&server, rounds).await?;
        let section = report.section(format!(
            "half of device, client, device on {}, {} rounds, TLS",
            server.name,
            halves.len()
        ));
        section.row("mean", halves.mean(), "ms");
        section.row("standard deviation", halves.deviation(), "ms");
        section.row("minimum", halves.quantile(0.0), "ms");
        section.row("p50", halves.quantile(0.5), "ms");
        section.row("p99", halves.quantile(0.99), "ms");
        section.row("maximum", halves.quantile(1.0), "ms");
        section.remark("thesis, public server: mean 60.88, sd 9.51, min 49.69 ms");
        section.remark("thesis, private server: mean 13.12, sd 3.91, min 0.926, max 21.298 ms");
        section.remark(
            "the thesis's device is an ESP32 on Wi-Fi; here everything is on loopback, so this is not a race",
        );
    }
    Ok(())
}

async fn on(server: &Server, rounds: i64) -> Result<Samples, Failure> {
    server.account("device").await;
    server.account("person").await;
    let mut pair = Pair::online(server, "device", "person").await?;
    let (_, _, definition) = pair.fleet.devices().next().ok_or("no device")?;
    let (level, _) = definition.find("level").ok_or("no such actuator")?;
    let mut halves = Samples::default();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 1..=rounds {
        ticks.tick().await;
        let began = Instant::now();
        let (out, back) = (2 * round, 2 * round + 1);
        pair.fleet.command("device", Command::Operate(level, Value::Integer(out))).await;
        while i64::try_from(pair.number("level").await?)? != out {}
        let item = Element::new(ns::PUBSUB, "item")
            .attr("id", "xmpp.iot.actuator.level")
            .child(Element::new(ns::IOT, "val").text(back.to_string()));
        let publish = Element::new(ns::PUBSUB, "publish").attr("node", "xmpp.iot.actuators").child(item);
        let request = Element::new(ns::PUBSUB, "pubsub").child(publish);
        let device = pair.device.clone();
        let answer = pair.client.iq("set", Some(device.as_str()), request);
        let reaching = timeout(PATIENCE, arrival(&mut pair.events, level, back));
        let (answer, arrived) = tokio::join!(answer, reaching);
        halves.push((arrived?? - began) / 2);
        answer?;
        while i64::try_from(pair.number("level").await?)? != back {}
    }
    pair.leave().await;
    Ok(halves)
}

/// Waits until a client's value has reached the device.
async fn arrival(
    events: &mut thingfleet::fleet::health::Events,
    actuator: ChannelId,
    wanted: i64,
) -> Result<Instant, Failure> {
    while let Some(notice) = events.next().await {
        if let What::Event(Event::Actuated { channel, value: Value::Integer(value), .. }) = &notice.what
            && (*channel, *value) == (actuator, wanted)
        {
            return Ok(Instant::now());
        }
    }
    Err("the fleet has ended".into())
}
