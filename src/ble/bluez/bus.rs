//! The way to bluetoothd: a connection to the system bus that knows whether bluetoothd is there.
//!
//! bluer's handles say nothing when bluetoothd goes away or comes back as another process. This connection of ours
//! hears of it from D-Bus itself, and the pairing agent lives on it.

use super::{
    agent::Agent,
    trouble::{call, register},
};
use crate::ble::{Trouble, TroubleKind};
use bluer::{Session, adv::AdvertisementHandle, gatt::local::ApplicationHandle};
use dbus::{
    channel::MatchingReceiver as _,
    message::MatchRule,
    nonblock::{Proxy, SyncConnection},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

/// bluetoothd's name on the bus.
pub(super) const BLUEZ: &str = "org.bluez";
/// How long our own calls on this connection may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the system bus.
#[derive(Debug)]
pub(super) struct Bus {
    /// bluer's connection, for everything but what is here.
    pub(super) session: Session,
    /// The pairing agent, on ours.
    pub(super) agent: Agent,
    daemon: watch::Receiver<Daemon>,
    orphans: Mutex<Vec<Registered>>,
    io: JoinHandle<()>,
}

/// What bluetoothd has of a peripheral; dropping it takes it back with a call.
#[derive(Debug, Default)]
pub(super) struct Registered {
    pub(super) application: Option<ApplicationHandle>,
    pub(super) advertisement: Option<AdvertisementHandle>,
}

/// What is known of bluetoothd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Daemon {
    /// It runs, as the connection with this unique name.
    Running(String),
    /// Nobody has its name.
    Absent,
    /// The bus is gone.
    BusLost,
}

impl Registered {
    /// Whether bluetoothd has anything.
    pub(super) const fn is_there(&self) -> bool {
        self.application.is_some() || self.advertisement.is_some()
    }
}

impl Bus {
    /// Connects.
    ///
    /// # Errors
    /// [`Trouble`]; most often there is no bus.
    pub(super) async fn open() -> Result<Self, Trouble> {
        let what = "connecting to the D-Bus system bus";
        // libdbus blocks until the bus has said hello.
        let connecting = spawn_blocking(dbus_tokio::connection::new_system_sync);
        let opened = call(what, connecting).await?;
        let (resource, connection) = call(what, std::future::ready(opened)).await.map_err(no_bus)?;
        let (tell, daemon) = watch::channel(Daemon::Absent);
        let lost = tell.clone();
        let io = tokio::spawn(async move {
            let error = resource.await;
            tracing::warn!(%error, "the D-Bus system bus is gone");
            lost.send_replace(Daemon::BusLost);
        });
        let session = async {
            watch_daemon(&connection, tell).await?;
            register(what, Session::new()).await
        };
        match session.await {
            Ok(session) => {
                let agent = Agent::new(connection, daemon.clone());
                Ok(Self { session, agent, daemon, orphans: Mutex::default(), io })
            }
            Err(trouble) => {
                io.abort();
                Err(trouble)
            }
        }
    }

    /// Whether a new connection is needed.
    pub(super) fn is_lost(&self) -> bool {
        *self.daemon.borrow() == Daemon::BusLost
    }

    /// Whether bluetoothd is there. Calls are made only then: D-Bus would start one that somebody has stopped.
    ///
    /// # Errors
    /// That it is not.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        match &*self.daemon.borrow() {
            Daemon::Running(_) => {
                self.orphans().clear();
                Ok(())
            }
            Daemon::Absent => {
                Err(Trouble { kind: TroubleKind::NoDaemon, text: "bluetoothd does not run".to_owned() })
            }
            Daemon::BusLost => Err(bus_gone()),
        }
    }

    /// Keeps what a bluetoothd that is gone had, until there is one again: to drop it is to call bluetoothd, and D-Bus
    /// would start one that somebody has stopped.
    pub(super) fn keep(&self, registered: Registered) {
        self.orphans().push(registered);
    }

    fn orphans(&self) -> MutexGuard<'_, Vec<Registered>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the bluetoothd of now is gone.
    pub(super) async fn gone(&self) -> Trouble {
        let mut daemon = self.daemon.clone();
        let now = daemon.borrow_and_update().clone();
        let Ok(then) = daemon.wait_for(|then| *then != now).await else { return bus_gone() };
        let text = match *then {
            Daemon::Running(_) => "bluetoothd was restarted",
            Daemon::Absent => "bluetoothd has stopped",
            Daemon::BusLost => return bus_gone(),
        };
        Trouble { kind: TroubleKind::NoDaemon, text: text.to_owned() }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.io.abort();
    }
}

/// Hears from D-Bus who has bluetoothd's name, now and from now on.
async fn watch_daemon(connection: &Arc<SyncConnection>, tell: watch::Sender<Daemon>) -> Result<(), Trouble> {
    let what = "watching for bluetoothd";
    let bus = "org.freedesktop.DBus";
    let mut rule = MatchRule::new_signal(bus, "NameOwnerChanged").with_sender(bus);
    rule.path = Some("/org/freedesktop/DBus".into());
    let asked_for = format!("{},arg0='{BLUEZ}'", rule.match_str());
    call(what, connection.add_match_no_cb(&asked_for)).await?;
    let news = tell.clone();
    connection.start_receive(
        rule,
        Box::new(move |message, _| {
            if let Ok((name, _, owner)) = message.read3::<&str, &str, &str>()
                && name == BLUEZ
            {
                news.send_replace(owned_by(owner));
            }
            true
        }),
    );
    let proxy = Proxy::new(bus, "/org/freedesktop/DBus", PATIENCE, Arc::clone(connection));
    let asking = proxy.method_call(bus, "GetNameOwner", (BLUEZ,));
    let owner = match asking.await {
        Ok((owner,)) => owner,
        Err(error) if error.name() == Some("org.freedesktop.DBus.Error.NameHasNoOwner") => String::new(),
        Err(error) => return call(what, std::future::ready(Err(error))).await,
    };
    tell.send_replace(owned_by(&owner));
    Ok(())
}

fn owned_by(owner: &str) -> Daemon {
    if owner.is_empty() { Daemon::Absent } else { Daemon::Running(owner.to_owned()) }
}

/// Whatever libdbus says when it cannot connect, it means that there is no bus; unless the bus sent us away.
fn no_bus(trouble: Trouble) -> Trouble {
    match trouble.kind {
        TroubleKind::Denied => trouble,
        TroubleKind::NoBus
        | TroubleKind::NoDaemon
        | TroubleKind::NoAdapter
        | TroubleKind::PoweredOff
        | TroubleKind::Busy
        | TroubleKind::Controller
        | TroubleKind::Stack => Trouble { kind: TroubleKind::NoBus, ..trouble },
    }
}

fn bus_gone() -> Trouble {
    Trouble { kind: TroubleKind::NoBus, text: "the D-Bus system bus is gone".to_owned() }
}
