//! The GATT table of thesis Table 4.1, once: every backend, client and document takes it from here.

use super::advertisement::Advertisement;
use crate::{
    definition::{Bluetooth, Definition, Layout, Security},
    instance::Instance,
};
use alloc::{string::String, vec, vec::Vec};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Longest value of an attribute, in bytes (Bluetooth Core 5.4, Vol 3, Part F, 3.2.9).
pub const MAX_VALUE: usize = 512;

/// A Bluetooth UUID, most significant byte first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

impl Uuid {
    /// The UUID behind a number of 16 bits that the Bluetooth SIG assigned.
    pub const fn assigned(short: u16) -> Self {
        Self(0x0000_0000_0000_1000_8000_0080_5F9B_34FB | (short as u128) << 96)
    }

    /// That number, if it is one.
    pub fn short(self) -> Option<u16> {
        let short = u16::try_from(self.0 >> 96).ok()?;
        (Self::assigned(short) == self).then_some(short)
    }

    /// Its bytes as they go over the air, least significant first.
    pub const fn to_le_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |bits: u32| self.0 >> bits & 0xFFFF;
        write!(f, "{:08x}-{:04x}-{:04x}-{:04x}", self.0 >> 96, part(80), part(64), part(48))?;
        write!(f, "-{:012x}", self.0 & 0xFFFF_FFFF_FFFF)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Device Information (thesis Table 4.1).
pub const DEVICE_INFORMATION: Uuid = Uuid::assigned(0x180A);
/// The service that takes credentials (thesis Table 4.1).
pub const PROVISIONING: Uuid = Uuid(0x0000_0001_0000_0000_0000_0000_0000_0001);
/// The service in which the reference firmware has Setup Done.
pub const COMPLETION: Uuid = Uuid(0x0000_0002_0000_0000_0000_0000_0000_0001);

/// A characteristic of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Characteristic {
    /// Language of the device (BCP 47).
    Language,
    /// Hardware revision.
    HardwareRevision,
    /// Software revision.
    SoftwareRevision,
    /// Serial number.
    SerialNumber,
    /// Manufacturer name.
    ManufacturerName,
    /// Name of the wireless network.
    Ssid,
    /// Password of the wireless network; empty where it has none.
    NetworkPassword,
    /// Bare JID of the device's account.
    Jid,
    /// Password of that account.
    JidPassword,
    /// Bare JID of the owner, whom the device greets.
    JidSender,
    /// One byte, 1: everything is written.
    SetupDone,
}

impl Characteristic {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::Language,
        Self::HardwareRevision,
        Self::SoftwareRevision,
        Self::SerialNumber,
        Self::ManufacturerName,
        Self::Ssid,
        Self::NetworkPassword,
        Self::Jid,
        Self::JidPassword,
        Self::JidSender,
        Self::SetupDone,
    ];

    /// The readable ones, in the Device Information service.
    pub const INFORMATION: [Self; 5] = [
        Self::Language,
        Self::HardwareRevision,
        Self::SoftwareRevision,
        Self::SerialNumber,
        Self::ManufacturerName,
    ];

    /// The writable ones that carry credentials.
    pub const CREDENTIALS: [Self; 5] =
        [Self::Ssid, Self::NetworkPassword, Self::Jid, Self::JidPassword, Self::JidSender];

    /// Its UUID.
    pub const fn uuid(self) -> Uuid {
        const fn own(number: u128) -> Uuid {
            Uuid(number << 96 | 2)
        }
        match self {
            Self::Language => Uuid::assigned(0x2AA2),
            Self::HardwareRevision => Uuid::assigned(0x2A27),
            Self::SoftwareRevision => Uuid::assigned(0x2A28),
            Self::SerialNumber => Uuid::assigned(0x2A25),
            Self::ManufacturerName => Uuid::assigned(0x2A29),
            Self::Ssid => own(1),
            Self::NetworkPassword => own(2),
            Self::Jid => own(3),
            Self::JidPassword => own(4),
            Self::JidSender => own(5),
            Self::SetupDone => own(6),
        }
    }

    /// The characteristic with this UUID.
    pub fn with_uuid(uuid: Uuid) -> Option<Self> {
        Self::ALL.into_iter().find(|characteristic| characteristic.uuid() == uuid)
    }

    /// What people call it: `Wi-Fi SSID`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Language => "Language",
            Self::HardwareRevision => "Hardware Revision",
            Self::SoftwareRevision => "Software Revision",
            Self::SerialNumber => "Serial Number",
            Self::ManufacturerName => "Manufacturer Name",
            Self::Ssid => "Wi-Fi SSID",
            Self::NetworkPassword => "Wi-Fi password",
            Self::Jid => "JID",
            Self::JidPassword => "JID password",
            Self::JidSender => "JID sender",
            Self::SetupDone => "Setup Done",
        }
    }

    /// What a client may do with it. Nothing is both readable and writable.
    pub const fn is_writable(self) -> bool {
        match self {
            Self::Language
            | Self::HardwareRevision
            | Self::SoftwareRevision
            | Self::SerialNumber
            | Self::ManufacturerName => false,
            Self::Ssid
            | Self::NetworkPassword
            | Self::Jid
            | Self::JidPassword
            | Self::JidSender
            | Self::SetupDone => true,
        }
    }
}

