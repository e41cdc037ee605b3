//! A time that stands still while anything is to be done, and then goes on to the next alarm: an hour takes as long as what
//! happens in it.

use core::{
    cell::{Cell, RefCell},
    future::Future,
    pin::pin,
    ptr::null,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};
use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;

/// It goes on by whole milliseconds.
const STEP: u64 = TICK_HZ / 1000;

struct Standstill {
    now: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static TIME: Standstill = Standstill {
    now: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

/// Whether somebody has something to do.
static WOKEN: AtomicBool = AtomicBool::new(false);

impl Driver for Standstill {
    fn now(&self) -> u64 {
        critical_section::with(|section| self.now.borrow(section).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        // When it has come is looked up once nothing else is left to do.
        critical_section::with(|section| {
            self.queue.borrow(section).borrow_mut().schedule_wake(at, waker);
        });
    }
}

impl Standstill {
    /// Goes on to the next alarm, and wakes whoever set it.
    fn pass(&self) {
        critical_section::with(|section| {
            let mut queue = self.queue.borrow(section).borrow_mut();
            let next = queue.next_expiration(self.now.borrow(section).get());
            if next != u64::MAX && !WOKEN.load(Ordering::Relaxed) {
                self.now.borrow(section).set(next.next_multiple_of(STEP));
                queue.next_expiration(self.now.borrow(section).get());
            }
        });
    }
}

/// Runs a future to its end.
pub fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // SAFETY: the functions do nothing with the pointer.
    let waker = unsafe { Waker::from_raw(RAW) };
    loop {
        WOKEN.store(false, Ordering::Relaxed);
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        if !WOKEN.load(Ordering::Relaxed) {
            TIME.pass();
        }
    }
}

const RAW: RawWaker = RawWaker::new(null(), &TABLE);
const TABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| wake(), |_| wake(), |_| {});

fn wake() {
    WOKEN.store(true, Ordering::Relaxed);
}
