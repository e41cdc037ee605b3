//! Why the board began anew: kept where a reset leaves it, and told once.

use alloc::{format, string::String};
use core::{panic::PanicInfo, ptr::addr_of_mut};
use esp_hal::{ram, rtc_cntl::SocResetReason, system};
use esp_println::println;
use thingfleet_firmware::last_words::{self, Memory};

// The memory is slow and small, but a reset leaves it alone.
#[ram(unstable(rtc_fast, persistent))]
static mut LAST: Memory = last_words::EMPTY;

/// Begins anew, of its own will.
pub(crate) fn again() -> ! {
    system::software_reset()
}

/// Why the board began anew, if that was not because somebody wanted it to.
pub(crate) fn reason() -> Option<String> {
    // SAFETY: only a panic touches it besides, and that does not come back here.
    let last = unsafe { &mut *addr_of_mut!(LAST) };
    last_words::take(last).or_else(|| by_hardware(system::reset_reason()?))
}

/// The chip's own reasons differ from chip to chip, and are told apart by their names.
fn by_hardware(reason: SocResetReason) -> Option<String> {
    let name = format!("{reason:?}");
    if name.contains("Wdt") {
        Some(format!("the watchdog ({name})"))
    } else if name.contains("BrownOut") {
        Some("the supply voltage fell".into())
    } else {
        // Switched on, or told to begin anew over the serial line.
        None
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    // SAFETY: nothing else runs any more that would touch it.
    last_words::keep_panic(unsafe { &mut *addr_of_mut!(LAST) }, info);
    again()
}
