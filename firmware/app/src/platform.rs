//! What a board has to bring. Nothing of it decides anything.

use crate::time::TimeFailure;
use bt_hci::transport::Transport;
use core::future::Future;
use embassy_time::Duration;
use embedded_io_async::{Read, Write};
use thingfleet_device::{
    commissioning::{credentials, journey::NetworkFailure},
    io::{Colour, Event, Input, StreamFailure},
};

/// Longest time between two turns of the loop: [`Panel::alive`] is told of each.
pub const BEAT: Duration = Duration::from_secs(5);

/// A Bluetooth controller.
pub trait Radio {
    /// The way to it.
    type Hci<'a>: Transport
    where
        Self: 'a;

    /// Switches the controller on; it goes off when what is returned is dropped.
    fn switch_on(&mut self) -> Self::Hci<'_>;
}

/// A network with servers in it.
pub trait Network {
    /// A connection, whose reading is cancel-safe.
    type Socket<'a>: Read + Write
    where
        Self: 'a;
    /// A connection inside TLS, whose reading is cancel-safe.
    type Secured<'a>: Read + Write
    where
        Self: 'a;

    /// Joins a wireless network and gets an address in it. May be dropped to give up.
    fn join(&self, network: &credentials::Network) -> impl Future<Output = Result<(), NetworkFailure>>;

    /// Waits until the network that was joined is lost.
    fn lost(&self) -> impl Future<Output = NetworkFailure>;

    /// Sends these bytes to the time server, the one that the board was told or the one with the usual name, and takes the
    /// first datagram that comes back from there; gives its length, of which `answer` holds as much as it can. May be
    /// dropped to give up.
    fn ask_time(&self, request: &[u8], answer: &mut [u8])
    -> impl Future<Output = Result<usize, TimeFailure>>;

    /// Leaves the network; the radio is quiet then.
    fn leave(&self) -> impl Future<Output = ()>;

    /// Connects to the XMPP server of a domain.
    fn connect(&self, domain: &str) -> impl Future<Output = Result<Self::Socket<'_>, StreamFailure>>;

    /// Secures a connection: chain, name and dates of the server's certificate are right, or this fails.
    fn secure<'a>(
        &'a self,
        socket: Self::Socket<'a>,
        domain: &str,
    ) -> impl Future<Output = Result<Self::Secured<'a>, StreamFailure>>;
}

/// What a person sees and touches, and whatever else is soldered to the board.
pub trait Panel {
    /// Shows the colour of the status light.
    fn show(&mut self, colour: Colour);

    /// Is told what the device does, to move an output or to write a log.
    fn happened(&mut self, event: &Event);

    /// Is told what does not work on the board itself.
    fn trouble(&mut self, what: &str);

    /// Is told at every turn of the loop that it turns; a board with a watchdog feeds it.
    fn alive(&mut self) {}

    /// Waits for what a person or a sensor does: the button, a reading. Has to be cancel-safe.
    fn input(&mut self) -> impl Future<Output = Input>;
}

/// Unpredictable bytes.
pub trait Entropy {
    /// Fills `bytes` with them.
    fn fill(&mut self, bytes: &mut [u8]);
}
