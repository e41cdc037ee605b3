//! What bluetoothd and D-Bus complain about, as the trouble it is to a peripheral; and a limit to how long they may
//! take to say anything at all.

use crate::ble::{
    Trouble, TroubleKind,
    cause::{of_bluer, of_dbus},
};
use bluer::Error;
use std::{future::Future, time::Duration};
use tokio::{task::JoinError, time::timeout};

/// How long bluetoothd may take over a call.
const CALL: Duration = Duration::from_secs(10);

/// Waits for a call that changes nothing, or nothing that does not go away with the next one.
///
/// # Errors
/// The [`Trouble`] that the call met, where it did not come to its end in time as well.
pub(super) async fn call<T, E: Into<Failure>>(
    what: &str,
    calling: impl Future<Output = Result<T, E>>,
) -> Result<T, Trouble> {
    match timeout(CALL, calling).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.into().trouble(what)),
        Err(_) => Err(late(what)),
    }
}

/// Waits for a call whose result has to be given back. Should nobody wait any longer when it comes, it is given back
/// at once: it is dropped, and bluer's handles unregister when they are.
///
/// # Errors
/// As [`call`].
pub(super) async fn register<T: Send + 'static>(
    what: &str,
    calling: impl Future<Output = bluer::Result<T>> + Send + 'static,
) -> Result<T, Trouble> {
    match timeout(CALL, tokio::spawn(calling)).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(Failure::from(error).trouble(what)),
        Ok(Err(error)) => Err(Failure::from(error).trouble(what)),
        Err(_) => Err(late(what)),
    }
}

fn late(what: &str) -> Trouble {
    let text = format!("{what}: bluetoothd did not answer within {} s", CALL.as_secs());
    Trouble { kind: TroubleKind::Stack, text }
}

/// An error of a call, in what it has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    kind: TroubleKind,
    text: String,
}

impl Failure {
    fn trouble(self, what: &str) -> Trouble {
        Trouble { kind: self.kind, text: format!("{what}: {}", self.text) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { kind: of_bluer(&error), text: error.to_string() }
    }
}

impl From<dbus::Error> for Failure {
    fn from(error: dbus::Error) -> Self {
        let name = error.name().unwrap_or_default();
        Self { kind: of_dbus(name), text: error.message().unwrap_or(name).to_owned() }
    }
}

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        Self { kind: TroubleKind::Stack, text: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bluer::ErrorKind;

    #[test]
    fn trouble_says_what_was_tried_and_what_the_system_said() {
        let error = Error { kind: ErrorKind::Failed, message: "no such thing".to_owned() };
        let trouble = Failure::from(error).trouble("turning hci0 on");
        assert_eq!(trouble.text, "turning hci0 on: Bluetooth operation failed: no such thing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_ends() {
        let trouble = call::<(), Error>("asking hci0", std::future::pending()).await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Stack);
        assert_eq!(trouble.text, "asking hci0: bluetoothd did not answer within 10 s");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_too_late_is_given_back() {
        let (held, given_back) = tokio::sync::oneshot::channel::<()>();
        let late = async move {
            tokio::time::sleep(2 * CALL).await;
            Ok(held)
        };
        assert!(register("advertising on hci0", late).await.is_err());
        assert!(given_back.await.is_err(), "the sender was dropped");
    }
}
