//! The virtio network card, as embassy-net wants it.

use crate::{
    interrupt::NET,
    virtio::{self, Memory},
};
use alloc::vec;
use core::{cell::RefCell, task::Context};
use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use virtio_drivers::{
    device::net::{TxBuffer, VirtIONet},
    transport::{DeviceType, mmio::MmioTransport},
};

/// Packets in each direction.
const QUEUE: usize = 16;
/// Bytes of room for a packet that comes in.
const PACKET: usize = 2048;

type Device = VirtIONet<Memory, MmioTransport<'static>, QUEUE>;

/// The network card.
pub struct Card(RefCell<Device>);

impl Card {
    /// The first one there is.
    pub(crate) fn find() -> Option<Self> {
        let found = virtio::find(DeviceType::Network)?;
        let mut device = Device::new(found.transport, PACKET).ok()?;
        NET.enable(found.base, found.interrupt);
        device.enable_interrupts();
        Some(Self(RefCell::new(device)))
    }
}

/// A packet that came in.
pub struct Received<'c>(&'c Card);
/// Room for one that goes out.
pub struct Sent<'c>(&'c Card);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, read: F) -> R {
        let mut device = self.0.0.borrow_mut();
        let buffer = device.receive().expect("it can be received: the token says so");
        // The stack answers from within `read`, so the device must be free by then.
        let mut packet = buffer.packet().to_vec();
        device.recycle_rx_buffer(buffer).expect("the buffer is the device's");
        drop(device);
        read(&mut packet)
    }
}

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut buffer = TxBuffer::from(&vec![0; length]);
        let written = write(buffer.packet_mut());
        // A packet that cannot be sent is lost, as on any network.
        _ = self.0.0.borrow_mut().send(buffer);
        written
    }
}

impl Driver for Card {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Sent<'_>)> {
        NET.register(cx.waker());
        let can_receive = self.0.borrow().can_recv();
        can_receive.then_some((Received(self), Sent(self)))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Sent<'_>> {
        NET.register(cx.waker());
        let can_send = self.0.borrow().can_send();
        can_send.then_some(Sent(self))
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.0.borrow().mac_address())
    }
}
