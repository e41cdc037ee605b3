//! What commissioned devices keep: the key that is printed on them, the address they were last seen with, and what
//! they were given.

use super::{StateError, VERSION, base, document};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};
use thingfleet_device::{
    commissioning::{
        credentials::{Credentials, Network, Stored},
        qr::Address,
        seal::DeviceKey,
    },
    jid::BareJid,
    value::Secret,
};

/// The file's name in the state directory.
pub const KEPT_IN: &str = "devices.json";

/// What the devices of one fleet keep, by their names.
#[derive(Debug, Clone)]
pub struct Devices {
    path: PathBuf,
    kept: BTreeMap<String, Kept>,
}

/// What one device keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
struct Kept {
    /// Seed of its ed25519 key: 64 hexadecimal digits.
    seed: Secret,
    address: Option<Address>,
    stored: Option<Stored>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    devices: BTreeMap<String, Kept>,
}

/// [`Kept`] as it stands in the file. The layout is its own, so that the device core may change its types.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Seed of the ed25519 key, 64 hexadecimal digits.
    key: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given: Option<Given>,
}

/// What a device was given.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    ssid: String,
    network_password: Secret,
    jid: String,
    password: Secret,
    owner: String,
    /// Whether the owner has answered.
    done: bool,
}

impl Devices {
    /// Looks at what the devices of the fleet `name` keep, also while a run holds its state.
    ///
    /// # Errors
    /// [`StateError`], but for [`StateError::InUse`].
    pub fn look(name: &str) -> Result<Self, StateError> {
        Self::read(&base()?.join(name))
    }

    /// Reads them from a state directory.
    pub(super) fn read(directory: &Path) -> Result<Self, StateError> {
        let path = directory.join(KEPT_IN);
        let document: Option<Document> = document::read(&path)?;
        Ok(Self { path, kept: document.map(|document| document.devices).unwrap_or_default() })
    }

    /// Makes a key from the system's randomness for each of these devices that has none, and writes the new ones
    /// down before anybody sees them.
    ///
    /// # Errors
    /// [`StateError::Io`]; the old file is still there then.
    pub fn make_keys<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Result<(), StateError> {
        let made = names.into_iter().filter(|name| self.make_key(name)).count();
        if made == 0 { Ok(()) } else { self.save() }
    }

    /// Makes a key for this device if it has none, without writing it down. Returns whether it made one.
    pub fn make_key(&mut self, name: &str) -> bool {
        let before = self.kept.len();
        let made = || Kept { seed: random_seed(), address: None, stored: None };
        self.kept.entry(name.to_owned()).or_insert_with(made);
        self.kept.len() > before
    }

    /// The key of a device, if it has one yet.
    pub fn key(&self, name: &str) -> Option<DeviceKey> {
        let seed = &self.kept.get(name)?.seed;
        Some(DeviceKey::from_seed(bytes(seed).expect("it was checked when it was read")))
    }

    /// The address a device was last seen with.
    pub fn address(&self, name: &str) -> Option<Address> {
        self.kept.get(name)?.address
    }

    /// Remembers an address. Returns whether it is news.
    pub fn seen(&mut self, name: &str, address: Address) -> bool {
        let Some(kept) = self.kept.get_mut(name) else { return false };
        kept.address.replace(address) != Some(address)
    }

    /// What a device was given.
    pub fn stored(&self, name: &str) -> Option<&Stored> {
        self.kept.get(name)?.stored.as_ref()
    }

    /// Keeps what a device was given, or forgets it.
    pub fn store(&mut self, name: &str, stored: Option<Stored>) {
        if let Some(kept) = self.kept.get_mut(name) {
            kept.stored = stored;
        }
    }

    /// Forgets a device altogether: its next key is another one.
    pub fn discard(&mut self, name: &str) {
        self.kept.remove(name);
    }

    /// Writes everything down.
    ///
    /// # Errors
    /// [`StateError::Io`]; the old file is still there then.
    pub fn save(&self) -> Result<(), StateError> {
        document::write(&self.path, &Document { version: VERSION, devices: self.kept.clone() })
    }
}

impl From<Kept> for Written {
    fn from(Kept { seed, address, stored }: Kept) -> Self {
        let given = stored.map(|Stored { credentials, is_done }| Given {
            ssid: credentials.network.ssid,
            network_password: credentials.network.password,
            jid: credentials.jid.as_str().to_owned(),
            password: credentials.password,
            owner: credentials.owner.as_str().to_owned(),
            done: is_done,
        });
        Self { key: seed, address: address.map(|address| address.to_string()), given }
    }
}

impl TryFrom<Written> for Kept {
    type Error = String;

