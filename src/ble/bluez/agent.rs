//! The pairing agent: says yes to LE pairing without input and output (Just Works, Core 5.4, Vol 3, Part H, 2.3.5.1)
//! on the adapters where a peripheral of ours asks for it, and no everywhere else.
//!
//! bluer has an agent, but one without callbacks refuses, and one with callbacks says that it has a display. The
//! default agent is one per bluetoothd, so it is taken only while somebody wants encryption, and given back then.

use super::{
    bus::{BLUEZ, Daemon, PATIENCE},
    trouble::call,
};
use crate::ble::Trouble;
use dbus::{
    Path,
    channel::MatchingReceiver as _,
    message::MatchRule,
    nonblock::{Proxy, SyncConnection},
};
use dbus_crossroads::{Crossroads, MethodErr};
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

const PATH: &str = "/thingfleet/agent";
const MANAGER: &str = "org.bluez.AgentManager1";

/// The agent of this process.
#[derive(Clone)]
pub(super) struct Agent {
    connection: Arc<SyncConnection>,
    daemon: watch::Receiver<Daemon>,
    adapters: Adapters,
    /// Held while bluetoothd is told, so that what it was told last is what holds.
    telling: Arc<tokio::sync::Mutex<()>>,
}

/// The adapters on which pairing is welcome.
type Adapters = Arc<Mutex<HashSet<String>>>;

/// Pairing is welcome on an adapter until this is dropped.
#[must_use]
pub(super) struct Welcome {
    agent: Agent,
    adapter: String,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("adapters", &self.adapters).finish_non_exhaustive()
    }
}

impl Agent {
    /// An agent that bluetoothd does not know of yet.
    pub(super) fn new(connection: Arc<SyncConnection>, daemon: watch::Receiver<Daemon>) -> Self {
        let adapters = Adapters::default();
        let mut crossroads = Crossroads::new();
        let interface = crossroads.register("org.bluez.Agent1", |agent| {
            agent.method("Release", (), (), |_, _: &mut Adapters, ()| Ok(()));
            agent.method("Cancel", (), (), |_, _, ()| Ok(()));
            agent.method(
                "RequestAuthorization",
                ("device",),
                (),
                |_, adapters, (device,): (Path<'static>,)| {
                    if is_welcome(&device, &lock(adapters)) { Ok(()) } else { Err(rejected()) }
                },
            );
        });
        crossroads.insert(PATH, &[interface], Arc::clone(&adapters));
        connection.start_receive(
            MatchRule::new_method_call(),
            Box::new(move |message, connection| {
                // It fails only for messages that are no calls.
                _ = crossroads.handle_message(message, connection);
                true
            }),
        );
        Self { connection, daemon, adapters, telling: Arc::default() }
    }

    /// Lets clients pair on an adapter.
    ///
    /// # Errors
    /// What bluetoothd has against it.
    pub(super) async fn welcome(&self, adapter: &str) -> Result<Welcome, Trouble> {
        let _telling = self.telling.lock().await;
        lock(&self.adapters).insert(adapter.to_owned());
        let welcome = Welcome { agent: self.clone(), adapter: adapter.to_owned() };
        let what = "registering the pairing agent";
        let path = Path::from(PATH);
        let manager = self.manager();
        let register = manager.method_call(MANAGER, "RegisterAgent", (path.clone(), "NoInputNoOutput"));
        let registered: Result<(), dbus::Error> = register.await;
        match registered {
            Err(error) if error.name() != Some("org.bluez.Error.AlreadyExists") => {
                return call(what, std::future::ready(Err(error))).await;
            }
            Ok(()) | Err(_) => {}
        }
        let () = call(what, manager.method_call(MANAGER, "RequestDefaultAgent", (path,))).await?;
        Ok(welcome)
    }

    /// Gives the default agent back to whoever had it, unless pairing is welcome somewhere.
    async fn rest(self) {
        let _telling = self.telling.lock().await;
        // A bluetoothd that is gone has forgotten the agent; the call would only start another.
        let is_known = matches!(*self.daemon.borrow(), Daemon::Running(_));
        if is_known && lock(&self.adapters).is_empty() {
            let unregister = self.manager().method_call(MANAGER, "UnregisterAgent", (Path::from(PATH),));
            let _: Result<(), dbus::Error> = unregister.await;
        }
    }

    fn manager(&self) -> Proxy<'static, Arc<SyncConnection>> {
        Proxy::new(BLUEZ, "/org/bluez", PATIENCE, Arc::clone(&self.connection))
    }
}

impl Drop for Welcome {
    fn drop(&mut self) {
        lock(&self.agent.adapters).remove(&self.adapter);
        tokio::spawn(self.agent.clone().rest());
    }
}

/// Whether a device, by its path `/org/bluez/hci0/dev_…`, is on one of the adapters.
fn is_welcome(device: &str, adapters: &HashSet<String>) -> bool {
    let on = device.strip_prefix("/org/bluez/").and_then(|rest| rest.split_once('/'));
    on.is_some_and(|(adapter, _)| adapters.contains(adapter))
}

fn rejected() -> MethodErr {
    ("org.bluez.Error.Rejected", "nothing to pair with here").into()
}

fn lock(adapters: &Adapters) -> MutexGuard<'_, HashSet<String>> {
    adapters.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairing_is_welcome_only_where_a_peripheral_asks_for_it() {
        let adapters = HashSet::from(["hci1".to_owned()]);
        assert!(is_welcome("/org/bluez/hci1/dev_00_AA_01_01_00_01", &adapters));
        assert!(!is_welcome("/org/bluez/hci10/dev_00_AA_01_01_00_01", &adapters));
        assert!(!is_welcome("/org/bluez/hci0/dev_00_AA_01_01_00_01", &adapters));
        assert!(!is_welcome("/org/bluez/hci1", &adapters));
    }
}
