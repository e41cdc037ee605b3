//! Interrupts of virtio devices, through the machine's platform-level interrupt controller.

use crate::{read, write};
use core::sync::atomic::{AtomicUsize, Ordering};
use embassy_sync::waitqueue::AtomicWaker;

/// The controller (RISC-V PLIC specification 1.0).
const PLIC: usize = 0x0c00_0000;
const ENABLE: usize = PLIC + 0x2000;
const THRESHOLD: usize = PLIC + 0x20_0000;
const CLAIM: usize = PLIC + 0x20_0004;
/// Registers of a virtio device (virtio 1.2 section 4.2.2).
const STATUS: usize = 0x60;
const ACKNOWLEDGE: usize = 0x64;

/// A device that interrupts, and who waits for it.
pub(crate) struct Line {
    base: AtomicUsize,
    waker: AtomicWaker,
}

/// The network's line.
pub(crate) static NET: Line = Line::new();
/// The Bluetooth line's.
pub(crate) static CONSOLE: Line = Line::new();

impl Line {
    const fn new() -> Self {
        Self { base: AtomicUsize::new(0), waker: AtomicWaker::new() }
    }

    /// Whoever waits for the device is woken by its next interrupt.
    pub(crate) fn register(&self, waker: &core::task::Waker) {
        self.waker.register(waker);
    }

    /// Lets the device with these registers interrupt by this number.
    pub(crate) fn enable(&self, base: usize, number: usize) {
        self.base.store(base, Ordering::Relaxed);
        write(PLIC + 4 * number, 1u32);
        write(ENABLE, read::<u32>(ENABLE) | 1 << number);
        write(THRESHOLD, 0u32);
        // SAFETY: the handler is there, and everything it touches is initialised statically.
        unsafe { riscv::register::mie::set_mext() }
    }
}

#[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineExternal)]
fn machine_external() {
    let number = read::<u32>(CLAIM);
    for line in [&NET, &CONSOLE] {
        let base = line.base.load(Ordering::Relaxed);
        if base != 0 {
            write(base + ACKNOWLEDGE, read::<u32>(base + STATUS));
            line.waker.wake();
        }
    }
    write(CLAIM, number);
}
