//! The private server: what a person and a client can rely on. Needs Prosody, which `make test` installs.

use std::{path::Path, time::Duration};
use thingfleet::server::PrivateServer;
use tokio::time::timeout;

const DOMAIN: &str = "thingfleet.localhost";

#[tokio::test]
async fn it_answers_and_leaves_nothing_behind() {
    let server = PrivateServer::start(DOMAIN).await.unwrap();
    let ca = server.ca_file();
    let directory = ca.parent().unwrap().to_owned();
    assert!(std::fs::read_to_string(&ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(processes_with(&directory).len(), 2, "Prosody and its guardian");

    server.stop().await;

    assert!(!directory.exists());
    assert_eq!(processes_with(&directory), Vec::<u32>::new());
}

#[tokio::test]
async fn two_of_them_get_along() {
    let one = PrivateServer::start(DOMAIN).await.unwrap();
    let other = PrivateServer::start(DOMAIN).await.unwrap();
    assert_ne!(one.address(), other.address());
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn its_death_is_heard_and_cleaned_up() {
    let mut server = PrivateServer::start(DOMAIN).await.unwrap();
    let directory = server.ca_file().parent().unwrap().to_owned();
    let prosody = processes_with(&directory).into_iter().find(|&id| is_prosody(id)).unwrap();
    let killed = std::process::Command::new("kill").args(["-KILL", &prosody.to_string()]).status().unwrap();
    assert!(killed.success());

    let words = timeout(Duration::from_secs(10), server.died()).await.unwrap();

    assert!(words.starts_with("Prosody ended with signal: 9"), "{words}");
    server.stop().await;
    assert!(!directory.exists());
}

#[tokio::test]
async fn a_domain_that_is_no_host_name_is_refused() {
    let error = PrivateServer::start("exa mple").await.unwrap_err();
    assert!(error.to_string().contains("cannot serve \"exa mple\""), "{error}");
}

/// Processes whose command line or working directory names the directory.
fn processes_with(directory: &Path) -> Vec<u32> {
    let needle = directory.to_str().unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|id| command_line(*id).contains(needle))
        .collect()
}

fn is_prosody(id: u32) -> bool {
    command_line(id).contains("--config")
}

fn command_line(id: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
