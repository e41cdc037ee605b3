//! A server that makes no accounts for a load: the observers' are given, as the devices' are.

use crate::stage::Place;
use std::{fs, process::Command};
use thingfleet::load::report::Report;
use thingfleet_peers::Server;

/// Makes accounts on a server, and gives the list of them as a profile has it.
async fn listed(server: &Server, names: &[&str]) -> String {
    let mut lines = Vec::new();
    for name in names {
        let account = server.account(name).await;
        let password = account.password.reveal();
        lines.push(format!("{{ name: {name}, jid: {}, password: {password} }}", account.jid));
    }
    format!("[{}]", lines.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_with_given_accounts_see_what_devices_publish() {
    let server = Server::prosody().await;
    let devices = listed(&server, &["device-1", "device-2", "device-3"]).await;
    let observers = listed(&server, &["watcher", "onlooker"]).await;
    let load = format!(
        "accounts: {devices}\nload:\n  observers: {{ per_device: 1, devices_each: 2, accounts: {observers} }}\n\
         \x20 phases:\n    - ramp: 1s\n    - {{ hold: 1min, publish: 20/s, until: [event.count >= 20] }}\n"
    );
    let directory = tempfile::tempdir().unwrap();
    let [profile, report, state] =
        ["load.yaml", "load.json", "state"].map(|name| directory.path().join(name));
    fs::write(&profile, Place::of(&server).profile("door", 3, &load)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_thingfleet"));
    command.env("XDG_STATE_HOME", state).args(["load", "--headless", "--report"]).arg(&report).arg(profile);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Report = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert!(report.operations["event"].acknowledged >= 20, "{:?}", report.operations["event"]);
}
