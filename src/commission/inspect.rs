//! Looks at what a device shows, and says where it differs from the table (thesis Table 4.1, docs/PROTOCOL.md).

use super::{
    central::{Found, Properties},
    report::{Code, Deviation},
    sighting::{Announced, Sighting},
};
use std::collections::BTreeMap;
use thingfleet_device::commissioning::{
    advertisement::MAX_NAME,
    gatt::{COMPLETION, Characteristic, DEVICE_INFORMATION, PROVISIONING, Uuid},
};

/// The characteristics of the table that a device has.
pub(super) type Table = BTreeMap<Characteristic, Found>;

/// What its advertisement lacks.
pub(super) fn advertisement(sighting: &Sighting) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    if sighting.name.as_deref().is_none_or(str::is_empty) {
        deviations.push(deviation(Code::NoName, "the advertisement has no local name"));
    }
    if !sighting.is_waiting() {
        deviations
            .push(deviation(Code::NoServices, format!("the advertisement does not name {PROVISIONING}")));
    }
    match sighting.announced() {
        Announced::Security(_) => {}
        Announced::Nothing => deviations.push(deviation(
            Code::NoManufacturerData,
            "the advertisement does not say how writes are protected; taken as plain",
        )),
        Announced::Unknown => deviations.push(deviation(
            Code::UnknownManufacturerData,
            format!(
                "manufacturer data {:02x?} says nothing that is known; taken as plain",
                sighting.manufacturer
            ),
        )),
    }
    deviations
}

/// Whether the advertised name and Device Name agree.
pub(super) fn name(sighting: &Sighting, device_name: &str) -> Option<Deviation> {
    let advertised = sighting.name.as_deref()?;
    if device_name.len() > MAX_NAME || sighting.is_shortened {
        let length = device_name.len();
        let text = format!("Device Name has {length} bytes; {MAX_NAME} fit into a scan response");
        return Some(deviation(Code::NameTooLong, text));
    }
    let text = || format!("it advertises {advertised:?}, and Device Name is {device_name:?}");
    (advertised != device_name).then(|| deviation(Code::NameDiffers, text()))
}

/// Sorts out what was found. Of characteristics that occur twice the first counts.
pub(super) fn table(found: &[Found]) -> (Table, Vec<Deviation>) {
    let mut table = Table::new();
    let mut deviations = Vec::new();
    for one in found {
        let Some(characteristic) = Characteristic::with_uuid(one.uuid) else { continue };
        if table.contains_key(&characteristic) {
            let text = format!("{} ({}) is there more than once", characteristic.name(), one.uuid);
            deviations.push(deviation(Code::DuplicateUuid, text));
            continue;
        }
        deviations.extend(place(characteristic, one.service));
        deviations.extend(properties(characteristic, one.properties));
        table.insert(characteristic, *one);
    }
    for characteristic in Characteristic::ALL {
        if !table.contains_key(&characteristic) {
            let text = format!("{} ({}) is missing", characteristic.name(), characteristic.uuid());
            deviations.push(deviation(Code::MissingCharacteristic, text));
        }
    }
    (table, deviations)
}

/// Looks at a piece of information. Control characters and terminators are no text.
pub(super) fn information(characteristic: Characteristic, value: &[u8]) -> Option<Deviation> {
    let name = characteristic.name();
    if value.is_empty() {
        return Some(deviation(Code::EmptyInformation, format!("{name} is empty")));
    }
    let is_plain = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    (!is_plain).then(|| deviation(Code::NotAscii, format!("{name} is not plain ASCII: {:?}", text(value))))
}

/// A value as text for people.
pub(super) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn place(characteristic: Characteristic, service: Uuid) -> Option<Deviation> {
    let is_information = Characteristic::INFORMATION.contains(&characteristic);
    let expected = if is_information { DEVICE_INFORMATION } else { PROVISIONING };
    let name = characteristic.name();
    if service == expected {
        return None;
    }
    if characteristic == Characteristic::SetupDone && service == COMPLETION {
        let text = "Setup Done is in a service of its own, as in the reference firmware";
        return Some(deviation(Code::SecondService, text));
    }
    Some(deviation(
        Code::MisplacedCharacteristic,
        format!("{name} is in service {service}, not in {expected}"),
    ))
}

