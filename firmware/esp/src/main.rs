//! A device on an ESP32: the board's parts are found, put together and handed to `thingfleet_firmware::body`, which is
//! the device. Nothing here decides anything.
//!
//! Which device it is lies in the flash beside this program (`thingfleet_firmware::carried`).

#![no_std]
#![no_main]

extern crate alloc;
// The ROM of an ESP32-C6 has less of the C library than others.
#[cfg(feature = "esp32c6")]
extern crate tinyrlibc as _;

mod analog;
mod entropy;
mod flash;
mod network;
mod panel;
mod parts;
mod pwm;
mod radio;
mod reset;

use crate::{
    entropy::Random, flash::Flash, network::Wireless, panel::Front, parts::Peripherals, radio::Antenna,
};
use alloc::boxed::Box;
use core::fmt::Display;
use embassy_executor::Spawner;
use esp_hal::{clock::CpuClock, timer::timg::TimerGroup};
use esp_println::println;
use thingfleet_device::instance::Instance;
use thingfleet_firmware::{
    body::{self, Board},
    carried::Carried,
    store::Store,
    wall::Wall,
};

esp_bootloader_esp_idf::esp_app_desc!();

/// Bytes of heap in the memory that the boot loader leaves (`dram2_seg`), and in the memory of the program.
#[cfg(not(feature = "esp32"))]
const RECLAIMED: usize = 64 * 1024;
#[cfg(feature = "esp32")]
const RECLAIMED: usize = 98_768;
#[cfg(feature = "esp32c3")]
const OWN: usize = 152 * 1024;
#[cfg(feature = "esp32c6")]
const OWN: usize = 160 * 1024;
#[cfg(feature = "esp32")]
const OWN: usize = 72 * 1024;

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let chip = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: RECLAIMED);
    esp_alloc::heap_allocator!(size: OWN);
    esp_rtos::start(TimerGroup::new(chip.TIMG0).timer0, chip.FROM_CPU_INTR0);
    let watchdog = TimerGroup::new(chip.TIMG1).wdt;

    let mut flash = Flash::new(chip.FLASH);
    let parts = flash.parts().unwrap_or_else(|why| give_up(&why));
    let carried = Carried::read(&mut flash, parts.device).await.unwrap_or_else(|why| give_up(&why));
    let mut store = Store::new(flash, parts.store).unwrap_or_else(|why| give_up(&why));
    let soldered = Peripherals { bus: chip.I2C0, pwm: chip.LEDC };
    let mut panel = Front::new(&carried, soldered, watchdog);
    let mut radio = Antenna::new(chip.BT);
    let mut entropy = Random;
    let wall: &'static Wall = Box::leak(Box::new(Wall::built(carried.built)));
    let network = Wireless::start(chip.WIFI, &carried, wall, spawner).unwrap_or_else(|why| give_up(&why));
    let board = Board {
        radio: &mut radio,
        address: carried.address(),
        network: &network,
        wall,
        store: &mut store,
        panel: &mut panel,
        entropy: &mut entropy,
    };
    let instance = Instance { last_reset: reset::reason(), ..carried.instance(wall.now()) };
    body::run(&carried.definition, instance, board).await;
    reset::again()
}

/// Says what is missing, and begins anew a little later: nothing else can be done without it.
fn give_up(why: &dyn Display) -> ! {
    println!("missing: {why}");
    esp_hal::delay::Delay::new().delay_millis(5_000);
    reset::again()
}
