//! `thingfleet load`, with a profile as a person would write it, and the lines that it prints each second.

use super::{
    AFTERWARDS, ARRIVALS, Mark, PERIOD, Task,
    watch::{Process, Source},
};
use crate::{Failure, stage};
use serde_json::Value;
use std::{fmt::Write as _, fs, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

pub(super) fn start(task: &Task) -> Result<Process, Failure> {
    let program = std::env::current_exe()?.with_file_name("thingfleet");
    if !program.exists() {
        return Err(format!("{} is not built", program.display()).into());
    }
    let mut accounts = "name,jid,password\n".to_owned();
    for account in &task.accounts {
        writeln!(accounts, "{},{},{}", account.jid.local(), account.jid, account.password.reveal())?;
    }
    let count = u32::try_from(task.accounts.len())?;
    let port = task.remote.port.ok_or("the port is not known")?;
    let profile = format!(
        "fleet: engines\nserver: {{ domain: {}, host: 127.0.0.1, port: {port}, ca_file: {} }}\n\
         accounts: {{ file: accounts.csv }}\ngroups:\n  - {{ definition: thermometer.yaml, count: {count}, names: \"d{{n}}\" }}\n\
         load:\n  phases:\n    - ramp: {}ms\n    - hold: {}s\n",
        task.remote.domain,
        task.ca.display(),
        1000 * count / ARRIVALS,
        AFTERWARDS.as_secs(),
    );
    for (name, text) in [
        ("accounts.csv", &accounts),
        ("thermometer.yaml", &stage::thermometer(Some(PERIOD))),
        ("engines.yaml", &profile),
    ] {
        fs::write(task.directory.join(name), text)?;
    }
    let mut child = Command::new(program)
        .args(["load", "--json"])
        .arg(task.directory.join("engines.yaml"))
        .env("XDG_STATE_HOME", &task.directory)
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("it says nothing")?).lines();
    Process::new(child, Source::Lines(lines, read))
}

/// What one of its lines says.
fn read(told: &Value) -> Option<Mark> {
    let second = told.get("second")?;
    // Nothing stands there of a second without publishes.
    let published = second["operations"]["publish"]["acknowledged"].as_u64().unwrap_or(0);
    Some(Mark { sessions: second["online"].as_u64()?, published })
}
