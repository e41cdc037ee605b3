//! The BlueZ backend: bluetoothd does the radio work, asked over D-Bus.
//!
//! One connection to the bus serves all peripherals; it is made when the first wants to be up, and anew when the bus
//! was lost. What bluer's handles do not tell (bluetoothd stopped, adapter off or unplugged) ends a peripheral here,
//! and the pool tries again.

mod agent;
mod assembly;
mod bus;
mod clients;
mod serve;
mod table;
mod trouble;

use self::{bus::Bus, serve::Before, trouble::call};
use super::{
    Trouble, TroubleKind, Wanted,
    claim::Claim,
    port::{Backend, Port},
};
use futures::{FutureExt as _, future::BoxFuture};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The peripheral on BlueZ.
#[derive(Debug, Default)]
pub(super) struct BlueZ {
    bus: tokio::sync::Mutex<Option<Arc<Bus>>>,
    /// What adapters were like before a peripheral came, kept over troubles until the last has left.
    before: Mutex<HashMap<String, Before>>,
    /// Adapters that somebody turned off while a peripheral was on them: they stay off until somebody turns them on.
    turned_off: Mutex<HashSet<String>>,
}

impl BlueZ {
    /// The names of its adapters, as `hci0`, in the order of their numbers; those that are on come first. One that is
    /// off may be so for a reason, or blocked.
    ///
    /// # Errors
    /// [`Trouble`] with the bus or with bluetoothd.
    pub(super) async fn adapters(&self) -> Result<Vec<String>, Trouble> {
        let bus = self.bus().await?;
        bus.check()?;
        let mut names = call("listing adapters", bus.session.adapter_names()).await?;
        names.sort_by_key(|name| (name.len(), name.clone()));
        let mut on = Vec::new();
        let mut off = Vec::new();
        for name in names {
            let asking = async { bus.session.adapter(&name)?.is_powered().await };
            // One that cannot be asked is being unplugged.
            let is_on = call("asking an adapter", asking).await.unwrap_or(false);
            if is_on { on.push(name) } else { off.push(name) }
        }
        on.append(&mut off);
        Ok(on)
    }

    /// The connection to the bus.
    async fn bus(&self) -> Result<Arc<Bus>, Trouble> {
        let mut bus = self.bus.lock().await;
        match &*bus {
            Some(open) if !open.is_lost() => Ok(Arc::clone(open)),
            Some(_) | None => Ok(Arc::clone(bus.insert(Arc::new(Bus::open().await?)))),
        }
    }

    fn before(&self) -> MutexGuard<'_, HashMap<String, Before>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turned_off(&self) -> MutexGuard<'_, HashSet<String>> {
        self.turned_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve_on(&self, adapter: &str, wanted: &Wanted, port: &mut Port) -> Result<(), Trouble> {
        let _claim = Claim::of(adapter)?;
        let bus = self.bus().await?;
        bus.check()?;
        serve::serve(self, &bus, adapter, wanted, port).await
    }
}

impl Backend for BlueZ {
    fn serve<'a>(
        &'a self,
        adapter: &'a str,
        wanted: &'a Wanted,
        port: &'a mut Port,
    ) -> BoxFuture<'a, Result<(), Trouble>> {
        async move {
            let ended = self.serve_on(adapter, wanted, port).await;
            if !matches!(&ended, Err(trouble) if trouble.kind == TroubleKind::PoweredOff) {
                // On, or not the same adapter when it comes back.
                self.turned_off().remove(adapter);
            }
            ended
        }
        .boxed()
    }
}
