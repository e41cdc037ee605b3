//! A whole device: the definition that the image was built with, as the firmware's body, until it is stopped.
#![no_std]
#![no_main]

use core::fmt::Write as _;
use embassy_executor::Spawner;
use thingfleet_device::{
    commissioning::{qr::Address, seal::DeviceKey},
    definition::{ActuatorMode, Definition},
    instance::{Access, Addressing, Commissioning, Instance},
};
use thingfleet_firmware::{
    body::{self, Board},
    store::Store,
};
use thingfleet_virt::{
    Serial,
    board::{Machine, Missing},
    exit, heap_used, init,
    meter::metered,
    reset,
    time::WALL,
};

static DEFINITION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/device.bin"));

/// The part of the flash that is the store's.
const STORE: core::ops::Range<u32> = 0..4 * 4096;
/// The device's key, which is no secret: there is no label to print it on, and nothing to protect.
const KEY: DeviceKey = DeviceKey::from_seed([7; 32]);
/// The device's random static address.
const ADDRESS: Address = Address([0xF2, 0, 0, 0, 0, 1]);

#[embassy_executor::main(entry = "riscv_rt::entry")]
async fn main(spawner: Spawner) {
    init();
    let Ok(mut definition) = postcard::from_bytes::<Definition>(DEFINITION) else {
        give_up("the definition cannot be read")
    };
    let mut machine = match Machine::start(spawner) {
        Ok(machine) => machine,
        Err(Missing(what)) => give_up(what),
    };
    definition.bluetooth.security = machine.security.unwrap_or(definition.bluetooth.security);
    let instance = Instance {
        name: definition.kind.clone() + "-virt",
        seed: 0,
        serial: "virt-1".into(),
        epoch: WALL.now(),
        speed: 1.0,
        starts: Default::default(),
        account: None,
        owners: Default::default(),
        commissioning: Commissioning::Bluetooth,
        key: Some(KEY),
        stored: None,
        access: Access::default(),
        addressing: Addressing::default(),
        actuators: ActuatorMode::Auto,
        faults: Default::default(),
        last_reset: reset::reason(),
    };
    let Ok(mut store) = Store::new(machine.flash, STORE) else { give_up("the flash is too small") };
    let board = Board {
        radio: &mut machine.radio,
        address: ADDRESS,
        network: &machine.network,
        wall: &WALL,
        store: &mut store,
        panel: &mut machine.panel,
        entropy: &mut machine.random,
    };
    metered(body::run(&definition, instance, board)).await;
    _ = writeln!(Serial, "stopped with {} bytes of heap in use", heap_used());
    exit(0)
}

fn give_up(what: &str) -> ! {
    _ = writeln!(Serial, "missing: {what}");
    exit(1)
}
