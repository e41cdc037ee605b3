//! The directory of one private server: made for it, readable by nobody else, removed by its guardian.
//!
//! A lock on a file inside tells a directory in use from one that a crash of the whole machine left behind; those
//! are swept away by the next start.

use super::privilege::User;
use std::{
    fs::{self, File, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

pub(super) const CA: &str = "ca.pem";
pub(super) const CERTIFICATE: &str = "server.pem";
pub(super) const KEY: &str = "server.key";
pub(super) const CONFIGURATION: &str = "prosody.cfg.lua";
pub(super) const CARD: &str = "card.json";
pub(super) const DATA: &str = "data";
pub(super) const LOG: &str = "prosody.log";
pub(super) const SPOKEN: &str = "stdout";
pub(super) const COMPLAINED: &str = "stderr";
const LOCK: &str = "in-use";
const PREFIX: &str = "thingfleet-server-";
/// How many lines of its log a dead server is quoted with.
const LAST_LINES: usize = 12;

/// A directory in use.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    owner: Option<(u32, u32)>,
    _lock: File,
}

impl Directory {
    /// Makes a directory that belongs to `user`, or to whoever runs the program.
    pub(super) fn create(user: Option<&User>) -> io::Result<Self> {
        let path = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(base())?
            .keep();
        // It gets its name when it is locked, so that no sweep finds it in between.
        let unnamed = path.join("new");
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(&unnamed, path.join(LOCK))?;
        let directory = Self { path, owner: user.map(|user| (user.uid, user.gid)), _lock: lock };
        fs::create_dir(directory.path.join(DATA))?;
        directory.hand_over(&directory.path.join(DATA))?;
        directory.hand_over(&directory.path)?;
        Ok(directory)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only its owner can read.
    pub(super) fn write(&self, name: &str, content: &str) -> io::Result<()> {
        self.create_file(name)?.write_all(content.as_bytes())
    }

    /// Makes an empty file that only its owner can read.
    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        let path = self.path.join(name);
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        self.hand_over(&path)?;
        Ok(file)
    }

    /// The last lines the server wrote, from wherever it wrote them.
    pub(super) fn last_words(&self) -> String {
        let mut words = Vec::new();
        for name in [SPOKEN, COMPLAINED, LOG] {
            let text = fs::read(self.path.join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            words.extend(
                lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| format!("  {line}")),
            );
        }
        if words.is_empty() { "  (nothing)".into() } else { words.join("\n") }
    }

    fn hand_over(&self, path: &Path) -> io::Result<()> {
        match self.owner {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }
}

/// Removes the directories of servers whose programs are gone.
pub(super) fn sweep() {
    for path in all() {
        // Without a lock file it is being made or removed right now, or somebody else's.
        let Ok(lock) = File::open(path.join(LOCK)) else { continue };
        if lock.try_lock().is_err() {
            continue;
        }
        match fs::remove_dir_all(&path) {
            Ok(()) => tracing::info!(path = %path.display(), "removed what a crash left behind"),
            Err(error) => tracing::warn!(path = %path.display(), %error, "cannot remove a stale directory"),
        }
    }
}

/// The directories of this user that belong to running programs.
pub(super) fn in_use() -> Vec<PathBuf> {
    let is_locked = |path: &PathBuf| {
        let lock = File::open(path.join(LOCK));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    all().filter(is_locked).collect()
}

fn all() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(base()).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
}

/// Where directories are made. For root it is `/tmp`, because the unprivileged server may not enter root's own
/// directory for temporary files.
fn base() -> PathBuf {
    if nix::unistd::geteuid().is_root() { "/tmp".into() } else { std::env::temp_dir() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_survives_the_sweep_and_an_abandoned_one_does_not() {
        let used = Directory::create(None).unwrap();
        let abandoned = Directory::create(None).unwrap();
        let abandoned_path = abandoned.path().to_owned();
        drop(abandoned);

        sweep();

        assert!(used.path().exists());
        assert!(!abandoned_path.exists());
        fs::remove_dir_all(used.path()).unwrap();
    }

    #[test]
    fn nobody_else_can_look_inside() {
        let directory = Directory::create(None).unwrap();
        directory.write(KEY, "secret").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(directory.path()), mode(&directory.path().join(KEY))), (0o700, 0o600));
        fs::remove_dir_all(directory.path()).unwrap();
    }
}
