//! One hour of every shipped device on this driver, as `thingfleet_bodies` has it: the real loop, session and sign-on on
//! tokio's paused time, and a server at the other end of a pipe in place of sockets and TLS.

use super::{Driver, Surroundings};
use crate::{
    fleet::{clock::Clock, health::Health},
    xmpp::connect::Connector,
};
use std::{future::pending, sync::Arc};
use thingfleet_bodies::{
    script::{Act, SPAN, instance, script},
    simulated, trace,
    wire::Wire,
};
use thingfleet_device::{definition::Definition, ns, time::Instant};
use thingfleet_schema::{
    catalogue,
    profile::{Remote, Security, Trust},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::{Semaphore, mpsc},
    time::sleep_until,
};

/// Bytes that a connection holds; more than a device or its server ever says at once.
const PIPE: usize = 1 << 20;

#[tokio::test(start_paused = true)]
async fn every_device_says_the_same_as_in_simulated_time() {
    for entry in catalogue::all() {
        let definition = entry.definition();
        let mut expected = String::new();
        simulated::write(&mut expected, &definition).unwrap();
        let lived = live(definition).await;
        if let Some((line, here, there)) = trace::difference(&lived, &expected) {
            panic!("{}: line {line}\n     here: {here}\nsimulated: {there}", entry.name);
        }
    }
}

/// Lets a device live that hour, and gives its trace.
async fn live(definition: Definition) -> String {
    let mut out = String::new();
    trace::heading(&mut out, &definition).unwrap();
    let acts = script(&definition);
    let (ends, connections) = mpsc::unbounded_channel();
    let remote = Remote {
        domain: "example.org".to_owned(),
        host: Some("127.0.0.1".to_owned()),
        port: None,
        from: Vec::new(),
        security: Security::Plain,
        trust: Trust::default(),
    };
    let connector = Connector::new(remote).unwrap().within(move || {
        let (ours, theirs) = duplex(PIPE);
        ends.send(theirs).unwrap();
        Box::new(ours)
    });
    let clock = Clock::start();
    let surroundings = Surroundings {
        connector: Arc::new(connector),
        clock,
        gate: Arc::new(Semaphore::new(1)),
        equipment: None,
        probe: None,
    };
    let (_requests, taken) = mpsc::channel(1);
    let reporter = Health::new(["kettle-1"]).reporter(0);
    let driver = Driver::new(Arc::new(definition), instance(), surroundings, taken, reporter);
    tokio::select! {
        () = driver.run() => unreachable!("nobody stops it"),
        () = serve(acts, connections, clock, &mut out) => {}
    }
    out
}

/// Is the server until the hour is over.
async fn serve(
    acts: Vec<(Instant, Act)>,
    mut connections: mpsc::UnboundedReceiver<DuplexStream>,
    clock: Clock,
    out: &mut String,
) {
    let mut wire = Wire::new(simulated::server(), false);
    let mut end: Option<DuplexStream> = None;
    let mut acts = acts.into_iter().peekable();
    let over = Instant::START.plus(SPAN);
    let mut bytes = vec![0; 4096];
    loop {
        let next = acts.peek().map_or(over, |(at, _)| *at);
        tokio::select! {
            biased;
            connection = connections.recv() => {
                wire.connected();
                end = connection;
            }
            count = read(&mut end, &mut bytes) => {
                let answers = wire.take(&bytes[..count], |stanza| {
                    trace::line(out, clock.now(), stanza).unwrap();
                });
                write(&mut end, &answers).await;
            }
            () = sleep_until(clock.real(next)) => match acts.next() {
                Some((_, Act::Stanza(stanza))) => {
                    let mut text = String::new();
                    stanza.write_to(&mut text, ns::CLIENT);
                    write(&mut end, &text).await;
                }
                Some((_, Act::Break)) => end = None,
                None => return,
            }
        }
    }
}

async fn read(end: &mut Option<DuplexStream>, bytes: &mut [u8]) -> usize {
    let count = match end {
        Some(end) => end.read(bytes).await.unwrap_or(0),
        None => pending().await,
    };
    if count == 0 {
        *end = None;
    }
    count
}

async fn write(end: &mut Option<DuplexStream>, text: &str) {
    if let Some(stream) = end
        && stream.write_all(text.as_bytes()).await.is_err()
    {
        *end = None;
    }
}
