//! The machine's clock: embassy's time from the core's timer.

use crate::{read, write};
use core::{cell::RefCell, task::Waker};
use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

/// Time of the core-local interruptor, at 10 MHz, and when it interrupts.
const TIME: usize = 0x0200_bff8;
const COMPARE: usize = 0x0200_4000;

struct Clint {
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static DRIVER: Clint = Clint { queue: Mutex::new(RefCell::new(Queue::new())) });

impl Driver for Clint {
    fn now(&self) -> u64 {
        loop {
            let (high, low, again) = (read::<u32>(TIME + 4), read::<u32>(TIME), read::<u32>(TIME + 4));
            if high == again {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|section| {
            let mut queue = self.queue.borrow(section).borrow_mut();
            if queue.schedule_wake(at, waker) {
                set_alarm(queue.next_expiration(self.now()));
            }
        });
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the two halves of a register")]
fn set_alarm(at: u64) {
    // Never a moment between that is too early.
    write(COMPARE + 4, u32::MAX);
    write(COMPARE, at as u32);
    write(COMPARE + 4, (at >> 32) as u32);
}

#[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineTimer)]
fn machine_timer() {
    critical_section::with(|section| {
        let next = DRIVER.queue.borrow(section).borrow_mut().next_expiration(DRIVER.now());
        set_alarm(next);
    });
}

/// Lets the timer interrupt.
pub(crate) fn init() {
    set_alarm(u64::MAX);
    // SAFETY: the handler is there, and everything it touches is initialised statically.
    unsafe { riscv::register::mie::set_mtimer() }
}
