//! What makes a board one of a kind: its key and its address, made once and kept beside its image, so that a label that
//! was printed stays true.

use crate::PackError;
use serde::{Deserialize, Serialize};
use std::{fs, io::ErrorKind, path::Path};
use thingfleet_device::commissioning::seal::DeviceKey;

/// A board's own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) key: DeviceKey,
    /// A random static address (Bluetooth Core 5.4, Vol 6, Part B, 1.3.2.1).
    pub(crate) address: [u8; 6],
}

/// That of the device of this name, which is made if there is none yet.
pub(crate) fn of(directory: &Path, name: &str) -> Result<Identity, PackError> {
    let path = directory.join(format!("{name}.identity.json"));
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| PackError::Identity { path, source }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let identity = made()?;
            let text = serde_json::to_vec(&identity).map_err(|_| PackError::Encoding)?;
            fs::create_dir_all(directory)
                .and_then(|()| fs::write(&path, text))
                .map_err(|source| PackError::Write { path, source })?;
            Ok(identity)
        }
        Err(source) => Err(PackError::Read { path, source }),
    }
}

fn made() -> Result<Identity, PackError> {
    let (mut seed, mut address) = ([0; 32], [0; 6]);
    getrandom::fill(&mut seed).map_err(PackError::Randomness)?;
    // Not all of the 46 random bits may be alike; that they are by chance is not to be waited for.
    getrandom::fill(&mut address).map_err(PackError::Randomness)?;
    address[0] |= 0b1100_0000;
    Ok(Identity { key: DeviceKey::from_seed(seed), address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_keeps_what_its_label_says() {
        let directory = tempfile::tempdir().unwrap();
        let (first, again) = (of(directory.path(), "lamp").unwrap(), of(directory.path(), "lamp").unwrap());
        let other = of(directory.path(), "door").unwrap();

        assert_eq!((first.address, first.key.public()), (again.address, again.key.public()));
        assert_ne!(first.key.public(), other.key.public());
        assert_eq!(first.address[0] >> 6, 0b11, "a random static address");
    }

    #[test]
    fn an_identity_that_is_none_is_said_so() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("lamp.identity.json"), "{}").unwrap();
        assert!(matches!(of(directory.path(), "lamp"), Err(PackError::Identity { .. })));
    }
}