/// A primary service and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its UUID.
    pub uuid: Uuid,
    /// Its characteristics, in order.
    pub characteristics: Vec<Characteristic>,
}

/// Everything a radio has to know to be this device's peripheral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peripheral {
    /// Device Name (0x2A00) and local name: 1 to 29 bytes.
    pub name: String,
    /// Appearance (0x2A01).
    pub appearance: u16,
    /// The services besides Generic Access and Generic Attribute, which the stack brings along.
    pub services: Vec<Service>,
    /// Whether the information can be subscribed to as well as read.
    pub notify: bool,
    /// How writes are protected.
    pub security: Security,
    /// What is advertised.
    pub advertisement: Advertisement,
    information: [String; Characteristic::INFORMATION.len()],
}

impl Peripheral {
    /// The peripheral of one device.
    pub fn new(definition: &Definition, instance: &Instance) -> Self {
        let Bluetooth { name, appearance, company, layout, notify, security, .. } = &definition.bluetooth;
        let mut provisioning = Characteristic::CREDENTIALS.to_vec();
        let mut services =
            vec![Service { uuid: DEVICE_INFORMATION, characteristics: Characteristic::INFORMATION.to_vec() }];
        // The client looks for characteristics by UUID over all services: each may be there only once.
        match layout {
            Layout::OneService => {
                provisioning.push(Characteristic::SetupDone);
                services.push(Service { uuid: PROVISIONING, characteristics: provisioning });
            }
            Layout::TwoServices => {
                services.push(Service { uuid: PROVISIONING, characteristics: provisioning });
                services.push(Service { uuid: COMPLETION, characteristics: vec![Characteristic::SetupDone] });
            }
        }
        Self {
            name: name.clone(),
            appearance: *appearance,
            services,
            notify: *notify,
            security: *security,
            advertisement: Advertisement::new(name, *company, *security),
            information: [
                definition.language.clone(),
                definition.hardware.clone(),
                definition.software.clone(),
                instance.serial.clone(),
                definition.manufacturer.clone(),
            ],
        }
    }

    /// Lets a client read something else from a characteristic.
    pub(crate) fn claim(&mut self, characteristic: Characteristic, text: &str) {
        let place = Characteristic::INFORMATION.iter().position(|own| *own == characteristic);
        if let Some(place) = place {
            self.information[place] = text.into();
        }
    }

    /// What a client reads from a characteristic, as UTF-8 without a terminator; `None` for those that are written.
    pub fn value(&self, characteristic: Characteristic) -> Option<&str> {
        let place = Characteristic::INFORMATION.iter().position(|own| *own == characteristic)?;
        Some(&self.information[place])
    }
}

/// A whole value that a client wrote; a long one is put together by the radio's stack.
#[derive(Clone, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub characteristic: Characteristic,
    /// What, as it came: at most [`MAX_VALUE`] bytes, sealed where the device asks for that.
    pub value: Vec<u8>,
    /// Whether the link is encrypted.
    pub encrypted: bool,
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be a password.
        write!(f, "Write({}, {} bytes)", self.characteristic.name(), self.value.len())
    }
}

/// Why a write is refused, as the code of an ATT Error Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttError {
    /// It cannot be written now: the device is being set up, or not at all (0x03).
    WriteNotPermitted,
    /// The link has to be encrypted first (0x0F).
    InsufficientEncryption,
    /// The value is too long, or empty where something must stand (0x0D).
    InvalidLength,
    /// The value is not UTF-8, not a JID, not 1 (0x13).
    ValueNotAllowed,
    /// Setup Done came before everything it needs (0x80, application).
    Incomplete,
    /// The value is not sealed to this device's key (0x81, application).
    NotSealed,
}

impl AttError {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::WriteNotPermitted,
        Self::InsufficientEncryption,
        Self::InvalidLength,
        Self::ValueNotAllowed,
        Self::Incomplete,
        Self::NotSealed,
    ];

    /// Short name: `invalid-length`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WriteNotPermitted => "write-not-permitted",
            Self::InsufficientEncryption => "insufficient-encryption",
            Self::InvalidLength => "invalid-length",
            Self::ValueNotAllowed => "value-not-allowed",
            Self::Incomplete => "incomplete",
            Self::NotSealed => "not-sealed",
        }
    }

    /// The error with this name.
    pub fn with_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|error| error.name() == name)
    }

    /// The code in the Error Response (Core 5.4, Vol 3, Part F, 3.4.1.1; Core Specification Supplement, Part B).
    pub const fn code(self) -> u8 {
        match self {
            Self::WriteNotPermitted => 0x03,
            Self::InvalidLength => 0x0D,
            Self::InsufficientEncryption => 0x0F,
            Self::ValueNotAllowed => 0x13,
            Self::Incomplete => 0x80,
            Self::NotSealed => 0x81,
        }
    }
}
