//! TLS by Mbed TLS: chain, name and dates of the server's certificate are checked, the dates against the board's wall
//! clock. While that clock only knows before which moment it cannot be, a certificate may have expired, but none is not
//! valid yet.
//!
//! `unsafe` is what Mbed TLS's two hooks need, and nothing else.

#![no_std]

extern crate alloc;

mod no_server;

use alloc::{
    boxed::Box,
    ffi::CString,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, ffi::CStr, fmt};
use embedded_io_async::{Read, Write};
pub use mbedtls_rs::Session;
use mbedtls_rs::{
    AuthMode, Certificate, ClientSessionConfig, SessionConfig, Tls, X509,
    sys::{
        hook::{
            timer::{MbedtlsTimer, hook_timer},
            wall_clock::{MbedtlsWallClock, hook_wall_clock},
        },
        mbedtls_ms_time_t, tm,
    },
};
use rand_core::CryptoRng;
use thingfleet_device::io::{FailureKind, StreamFailure};
use thingfleet_firmware::wall::{Knowledge, Wall};

/// Whom the device believes.
pub struct Trust {
    tls: Tls<'static>,
    roots: CString,
    wall: &'static Wall,
    /// The servers it has had: a session borrows its name, and a device has few in its life.
    names: RefCell<Vec<&'static CStr>>,
}

/// The board's clocks, as Mbed TLS asks for them.
struct Clocks(&'static Wall);

impl MbedtlsWallClock for Clocks {
    fn instant(&self) -> Option<tm> {
        let date = self.0.now().date_time();
        let number = |range| date.get(range).and_then(|digits: &str| digits.parse::<i32>().ok());
        Some(tm {
            tm_year: number(0..4)? - 1900,
            tm_mon: number(5..7)? - 1,
            tm_mday: number(8..10)?,
            tm_hour: number(11..13)?,
            tm_min: number(14..16)?,
            tm_sec: number(17..19)?,
            ..tm::default()
        })
    }
}

impl MbedtlsTimer for Clocks {
    fn now(&self) -> mbedtls_ms_time_t {
        mbedtls_ms_time_t::try_from(embassy_time::Instant::now().as_millis())
            .unwrap_or(mbedtls_ms_time_t::MAX)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Trust {
    /// Believes the authorities in a PEM file, and nobody else, on the date that `wall` tells. To be called once: what it
    /// sets up stays. `None` if there is TLS already, or the file has a zero in it.
    pub fn new(random: impl CryptoRng + Send + 'static, roots: Vec<u8>, wall: &'static Wall) -> Option<Self> {
        let clocks: &'static Clocks = Box::leak(Box::new(Clocks(wall)));
        // SAFETY: nothing of Mbed TLS runs yet, and the clocks are there for ever.
        unsafe {
            hook_timer(Some(clocks));
            hook_wall_clock(Some(clocks));
        }
        let tls = Tls::new(Box::leak(Box::new(random))).ok()?;
        Some(Self { tls, roots: CString::new(roots).ok()?, wall, names: RefCell::default() })
    }

    /// Secures a connection to this server, whose name its certificate has to have.
    ///
    /// # Errors
    /// [`StreamFailure`] says in words what was wrong with the certificate or the connection.
    pub async fn secure<T: Read + Write>(
        &self,
        socket: T,
        server: &str,
    ) -> Result<Session<'_, T>, StreamFailure> {
        let name = self.name(server).ok_or_else(|| failure(format!("{server} is no name of a server")))?;
        let is_dated = self.wall.knowledge() != Knowledge::AtLeast;
        let roots = Certificate::new(X509::PEM(&self.roots));
        let roots = roots.map_err(|error| failure(format!("the authority cannot be read: {error:?}")))?;
        let config = ClientSessionConfig {
            ca_chain: Some(roots),
            server_name: Some(name),
            // What is wrong with a certificate then is judged here, before anything is sent.
            auth_mode: if is_dated { AuthMode::Required } else { AuthMode::Optional },
            ..ClientSessionConfig::new()
        };
        let session = Session::new(self.tls.reference(), socket, &SessionConfig::Client(config));
        let mut session = session.map_err(|error| failure(format!("TLS cannot begin: {error:?}")))?;
        let connected = session.connect().await;
        let found = session.tls_verification_details();
        let tolerated = if is_dated { 0 } else { NOT_YET };
        match connected {
            Ok(()) if found & !tolerated == 0 => Ok(session),
            Ok(()) => Err(failure(refusal(found & !tolerated).unwrap_or_else(|| REFUSED.to_string()))),
            Err(error) => Err(failure(refusal(found).unwrap_or_else(|| format!("TLS failed: {error:?}")))),
        }
    }

    fn name(&self, server: &str) -> Option<&'static CStr> {
        let mut names = self.names.borrow_mut();
        if let Some(known) = names.iter().find(|name| name.to_bytes() == server.as_bytes()) {
            return Some(known);
        }
        let name: &'static CStr = Box::leak(CString::new(server).ok()?.into_boxed_c_str());
        names.push(name);
        Some(name)
    }
}

/// Flag of a certificate that is not valid yet (`x509_crt.h`).
const NOT_YET: u32 = 0x0200;
/// What is said of one with a flag that has no words of its own.
const REFUSED: &str = "the server's certificate is not one to trust";

/// Why a certificate was refused, by the flags of Mbed TLS (`x509_crt.h`).
fn refusal(found: u32) -> Option<String> {
    const NOT_VERIFIED: u32 = u32::MAX;
    const REASONS: [(u32, &str); 4] = [
        (0x01, "the server's certificate has expired"),
        (NOT_YET, "the server's certificate is not valid yet"),
        (0x04, "the server's certificate is for another name"),
        (0x08, "the server's certificate is not signed by an authority that is trusted here"),
    ];
    let reason = REASONS.iter().find(|(flag, _)| found != NOT_VERIFIED && found & flag != 0);
    reason.map(|(_, reason)| reason.to_string())
}

fn failure(text: String) -> StreamFailure {
    StreamFailure { kind: FailureKind::Tls, text }
}
