//! Packets from the heap. trouble-host's own pool is one for the whole program, so that one device with a full queue
//! would starve the others; its queues bound how many packets a connection can hold.

use alloc::boxed::Box;
use thingfleet_device::commissioning::gatt::MAX_VALUE;
use trouble_host::{Packet, PacketPool};

/// Largest ATT PDU, in bytes: a whole value and the handle it is written to (Core 5.4, Vol 3, Part F, 3.4.5.1). The MTU
/// that phones ask for is the same.
pub(crate) const ATT_MTU: usize = MAX_VALUE + 5;
/// Length of the header of an L2CAP frame, in bytes (Core 5.4, Vol 3, Part A, 3.1).
pub(crate) const L2CAP_HEADER: usize = 4;
/// Largest L2CAP frame, in bytes.
const MTU: usize = L2CAP_HEADER + ATT_MTU;

/// A pool that gives out packets for as long as there is memory.
#[derive(Debug)]
pub(crate) struct HeapPool;

impl PacketPool for HeapPool {
    type Packet = HeapPacket;
    const MTU: usize = MTU;

    fn allocate() -> Option<HeapPacket> {
        Some(HeapPacket(Box::new([0; MTU])))
    }

    /// More than any of the queues takes.
    fn capacity() -> usize {
        usize::from(u8::MAX)
    }
}

/// A packet of that pool.
#[derive(Debug)]
pub(crate) struct HeapPacket(Box<[u8; MTU]>);

impl Packet for HeapPacket {}

impl AsRef<[u8]> for HeapPacket {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl AsMut<[u8]> for HeapPacket {
    fn as_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_slice()
    }
}
