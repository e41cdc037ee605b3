//! A whole device: the one that lies in the machine's flash (`thingfleet_firmware::carried`), as the firmware's body, until
//! it is stopped.
#![no_std]
#![no_main]
#![expect(clippy::large_futures, reason = "the device is one, and lies where the executor keeps its task")]

extern crate alloc;

use alloc::boxed::Box;
use core::{
    fmt::{Display, Write as _},
    ops::Range,
};
use embassy_executor::Spawner;
use thingfleet_device::instance::Instance;
use thingfleet_firmware::{
    body::{self, Board},
    carried::Carried,
    store::Store,
    wall::Wall,
};
use thingfleet_virt::{
    Serial,
    board::{Lan, Machine},
    exit, heap_used, init,
    meter::metered,
    reset,
};

/// Where things lie in the flash: what the device keeps, and which one it is.
const STORE: Range<u32> = 0..0x4000;
const DEVICE: Range<u32> = 0x4000..0x14000;

#[embassy_executor::main(entry = "riscv_rt::entry")]
async fn main(spawner: Spawner) {
    init();
    let Machine { mut radio, card, mut flash, mut panel, mut random } =
        Machine::start().unwrap_or_else(|why| give_up(&why));
    let carried = Carried::read(&mut flash, DEVICE).await.unwrap_or_else(|why| give_up(&why));
    let mut store = Store::new(flash, STORE).unwrap_or_else(|why| give_up(&why));
    let wall: &'static Wall = Box::leak(Box::new(Wall::built(carried.built)));
    let network = Lan::start(card, random, &carried, wall, spawner).unwrap_or_else(|why| give_up(&why));
    let board = Board {
        radio: &mut radio,
        address: carried.address(),
        network: &network,
        wall,
        store: &mut store,
        panel: &mut panel,
        entropy: &mut random,
    };
    let instance = Instance { last_reset: reset::reason(), ..carried.instance(wall.now()) };
    metered(body::run(&carried.definition, instance, board)).await;
    _ = writeln!(Serial, "stopped with {} bytes of heap in use", heap_used());
    exit(0)
}

fn give_up(why: &dyn Display) -> ! {
    _ = writeln!(Serial, "missing: {why}");
    exit(1)
}
