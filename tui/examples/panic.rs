//! A dashboard that panics at the first thing it is asked for (`p`), for tests/dashboard: the terminal has to come back.

use std::io;
use thingfleet_control::snapshot::{Counters, Fleet};
use thingfleet_tui::{
    app::Options,
    feed::{Feed, News},
    run::run,
};
use tokio::sync::mpsc;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let (tell, news) = mpsc::channel(4);
        let (requests, mut asked) = mpsc::channel(4);
        let fleet = Fleet {
            name: "doomed".into(),
            domain: "localhost".into(),
            speed: 1.0,
            paused: false,
            devices: 0,
            states: std::collections::BTreeMap::default(),
            lagging: 0,
            counters: Counters::default(),
            tasks: 0,
            latest_event: 0,
            load: false,
        };
        for one in [News::Connected, News::Fleet(fleet)] {
            tell.send(one).await.expect("the dashboard listens");
        }
        let options = Options { is_read_only: false, has_mouse: true, has_colour: true, owns_fleet: true };
        tokio::select! {
            left = run(Feed::from_channels(news, requests), options) => left,
            asked = asked.recv() => panic!("on purpose, at {asked:?}"),
        }
    })
}
