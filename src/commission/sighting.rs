//! What is seen of a device before anybody connects to it: its advertisement and its scan response.

use super::central::Peer;
use thingfleet_device::{
    commissioning::gatt::{PROVISIONING, Uuid},
    definition::Security,
};

/// Version of the manufacturer data that is understood.
const VERSION: u8 = 1;

/// AD types (Assigned Numbers, 2.3).
mod ad {
    pub(super) const SOME_UUIDS_16: u8 = 0x02;
    pub(super) const ALL_UUIDS_16: u8 = 0x03;
    pub(super) const SOME_UUIDS_128: u8 = 0x06;
    pub(super) const ALL_UUIDS_128: u8 = 0x07;
    pub(super) const SHORTENED_NAME: u8 = 0x08;
    pub(super) const COMPLETE_NAME: u8 = 0x09;
    pub(super) const MANUFACTURER: u8 = 0xFF;
}

/// A device as it is seen in the air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Who it is.
    pub peer: Peer,
    /// Its signal in dBm, where the radio tells.
    pub rssi: Option<i16>,
    /// Its local name.
    pub name: Option<String>,
    /// Whether that name is only the beginning of a longer one.
    pub is_shortened: bool,
    /// The services it names.
    pub services: Vec<Uuid>,
    /// Manufacturer data by company identifier.
    pub manufacturer: Vec<(u16, Vec<u8>)>,
}

/// How a device says its writes are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// So.
    Security(Security),
    /// It says nothing, as the reference firmware, which takes plain writes.
    Nothing,
    /// In words nobody here knows.
    Unknown,
}

impl Sighting {
    /// A device of which nothing is known yet but its address.
    pub const fn new(peer: Peer) -> Self {
        Self {
            peer,
            rssi: None,
            name: None,
            is_shortened: false,
            services: Vec::new(),
            manufacturer: Vec::new(),
        }
    }

    /// Reads advertising data or scan response data (Core 5.4, Vol 3, Part C, 11). What is malformed is passed over.
    #[must_use]
    pub fn with_data(mut self, mut data: &[u8]) -> Self {
        while let [length, rest @ ..] = data
            && let Some((structure, rest)) = rest.split_at_checked(usize::from(*length))
        {
            if let [kind, content @ ..] = structure {
                self.take(*kind, content);
            }
            data = rest;
        }
        self
    }

    /// Adds what another packet of the same device said.
    pub fn merge(&mut self, other: Self) {
        self.rssi = other.rssi.or(self.rssi);
        if other.name.is_some() {
            (self.name, self.is_shortened) = (other.name, other.is_shortened);
        }
        for service in other.services {
            self.add_service(service);
        }
        for (company, data) in other.manufacturer {
            self.manufacturer.retain(|(known, _)| *known != company);
            self.manufacturer.push((company, data));
        }
    }

    /// Whether it waits to be commissioned.
    pub fn is_waiting(&self) -> bool {
        self.services.contains(&PROVISIONING)
    }

    /// How it says its writes are protected.
    pub fn announced(&self) -> Announced {
        let levels = self.manufacturer.iter().map(|(_, data)| match **data {
            [VERSION, level] => Security::with_level(level),
            _ => None,
        });
        match levels.reduce(Option::or) {
            None => Announced::Nothing,
            Some(None) => Announced::Unknown,
            Some(Some(security)) => Announced::Security(security),
        }
    }

    fn take(&mut self, kind: u8, content: &[u8]) {
        match kind {
            ad::SOME_UUIDS_16 | ad::ALL_UUIDS_16 => {
                let (uuids, _) = content.as_chunks();
                for uuid in uuids {
                    self.add_service(Uuid::assigned(u16::from_le_bytes(*uuid)));
                }
            }
            ad::SOME_UUIDS_128 | ad::ALL_UUIDS_128 => {
                let (uuids, _) = content.as_chunks();
                for uuid in uuids {
                    self.add_service(Uuid(u128::from_le_bytes(*uuid)));
                }
            }
            ad::SHORTENED_NAME | ad::COMPLETE_NAME => {
                self.name = Some(String::from_utf8_lossy(content).into_owned());
                self.is_shortened = kind == ad::SHORTENED_NAME;
            }
            ad::MANUFACTURER => {
                if let [low, high, data @ ..] = content {
                    self.manufacturer.push((u16::from_le_bytes([*low, *high]), data.to_vec()));
                }
            }
            _ => {}
        }
    }

    fn add_service(&mut self, service: Uuid) {
        if !self.services.contains(&service) {
            self.services.push(service);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_device::commissioning::{
        advertisement::Advertisement, gatt::DEVICE_INFORMATION, qr::Address,
    };

    const PEER: Peer = Peer { address: Address([0xC0, 0xFF, 0xEE, 0, 0, 1]), is_random: true };

    #[test]
    fn what_our_devices_advertise_is_understood() {
        for security in [Security::Open, Security::Encrypted, Security::Sealed] {
            let advertisement = Advertisement::new("Electric kettle", 0xFFFF, security);
            let mut sighting = Sighting::new(PEER).with_data(&advertisement.advertising_data());
            assert!(sighting.is_waiting());
            assert_eq!(sighting.services, [PROVISIONING, DEVICE_INFORMATION]);
            assert_eq!(sighting.announced(), Announced::Security(security));

            sighting.merge(Sighting::new(PEER).with_data(&advertisement.scan_response()));

            assert_eq!(sighting.name.as_deref(), Some("Electric kettle"));
            assert_eq!(sighting.announced(), Announced::Security(security));
        }
    }

    #[test]
    fn what_others_advertise_is_not_mistaken_for_it() {
        let nothing = Sighting::new(PEER);
        assert_eq!((nothing.announced(), nothing.is_waiting()), (Announced::Nothing, false));
        let future = Sighting::new(PEER).with_data(&[5, 0xFF, 0xFF, 0xFF, 2, 0]);
        assert_eq!(future.announced(), Announced::Unknown);
        let level = Sighting::new(PEER).with_data(&[5, 0xFF, 0xFF, 0xFF, 1, 9]);
        assert_eq!(level.announced(), Announced::Unknown);
    }

    #[test]
    fn malformed_data_is_passed_over() {
        for data in [&[][..], &[0, 0, 0], &[9, 0x09, b'a'], &[1, 0xFF], &[2, 0xFF, 1], &[3, 0x07, 1, 2]] {
            assert_eq!(Sighting::new(PEER).with_data(data), Sighting::new(PEER), "{data:?}");
        }
    }
}
