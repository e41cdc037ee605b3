//! Voltages on pins, by the first converter of the chip: the other one is the radio's.

use esp_hal::{
    analog::adc::{Adc, AdcChannel, AdcConfig, Attenuation},
    gpio::AnalogPin,
    peripherals,
};

/// The largest reading of a converter of twelve bits.
const FULL: f64 = 4095.0;
/// Looks at a conversion before it is given up; it takes some microseconds.
const LOOKS: usize = 100_000;

/// Measures one pin: the share of the whole range, if the chip answers.
pub(crate) type Meter = fn() -> Option<f64>;

macro_rules! meters {
    ($number:expr, $($pin:literal $gpio:ident),*) => {
        match $number {
            $($pin => {
                // SAFETY: `thingfleet-pack` gives each pin to one driver.
                let meter: Meter = || measure(unsafe { peripherals::$gpio::steal() });
                Some(meter)
            })*
            _ => None,
        }
    };
}

/// The meter of a pin by its number, if the pin has one.
pub(crate) fn meter(pin: u8) -> Option<Meter> {
    #[cfg(feature = "esp32c3")]
    return meters!(pin, 0 GPIO0, 1 GPIO1, 2 GPIO2, 3 GPIO3, 4 GPIO4);
    #[cfg(feature = "esp32c6")]
    return meters!(pin, 0 GPIO0, 1 GPIO1, 2 GPIO2, 3 GPIO3, 4 GPIO4, 5 GPIO5, 6 GPIO6);
    #[cfg(feature = "esp32")]
    return meters!(pin, 32 GPIO32, 33 GPIO33, 34 GPIO34, 35 GPIO35, 36 GPIO36, 37 GPIO37, 38 GPIO38, 39 GPIO39);
}

fn measure(pin: impl AdcChannel + AnalogPin) -> Option<f64> {
    let mut config = AdcConfig::new();
    let mut pin = config.enable_pin(pin, Attenuation::_11dB);
    // SAFETY: the converter is used here only, and not twice at a time.
    let mut converter = Adc::new(unsafe { peripherals::ADC1::steal() }, config);
    let reading = (0..LOOKS).find_map(|_| converter.read_oneshot(&mut pin).ok())?;
    Some(f64::from(reading) / FULL)
}
