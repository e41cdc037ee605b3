//! That hour in the firmware's body: its loop, its legs and its XMPP stream on a board that is not there.
//!
//! Radio, network, flash and panel are made up; time is whatever drives embassy's timers, and begins with the body. TLS is
//! asked for and passed over.

use crate::{
    script::{Act, SPAN, instance, script},
    simulated::server,
    trace,
    wire::Wire,
};
use alloc::{collections::VecDeque, string::String, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    convert::Infallible,
    fmt,
    future::{pending, poll_fn},
    task::{Poll, Waker},
};
use embassy_futures::select::{Either3, select3};
use embassy_time::Timer;
use embedded_io_async::{ErrorType, Read, Write};
use thingfleet_device::{
    commissioning::{credentials, journey::NetworkFailure, qr::Address},
    definition::Definition,
    io::{Colour, Event, Input, StreamFailure},
    time::Instant,
};
use thingfleet_firmware::{
    body::{self, Board},
    platform::{Entropy, Network, Panel, Radio},
    store::Store,
    time::TimeFailure,
    wall::Wall,
};
use thingfleet_link::{H4, clock::Clock};
use thingfleet_simulated::flash::Flash;

/// Lets a device live it, and writes its trace. Returns when the hour is over by embassy's clock.
///
/// # Errors
/// The first error of `out`.
pub async fn write(out: &mut impl fmt::Write, definition: &Definition) -> fmt::Result {
    trace::heading(out, definition)?;
    let network = Lan::new(Clock::start(), out);
    let flash = Flash::of_pages(2);
    let whole = flash.range();
    let mut store = Store::new(flash, whole).map_err(|_| fmt::Error)?;
    let thing = instance();
    let board = Board {
        radio: &mut Nobody,
        address: Address([0xF2, 0, 0, 0, 0, 1]),
        network: &network,
        wall: &Wall::own(thing.epoch),
        store: &mut store,
        panel: &mut Nobody,
        entropy: &mut Nobody,
    };
    let over = Timer::at(network.clock.at(Instant::START.plus(SPAN)));
    let living = body::run(definition, thing, board);
    match select3(living, network.live(definition), over).await {
        Either3::First(()) | Either3::Second(()) | Either3::Third(()) => network.failed.get(),
    }
}

/// Somebody who does nothing: no radio, nobody at the panel, no randomness.
struct Nobody;

impl Radio for Nobody {
    type Hci<'a> = H4<Self, Self>;

    fn switch_on(&mut self) -> Self::Hci<'_> {
        H4::new(Self, Self)
    }
}

impl ErrorType for Nobody {
    type Error = Infallible;
}

impl Read for Nobody {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
        pending().await
    }
}

impl Write for Nobody {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Panel for Nobody {
    fn show(&mut self, _: Colour) {}

    fn happened(&mut self, _: &Event) {}

    fn trouble(&mut self, _: &str) {}

    async fn input(&mut self) -> Input {
        pending().await
    }
}

impl Entropy for Nobody {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A network with one server in it.
struct Lan<'o, O> {
    clock: Clock,
    wire: RefCell<Wire>,
    connection: RefCell<Connection>,
    out: RefCell<&'o mut O>,
    failed: Cell<fmt::Result>,
}

/// What is on its way to the device.
#[derive(Default)]
struct Connection {
    bytes: VecDeque<u8>,
    is_broken: bool,
    reader: Option<Waker>,
}

impl<'o, O: fmt::Write> Lan<'o, O> {
    fn new(clock: Clock, out: &'o mut O) -> Self {
        Self {
            clock,
            wire: RefCell::new(Wire::new(server(), true)),
            connection: RefCell::default(),
            out: RefCell::new(out),
            failed: Cell::new(Ok(())),
        }
    }

    /// Lets happen what the script says.
    async fn live(&self, definition: &Definition) {
        for (at, act) in script(definition) {
            Timer::at(self.clock.at(at)).await;
            match act {
                Act::Stanza(stanza) => {
                    let mut text = String::new();
                    stanza.write_to(&mut text, thingfleet_device::ns::CLIENT);
                    self.arrives(&text);
                }
                Act::Break => {
                    let mut connection = self.connection.borrow_mut();
                    connection.is_broken = true;
                    connection.wake();
                }
            }
        }
        pending::<()>().await;
    }

    fn arrives(&self, text: &str) {
        let mut connection = self.connection.borrow_mut();
        if !connection.is_broken {
            connection.bytes.extend(text.bytes());
            connection.wake();
        }
    }
}

impl Connection {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// The device's end of a connection.
struct Socket<'a, 'o, O>(&'a Lan<'o, O>);

impl<O> ErrorType for Socket<'_, '_, O> {
    type Error = Infallible;
}

impl<O: fmt::Write> Read for Socket<'_, '_, O> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|cx| {
            let mut connection = self.0.connection.borrow_mut();
            if connection.bytes.is_empty() && !connection.is_broken {
                connection.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let count = buffer.len().min(connection.bytes.len());
            let arrived: Vec<u8> = connection.bytes.drain(..count).collect();
            buffer[..count].copy_from_slice(&arrived);
            Poll::Ready(Ok(count))
        })
        .await
    }
}

impl<O: fmt::Write> Write for Socket<'_, '_, O> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let now = self.0.clock.now();
        let answers = self.0.wire.borrow_mut().take(bytes, |stanza| {
            let mut out = self.0.out.borrow_mut();
            self.0.failed.set(self.0.failed.get().and_then(|()| trace::line(&mut **out, now, stanza)));
        });
        self.0.arrives(&answers);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<'o, O: fmt::Write> Network for Lan<'o, O> {
    type Socket<'a>
        = Socket<'a, 'o, O>
    where
        Self: 'a;
    type Secured<'a>
        = Socket<'a, 'o, O>
    where
        Self: 'a;

    async fn join(&self, _: &credentials::Network) -> Result<(), NetworkFailure> {
        Ok(())
    }

    async fn lost(&self) -> NetworkFailure {
        pending().await
    }

    async fn ask_time(&self, _: &[u8], _: &mut [u8]) -> Result<usize, TimeFailure> {
        Err(TimeFailure::Silent)
    }

    async fn leave(&self) {}

    async fn connect(&self, _: &str) -> Result<Self::Socket<'_>, StreamFailure> {
        *self.connection.borrow_mut() = Connection::default();
        self.wire.borrow_mut().connected();
        Ok(Socket(self))
    }

    async fn secure<'a>(
        &'a self,
        socket: Self::Socket<'a>,
        _: &str,
    ) -> Result<Self::Secured<'a>, StreamFailure> {
        Ok(socket)
    }
}
