//! A flash with a device in it, whole and otherwise.

use super::*;
use alloc::borrow::ToOwned;
use embassy_futures::block_on;
use thingfleet_device::definition::{Bluetooth, Dialect};
use thingfleet_simulated::flash::{Flash, NoPower};

const RANGE: Range<u32> = 4096..8192;

fn carried() -> Carried {
    Carried {
        definition: Definition {
            kind: "lamp".into(),
            title: "Lamp".into(),
            description: String::new(),
            manufacturer: "Thingfleet".into(),
            hardware: "1.0".into(),
            software: "1.0".into(),
            language: "en".into(),
            tick: core::time::Duration::from_secs(1),
            channels: Vec::new(),
            rules: Vec::new(),
            hello: "hello".into(),
            actuators: ActuatorMode::Auto,
            dialect: Dialect::Thesis,
            bluetooth: Bluetooth::named("lamp"),
            firmware: Vec::new(),
        },
        name: "lamp-1".into(),
        serial: "L-1".into(),
        seed: 7,
        address: [0xC1, 2, 3, 4, 5, 6],
        key: DeviceKey::from_seed([7; 32]),
        built: UnixMillis(1_790_000_000_000),
        roots: "-----BEGIN CERTIFICATE-----".to_owned(),
        server: Some(SocketAddrV4::new([10, 0, 0, 2].into(), 5222)),
        time_server: None,
        front: Front { light: vec![3, 4, 5], light_is_low: false, button: Some(9) },
    }
}

fn flash(bytes: &[u8]) -> Flash {
    let mut flash = Flash::of_pages(3);
    flash.bytes[RANGE.start as usize..][..bytes.len()].copy_from_slice(bytes);
    flash
}

fn read(flash: &mut Flash) -> Result<Carried, CarriedError<NoPower>> {
    block_on(Carried::read(flash, RANGE))
}

#[test]
fn a_board_finds_the_device_that_was_written_to_it() {
    let bytes = carried().to_bytes().expect("it can be written");

    let found = read(&mut flash(&bytes)).expect("it is there");

    assert_eq!(found, carried());
    let instance = found.instance(UnixMillis(5));
    assert_eq!((instance.name.as_str(), instance.epoch), ("lamp-1", UnixMillis(5)));
    assert_eq!(instance.commissioning, Commissioning::Bluetooth);
}

#[test]
fn an_empty_flash_has_no_device() {
    assert_eq!(read(&mut flash(&[])), Err(CarriedError::Nothing));
}

#[test]
fn no_bit_may_be_another_one() {
    let bytes = carried().to_bytes().expect("it can be written");
    let length = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    for at in 0..HEADER + length {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert_eq!(read(&mut flash(&changed)), Err(CarriedError::Nothing), "byte {at}");
    }
}

#[test]
fn values_of_another_program_are_told_apart_from_none() {
    let values = [0xFF; 8];
    let bytes = [MARK, 8u32.to_le_bytes(), check(&values)].concat();
    let bytes = [bytes, values.to_vec()].concat();
    assert_eq!(read(&mut flash(&bytes)), Err(CarriedError::Encoding));
}
