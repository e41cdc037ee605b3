//! The HCI backend: a GATT server of our own on a controller that speaks H4 on TCP or a serial line.

use super::{
    Trouble, TroubleKind, Wanted,
    port::{Backend, Port},
};
use futures::{FutureExt as _, future::BoxFuture};

/// The peripheral on HCI controllers.
#[derive(Debug, Default)]
pub(super) struct Hci {}

impl Backend for Hci {
    fn serve<'a>(
        &'a self,
        adapter: &'a str,
        _wanted: &'a Wanted,
        _port: &'a mut Port,
    ) -> BoxFuture<'a, Result<(), Trouble>> {
        async move { Err(Trouble { kind: TroubleKind::NoAdapter, text: adapter.to_owned() }) }.boxed()
    }
}
