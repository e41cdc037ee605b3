//! The non-volatile memories of a fleet's devices: what they keep over a restart of themselves and of the program.
//!
//! A device stores and goes on; one thread writes the fleet's file, always as it is by then, so that a disk that is
//! slow holds nobody up and costs only what was in between. What is stored last is written before the thread ends.

use crate::state::{Devices, StateError};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};
use thingfleet_device::commissioning::{credentials::Stored, qr::Address, seal::DeviceKey};

/// Time between two attempts to write a file that cannot be written.
const AGAIN: Duration = Duration::from_secs(1);

/// The memories of a fleet. Dropping it waits until everything is written down.
#[derive(Debug)]
pub struct Memories {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// The memory of one device.
#[derive(Debug, Clone)]
pub struct Memory {
    shared: Arc<Shared>,
    device: Arc<str>,
}

#[derive(Debug)]
struct Shared {
    contents: Mutex<Contents>,
    changed: Condvar,
}

#[derive(Debug)]
struct Contents {
    devices: Devices,
    /// What devices were given by name, where that is forgotten with the program.
    volatile: Option<HashMap<Arc<str>, Stored>>,
    is_unwritten: bool,
    is_closing: bool,
}

impl Memories {
    /// Memories that keep what devices were given in the fleet's file.
    ///
    /// # Errors
    /// The system's, if there is no thread to be had.
    pub fn lasting(devices: Devices) -> io::Result<Self> {
        Self::new(devices, None)
    }

    /// Memories that forget with the program what devices were given, for a private server, which forgets their
    /// accounts as well. Their keys and addresses last.
    ///
    /// # Errors
    /// The system's, if there is no thread to be had.
    pub fn volatile(devices: Devices) -> io::Result<Self> {
        Self::new(devices, Some(HashMap::new()))
    }

    fn new(devices: Devices, volatile: Option<HashMap<Arc<str>, Stored>>) -> io::Result<Self> {
        let contents = Contents { devices, volatile, is_unwritten: false, is_closing: false };
        let shared = Arc::new(Shared { contents: Mutex::new(contents), changed: Condvar::new() });
        let desk = Arc::clone(&shared);
        let writer = thread::Builder::new().name("memories".into()).spawn(move || desk.write())?;
        Ok(Self { shared, writer: Some(writer) })
    }

    /// The memory of the device with this name.
    pub fn of(&self, device: &str) -> Memory {
        Memory { shared: Arc::clone(&self.shared), device: device.into() }
    }

    /// The memory of a device that joins the fleet, which has its key from now on.
    pub fn made_for(&self, device: &str) -> Memory {
        self.shared.change(|contents| contents.devices.make_key(device));
        self.of(device)
    }

