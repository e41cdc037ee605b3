//! An ejabberd with limits of Debian's configuration: what a person is told is the limit's name.

use crate::stage::Place;
use std::{fs, process::Command};
use thingfleet_peers::{Limits, Server};

/// Runs a load on a server; gives exit code, output and complaints.
async fn load(limits: Limits, devices: usize, load: &str) -> (Option<i32>, String, String) {
    let server = Server::ejabberd_with(limits).await;
    let place = Place::of(&server);
    let directory = tempfile::tempdir().unwrap();
    let profile = directory.path().join("load.yaml");
    fs::write(&profile, place.profile("door", devices, load)).unwrap();
    let state = directory.path().join("state");
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thingfleet"));
        command.env("XDG_STATE_HOME", state).arg("load").arg(profile).output().unwrap()
    });
    let output = output.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_registrations_is_named() {
    let limits = Limits { registrations: true, shaper: false };
    let (code, _, complaint) = load(limits, 3, "load:\n  phases: [{ ramp: 1s }]\n").await;
    assert_eq!(code, Some(3), "{complaint}");
    assert!(
        complaint.contains("accounts so quickly") && complaint.contains("registration_timeout"),
        "{complaint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shaper_is_named() {
    let limits = Limits { registrations: false, shaper: true };
    // About 350 bytes a publish: twice what the shaper lets through.
    let phases =
        "load:\n  phases:\n    - { ramp: flat-out, concurrency: 1 }\n    - { hold: 40s, publish: 60/s }\n";
    let (_, told, complaint) = load(limits, 3, phases).await;
    assert!(told.contains("`shaper`"), "{told}\n{complaint}");
}
