//! The BlueZ backend: bluetoothd does the radio work, asked over D-Bus.

use super::{
    Trouble, TroubleKind, Wanted,
    port::{Backend, Port},
};
use futures::{FutureExt as _, future::BoxFuture};

/// The peripheral on BlueZ.
#[derive(Debug, Default)]
pub(super) struct BlueZ {}

impl BlueZ {
    /// The names of its adapters, as `hci0`.
    pub(super) async fn adapters(&self) -> Result<Vec<String>, Trouble> {
        Ok(Vec::new())
    }
}

impl Backend for BlueZ {
    fn serve<'a>(
        &'a self,
        adapter: &'a str,
        _wanted: &'a Wanted,
        _port: &'a mut Port,
    ) -> BoxFuture<'a, Result<(), Trouble>> {
        async move { Err(Trouble { kind: TroubleKind::NoAdapter, text: adapter.to_owned() }) }.boxed()
    }
}
