//! How the command line of another terminal finds a running fleet: a file that only its owner can read.
//!
//! The file is locked while the fleet runs, which tells it from one that a crash left behind.

use serde::{Deserialize, Serialize};
use std::{
    env,
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use thingfleet_device::value::Secret;

/// Bytes of a token; too many to be guessed.
const TOKEN: usize = 32;
const PREFIX: &str = "control-";

/// Where a fleet is, and what its control interface asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Card {
    /// The fleet's name.
    pub fleet: String,
    /// Its address: `http://127.0.0.1:40123`.
    pub url: String,
    /// What every request carries.
    pub token: Secret,
}

/// A card where others find it, until it is dropped.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) card: Card,
    pub(super) path: PathBuf,
    /// Locked.
    _file: File,
}

impl Card {
    /// The card of a fleet that listens at this address, with a token made up for it.
    pub(super) fn new(fleet: &str, address: SocketAddr) -> Self {
        let mut bytes = [0; TOKEN];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        let token = bytes.iter().fold(String::new(), |token, byte| format!("{token}{byte:02x}"));
        Self { fleet: fleet.to_owned(), url: format!("http://{address}"), token: Secret::new(token) }
    }
}

impl Posted {
    /// Writes a card down.
    pub(super) fn new(card: Card) -> io::Result<Self> {
        // Two fleets never listen on the same port.
        let port = card.url.rsplit(':').next().unwrap_or_default();
        let path = directory()?.join(format!("{PREFIX}{}-{port}.json", card.fleet));
        Self::at(path, card)
    }

    fn at(path: PathBuf, card: Card) -> io::Result<Self> {
        // Only one that listened there earlier can have left it behind.
        if path.exists() {
            fs::remove_file(&path)?;
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        file.lock()?;
        file.write_all(serde_json::to_string(&card).expect("a card is plain data").as_bytes())?;
        Ok(Self { card, path, _file: file })
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        // Without it the next reader removes the file.
        _ = fs::remove_file(&self.path);
    }
}

/// The fleets of this user that are running now, by name.
///
/// # Errors
/// Those of the directory, if it is there.
pub fn running() -> io::Result<Vec<Card>> {
    let mut cards = found_in(&directory()?)?;
    cards.sort_by(|a, b| a.fleet.cmp(&b.fleet));
    Ok(cards)
}

fn found_in(directory: &Path) -> io::Result<Vec<Card>> {
    let mut cards = Vec::new();
    for entry in fs::read_dir(directory)?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let card = fs::read(entry.path()).ok().and_then(|text| serde_json::from_slice(&text).ok());
                cards.extend(card);
            }
            Ok(()) => {
                tracing::debug!(path = %entry.path().display(), "removed what a crash left behind");
                // Another reader may have been faster.
                _ = fs::remove_file(entry.path());
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(cards)
}

/// The directory of this user's cards, which nobody else can enter.
fn directory() -> io::Result<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
    let user = nix::unistd::geteuid();
    let path = match runtime {
        Some(runtime) => runtime.join("thingfleet"),
        None => env::temp_dir().join(format!("thingfleet-{user}")),
    };
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // In a directory for everybody somebody else may have been there first.
    let found = fs::symlink_metadata(&path)?;
    if !found.is_dir() || found.uid() != user.as_raw() || found.mode() & 0o077 != 0 {
        let why = format!("{} is not a directory of this user's alone", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(fleet: &str) -> Card {
        Card::new(fleet, "127.0.0.1:4040".parse().unwrap())
    }

    #[test]
    fn a_card_is_found_while_it_is_posted_and_nobody_else_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control-kitchen-1.json");
        let posted = Posted::at(path.clone(), card("kitchen")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let found = found_in(directory.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].token.reveal(), posted.card.token.reveal());
        drop(posted);
        assert_eq!(found_in(directory.path()).unwrap().len(), 0);
    }

    #[test]
    fn what_a_crash_left_behind_is_swept_away() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control-kitchen-1.json");
        fs::write(&path, serde_json::to_vec(&card("kitchen")).unwrap()).unwrap();
        assert_eq!(found_in(directory.path()).unwrap().len(), 0);
        assert!(!path.exists());
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (one, other) = (card("a"), card("a"));
        assert_eq!(one.token.reveal().len(), 2 * TOKEN);
        assert_ne!(one.token, other.token);
    }
}