fn properties(characteristic: Characteristic, properties: Properties) -> Option<Deviation> {
    let name = characteristic.name();
    if !characteristic.is_writable() {
        let text = || format!("{name} cannot be read");
        return (!properties.have(Properties::READ)).then(|| deviation(Code::NotReadable, text()));
    }
    if properties.have(Properties::READ) && characteristic != Characteristic::SetupDone {
        return Some(deviation(Code::ReadableCredential, format!("{name} can be read by anybody")));
    }
    let text = || format!("{name} cannot be written with a response");
    (!properties.have(Properties::WRITE)).then(|| deviation(Code::NoWriteResponse, text()))
}

fn deviation(code: Code, text: impl Into<String>) -> Deviation {
    Deviation { code, text: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commission::central::{Handle, Peer};
    use thingfleet_device::commissioning::qr::Address;

    fn complete() -> Vec<Found> {
        let found = |(number, characteristic): (u16, Characteristic)| Found {
            service: if characteristic.is_writable() { PROVISIONING } else { DEVICE_INFORMATION },
            uuid: characteristic.uuid(),
            properties: if characteristic.is_writable() { Properties::WRITE } else { Properties::READ },
            handle: Handle(number),
        };
        (1..).zip(Characteristic::ALL).map(found).collect()
    }

    fn codes(deviations: &[Deviation]) -> Vec<Code> {
        deviations.iter().map(|one| one.code).collect()
    }

    fn place_of(characteristic: Characteristic) -> usize {
        Characteristic::ALL.iter().position(|one| *one == characteristic).unwrap()
    }

    #[test]
    fn the_table_of_the_thesis_is_no_deviation() {
        let (table, deviations) = table(&complete());
        assert_eq!(deviations, []);
        assert_eq!(table.len(), Characteristic::ALL.len());
    }

    #[test]
    fn each_difference_has_its_code() {
        let setup_done = place_of(Characteristic::SetupDone);
        let ssid = place_of(Characteristic::Ssid);
        let check = |code: Code, change: &dyn Fn(&mut Vec<Found>)| {
            let mut found = complete();
            change(&mut found);
            assert_eq!(codes(&table(&found).1), [code]);
        };
        check(Code::SecondService, &|found| found[setup_done].service = COMPLETION);
        check(Code::MisplacedCharacteristic, &|found| found[ssid].service = COMPLETION);
        check(Code::DuplicateUuid, &|found| found.push(found[ssid]));
        check(Code::MissingCharacteristic, &|found| found.truncate(setup_done));
        check(Code::ReadableCredential, &|found| {
            found[ssid].properties = Properties::READ.and(Properties::WRITE);
        });
        check(Code::NoWriteResponse, &|found| found[ssid].properties = Properties::WRITE_WITHOUT_RESPONSE);
        check(Code::NotReadable, &|found| found[0].properties = Properties::NOTIFY);
    }

    #[test]
    fn information_is_text_that_every_client_can_show() {
        assert_eq!(information(Characteristic::SerialNumber, b"SN-0042"), None);
        let code = |value| information(Characteristic::SerialNumber, value).map(|one| one.code);
        assert_eq!(code(b""), Some(Code::EmptyInformation));
        assert_eq!(code("Müller".as_bytes()), Some(Code::NotAscii));
        assert_eq!(code(b"SN-0042\0"), Some(Code::NotAscii));
    }

    #[test]
    fn a_name_is_the_same_before_and_after_connecting() {
        let peer = Peer { address: Address([1; 6]), is_random: true };
        let mut sighting = Sighting::new(peer);
        sighting.name = Some("Kettle".to_owned());
        let code = |sighting: &Sighting, device: &str| name(sighting, device).map(|one| one.code);
        assert_eq!(code(&sighting, "Kettle"), None);
        assert_eq!(code(&sighting, "Pot"), Some(Code::NameDiffers));
        assert_eq!(code(&sighting, &"Kettle".repeat(5)), Some(Code::NameTooLong));
        sighting.is_shortened = true;
        assert_eq!(code(&sighting, "Kettle and more"), Some(Code::NameTooLong));
    }

    #[test]
    fn an_advertisement_without_anything_is_noticed_in_full() {
        let bare = Sighting::new(Peer { address: Address([1; 6]), is_random: true });
        assert_eq!(codes(&advertisement(&bare)), [Code::NoName, Code::NoServices, Code::NoManufacturerData]);
        let unknown = Sighting { manufacturer: vec![(0xFFFF, vec![7, 7])], ..bare };
        assert!(codes(&advertisement(&unknown)).contains(&Code::UnknownManufacturerData));
    }
}
