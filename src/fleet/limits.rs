//! Room for one connection per device: the limit on open files.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files a fleet needs besides one a device.
const SPARE: u64 = 64;

/// Raises the soft limit as far as `devices` need and the hard limit lets it; children inherit it. The private server
/// has to be started afterwards, since it needs as many.
///
/// # Errors
/// A sentence for people if the limit is too low all the same.
pub(super) fn make_room(devices: usize) -> Result<(), String> {
    let needed = devices as u64 + SPARE;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    if soft >= needed {
        return Ok(());
    }
    let most = needed.min(hard);
    setrlimit(Resource::RLIMIT_NOFILE, most, hard).map_err(|error| error.to_string())?;
    if most < needed {
        return Err(format!(
            "{devices} devices need {needed} open files and the limit is {hard}; raise it with `ulimit -n {needed}` \
             as root, or in /etc/security/limits.conf"
        ));
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
            assert!(make_room(too_many).unwrap_err().contains("ulimit -n"));
        }
    }
}
