//! The Bluetooth half of the radio.

use esp_hal::peripherals::BT;
use esp_radio::ble::controller::BleConnector;
use thingfleet_firmware::platform::Radio;

/// The radio as a Bluetooth controller, while it is one.
pub(crate) struct Antenna(BT<'static>);

impl Antenna {
    pub(crate) fn new(peripheral: BT<'static>) -> Self {
        Self(peripheral)
    }
}

impl Radio for Antenna {
    type Hci<'a> = BleConnector<'a>;

    fn switch_on(&mut self) -> BleConnector<'_> {
        // The controller that was there is off by now: it was dropped, and gave its memory back.
        BleConnector::new(self.0.reborrow(), esp_radio::ble::Config::default())
            .expect("the default configuration is valid")
    }
}
