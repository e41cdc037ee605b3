//! How the command line of another terminal finds a running private server and its person.
//!
//! The server's directory holds a card with address and account, readable by its owner only.

use super::directory;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thingfleet_device::instance::Account;
use thingfleet_schema::profile::{Remote, Security, Trust};

/// How to join a private server as its person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Card {
    domain: String,
    port: u16,
    /// The person's account.
    pub account: Account,
    #[serde(skip)]
    ca_file: PathBuf,
}

impl Card {
    pub(super) fn new(domain: &str, port: u16, account: &Account) -> Self {
        Self { domain: domain.to_owned(), port, account: account.clone(), ca_file: PathBuf::new() }
    }

    /// The card as text.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a card is plain data")
    }

    /// How to reach the server.
    pub fn remote(&self) -> Remote {
        Remote {
            domain: self.domain.clone(),
            host: Some("127.0.0.1".into()),
            port: Some(self.port),
            from: Vec::new(),
            security: Security::StartTls,
            trust: Trust::CaFile(self.ca_file.clone()),
        }
    }
}

/// The private servers of this user that are running now.
pub fn running() -> Vec<Card> {
    directory::in_use().iter().filter_map(|path| read(path)).collect()
}

fn read(path: &Path) -> Option<Card> {
    let text = std::fs::read(path.join(directory::CARD)).ok()?;
    let mut card: Card = serde_json::from_slice(&text).ok()?;
    card.ca_file = path.join(directory::CA);
    Some(card)
}
