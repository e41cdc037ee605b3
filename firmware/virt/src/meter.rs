//! What a device costs, for `make bench`: instructions of everything but interrupts and waiting, and memory.
//!
//! The processor counts instructions where QEMU is told to (`-icount shift=0`); elsewhere the figures mean nothing.

use crate::{heap_peak, heap_used};
use core::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
};
use critical_section::Mutex;
use riscv::register::mcycle;

/// Bytes of heap that the machine takes for itself.
static MACHINE: AtomicUsize = AtomicUsize::new(0);

/// Instructions of all polls that are over, and what the counter stood at when the present one began.
static WORK: Mutex<Cell<(u64, Option<u64>)>> = Mutex::new(Cell::new((0, None)));

/// What is on the heap by now is the machine's own.
pub(crate) fn ready() {
    MACHINE.store(heap_used(), Ordering::Relaxed);
}

/// Bytes of heap in use by the device, and the most since this was asked last.
pub(crate) fn memory() -> (usize, usize) {
    let machine = MACHINE.load(Ordering::Relaxed);
    (heap_used().saturating_sub(machine), heap_peak().saturating_sub(machine))
}

/// Runs a task of the device, and counts.
pub async fn metered<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        turn(true);
        let done = future.as_mut().poll(cx);
        turn(false);
        done
    })
    .await
}

/// Instructions so far.
pub(crate) fn work() -> u64 {
    critical_section::with(|section| {
        let (over, since) = WORK.borrow(section).get();
        over + since.map_or(0, |since| mcycle::read64().saturating_sub(since))
    })
}

fn turn(begins: bool) {
    let over = work();
    let since = begins.then(mcycle::read64);
    critical_section::with(|section| WORK.borrow(section).set((over, since)));
}
