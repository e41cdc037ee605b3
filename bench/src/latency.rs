//! From publish to event: a device and a client of ours, against two hand-written sessions on the same accounts and
//! nodes, at the same rate, in turns.

use crate::{
    Failure,
    lean::{self, Lean},
    report::Report,
    samples::Samples,
    stage::Pair,
};
use std::time::{Duration, Instant};
use thingfleet::driver::Command;
use thingfleet_device::value::Value;
use thingfleet_peers::{Server, account};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

/// One publish each.
const PERIOD: Duration = Duration::from_millis(10);

/// Turns each side has; whatever else the machine does falls on both.
const TURNS: u64 = 10;

/// Publishes of a turn that are not counted, while caches fill.
const WARM_UP: u16 = 20;

/// Runs the benchmark on both servers.
pub(crate) async fn run(quick: bool, report: &mut Report) -> Result<(), Failure> {
    let each = if quick { 30 } else { 200 };
    for server in [Server::prosody().await, Server::ejabberd().await] {
        eprintln!("latency on {}: {} publishes a side", server.name, each * TURNS);
        let (ours, probe) = on(&server, each).await?;
        let section = report.section(format!(
            "publish to event on {}, {} publishes a side at 100/s, TLS",
            server.name,
            ours.len()
        ));
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let bound = probe.quantile(share);
            section.row(format!("raw-socket probe, {name}"), bound, "ms");
            section.compared(
                format!("device to client, {name}"),
                ours.quantile(share),
                "ms",
                ("probe", bound),
                Some(1.2),
            );
        }
    }
    Ok(())
}

async fn on(server: &Server, each: u64) -> Result<(Samples, Samples), Failure> {
    server.account("device").await;
    server.account("person").await;
    let (mut ours, mut probe) = (Samples::default(), Samples::default());
    for turn in 0..TURNS {
        ours.extend(&device_to_client(server, turn, each).await?);
        probe.extend(&probe_to_probe(server, turn, each).await?);
    }
    Ok((ours, probe))
}

async fn device_to_client(server: &Server, turn: u64, each: u64) -> Result<Samples, Failure> {
    let mut pair = Pair::online(server, "device", "person").await?;
    let (_, _, definition) = pair.fleet.devices().next().ok_or("no device")?;
    let (count, _) = definition.find("count").ok_or("no such sensor")?;
    let mut samples = Samples::default();
    let mut ticks = ticks();
    for number in numbers(turn, each) {
        ticks.tick().await;
        let began = Instant::now();
        let value = Value::Integer(i64::try_from(number)?);
        pair.fleet.command("device", Command::Inject(count, value)).await;
        while pair.number("count").await? != number {}
        samples.push(began.elapsed());
    }
    pair.leave().await;
    Ok(samples.without_first(WARM_UP.into()))
}

async fn probe_to_probe(server: &Server, turn: u64, each: u64) -> Result<Samples, Failure> {
    let lean = Lean::new(&server.remote())?;
    let (device, person) = (account("device"), account("person"));
    let mut publisher = lean.sign_on(&device).await?;
    let mut observer = lean.sign_on(&person).await?;
    let subscribe = format!(
        "<iq type='set' id='s' to='{}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <subscribe node='xmpp.iot.sensors' jid='{}/lean'/></pubsub></iq>",
        device.jid, person.jid
    );
    observer.say(&subscribe, "subscription='subscribed'").await?;
    // A task of its own behind a channel, as the device is one: the way there is not what is compared.
    let (publish, mut numbers_to_publish) = mpsc::channel(1);
    let publisher = tokio::spawn(async move {
        loop {
            tokio::select! {
                number = numbers_to_publish.recv() => {
                    let Some(number) = number else { return Ok::<_, Failure>(()) };
                    let stanza = lean::publish(number, "xmpp.iot.sensor.count", "type='integer'", number);
                    publisher.write(&stanza).await?;
                }
                answers = publisher.answers() => { answers?; }
            }
        }
    });
    let mut samples = Samples::default();
    let mut ticks = ticks();
    for number in numbers(turn, each) {
        ticks.tick().await;
        let began = Instant::now();
        publish.send(number).await?;
        observer.hear(&format!(">{number}</val>")).await?;
        samples.push(began.elapsed());
    }
    drop(publish);
    publisher.await??;
    Ok(samples.without_first(WARM_UP.into()))
}

/// Numbers that no other turn publishes.
fn numbers(turn: u64, each: u64) -> std::ops::Range<u64> {
    let first = 1_000_000 + turn * 10_000;
    first..first + u64::from(WARM_UP) + each
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
