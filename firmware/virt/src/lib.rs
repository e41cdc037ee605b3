//! The little platform that images need on QEMU's riscv32 `virt` machine: a heap, a serial line, an exit status, and for
//! a whole device a clock, a network, a Bluetooth line, a flash and entropy.
//!
//! Nothing here knows what a device is; `bin/` does. `unsafe` is what registers and virtio queues need, and nothing else.
#![no_std]

extern crate alloc;

#[cfg(feature = "board")]
pub mod board;
#[cfg(feature = "board")]
mod console;
#[cfg(feature = "board")]
mod entropy;
#[cfg(feature = "board")]
mod flash;
pub mod given;
#[cfg(feature = "board")]
mod interrupt;
#[cfg(feature = "board")]
mod libc;
#[cfg(feature = "board")]
pub mod meter;
#[cfg(feature = "board")]
mod net;
#[cfg(feature = "board")]
pub mod reset;
#[cfg(feature = "bodies")]
pub mod standstill;
#[cfg(feature = "board")]
mod time;
#[cfg(feature = "board")]
mod virtio;

use core::{
    alloc::{GlobalAlloc, Layout},
    fmt::{self, Write},
    panic::PanicInfo,
    sync::atomic::{AtomicUsize, Ordering},
};
use embedded_alloc::LlffHeap;
// Linked for what it sets up: atomics without compare-and-swap.
use portable_atomic as _;

#[global_allocator]
static HEAP: Heap = Heap(LlffHeap::empty());

/// The heap, which remembers how full it was.
struct Heap(LlffHeap);

/// The most bytes that were in use.
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it hands on to an allocator.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract is the same.
        let memory = unsafe { self.0.alloc(layout) };
        let used = self.0.used();
        if used > PEAK.load(Ordering::Relaxed) {
            PEAK.store(used, Ordering::Relaxed);
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the contract is the same.
        unsafe { self.0.dealloc(memory, layout) }
    }
}

/// Bytes of heap.
const HEAP_SIZE: usize = 512 * 1024;

/// Makes the heap usable; to be called once, before anything allocates.
pub fn init() {
    static mut MEMORY: [u8; HEAP_SIZE] = [0; HEAP_SIZE];
    // SAFETY: called once by contract, and nothing else names this memory.
    unsafe { HEAP.0.init(&raw mut MEMORY as usize, HEAP_SIZE) }
}

/// Bytes of heap in use.
pub fn heap_used() -> usize {
    HEAP.0.used()
}

/// The most that were in use since this was asked last.
pub fn heap_peak() -> usize {
    let peak = PEAK.load(Ordering::Relaxed);
    PEAK.store(heap_used(), Ordering::Relaxed);
    peak
}

/// Reads a register of the machine.
fn read<T>(address: usize) -> T {
    // SAFETY: every caller names a register that lies there on this machine, with its width.
    unsafe { (address as *const T).read_volatile() }
}

/// Writes a register of the machine.
fn write<T>(address: usize, value: T) {
    // SAFETY: as above; none of these registers makes the processor write to memory by itself.
    unsafe { (address as *mut T).write_volatile(value) }
}

/// The machine's first serial line (an NS16550A), which QEMU connects to its standard input and output.
#[derive(Debug)]
pub struct Serial;

/// Its first register.
const UART: usize = 0x1000_0000;

impl Serial {
    /// The next byte that came in, if there is one.
    pub fn take() -> Option<u8> {
        const LINE_STATUS: usize = UART + 5;
        (read::<u8>(LINE_STATUS) & 1 == 1).then(|| read::<u8>(UART))
    }
}

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // QEMU's is always ready.
        text.bytes().for_each(|byte| write(UART, byte));
        Ok(())
    }
}

/// Ends the emulation; QEMU exits with this status.
pub fn exit(status: u16) -> ! {
    finish(if status == 0 { 0x5555 } else { u32::from(status) << 16 | 0x3333 })
}

/// Tells the machine's test device how this ends.
fn finish(command: u32) -> ! {
    const TEST_DEVICE: usize = 0x0010_0000;
    write(TEST_DEVICE, command);
    loop {
        riscv::asm::wfi();
    }
}

/// Status after a panic, as a process of Rust's has it.
#[cfg(not(feature = "board"))]
const PANICKED: u16 = 101;

/// Status after a fault of the processor.
#[cfg(not(feature = "board"))]
const FAULTED: u16 = 102;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // The serial line takes everything.
    let _ = writeln!(Serial, "{info}");
    #[cfg(feature = "board")]
    reset::after_panic(info);
    #[cfg(not(feature = "board"))]
    exit(PANICKED)
}

/// Takes every fault of the processor; riscv-rt finds it by its name.
// SAFETY: riscv-rt declares the symbol with this signature, and nothing else defines it.
#[unsafe(export_name = "ExceptionHandler")]
fn fault(_frame: &riscv_rt::TrapFrame) -> ! {
    let (cause, at) = (riscv::register::mcause::read().bits(), riscv::register::mepc::read());
    let _ = writeln!(Serial, "fault {cause:#x} at {at:#x}");
    #[cfg(feature = "board")]
    reset::after(format_args!("fault {cause:#x} at {at:#x}"));
    #[cfg(not(feature = "board"))]
    exit(FAULTED)
}
