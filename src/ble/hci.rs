//! The HCI backend: a GATT server of our own on a controller that speaks H4 on TCP or a serial line.
//!
//! Futures of that server must stay on their thread, so all of them share one that does nothing else.

use super::{
    Trouble, TroubleKind, Wanted,
    port::{Backend, Order, Port},
};
use embedded_io_adapters::tokio_1::FromTokio;
use futures::{FutureExt as _, future::BoxFuture};
use serial2_tokio::{FlowControl, SerialPort, Settings};
use std::{io, sync::OnceLock, time::Duration};
use thingfleet_device::commissioning::gatt::{AttError, Write};
use thingfleet_link::{Body, Failure, H4, Happening};
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
        let outcome = match Place::of(&self.adapter) {
            None => Err(trouble(TroubleKind::NoAdapter, format!("{} is no controller", self.adapter))),
            Some(Place::Tcp(address)) => match connect(address).await {
                Ok(stream) => self.serve_on(stream).await,
                Err(error) => Err(out_of_reach(address, &error)),
            },
            Some(Place::Serial { path, baud }) => match open(path, baud) {
                Ok(line) => self.serve_on(line).await,
                Err(error) => Err(out_of_reach(path, &error)),
            },
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
        }
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

/// Where a controller is.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    Tcp(&'a str),
    Serial { path: &'a str, baud: u32 },
}

impl<'a> Place<'a> {
    /// Reads `tcp:host:port`, with `#n` after it where several leases are for the same address, or `serial:path@baud`.
    fn of(adapter: &'a str) -> Option<Self> {
        if let Some(address) = adapter.strip_prefix("tcp:") {
            return Some(Self::Tcp(address.split_once('#').map_or(address, |(address, _)| address)));
        }
        let (path, baud) = adapter.strip_prefix("serial:")?.rsplit_once('@')?;
        Some(Self::Serial { path, baud: baud.parse().ok()? })
    }
}

pub(crate) async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect(address)).await??;
    // Packets are small and waited for.
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(crate) fn open(path: &str, baud: u32) -> io::Result<SerialPort> {
    SerialPort::open(path, |mut settings: Settings| {
        settings.set_raw();
        settings.set_baud_rate(baud)?;
        // H4 has no other means against losing bytes (Core 5.4, Vol 4, Part A, 3).
        settings.set_flow_control(FlowControl::RtsCts);
        Ok(settings)
    })
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
    fn the_name_of_a_lease_says_where_the_controller_is() {
        assert_eq!(Place::of("tcp:127.0.0.1:6402"), Some(Place::Tcp("127.0.0.1:6402")));
        assert_eq!(Place::of("tcp:[::1]:6402#17"), Some(Place::Tcp("[::1]:6402")));
        let line = Place::Serial { path: "/dev/serial/by-id/a@b", baud: 115_200 };
        assert_eq!(Place::of("serial:/dev/serial/by-id/a@b@115200"), Some(line));
        assert_eq!(Place::of("serial:/dev/ttyACM0"), None);
        assert_eq!(Place::of("hci0"), None);
    }
}
