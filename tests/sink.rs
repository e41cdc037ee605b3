//! A fleet on the sink: whole devices, set up over TLS and SCRAM, counted alike on both sides.

use std::time::Duration;
use thingfleet::fleet::Fleet;
use thingfleet_schema::{
    profile::{self, Surroundings},
    source::Disk,
};
use thingfleet_sink::{Options, Sink};
use tokio::time::{interval, timeout};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

fn profile(sink: &Sink) -> profile::Fleet {
    let account = |number| {
        format!("  - {{ name: lamp-{number}, jid: lamp-{number}@{}, password: secret }}\n", sink.domain())
    };
    let text = format!(
        "fleet: sunk\nserver: {{ domain: {}, host: 127.0.0.1, port: {}, ca_file: {}, from: [127.0.0.2, 127.0.0.3] }}\n\
         accounts:\n{}groups:\n  - {{ definition: lamp, count: 3 }}\n",
        sink.domain(),
        sink.address().port(),
        sink.ca_file().display(),
        (1..=3).map(account).collect::<String>()
    );
    profile::read("sunk.yaml", &text, &Surroundings { loader: &Disk, environment: &|_| None })
        .unwrap_or_else(|mistakes| panic!("\n{}", mistakes.render(false, 120)))
}

#[tokio::test]
async fn devices_set_themselves_up_and_both_sides_count_the_same() {
    let sink = Sink::start(Options { password: Some("secret".to_owned()), ..Options::default() }).unwrap();
    let (fleet, _) = Fleet::start(&profile(&sink), &|_| {}).await.unwrap();
    let health = std::sync::Arc::clone(fleet.health());
    let mut tick = interval(Duration::from_millis(20));
    let settled = async {
        // Each lamp has a user interface, and values beside it; with all of them told it falls silent.
        let mut before = 0;
        loop {
            tick.tick().await;
            let (counts, published) = (sink.counts(), health.snapshot().counts.published);
            let is_quiet = published == before && counts.publishes == published;
            if health.snapshot().online == 3 && published > 3 && is_quiet {
                return;
            }
            before = published;
        }
    };
    timeout(PATIENCE, settled).await.expect("the fleet comes up and what it sent is acknowledged");
    for name in ["lamp-1", "lamp-2", "lamp-3"] {
        let counts = sink.account(name).unwrap();
        assert!(counts.sign_ons == 1 && counts.publishes > 1, "{name}: {counts:?}");
    }
    fleet.stop().await;
    let ended = async {
        while sink.counts().sessions > 0 {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, ended).await.expect("devices say goodbye");
    assert_eq!(health.snapshot().counts.publish_failures, 0);
}
