//! The bound as an engine: hand-written sessions in a process of their own, which says each second how they stand.

use super::{
    ARRIVALS, Mark, PERIOD, Task,
    watch::{Process, Source},
};
use crate::{
    Failure,
    lean::{self, Lean},
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use thingfleet_peers::{account, remote};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{Instant, interval, interval_at, sleep},
};

/// What its process is told.
#[derive(Args, Debug)]
pub(crate) struct Load {
    #[arg(long)]
    sessions: u32,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    ca: PathBuf,
}

/// How all sessions stand.
#[derive(Default)]
struct Tally {
    on: AtomicU64,
    published: AtomicU64,
}

pub(super) fn start(task: &Task) -> Result<Process, Failure> {
    let port = task.remote.port.ok_or("the port is not known")?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["bound", "--sessions", &task.accounts.len().to_string(), "--port", &port.to_string(), "--ca"])
        .arg(&task.ca)
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("it says nothing")?).lines();
    let read = |told: &Value| {
        Some(Mark { sessions: told["sessions"].as_u64()?, published: told["published"].as_u64()? })
    };
    Process::new(child, Source::Lines(lines, read))
}

/// The whole of a process that [`start`] starts; it is ended from outside.
pub(crate) async fn child(load: Load) -> Result<(), Failure> {
    let remote = remote(load.port, load.ca);
    let (lean, tally) = (Lean::new(&remote)?, Arc::new(Tally::default()));
    for number in 0..load.sessions {
        let (lean, tally) = (lean.clone(), Arc::clone(&tally));
        tokio::spawn(async move {
            sleep(Duration::from_secs(1) * number / ARRIVALS).await;
            let Err(failure) = session(&lean, number + 1, &tally).await else { return };
            eprintln!("bench: a session failed: {failure}");
        });
    }
    let mut beat = interval(Duration::from_secs(1));
    loop {
        beat.tick().await;
        println!(
            "{}",
            json!({ "sessions": tally.on.load(Relaxed), "published": tally.published.swap(0, Relaxed) })
        );
    }
}

/// Signs on and publishes at its pace; ends with a failure only.
async fn session(lean: &Lean, number: u32, tally: &Tally) -> Result<(), Failure> {
    let mut session = lean.sign_on(&account(&format!("d{number}"))).await?;
    tally.on.fetch_add(1, Relaxed);
    let (mut pace, mut count) = (interval_at(Instant::now() + PERIOD, PERIOD), 0);
    loop {
        tokio::select! {
            answers = session.answers() => { tally.published.fetch_add(answers?, Relaxed); }
            _ = pace.tick() => {
                count += 1;
                let value = format!("{}.{:02}", 20 + count % 7, count % 100);
                let kind = "unit='celsius' type='float'";
                session.write(&lean::publish(count, "xmpp.iot.sensor.temp", kind, value)).await?;
            }
        }
    }
}
