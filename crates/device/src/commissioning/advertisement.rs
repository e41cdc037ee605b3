//! What an unprovisioned device advertises: two payloads of at most 31 bytes.

use super::gatt::{DEVICE_INFORMATION, PROVISIONING};
use crate::definition::Security;
use alloc::vec::Vec;

/// Longest legacy advertising or scan response payload, in bytes (Core 5.4, Vol 6, Part B, 2.3.1).
pub const MAX_PAYLOAD: usize = 31;
/// Longest local name that fits into a scan response of its own, in bytes.
pub const MAX_NAME: usize = MAX_PAYLOAD - 2;
/// Version of the manufacturer data.
const VERSION: u8 = 1;

/// AD types (Assigned Numbers, 2.3).
mod ad {
    pub(super) const FLAGS: u8 = 0x01;
    pub(super) const UUIDS_16: u8 = 0x03;
    pub(super) const UUIDS_128: u8 = 0x07;
    pub(super) const COMPLETE_NAME: u8 = 0x09;
    pub(super) const MANUFACTURER: u8 = 0xFF;
}

/// LE General Discoverable, and no classic Bluetooth.
const FLAGS: u8 = 0b0000_0110;

/// The advertising data and the scan response of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// Company identifier of the manufacturer data.
    pub company: u16,
    /// The manufacturer data after the company identifier: version and how writes are protected
    /// (0 open, 1 encrypted link, 2 sealed values).
    pub manufacturer: [u8; 2],
    name: alloc::string::String,
}

impl Advertisement {
    /// The advertisement of a device with this name of at most [`MAX_NAME`] bytes.
    pub fn new(name: &str, company: u16, security: Security) -> Self {
        Self { company, manufacturer: [VERSION, security.level()], name: name.into() }
    }

    /// Flags, services and manufacturer data: exactly [`MAX_PAYLOAD`] bytes.
    pub fn advertising_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(MAX_PAYLOAD);
        push(&mut data, ad::FLAGS, &[FLAGS]);
        push(&mut data, ad::UUIDS_128, &PROVISIONING.to_le_bytes());
        let information = DEVICE_INFORMATION.short().expect("it is an assigned number");
        push(&mut data, ad::UUIDS_16, &information.to_le_bytes());
        let [low, high] = self.company.to_le_bytes();
        let [version, security] = self.manufacturer;
        push(&mut data, ad::MANUFACTURER, &[low, high, version, security]);
        data
    }

    /// The local name, as much of it as fits.
    pub fn scan_response(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(MAX_PAYLOAD);
        let name = self.name.as_bytes();
        push(&mut data, ad::COMPLETE_NAME, &name[..name.len().min(MAX_NAME)]);
        data
    }
}

fn push(data: &mut Vec<u8>, kind: u8, content: &[u8]) {
    let length = u8::try_from(content.len() + 1).expect("no structure is longer than a payload");
    data.extend([length, kind]);
    data.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_payloads_fit_and_say_who_and_how() {
        let advertisement = Advertisement::new("Electric kettle", 0xFFFF, Security::Sealed);
        let data = advertisement.advertising_data();
        assert_eq!(data.len(), MAX_PAYLOAD);
        assert_eq!(data[..3], [2, 0x01, 0x06]);
        assert_eq!(data[25..], [5, 0xFF, 0xFF, 0xFF, 1, 2]);
        assert_eq!(advertisement.scan_response(), b"\x10\x09Electric kettle");
    }

    #[test]
    fn the_longest_name_fills_the_scan_response() {
        let name = "x".repeat(MAX_NAME);
        assert_eq!(Advertisement::new(&name, 0, Security::Open).scan_response().len(), MAX_PAYLOAD);
    }
}
