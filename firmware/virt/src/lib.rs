//! The little platform the device core needs on QEMU's riscv32 `virt` machine: a heap, a serial line, an exit status.
//!
//! Nothing here knows what a device is; `bin/` does.
#![no_std]

use core::{
    fmt::{self, Write},
    panic::PanicInfo,
};
use embedded_alloc::LlffHeap;
// Linked for what it sets up: atomics without compare-and-swap.
use portable_atomic as _;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

/// Bytes of heap.
const HEAP_SIZE: usize = 512 * 1024;

/// Makes the heap usable; to be called once, before anything allocates.
pub fn init() {
    static mut MEMORY: [u8; HEAP_SIZE] = [0; HEAP_SIZE];
    // SAFETY: called once by contract, and nothing else names this memory.
    unsafe { HEAP.init(&raw mut MEMORY as usize, HEAP_SIZE) }
}

/// The machine's first serial line (an NS16550A), which QEMU connects to its standard output.
#[derive(Debug)]
pub struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const TRANSMIT: *mut u8 = 0x1000_0000 as *mut u8;
        for byte in text.bytes() {
            // SAFETY: the transmit register of the UART lies there on this machine, and QEMU's is always ready.
            unsafe { TRANSMIT.write_volatile(byte) }
        }
        Ok(())
    }
}

/// Ends the emulation; QEMU exits with this status.
pub fn exit(status: u16) -> ! {
    const TEST_DEVICE: *mut u32 = 0x0010_0000 as *mut u32;
    let command = if status == 0 { 0x5555 } else { u32::from(status) << 16 | 0x3333 };
    // SAFETY: SiFive's test device lies there on this machine.
    unsafe { TEST_DEVICE.write_volatile(command) }
    loop {
        riscv::asm::wfi();
    }
}

/// Status after a panic, as a process of Rust's has it.
const PANICKED: u16 = 101;

/// Status after a fault of the processor.
const FAULTED: u16 = 102;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // The serial line takes everything.
    let _ = writeln!(Serial, "{info}");
    exit(PANICKED)
}

/// Takes every fault of the processor; riscv-rt finds it by its name.
// SAFETY: riscv-rt declares the symbol with this signature, and nothing else defines it.
#[unsafe(export_name = "ExceptionHandler")]
fn fault(_frame: &riscv_rt::TrapFrame) -> ! {
    let (cause, at) = (riscv::register::mcause::read().bits(), riscv::register::mepc::read());
    let _ = writeln!(Serial, "fault {cause:#x} at {at:#x}");
    exit(FAULTED)
}
