//! The chips, and which of their pins are free (Espressif's datasheets, "Pins").

use clap::ValueEnum;
use std::{fmt, ops::RangeInclusive};
use thingfleet_device::binding::Driver;

/// A chip that there is a program for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Chip {
    Esp32c3,
    Esp32c6,
    Esp32,
    /// No chip, but QEMU's riscv32 machine, which has no pins
    Virt,
}

const NOT_THERE: &str = "is none of this chip's";
const FLASH: &str = "is the flash's";
const SERIAL: &str = "is the serial line's";
const INPUT_ONLY: &str = "can only be read";
const NOT_MEASURED: &str = "cannot be measured";

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Esp32c3 => "esp32c3",
            Self::Esp32c6 => "esp32c6",
            Self::Esp32 => "esp32",
            Self::Virt => "virt",
        })
    }
}

impl Chip {
    /// The button that every development board has.
    pub(crate) const fn boot_button(self) -> Option<u8> {
        match self {
            Self::Esp32c3 | Self::Esp32c6 => Some(9),
            Self::Esp32 => Some(0),
            Self::Virt => None,
        }
    }

    /// Says why a pin is not free to be read, or set.
    pub(crate) fn check(self, pin: u8, is_output: bool) -> Result<(), &'static str> {
        let (last, flash, serial): (u8, RangeInclusive<u8>, &[u8]) = match self {
            Self::Esp32c3 => (21, 11..=17, &[18, 19]),
            Self::Esp32c6 => (30, 24..=30, &[12, 13]),
            Self::Esp32 => (39, 6..=11, &[1, 3]),
            Self::Virt => return Err(NOT_THERE),
        };
        let is_missing = self == Self::Esp32 && [20, 24, 28, 29, 30, 31].contains(&pin);
        if pin > last || is_missing {
            Err(NOT_THERE)
        } else if flash.contains(&pin) {
            Err(FLASH)
        } else if serial.contains(&pin) {
            Err(SERIAL)
        } else if is_output && self == Self::Esp32 && pin >= 34 {
            Err(INPUT_ONLY)
        } else {
            Ok(())
        }
    }

    /// Says why a pin is not free for a driver.
    pub(crate) fn check_for(self, driver: Driver, pin: u8) -> Result<(), &'static str> {
        match driver {
            Driver::GpioInput | Driver::GpioButton => self.check(pin, false),
            Driver::Bmp180Temperature
            | Driver::Bmp180Pressure
            | Driver::GpioOutput
            | Driver::PwmTone
            | Driver::PwmRgb => self.check(pin, true),
            Driver::Adc => {
                let measured = match self {
                    Self::Esp32c3 => 0..=4,
                    Self::Esp32c6 => 0..=6,
                    Self::Esp32 => 32..=39,
                    Self::Virt => return Err(NOT_THERE),
                };
                if measured.contains(&pin) { self.check(pin, false) } else { Err(NOT_MEASURED) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pins_of_the_thesiss_board_are_an_esp32s_and_not_a_c3s() {
        for pin in [21, 22, 18, 19] {
            assert_eq!(Chip::Esp32.check(pin, true), Ok(()));
        }
        assert_eq!(Chip::Esp32c3.check(22, true), Err(NOT_THERE));
        assert_eq!(Chip::Esp32c3.check(18, true), Err(SERIAL));
    }

    #[test]
    fn nobody_gets_the_flashs_pins() {
        for (chip, pin) in [(Chip::Esp32c3, 12), (Chip::Esp32c6, 24), (Chip::Esp32, 6)] {
            assert_eq!(chip.check(pin, false), Err(FLASH));
        }
    }

    #[test]
    fn a_pin_that_can_only_be_read_is_not_set() {
        assert_eq!(Chip::Esp32.check(34, false), Ok(()));
        assert_eq!(Chip::Esp32.check(34, true), Err(INPUT_ONLY));
        assert_eq!(Chip::Esp32.check_for(Driver::Adc, 34), Ok(()));
        assert_eq!(Chip::Esp32c3.check_for(Driver::Adc, 5), Err(NOT_MEASURED));
    }
}
