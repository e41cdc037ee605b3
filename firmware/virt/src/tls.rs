//! TLS by Mbed TLS: chain, name and dates of the server's certificate are checked, the dates against the machine's
//! real-time clock.

use crate::{entropy::Random, time};
use alloc::{
    boxed::Box,
    ffi::CString,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, ffi::CStr};
use embedded_io_async::{Read, Write};
use mbedtls_rs::{
    Certificate, ClientSessionConfig, Session, SessionConfig, Tls, X509,
    sys::{
        hook::{
            timer::{MbedtlsTimer, hook_timer},
            wall_clock::{MbedtlsWallClock, hook_wall_clock},
        },
        mbedtls_ms_time_t, tm,
    },
};
use thingfleet_device::io::{FailureKind, StreamFailure};

/// Whom the device believes.
pub(crate) struct Trust {
    tls: Tls<'static>,
    roots: CString,
    /// The servers it has had: a session borrows its name, and a device has few in its life.
    names: RefCell<Vec<&'static CStr>>,
}

/// The machine's clocks, as Mbed TLS asks for them.
struct Clocks;

impl MbedtlsWallClock for Clocks {
    fn instant(&self) -> Option<tm> {
        let date = time::date().date_time();
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

impl Trust {
    /// Believes the authorities in a PEM file, and nobody else.
    pub(crate) fn new(random: Random, roots: Vec<u8>) -> Option<Self> {
        static CLOCKS: Clocks = Clocks;
        // SAFETY: nothing of Mbed TLS runs yet, and the clocks are there for ever.
        unsafe {
            hook_timer(Some(&CLOCKS));
            hook_wall_clock(Some(&CLOCKS));
        }
        let tls = Tls::new(Box::leak(Box::new(random))).ok()?;
        Some(Self { tls, roots: CString::new(roots).ok()?, names: RefCell::default() })
    }

    /// Secures a connection to this server.
    pub(crate) async fn secure<T: Read + Write>(
        &self,
        socket: T,
        server: &str,
    ) -> Result<Session<'_, T>, StreamFailure> {
        let name = self.name(server).ok_or_else(|| failure(format!("{server} is no name of a server")))?;
        let roots = Certificate::new(X509::PEM(&self.roots));
        let roots = roots.map_err(|error| failure(format!("the authority cannot be read: {error:?}")))?;
        let config = ClientSessionConfig {
            ca_chain: Some(roots),
            server_name: Some(name),
            ..ClientSessionConfig::new()
        };
        let session = Session::new(self.tls.reference(), socket, &SessionConfig::Client(config));
        let mut session = session.map_err(|error| failure(format!("TLS cannot begin: {error:?}")))?;
        match session.connect().await {
            Ok(()) => Ok(session),
            Err(error) => {
                let found = session.tls_verification_details();
                Err(failure(refusal(found).unwrap_or_else(|| format!("TLS failed: {error:?}"))))
            }
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

/// Why a certificate was refused, by the flags of Mbed TLS (`x509_crt.h`).
fn refusal(found: u32) -> Option<String> {
    const NOT_VERIFIED: u32 = u32::MAX;
    const REASONS: [(u32, &str); 4] = [
        (0x01, "the server's certificate has expired"),
        (0x0200, "the server's certificate is not valid yet"),
        (0x04, "the server's certificate is for another name"),
        (0x08, "the server's certificate is not signed by an authority that is trusted here"),
    ];
    let reason = REASONS.iter().find(|(flag, _)| found != NOT_VERIFIED && found & flag != 0);
    reason.map(|(_, reason)| reason.to_string())
}

fn failure(text: String) -> StreamFailure {
    StreamFailure { kind: FailureKind::Tls, text }
}