    /// Says what is wrong, without a secret.
    fn try_from(Written { key, address, given }: Written) -> Result<Self, String> {
        bytes(&key).ok_or("a key is not 64 hexadecimal digits")?;
        let address = address
            .map(|text| text.parse().map_err(|error| format!("address {text:?}: {error}")))
            .transpose()?;
        let jid = |text: &str| BareJid::parse(text).map_err(|error| format!("{text:?}: {error}"));
        let stored = given
            .map(|given| {
                let (owner, account) = (jid(&given.owner)?, jid(&given.jid)?);
                let network = Network { ssid: given.ssid, password: given.network_password };
                let credentials = Credentials { network, jid: account, password: given.password, owner };
                Ok::<_, String>(Stored { credentials, is_done: given.done })
            })
            .transpose()?;
        Ok(Self { seed: key, address, stored })
    }
}

fn random_seed() -> Secret {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the system has randomness");
    Secret::new(seed.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text takes everything");
        text
    }))
}

fn bytes(seed: &Secret) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let text = seed.reveal();
    if text.len() != 2 * bytes.len() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, place) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(&text[place..place + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};
    use std::{fs, os::unix::fs::PermissionsExt};

    fn stored() -> Stored {
        let jid = |text| BareJid::parse(text).unwrap();
        Stored {
            credentials: Credentials {
                network: Network { ssid: "Home".into(), password: Secret::new("correct horse") },
                jid: jid("kettle@example.org"),
                password: Secret::new("hunter2"),
                owner: jid("juliet@example.org"),
            },
            is_done: true,
        }
    }

    #[test]
    fn the_next_run_finds_key_address_and_credentials() {
        let base = tempfile::tempdir().unwrap();
        let address = Address([0xC0, 1, 2, 3, 4, 5]);
        let state = State::open_in(base.path(), "kitchen").unwrap();
        let mut first = state.devices().unwrap();
        first.make_keys(["kettle", "lamp"]).unwrap();
        first.store("kettle", Some(stored()));
        assert!(first.seen("kettle", address));
        assert!(!first.seen("kettle", address));
        first.save().unwrap();

        let mut second = state.devices().unwrap();
        second.make_keys(["kettle", "lamp", "fan"]).unwrap();

        assert_eq!(second.key("kettle"), first.key("kettle"));
        assert_ne!(second.key("kettle"), second.key("lamp"));
        assert_eq!(second.address("kettle"), Some(address));
        assert_eq!(second.stored("kettle"), Some(&stored()));
        assert_eq!((second.address("lamp"), second.stored("lamp")), (None, None));
        assert!(second.key("fan").is_some());
        let mode = fs::metadata(state.path().join(KEPT_IN)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_discarded_device_gets_another_key() {
        let base = tempfile::tempdir().unwrap();
        let mut devices = State::open_in(base.path(), "kitchen").unwrap().devices().unwrap();
        devices.make_keys(["kettle"]).unwrap();
        let before = devices.key("kettle");
        devices.discard("kettle");
        devices.make_keys(["kettle"]).unwrap();
        assert_ne!(devices.key("kettle"), before);
    }

    #[test]
    fn nothing_in_it_is_printed() {
        let base = tempfile::tempdir().unwrap();
        let mut devices = State::open_in(base.path(), "kitchen").unwrap().devices().unwrap();
        devices.make_keys(["kettle"]).unwrap();
        devices.store("kettle", Some(stored()));
        let text = fs::read_to_string(base.path().join("kitchen").join(KEPT_IN)).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let shown = format!("{devices:?}");
        for secret in ["hunter2", "correct horse", document["devices"]["kettle"]["key"].as_str().unwrap()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn a_damaged_file_is_named_and_kept() {
        let base = tempfile::tempdir().unwrap();
        let state = State::open_in(base.path(), "kitchen").unwrap();
        let file = state.path().join(KEPT_IN);
        let key = "00".repeat(32);
        for text in [
            "{".to_owned(),
            r#"{"version":1}"#.to_owned(),
            r#"{"version":1,"devices":{"kettle":{"key":"0"}}}"#.to_owned(),
            format!(r#"{{"version":1,"devices":{{"kettle":{{"key":"{key}","address":"1:2"}}}}}}"#),
            format!(
                r#"{{"version":1,"devices":{{"kettle":{{"key":"{key}","given":{{"ssid":"Home",
                "network_password":"","jid":"nobody","password":"hunter2","owner":"a@b","done":true}}}}}}}}"#
            ),
        ] {
            fs::write(&file, &text).unwrap();
            let error = state.devices().unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{text}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"));
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        fs::write(&file, r#"{"version":2,"devices":[]}"#).unwrap();
        assert!(matches!(state.devices(), Err(StateError::TooNew { version: 2, .. })));
    }
}
