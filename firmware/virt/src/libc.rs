//! What Mbed TLS wants of a C library beyond `tinyrlibc`: formatted printing, for texts that nobody reads here.
//!
//! The variable arguments are not looked at, which the C calling convention allows.

use core::ffi::{c_char, c_int};
// Linked for the functions it exports.
use tinyrlibc as _;

/// Copies the format itself, and gives its length.
// SAFETY: the symbol and its signature are C's, and nothing else here defines it.
#[unsafe(no_mangle)]
unsafe extern "C" fn snprintf(buffer: *mut c_char, size: usize, format: *const c_char) -> c_int {
    let mut length = 0;
    // SAFETY: C's contract: the format ends with a zero, and `size` bytes may be written.
    unsafe {
        while *format.add(length) != 0 {
            if length + 1 < size {
                *buffer.add(length) = *format.add(length);
            }
            length += 1;
        }
        if size > 0 {
            *buffer.add(length.min(size - 1)) = 0;
        }
    }
    c_int::try_from(length).unwrap_or(c_int::MAX)
}

/// The same, with its arguments in a list.
// SAFETY: as above.
#[unsafe(no_mangle)]
unsafe extern "C" fn vsnprintf(
    buffer: *mut c_char,
    size: usize,
    format: *const c_char,
    _arguments: *const u8,
) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { snprintf(buffer, size, format) }
}

/// Prints nothing.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn printf(_format: *const c_char) -> c_int {
    0
}

/// Prints nothing.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn puts(_text: *const c_char) -> c_int {
    0
}
