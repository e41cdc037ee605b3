//! Room for one connection per device: the limit on open files.

use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
};

/// Files a fleet needs besides one a device.
const SPARE: u64 = 64;

/// Why there is no room.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LimitError {
    /// The hard limit is too low.
    #[error(
        "{devices} devices need {needed} open files and the limit is {hard} (RLIMIT_NOFILE); raise it with \
         `ulimit -n {needed}` as root, in /etc/security/limits.conf, with `LimitNOFILE=` of a systemd unit or \
         `--ulimit nofile=` of a container"
    )]
    TooLow {
        /// Devices in the fleet.
        devices: usize,
        /// Files they need.
        needed: u64,
        /// The limit.
        hard: u64,
    },
    /// The system does not say or set it.
    #[error("the limit of open files cannot be read or raised")]
    System(#[from] Errno),
}

/// Raises the soft limit as far as `devices` need and the hard limit lets it; children inherit it. The private server
/// has to be started afterwards, since it needs as many.
///
/// # Errors
/// [`LimitError`] if the limit is too low all the same.
pub fn make_room(devices: usize) -> Result<(), LimitError> {
    let needed = devices as u64 + SPARE;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= needed {
        return Ok(());
    }
    let most = needed.min(hard);
    setrlimit(Resource::RLIMIT_NOFILE, most, hard)?;
    if most < needed {
        return Err(LimitError::TooLow { devices, needed, hard });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_explained() {
        assert_eq!(make_room(1), Ok(()));
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        if let Ok(devices) = usize::try_from(hard) {
            let Some(too_many) = devices.checked_add(1) else { return };
            assert!(make_room(too_many).unwrap_err().to_string().contains("ulimit -n"));
        }
    }
}
