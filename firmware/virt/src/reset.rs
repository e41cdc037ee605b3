//! Beginning anew after a panic or a fault, with the reason kept: a reset of the machine leaves its memory alone.

use alloc::string::String;
use core::{fmt, panic::PanicInfo, ptr::addr_of_mut};
use thingfleet_firmware::last_words::{self, Memory};

/// How the test device begins anew.
const RESET: u32 = 0x7777;

// Where neither the start-up code nor QEMU's loader writes.
#[unsafe(link_section = ".uninit.last_words")]
static mut LAST: Memory = last_words::EMPTY;

/// Why the machine began anew, if it did so by itself.
pub fn reason() -> Option<String> {
    // SAFETY: only what ends everything touches it besides.
    last_words::take(unsafe { &mut *addr_of_mut!(LAST) })
}

/// Begins anew, and will say what the panic said.
pub(crate) fn after_panic(info: &PanicInfo<'_>) -> ! {
    // SAFETY: nothing else runs any more that would touch it.
    last_words::keep_panic(unsafe { &mut *addr_of_mut!(LAST) }, info);
    crate::finish(RESET)
}

/// Begins anew, and will say this.
pub(crate) fn after(what: fmt::Arguments<'_>) -> ! {
    // SAFETY: as above.
    last_words::keep(unsafe { &mut *addr_of_mut!(LAST) }, what);
    crate::finish(RESET)
}
