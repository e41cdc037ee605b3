//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the program at once.

use super::Failure;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a program that was told twice to go, as shells have it for SIGINT.
const AT_ONCE: i32 = 130;

/// The signals that ask the program to go.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts to listen; from here on the signals do nothing by themselves.
    pub(super) fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::environment(format!("cannot listen to signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them. Cancel-safe.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }

    /// Waits for `work`, but ends the program at once if it is asked to go again. The private server's guardian
    /// cleans up even then.
    pub(super) async fn or_at_once<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            () = self.asked() => std::process::exit(AT_ONCE),
        }
    }
}
