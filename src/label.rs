//! The labels on a fleet's new devices: what the QR code on each of them says.

use std::collections::HashSet;
use thingfleet_device::{
    commissioning::{
        qr::{Address, QrCode},
        seal::PublicKey,
    },
    instance::Commissioning,
    random::Stream,
};
use thingfleet_schema::profile::{Adapter, Adapters, Device, Fleet};

/// What stands on a device that is commissioned over Bluetooth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The device's name in its fleet.
    pub device: String,
    /// What kind of thing it is, for people.
    pub title: String,
    /// Its serial number.
    pub serial: String,
    /// How writes to it are protected, in a word.
    pub security: &'static str,
    /// Its key.
    pub key: PublicKey,
    /// Where it is found.
    pub address: Whereabouts,
}

/// What is known of a device's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// Its own, on every controller that takes one.
    Own(Address),
    /// That of the BlueZ adapter on which it had its last turn; another adapter has another one.
    LastSeen(Address),
    /// Not known until it has its first turn on an adapter of BlueZ's, whose address it takes.
    Unknown,
}

impl Whereabouts {
    /// The address, as far as it is known.
    pub const fn address(self) -> Option<Address> {
        match self {
            Self::Own(address) | Self::LastSeen(address) => Some(address),
            Self::Unknown => None,
        }
    }
}

impl Label {
    /// The QR code, if the address is known.
    pub fn code(&self) -> Option<QrCode> {
        self.address.address().map(|address| QrCode { address, key: self.key })
    }
}

/// What is kept of a device for its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its key.
    pub key: PublicKey,
    /// The address it was last seen with.
    pub address: Option<Address>,
}

/// The labels of a fleet's commissioned devices, in order; `kept` knows what is kept of a device by its place and name.
/// A device without a key has no label.
pub fn labels(fleet: &Fleet, kept: impl Fn(usize, &str) -> Option<Kept>) -> Vec<Label> {
    let label = |(place, (device, own)): (usize, (&Device, Address))| {
        let Kept { key, address: seen } = kept(place, &device.name)?;
        let address = whereabouts(&fleet.adapters, own, seen);
        Some(Label {
            device: device.name.clone(),
            title: device.definition.title.clone(),
            serial: device.serial.clone(),
            security: device.definition.bluetooth.security.name(),
            key,
            address,
        })
    };
    let devices = fleet.devices.iter().zip(own_addresses(fleet)).enumerate();
    devices.filter(|(_, (device, _))| is_commissioned(device)).filter_map(label).collect()
}

/// What is known of the address of a device whose own is `own`, and that was last seen with `seen`.
pub fn whereabouts(adapters: &Adapters, own: Address, seen: Option<Address>) -> Whereabouts {
    match (takes_any_address(adapters), seen) {
        (true, _) => Whereabouts::Own(own),
        (false, Some(seen)) => Whereabouts::LastSeen(seen),
        (false, None) => Whereabouts::Unknown,
    }
}

/// Whether a device waits over Bluetooth for whoever commissions it.
pub fn is_commissioned(device: &Device) -> bool {
    device.commissioning == Commissioning::Bluetooth
}

/// Whether a device has its own address on each of these adapters. BlueZ's keep theirs.
fn takes_any_address(adapters: &Adapters) -> bool {
    match adapters {
        Adapters::Auto => false,
        Adapters::Virtual { .. } => true,
        Adapters::Named(adapters) => adapters.iter().all(|adapter| match adapter {
            Adapter::BlueZ(_) => false,
            Adapter::Tcp(_) | Adapter::Serial { .. } => true,
        }),
    }
}

/// The random static address of each device (Bluetooth Core 5.4, Vol 6, Part B, 1.3.2.1): the same at every run of the
/// fleet, and no two alike.
pub fn own_addresses(fleet: &Fleet) -> Vec<Address> {
    let mut taken = HashSet::new();
    let own = |device: &Device| {
        own_address(fleet.seed, &fleet.name, &device.name, |address| !taken.insert(address))
    };
    fleet.devices.iter().map(own).collect()
}

/// Such an address for one device of a fleet.
pub fn own_address(
    seed: u64,
    fleet: &str,
    device: &str,
    mut is_taken: impl FnMut(Address) -> bool,
) -> Address {
    let mut random = Stream::new(seed, device, fleet, "bluetooth address");
    let mut draws = std::iter::repeat_with(|| random_static(&mut random));
    draws.find(|address| !is_taken(*address)).expect("it draws for ever")
}

fn random_static(random: &mut Stream) -> Address {
    loop {
        let mut bytes = [0; 6];
        for byte in &mut bytes {
            *byte = u8::try_from(random.below(1 << 8)).expect("it is below 256");
        }
        bytes[0] |= 0b1100_0000;
        // The 46 random bits are neither all 0 nor all 1.
        if bytes != [0xC0, 0, 0, 0, 0, 0] && bytes != [0xFF; 6] {
            return Address(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_device::commissioning::seal::DeviceKey;
    use thingfleet_schema::profile::{Surroundings, read};

    fn fleet(name: &str, settings: &str) -> Fleet {
        let text = format!(
            "fleet: {name}\n{settings}\ncommissioning: bluetooth\ngroups:\n  - {{ definition: lamp, count: 500 }}\n  \
             - {{ definition: door, commissioning: preset }}\n  - {{ definition: smoke-alarm }}\n"
        );
        read("x.yaml", &text, &Surroundings::default()).unwrap()
    }

    fn key() -> PublicKey {
        DeviceKey::from_seed([7; 32]).public()
    }

    #[test]
    fn a_fleets_addresses_are_random_static_unique_and_the_same_at_every_run() {
        let addresses = own_addresses(&fleet("home", "seed: 4"));
        assert_eq!(addresses, own_addresses(&fleet("home", "seed: 4")));
        assert!(addresses.iter().all(|address| address.0[0] >= 0xC0));
        assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), addresses.len());
        assert_ne!(addresses[0], own_addresses(&fleet("home", "seed: 5"))[0]);
        assert_ne!(addresses[0], own_addresses(&fleet("house", "seed: 4"))[0]);
    }

    #[test]
    fn commissioned_devices_with_a_key_have_labels() {
        let fleet = fleet("home", "adapters: virtual");
        let kept = |_, name: &str| (name != "lamp-7").then(|| Kept { key: key(), address: None });
        let labels = labels(&fleet, kept);
        assert_eq!(labels.len(), 500);
        let last = labels.last().unwrap();
        assert_eq!((last.device.as_str(), last.title.as_str()), ("smoke-alarm", "Smoke alarm"));
        assert_eq!(last.security, "sealed");
        assert_eq!(last.address, Whereabouts::Own(own_addresses(&fleet)[501]));
    }

    #[test]
    fn on_bluez_the_address_is_known_once_the_device_had_its_turn() {
        let seen = Address([0, 1, 2, 3, 4, 5]);
        for (adapters, takes_any) in [
            ("auto", false),
            ("[hci0, \"tcp:localhost:6402\"]", false),
            ("[\"tcp:localhost:6402\", \"serial:/dev/ttyACM0\"]", true),
        ] {
            let fleet = fleet("home", &format!("adapters: {adapters}"));
            let address = |address| labels(&fleet, |_, _| Some(Kept { key: key(), address }))[0].address;
            let own = Whereabouts::Own(own_addresses(&fleet)[0]);
            assert_eq!(address(None), if takes_any { own } else { Whereabouts::Unknown }, "{adapters}");
            assert_eq!(address(Some(seen)), if takes_any { own } else { Whereabouts::LastSeen(seen) });
        }
    }
}
