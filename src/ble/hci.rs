//! The HCI backend: a GATT server of our own on a controller that speaks H4 on TCP or a serial line.
//!
//! Futures of that server must stay on their thread, so all of them share one that does nothing else.

use super::{
    Trouble, TroubleKind, Wanted,
    claim::Claim,
    port::{Backend, Order, Port},
};
use embedded_io_adapters::tokio_1::FromTokio;
use futures::{FutureExt as _, future::BoxFuture};
use serial2_tokio::{FlowControl, SerialPort, Settings};
use std::{io, sync::OnceLock, time::Duration};
use thingfleet_device::commissioning::gatt::{AttError, Characteristic, Write};
use thingfleet_link::{Body, Failure, H4, Happening};
use thingfleet_schema::profile::Adapter;
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use tokio_util::task::LocalPoolHandle;

/// How long a connection to a controller may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// Orders on their way to that thread; the radio holds no more either.
const ORDERS: usize = 8;

/// The peripheral on HCI controllers.
#[derive(Debug, Default)]
pub(super) struct Hci {
    thread: OnceLock<LocalPoolHandle>,
}

impl Backend for Hci {
    fn serve<'a>(
        &'a self,
        adapter: &'a str,
        wanted: &'a Wanted,
        port: &'a mut Port,
    ) -> BoxFuture<'a, Result<(), Trouble>> {
        async move {
            let (orders, ordered) = mpsc::channel(ORDERS);
            let device = Device {
                adapter: adapter.to_owned(),
                wanted: wanted.clone(),
                port: port.with_orders(ordered),
                has_client: false,
            };
            let thread = self.thread.get_or_init(|| LocalPoolHandle::new(1));
            let mut serving = thread.spawn_pinned(move || device.serve());
            loop {
                tokio::select! {
                    served = &mut serving => return served.unwrap_or_else(|error| {
                        // A bug in the stack below must not be one of the other devices.
                        Err(trouble(TroubleKind::Stack, format!("the Bluetooth stack gave up: {error}")))
                    }),
                    order = port.order() => {
                        // It fails only if that has just ended. If this is dropped instead, the channel closes, which
                        // is an order to stop.
                        _ = orders.send(order).await;
                    }
                }
            }
        }
        .boxed()
    }
}

/// A device on that thread.
struct Device {
    adapter: String,
    wanted: Wanted,
    port: Port,
    has_client: bool,
}

impl Device {
    async fn serve(mut self) -> Result<(), Trouble> {
        let outcome = match adapter(&self.adapter) {
            Some(Adapter::Tcp(address)) => match connect(&address).await {
                Ok(stream) => self.serve_on(stream).await,
                Err(error) => Err(out_of_reach(&address, &error)),
            },
            Some(Adapter::Serial { path, baud }) => match open(&path.to_string_lossy(), baud) {
                Ok(Line { port, claim: _claim }) => self.serve_on(port).await,
                Err(trouble) => Err(trouble),
            },
            Some(Adapter::BlueZ(_)) | None => {
                Err(trouble(TroubleKind::NoAdapter, format!("{} is no controller", self.adapter)))
            }
        };
        if self.has_client {
            self.port.client_gone().await;
        }
        outcome
    }

    async fn serve_on(&mut self, stream: impl AsyncRead + AsyncWrite) -> Result<(), Trouble> {
        let (reader, writer) = tokio::io::split(stream);
        let transport = H4::new(FromTokio::new(BufReader::new(reader)), FromTokio::new(writer));
        let Wanted { peripheral, address, .. } = self.wanted.clone();
        let served = thingfleet_link::serve(transport, &peripheral, address, self).await;
        served.map_err(|failure| match failure {
            Failure::Controller(error) => {
                trouble(TroubleKind::Controller, format!("{}: {error}", self.adapter))
            }
            Failure::Stack(_) => trouble(TroubleKind::Stack, format!("{}: {failure}", self.adapter)),
        })
    }
}

impl Body for Device {
    async fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Advertising => self.port.advertising(&self.adapter, self.wanted.address).await,
            Happening::ClientConnected => {
                self.has_client = true;
                self.port.client_connected().await;
            }
            Happening::ClientGone => {
                self.has_client = false;
                self.port.client_gone().await;
            }
            Happening::PairingFailed(why) => self.port.pairing_failed(why).await,
        }
    }

    async fn read(&mut self, characteristic: Characteristic) {
        self.port.reads().tell(characteristic);
    }

    async fn write(&mut self, write: Write) -> Option<Result<(), AttError>> {
        self.port.write(write).await
    }

    async fn order(&mut self) -> thingfleet_link::Order {
        match self.port.order().await {
            Order::DisconnectClient => thingfleet_link::Order::DisconnectClient,
            Order::Stop => thingfleet_link::Order::Stop,
        }
    }
}

/// The adapter of a lease: its text, with `#n` after it where several leases are for controllers at one address.
fn adapter(lease: &str) -> Option<Adapter> {
    let text = if lease.starts_with("tcp:") { lease.split('#').next()? } else { lease };
    text.parse().ok()
}

pub(crate) async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect(address)).await??;
    // Packets are small and waited for.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A serial line that is this program's.
pub(crate) struct Line {
    /// The line.
    pub(crate) port: SerialPort,
    /// What keeps others of this kind from it.
    pub(crate) claim: Claim,
}

/// Opens a serial line.
///
/// # Errors
/// Another program has it, or it cannot be opened.
pub(crate) fn open(path: &str, baud: u32) -> Result<Line, Trouble> {
    // Lines have many names, such as those in /dev/serial/by-id.
    let canonical = std::fs::canonicalize(path).map_err(|error| out_of_reach(path, &error))?;
    let claim = Claim::of(&canonical.to_string_lossy())?;
    let port = SerialPort::open(path, |mut settings: Settings| {
        settings.set_raw();
        settings.set_baud_rate(baud)?;
        // H4 has no other means against losing bytes (Core 5.4, Vol 4, Part A, 3).
        settings.set_flow_control(FlowControl::RtsCts);
        Ok(settings)
    });
    let port = port.map_err(|error| out_of_reach(path, &error))?;
    Ok(Line { port, claim })
}

pub(crate) fn out_of_reach(place: &str, error: &io::Error) -> Trouble {
    trouble(TroubleKind::Controller, format!("cannot reach the controller at {place}: {error}"))
}

fn trouble(kind: TroubleKind, text: String) -> Trouble {
    Trouble { kind, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_says_where_the_controller_is() {
        assert_eq!(adapter("tcp:127.0.0.1:6402"), Some(Adapter::Tcp("127.0.0.1:6402".into())));
        assert_eq!(adapter("tcp:[::1]:6402#17"), Some(Adapter::Tcp("[::1]:6402".into())));
        let line = Adapter::Serial { path: "/dev/serial/a#b".into(), baud: 115_200 };
        assert_eq!(adapter(&line.to_string()), Some(line));
    }
}
