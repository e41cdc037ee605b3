//! The state directory of a fleet: the accounts that were registered for it, so that the second run reuses them, and
//! what its commissioned devices keep.
//!
//! One program at a time holds it. Its files are replaced as a whole and never edited in place, so a crash leaves the
//! old one or the new one; a file that cannot be read is left as it is.

mod devices;
mod document;

pub use devices::{Devices, KEPT_IN};

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use thingfleet_device::{jid::BareJid, value::Secret};

const ACCOUNTS: &str = "accounts.json";
const LOCK: &str = "lock";
/// Version of the files' layout; a newer one is refused instead of guessed at.
const VERSION: u32 = 1;

/// The state of one fleet, held by this program.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    accounts: BTreeMap<String, Remembered>,
    _lock: File,
}

/// An account as it stands in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    password: Secret,
    /// Whether the server is known to have it. The password is written down before the account is asked for, so
    /// that no crash in between locks the program out.
    registered: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    accounts: BTreeMap<String, Remembered>,
}

/// Why the state of a fleet cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Neither `XDG_STATE_HOME` nor `HOME` names an absolute path.
    #[error("no place for the fleet's state: neither XDG_STATE_HOME nor HOME is set")]
    NoHome,
    /// The directory or a file in it cannot be used.
    #[error("cannot use {}", path.display())]
    Io {
        /// Directory or file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another program runs this fleet.
    #[error("the fleet's state in {} is in use by another run", path.display())]
    InUse {
        /// The state directory.
        path: PathBuf,
    },
    /// A file makes no sense.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        #[source]
        source: serde_json::Error,
    },
    /// A file was written by a newer program.
    #[error("{} has version {version}, and this program knows version {VERSION}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

impl StateError {
    /// What a person can do about it.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NoHome => "set XDG_STATE_HOME to a directory",
            Self::Io { .. } => "check that the directory exists, belongs to you and has room",
            Self::InUse { .. } => "stop the other run, or give this fleet another `fleet:` name",
            Self::Damaged { .. } => {
                "nothing was changed; mend the file, or move it away (docs/CLI.md, State, says what that loses)"
            }
            Self::TooNew { .. } => "use the newer program, or move the file away",
        }
    }
}

impl State {
    /// Opens the state of the fleet `name` in `$XDG_STATE_HOME/thingfleet` or `~/.local/state/thingfleet`.
    ///
    /// # Errors
    /// [`StateError`]; nothing on disk was changed then.
    pub fn open(name: &str) -> Result<Self, StateError> {
        Self::open_in(&base()?, name)
    }

    /// Opens the state of the fleet `name` below `base`.
    ///
    /// # Errors
    /// [`StateError`]; nothing on disk was changed then.
    pub fn open_in(base: &Path, name: &str) -> Result<Self, StateError> {
        let path = base.join(name);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| StateError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(io(&path))?;
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(io(&path.join(LOCK)))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse { path }),
            Err(TryLockError::Error(source)) => return Err(StateError::Io { path: path.join(LOCK), source }),
        }
        let document: Option<Document> = document::read(&path.join(ACCOUNTS))?;
        let accounts = document.map(|document| document.accounts).unwrap_or_default();
        Ok(Self { path, accounts, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its commissioned devices keep.
    ///
    /// # Errors
    /// [`StateError`]; nothing on disk was changed then.
    pub fn devices(&self) -> Result<Devices, StateError> {
        Devices::read(&self.path)
    }

    /// Makes sure that each of these accounts has a password, and writes new ones down before anybody uses them.
    ///
    /// # Errors
    /// [`StateError::Io`]; the old file is still there then.
    pub fn prepare<'a>(&mut self, jids: impl IntoIterator<Item = &'a BareJid>) -> Result<(), StateError> {
        let before = self.accounts.len();
        for jid in jids {
            self.accounts
                .entry(jid.as_str().to_owned())
                .or_insert_with(|| Remembered { password: random_password(), registered: false });
        }
        if self.accounts.len() == before { Ok(()) } else { self.save() }
    }

    /// The password of an account, and whether the server is known to have the account.
    pub fn account(&self, jid: &BareJid) -> Option<(&Secret, bool)> {
        self.accounts.get(jid.as_str()).map(|account| (&account.password, account.registered))
    }

    /// Remembers that the server has these accounts.
    ///
    /// # Errors
    /// [`StateError::Io`]; the old file is still there then.
    pub fn mark_registered<'a>(
        &mut self,
        jids: impl IntoIterator<Item = &'a BareJid>,
    ) -> Result<(), StateError> {
        let mut changed = false;
        for jid in jids {
            if let Some(account) = self.accounts.get_mut(jid.as_str()) {
                changed |= !std::mem::replace(&mut account.registered, true);
            }
        }
        if changed { self.save() } else { Ok(()) }
    }

    fn save(&self) -> Result<(), StateError> {
        let document = Document { version: VERSION, accounts: self.accounts.clone() };
        document::write(&self.path.join(ACCOUNTS), &document)
    }
}

/// The directory of all fleets' states.
fn base() -> Result<PathBuf, StateError> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    Ok(home.ok_or(StateError::NoHome)?.join("thingfleet"))
}

/// 128 random bits in hexadecimal, from the system.
pub(crate) fn random_password() -> Secret {
    let bits = u128::from(getrandom::u64().expect("the system has randomness")) << 64
        | u128::from(getrandom::u64().expect("the system has randomness"));
    Secret::new(format!("{bits:032x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    #[test]
    fn the_second_run_finds_what_the_first_one_wrote_down() {
        let base = tempfile::tempdir().unwrap();
        let (kettle, lamp) = (jid("kettle@example.org"), jid("lamp@example.org"));
        let mut first = State::open_in(base.path(), "kitchen").unwrap();
        first.prepare([&kettle, &lamp]).unwrap();
        first.mark_registered([&kettle]).unwrap();
        let password = first.account(&kettle).unwrap().0.clone();
        drop(first);

        let mut second = State::open_in(base.path(), "kitchen").unwrap();
        second.prepare([&kettle, &lamp]).unwrap();

        assert_eq!(second.account(&kettle), Some((&password, true)));
        assert!(!second.account(&lamp).unwrap().1);
    }

    #[test]
    fn nobody_else_can_read_it() {
        let base = tempfile::tempdir().unwrap();
        let mut state = State::open_in(base.path(), "kitchen").unwrap();
        state.prepare([&jid("kettle@example.org")]).unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(state.path().to_owned()), 0o700);
        assert_eq!(mode(state.path().join(ACCOUNTS)), 0o600);
    }

    #[test]
    fn two_runs_of_one_fleet_are_kept_apart() {
        let base = tempfile::tempdir().unwrap();
        let _first = State::open_in(base.path(), "kitchen").unwrap();
        assert!(matches!(State::open_in(base.path(), "kitchen"), Err(StateError::InUse { .. })));
        assert!(State::open_in(base.path(), "garage").is_ok());
    }

    #[test]
    fn a_damaged_file_is_named_and_kept() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("kitchen").join(ACCOUNTS);
        fs::create_dir(base.path().join("kitchen")).unwrap();
        for text in ["", "{", "[]", r#"{"version":1}"#, r#"{"version":1,"accounts":{"a@b":{"password":1}}}"#]
        {
            fs::write(&file, text).unwrap();
            let error = State::open_in(base.path(), "kitchen").unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{text}: {error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        fs::write(&file, r#"{"version":2,"accounts":[]}"#).unwrap();
        assert!(matches!(State::open_in(base.path(), "kitchen"), Err(StateError::TooNew { version: 2, .. })));
    }
}
