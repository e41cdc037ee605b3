//! The sink in a process of its own.

use super::name;
use crate::{Failure, measure::processor_time};
use clap::Args;
use serde_json::{Value, json};
use std::{ops::Sub, path::PathBuf, process::Stdio, time::Duration};
use thingfleet_peers::{DOMAIN, account};
use thingfleet_sink::{Mechanism, Options, Sink};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
};

/// The processor that the sink has for itself.
const CORE: &str = "0";

/// What the process of a sink is told.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// Accounts whose keys are made before anybody signs on.
    #[arg(long)]
    accounts: u32,
}

/// A running sink, seen from outside.
pub(crate) struct Process {
    pub(crate) port: u16,
    pub(crate) ca: PathBuf,
    child: Child,
    talk: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

/// What a sink did so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    processor: Duration,
    publishes: u64,
}

impl Process {
    /// Starts one and waits until the keys of that many accounts are made.
    pub(crate) async fn start(accounts: u32) -> Result<Self, Failure> {
        let mut process = Command::new("taskset")
            .args(["-c", CORE])
            .arg(std::env::current_exe()?)
            .args(["sink", "--accounts", &accounts.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = process.stdin.take().ok_or("the sink takes nothing")?;
        let output = process.stdout.take().ok_or("the sink says nothing")?;
        let mut lines = BufReader::new(output).lines();
        let told = lines.next_line().await?.ok_or("the sink did not start")?;
        let told: Value = serde_json::from_str(&told)?;
        let port = told["port"].as_u64().ok_or("the sink has no port")?.try_into()?;
        let ca = told["ca"].as_str().ok_or("the sink has no authority")?.into();
        Ok(Self { port, ca, child: process, talk: Mutex::new((input, lines)) })
    }

    /// What it did so far.
    pub(crate) async fn used(&self) -> Result<Used, Failure> {
        let mut talk = self.talk.lock().await;
        talk.0.write_all(b"\n").await?;
        let told = talk.1.next_line().await?.ok_or("the sink has ended")?;
        let told: Value = serde_json::from_str(&told)?;
        let figure = |name: &str| told[name].as_u64().ok_or("a figure is missing");
        Ok(Used { processor: Duration::from_micros(figure("processor")?), publishes: figure("publishes")? })
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        let Self { child: mut process, talk, .. } = self;
        drop(talk);
        process.wait().await?;
        Ok(())
    }
}

impl Sub for Used {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        let processor = self.processor.saturating_sub(earlier.processor);
        Self { processor, publishes: self.publishes - earlier.publishes }
    }
}

impl Used {
    pub(crate) fn micros_a_publish(self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.publishes as f64
    }
}

/// The whole of a process that [`Process::start`] starts: tells what it did for each line it reads.
pub(crate) async fn child(place: Place) -> Result<(), Failure> {
    thingfleet::fleet::make_room(place.accounts as usize)?;
    let password = account("any").password.reveal().to_owned();
    let options = Options {
        domain: DOMAIN.to_owned(),
        password: Some(password),
        mechanisms: vec![Mechanism::ScramSha256],
        ..Options::default()
    };
    let sink = Sink::start(options)?;
    sink.enrol((0..place.accounts).map(name));
    println!("{}", json!({ "port": sink.address().port(), "ca": sink.ca_file() }));
    // Sessions go on while a thread of its own waits for the next line.
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lines() {
            line?;
            let processor = u64::try_from(processor_time().as_micros())?;
            println!("{}", json!({ "processor": processor, "publishes": sink.counts().publishes }));
        }
        Ok(())
    })
    .await?
}
