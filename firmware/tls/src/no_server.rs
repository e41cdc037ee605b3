//! Mbed TLS's other half, left out. A device is never the server of a handshake, but the crate under this one always
//! builds that, and a table of steps refers to it. The images' linker puts these in its place, by `--wrap` (build.rs of
//! each), and then drops what they no longer reach: fifteen kilobytes.

use core::ffi::{c_int, c_void};

/// `MBEDTLS_ERR_SSL_BAD_CONFIG`, which is what Mbed TLS gives where it is built without a server.
const BAD_CONFIG: c_int = -0x5E80;

/// A step of a server's handshake in TLS 1.2, which no device makes.
#[unsafe(no_mangle)]
extern "C" fn __wrap_mbedtls_ssl_handshake_server_step(_: *mut c_void) -> c_int {
    BAD_CONFIG
}

/// The same in TLS 1.3.
#[unsafe(no_mangle)]
extern "C" fn __wrap_mbedtls_ssl_tls13_handshake_server_step(_: *mut c_void) -> c_int {
    BAD_CONFIG
}
