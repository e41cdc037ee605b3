//! A virtio console as the line to a Bluetooth controller.

use crate::{
    interrupt::CONSOLE,
    virtio::{self, Memory},
};
use core::{cell::RefCell, fmt, future::poll_fn, task::Poll};
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};
use virtio_drivers::{
    device::console::VirtIOConsole,
    transport::{DeviceType, mmio::MmioTransport},
};

/// The line.
pub(crate) struct Console(RefCell<VirtIOConsole<Memory, MmioTransport<'static>>>);

/// The line failed.
#[derive(Debug)]
pub struct Broken(virtio_drivers::Error);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the line failed: {}", self.0)
    }
}

impl core::error::Error for Broken {}

impl Error for Broken {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl Console {
    /// The first one there is.
    pub(crate) fn find() -> Option<Self> {
        let found = virtio::find(DeviceType::Console)?;
        let device = VirtIOConsole::new(found.transport).ok()?;
        CONSOLE.enable(found.base, found.interrupt);
        Some(Self(RefCell::new(device)))
    }
}

/// One direction of it.
pub struct Half<'c>(pub(crate) &'c Console);

impl ErrorType for Half<'_> {
    type Error = Broken;
}

impl Read for Half<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Broken> {
        poll_fn(|cx| {
            CONSOLE.register(cx.waker());
            let mut device = self.0.0.borrow_mut();
            let mut count = 0;
            while count < buffer.len() {
                match device.recv(true).map_err(Broken) {
                    Ok(Some(byte)) => buffer[count] = byte,
                    Ok(None) => break,
                    Err(error) => return Poll::Ready(Err(error)),
                }
                count += 1;
            }
            if count > 0 { Poll::Ready(Ok(count)) } else { Poll::Pending }
        })
        .await
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, buffer: &[u8]) -> Result<usize, Broken> {
        self.0.0.borrow_mut().send_bytes(buffer).map_err(Broken)?;
        Ok(buffer.len())
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        Ok(())
    }
}
