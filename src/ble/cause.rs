//! What kind of trouble an error of bluetoothd's or of D-Bus is, whether a peripheral or a central meets it.

use super::TroubleKind;
use bluer::{Error, ErrorKind, InternalErrorKind};

/// The trouble behind an error of bluer's that is about the adapter, bluetoothd or the bus.
pub(crate) fn of_bluer(error: &Error) -> TroubleKind {
    match &error.kind {
        ErrorKind::NotFound | ErrorKind::DoesNotExist | ErrorKind::InvalidName(_) => TroubleKind::NoAdapter,
        ErrorKind::NotAuthorized => TroubleKind::Denied,
        ErrorKind::NotReady => TroubleKind::PoweredOff,
        // bluetoothd's words for: the controller has no advertisement left, and: somebody else is at it.
        ErrorKind::NotPermitted | ErrorKind::InProgress => TroubleKind::Busy,
        ErrorKind::Internal(InternalErrorKind::DBus(name)) => of_dbus(name),
        ErrorKind::Internal(InternalErrorKind::DBusConnectionLost | InternalErrorKind::Io(_)) => {
            TroubleKind::NoBus
        }
        // The enum is not exhaustive.
        _ => TroubleKind::Stack,
    }
}

/// The trouble behind the name of a D-Bus error.
pub(super) fn of_dbus(name: &str) -> TroubleKind {
    if name == "org.bluez.Error.Blocked" {
        return TroubleKind::PoweredOff;
    }
    let Some(standard) = name.strip_prefix("org.freedesktop.DBus.Error.") else {
        return TroubleKind::Stack;
    };
    match standard {
        "AccessDenied" | "AuthFailed" => TroubleKind::Denied,
        // NoReply comes when bluetoothd ends with the call on its desk.
        "ServiceUnknown" | "NameHasNoOwner" | "NoReply" => TroubleKind::NoDaemon,
        "UnknownObject" => TroubleKind::NoAdapter,
        "NoServer" | "Disconnected" | "FileNotFound" | "BadAddress" | "IOError" => TroubleKind::NoBus,
        activation if activation.starts_with("Spawn.") => TroubleKind::NoDaemon,
        _ => TroubleKind::Stack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(kind: ErrorKind) -> TroubleKind {
        of_bluer(&Error { kind, message: "why".to_owned() })
    }

    fn dbus(name: &str) -> TroubleKind {
        kind(ErrorKind::Internal(InternalErrorKind::DBus(name.to_owned())))
    }

    #[test]
    fn every_cause_that_a_person_can_remove_has_a_kind_of_its_own() {
        assert_eq!(kind(ErrorKind::NotFound), TroubleKind::NoAdapter);
        assert_eq!(kind(ErrorKind::NotReady), TroubleKind::PoweredOff);
        assert_eq!(kind(ErrorKind::NotPermitted), TroubleKind::Busy);
        assert_eq!(kind(ErrorKind::InProgress), TroubleKind::Busy);
        assert_eq!(dbus("org.freedesktop.DBus.Error.AccessDenied"), TroubleKind::Denied);
        assert_eq!(dbus("org.freedesktop.DBus.Error.ServiceUnknown"), TroubleKind::NoDaemon);
        assert_eq!(dbus("org.freedesktop.DBus.Error.Spawn.ChildExited"), TroubleKind::NoDaemon);
        assert_eq!(dbus("org.freedesktop.DBus.Error.NoServer"), TroubleKind::NoBus);
        assert_eq!(dbus("org.bluez.Error.Blocked"), TroubleKind::PoweredOff);
        assert_eq!(dbus("org.example.Error.New"), TroubleKind::Stack);
        assert_eq!(kind(ErrorKind::InvalidLength), TroubleKind::Stack);
    }
}
