//! The drivers of real boards: which there are, which pins each needs, and what each can be bound to.
//!
//! Data only, which definitions are checked against and firmware chooses by; the drivers themselves are in
//! `firmware/drivers`.

use crate::definition::{Channel, Kind, Role};
use serde::{Deserialize, Serialize};

/// A driver of something on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Driver {
    /// Temperature of a BMP180, in degrees Celsius.
    Bmp180Temperature,
    /// Air pressure of a BMP180, in hectopascals.
    Bmp180Pressure,
    /// Whether a pin is high.
    GpioInput,
    /// A push button.
    GpioButton,
    /// A pin that is high while the actuator is on.
    GpioOutput,
    /// A buzzer that sounds while the actuator is on.
    PwmTone,
    /// A light of three colours.
    PwmRgb,
    /// The voltage of a pin, over the range of the sensor.
    Adc,
}

/// A number that a driver wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Its key in a definition.
    pub name: &'static str,
    /// Whether it has to be there.
    pub is_needed: bool,
    /// Whether it is a pin of the board; else it is another number.
    pub is_pin: bool,
    /// What it is, for people.
    pub what: &'static str,
}

const fn pin(name: &'static str, what: &'static str) -> Pin {
    Pin { name, is_needed: true, is_pin: true, what }
}

const LOW: Pin = Pin { name: "low", is_needed: false, is_pin: false, what: "1 if low means on" };

impl Driver {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Bmp180Temperature,
        Self::Bmp180Pressure,
        Self::GpioInput,
        Self::GpioButton,
        Self::GpioOutput,
        Self::PwmTone,
        Self::PwmRgb,
        Self::Adc,
    ];

    /// Its name in definitions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bmp180Temperature => "bmp180.temperature",
            Self::Bmp180Pressure => "bmp180.pressure",
            Self::GpioInput => "gpio.input",
            Self::GpioButton => "gpio.button",
            Self::GpioOutput => "gpio.output",
            Self::PwmTone => "pwm.tone",
            Self::PwmRgb => "pwm.rgb",
            Self::Adc => "adc",
        }
    }

    /// The driver of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|driver| driver.name() == name)
    }

    /// The numbers it wants to know.
    pub const fn pins(self) -> &'static [Pin] {
        match self {
            Self::Bmp180Temperature | Self::Bmp180Pressure => {
                const { &[pin("sda", "the data line of the bus"), pin("scl", "the clock line of the bus")] }
            }
            Self::GpioInput | Self::GpioButton => const { &[pin("pin", "the pin that is read"), LOW] },
            Self::GpioOutput => const { &[pin("pin", "the pin that is set"), LOW] },
            Self::PwmTone => const { &[pin("pin", "the pin of the buzzer")] },
            Self::PwmRgb => {
                const {
                    &[
                        pin("red", "the red light"),
                        pin("green", "the green light"),
                        pin("blue", "the blue light"),
                        LOW,
                    ]
                }
            }
            Self::Adc => const { &[pin("pin", "the pin that is measured")] },
        }
    }

    /// What it can be bound to, for people.
    pub const fn wants(self) -> &'static str {
        match self {
            Self::Bmp180Temperature | Self::Bmp180Pressure => "a sensor of type float",
            Self::GpioInput => "a sensor of type boolean",
            Self::GpioButton => "an actuator of type boolean or button",
            Self::GpioOutput => "an actuator of type boolean",
            Self::PwmTone => "an actuator of type boolean, or of a number in hertz",
            Self::PwmRgb => "an actuator of type boolean, or of an integer, which is 0xRRGGBB",
            Self::Adc => "a sensor of numbers with a range",
        }
    }

    /// Whether it can be bound to this channel.
    pub fn fits(self, channel: &Channel) -> bool {
        let is_sensor = channel.role == Role::Sensor;
        let is_number = matches!(channel.kind, Kind::Float | Kind::Integer);
        match self {
            Self::Bmp180Temperature | Self::Bmp180Pressure => is_sensor && channel.kind == Kind::Float,
            Self::GpioInput => is_sensor && channel.kind == Kind::Boolean,
            Self::GpioButton => !is_sensor && matches!(channel.kind, Kind::Boolean | Kind::Button),
            Self::GpioOutput => !is_sensor && channel.kind == Kind::Boolean,
            Self::PwmTone => !is_sensor && (channel.kind == Kind::Boolean || is_number),
            Self::PwmRgb => !is_sensor && matches!(channel.kind, Kind::Boolean | Kind::Integer),
            Self::Adc => is_sensor && is_number && channel.range.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_driver_is_found_by_its_name() {
        for driver in Driver::ALL {
            assert_eq!(Driver::from_name(driver.name()), Some(driver));
        }
        assert_eq!(Driver::from_name("bmp280.temperature"), None);
    }
}
