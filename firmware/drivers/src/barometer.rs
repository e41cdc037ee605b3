//! A BMP180: temperature and air pressure over I²C (Bosch BST-BMP180-DS000).

use bmp180_embedded_hal::{BMP180Error, Mode, blocking::UninitBMP180};
use embedded_hal::{delay::DelayNs, i2c::I2c};

/// What it measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Temperature, to a tenth.
    pub celsius: f64,
    /// Air pressure, to a hundredth.
    pub hectopascal: f64,
}

/// Why it measured nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing answers on the bus.
    Bus,
    /// Something else answers at its address.
    Stranger,
    /// What it says cannot be.
    Nonsense,
}

/// Measures once, which takes some 15 ms. It is asked who it is each time, so that one that was plugged in later, or
/// lost its power, is there at the next measurement.
///
/// # Errors
/// [`Silence`].
pub fn measure(bus: &mut impl I2c, delay: &mut impl DelayNs) -> Result<Weather, Silence> {
    let sensor = UninitBMP180::builder(bus, delay).mode(Mode::Standard).build();
    let mut sensor = sensor.initialize().map_err(|error| silence(&error))?;
    sensor.update().map_err(|error| silence(&error))?;
    Ok(Weather {
        celsius: f64::from(sensor.temperature()) / 10.0,
        hectopascal: f64::from(sensor.pressure()) / 100.0,
    })
}

fn silence<E>(error: &BMP180Error<E>) -> Silence {
    match error {
        BMP180Error::I2C(_) => Silence::Bus,
        BMP180Error::InvalidId(_) => Silence::Stranger,
        BMP180Error::Arithmetic => Silence::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal::i2c::{ErrorKind, ErrorType, NoAcknowledgeSource, Operation};

    /// The registers of a BMP180 with the calibration and the raw readings of the datasheet's example (3.5).
    struct Fake {
        id: u8,
        is_there: bool,
        command: u8,
    }

    const CALIBRATION: [i32; 11] = [408, -72, -14383, 32741, 32757, 23153, 6190, 4, -32768, -8711, 2868];

    impl Fake {
        fn register(&self, address: u8) -> u8 {
            let reading: u32 = if self.command == 0x2E { 27898 << 8 } else { 23843 << 8 };
            match address {
                0xAA..=0xBF => {
                    let [.., high, low] = CALIBRATION[usize::from(address - 0xAA) / 2].to_be_bytes();
                    if address.is_multiple_of(2) { high } else { low }
                }
                0xD0 => self.id,
                0xF6..=0xF8 => reading.to_be_bytes()[usize::from(address - 0xF5)],
                _ => 0,
            }
        }
    }

    impl ErrorType for Fake {
        type Error = ErrorKind;
    }

    impl I2c for Fake {
        fn transaction(&mut self, _: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
            if !self.is_there {
                return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
            }
            let mut pointer = 0;
            for operation in operations {
                match operation {
                    Operation::Write([0xF4, command]) => self.command = *command,
                    Operation::Write([register, ..]) => pointer = *register,
                    Operation::Write([]) => {}
                    Operation::Read(bytes) => {
                        for (address, byte) in (pointer..).zip(bytes.iter_mut()) {
                            *byte = self.register(address);
                        }
                    }
                }
            }
            Ok(())
        }
    }

    struct NoTime;

    impl DelayNs for NoTime {
        fn delay_ns(&mut self, _: u32) {}
    }

    #[test]
    fn it_measures_what_the_datasheets_example_does() {
        let mut bus = Fake { id: 0x55, is_there: true, command: 0 };
        let weather = measure(&mut bus, &mut NoTime).expect("it answers");
        assert_eq!(weather.celsius, 15.0);
        // The example has oversampling off; standard mode reads one bit more, which is 0 here.
        assert!((weather.hectopascal - 699.64).abs() < 0.1, "{weather:?}");
    }

    #[test]
    fn one_that_is_missing_and_another_chip_are_told_apart() {
        let mut nothing = Fake { id: 0x55, is_there: false, command: 0 };
        assert_eq!(measure(&mut nothing, &mut NoTime), Err(Silence::Bus));
        let mut other = Fake { id: 0x58, is_there: true, command: 0 };
        assert_eq!(measure(&mut other, &mut NoTime), Err(Silence::Stranger));
    }
}