    /// Writes down what is not yet, without keeping the runtime from its work.
    pub async fn close(self) {
        // It fails only if the runtime is being torn down, and then `self` was dropped, which does the same.
        _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Memories {
    fn drop(&mut self) {
        self.shared.lock().is_closing = true;
        self.shared.changed.notify_all();
        if let Some(writer) = self.writer.take() {
            // It fails only if the writer panicked, which has been reported.
            _ = writer.join();
        }
    }
}

impl Memory {
    /// The device's key, which no reset changes.
    pub fn key(&self) -> Option<DeviceKey> {
        self.shared.lock().devices.key(&self.device)
    }

    /// The address it was last seen with, in this run or an earlier one.
    pub fn address(&self) -> Option<Address> {
        self.shared.lock().devices.address(&self.device)
    }

    /// Remembers the address it is seen with.
    pub fn seen(&self, address: Address) {
        self.shared.change(|contents| contents.devices.seen(&self.device, address));
    }

    /// What it was given.
    pub fn stored(&self) -> Option<Stored> {
        let contents = self.shared.lock();
        match &contents.volatile {
            Some(volatile) => volatile.get(&self.device).cloned(),
            None => contents.devices.stored(&self.device).cloned(),
        }
    }

    /// Keeps this instead of what was kept before.
    pub fn store(&self, stored: &Stored) {
        self.replace(Some(stored.clone()));
    }

    /// Forgets what was kept.
    pub fn erase(&self) {
        self.replace(None);
    }

    fn replace(&self, stored: Option<Stored>) {
        self.shared.change(|contents| match (&mut contents.volatile, stored) {
            (Some(volatile), Some(stored)) => {
                volatile.insert(Arc::clone(&self.device), stored);
                false
            }
            (Some(volatile), None) => {
                volatile.remove(&self.device);
                false
            }
            (None, stored) => {
                contents.devices.store(&self.device, stored);
                true
            }
        });
    }
}

impl Shared {
    /// Changes the contents; `change` tells whether the file has to follow.
    fn change(&self, change: impl FnOnce(&mut Contents) -> bool) {
        let mut contents = self.lock();
        if change(&mut contents) {
            contents.is_unwritten = true;
            drop(contents);
            self.changed.notify_all();
        }
    }

    /// Writes the file whenever it is behind, until the fleet closes.
    fn write(&self) {
        let mut is_failing = false;
        loop {
            let idle = |contents: &mut Contents| !contents.is_unwritten && !contents.is_closing;
            let contents = self.changed.wait_while(self.lock(), idle);
            let mut contents = contents.unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut contents.is_unwritten) {
                return;
            }
            let snapshot = contents.devices.clone();
            drop(contents);
            match snapshot.save() {
                Ok(()) => is_failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        complain(&error);
                    }
                    if !self.wait_to_try_again() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits a while after a failure. Returns whether to try again.
    fn wait_to_try_again(&self) -> bool {
        let mut contents = self.lock();
        if contents.is_closing {
            return false;
        }
        contents.is_unwritten = true;
        let open = |contents: &mut Contents| !contents.is_closing;
        drop(self.changed.wait_timeout_while(contents, AGAIN, open));
        true
    }

    /// Every change of the contents is one assignment, so a panic cannot leave them half done.
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn complain(error: &StateError) {
    let (why, next_step) = (std::error::Error::source(error).map(ToString::to_string), error.next_step());
    tracing::error!(%error, why, next_step, "what devices were given is not written down; trying again");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{KEPT_IN, State};
    use std::{
        env,
        path::Path,
        process::{Command, Stdio},
    };
    use thingfleet_device::{
        commissioning::credentials::{Credentials, Network},
        jid::BareJid,
        value::Secret,
    };

    /// Names the directory in which this test binary, started anew, writes for ever.
    const WRITES_IN: &str = "THINGFLEET_TEST_WRITES_IN";

    fn stored(password: &str) -> Stored {
        let jid = |text| BareJid::parse(text).unwrap();
        Stored {
            credentials: Credentials {
                network: Network { ssid: "Home".into(), password: Secret::new("") },
                jid: jid("kettle@example.org"),
                password: Secret::new(password),
                owner: jid("juliet@example.org"),
            },
            is_done: false,
        }
    }

    fn devices(base: &Path) -> (State, Devices) {
        let state = State::open_in(base, "kitchen").unwrap();
        let mut devices = state.devices().unwrap();
        devices.make_keys(["kettle"]).unwrap();
        (state, devices)
    }

    #[test]
    fn what_is_stored_last_is_there_after_the_end() {
        let base = tempfile::tempdir().unwrap();
        let (state, devices) = devices(base.path());
        let memories = Memories::lasting(devices).unwrap();
        let memory = memories.of("kettle");
        for password in 0..1000 {
            memory.store(&stored(&password.to_string()));
        }
        memory.seen(Address([0xC0, 0, 0, 0, 0, 1]));
        drop(memories);
        let after = state.devices().unwrap();
        assert_eq!(after.stored("kettle"), Some(&stored("999")));
        assert_eq!(after.address("kettle"), Some(Address([0xC0, 0, 0, 0, 0, 1])));

        let memories = Memories::lasting(after).unwrap();
        memories.of("kettle").erase();
        drop(memories);
        assert_eq!(state.devices().unwrap().stored("kettle"), None);
    }

    #[test]
    fn a_volatile_memory_outlives_the_task_but_not_the_program() {
        let base = tempfile::tempdir().unwrap();
        let (state, devices) = devices(base.path());
        let memories = Memories::volatile(devices).unwrap();
        memories.of("kettle").store(&stored("hunter2"));
        assert_eq!(memories.of("kettle").stored(), Some(stored("hunter2")));
        let key = memories.of("kettle").key();
        drop(memories);
        let after = state.devices().unwrap();
        assert_eq!((after.stored("kettle"), after.key("kettle")), (None, key));
    }

    #[test]
    fn a_file_that_cannot_be_written_holds_nobody_up() {
        let base = tempfile::tempdir().unwrap();
        let (_state, devices) = devices(base.path());
        std::fs::remove_dir_all(base.path().join("kitchen")).unwrap();
        let memories = Memories::lasting(devices).unwrap();
        memories.of("kettle").store(&stored("hunter2"));
        assert_eq!(memories.of("kettle").stored(), Some(stored("hunter2")));
        drop(memories);
    }

    #[test]
    fn a_program_killed_while_it_writes_leaves_the_old_or_the_new() {
        if let Some(base) = env::var_os(WRITES_IN) {
            return write_for_ever(Path::new(&base));
        }
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("kitchen").join(KEPT_IN);
        let is_written = || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            text.contains("\"given\"")
        };
        for _ in 0..10 {
            let mut child = Command::new(env::current_exe().unwrap())
                .args([
                    "--exact",
                    "memory::tests::a_program_killed_while_it_writes_leaves_the_old_or_the_new",
                ])
                .env(WRITES_IN, base.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            while !is_written() {
                assert!(child.try_wait().unwrap().is_none(), "it ended before it had written");
                thread::yield_now();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let (_state, devices) = devices(base.path());
            let found = devices.stored("kettle").unwrap();
            assert!([stored("old"), stored(&"new".repeat(10_000))].contains(found));
            std::fs::remove_file(&file).unwrap();
        }
    }

    fn write_for_ever(base: &Path) {
        let (_state, devices) = devices(base);
        let memories = Memories::lasting(devices).unwrap();
        let (old, new) = (stored("old"), stored(&"new".repeat(10_000)));
        loop {
            memories.of("kettle").store(&old);
            memories.of("kettle").store(&new);
        }
    }
}
