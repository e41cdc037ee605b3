//! Where virtio devices are on this machine, and the memory they share with it.

use crate::read;
use alloc::alloc::{alloc_zeroed, dealloc, handle_alloc_error};
use core::{alloc::Layout, ptr::NonNull};
use virtio_drivers::{
    BufferDirection, Hal, PAGE_SIZE, PhysAddr,
    transport::{
        DeviceType,
        mmio::{MmioTransport, VirtIOHeader},
    },
};

/// The registers of the first device; the others follow, and interrupt by the numbers from 1 on.
const FIRST: usize = 0x1000_1000;
const SIZE: usize = 0x1000;
const DEVICES: usize = 8;
/// Where a device says what it is (virtio 1.2 section 4.2.2).
const DEVICE_ID: usize = 8;

/// A device that was found.
pub(crate) struct Found {
    pub(crate) transport: MmioTransport<'static>,
    pub(crate) base: usize,
    pub(crate) interrupt: usize,
}

/// Finds the first device of a type.
pub(crate) fn find(kind: DeviceType) -> Option<Found> {
    (0..DEVICES).find_map(|slot| {
        let base = FIRST + slot * SIZE;
        // Only the right one is taken: a transport resets its device when it is dropped.
        if read::<u32>(base + DEVICE_ID) != kind as u32 {
            return None;
        }
        let header = NonNull::new(base as *mut VirtIOHeader)?;
        // SAFETY: a virtio device's registers lie there, and each device is taken once.
        let transport = unsafe { MmioTransport::new(header, SIZE) }.ok()?;
        Some(Found { transport, base, interrupt: slot + 1 })
    })
}

/// Memory without a translation: what the machine sees is what devices see.
pub(crate) struct Memory;

fn layout(pages: usize) -> Layout {
    Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).expect("a few pages")
}

// SAFETY: addresses are the same for the machine and its devices, and pages come from the heap, aligned and zeroed.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // SAFETY: the layout is not empty: no queue has no pages.
        let memory = unsafe { alloc_zeroed(layout(pages)) };
        let memory = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout(pages)));
        (memory.as_ptr() as PhysAddr, memory)
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: it comes from `dma_alloc` with as many pages.
        unsafe { dealloc(memory.as_ptr(), layout(pages)) };
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        let address = usize::try_from(address).expect("the machine has 32 bits");
        NonNull::new(address as *mut u8).expect("no registers lie at zero")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
