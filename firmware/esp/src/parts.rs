//! What is soldered to the board, by the definition's bindings: each part with its channel.
//!
//! What a value means for a pin, and a pin for a value, is in `thingfleet_drivers`.

use crate::{
    analog::{self, Meter},
    pwm::{Pulse, Pwm},
};
use alloc::{format, string::String, vec::Vec};
use embassy_time::{Duration, Instant};
use esp_hal::{
    Blocking,
    delay::Delay,
    gpio::{AnyPin, Input as Pin, InputConfig, Level, Output, OutputConfig, Pull},
    i2c::master::{Config, I2c},
    peripherals::{I2C0, LEDC},
};
use thingfleet_device::{
    binding::Driver,
    definition::{Binding, ChannelId, Definition},
    io::Input,
    value::Value,
};
use thingfleet_drivers::{Contact, barometer, colour, input, level, measured, pitch};

/// Time between two measurements.
const MEASURE: Duration = Duration::from_secs(1);

/// The chip's own parts that drivers need.
pub(crate) struct Peripherals {
    pub(crate) bus: I2C0<'static>,
    pub(crate) pwm: LEDC<'static>,
}

/// All of it.
pub(crate) struct Parts {
    bus: Option<I2c<'static, Blocking>>,
    pwm: Pwm,
    bound: Vec<(ChannelId, Part)>,
    /// What the sensors have said and nobody has taken.
    told: Vec<Input>,
    measure_at: Instant,
    /// Values of the actuators that buttons turn.
    values: Vec<(ChannelId, bool)>,
}

enum Part {
    Temperature,
    Pressure,
    Input(Pin<'static>, Contact),
    Button(Pin<'static>, Contact),
    Switch(Output<'static>, bool),
    Tone(Pulse),
    Rgb([Pulse; 3], bool),
    Analog(Meter),
}

impl Parts {
    /// Puts everything together, and says what cannot be used.
    pub(crate) fn new(definition: &Definition, chip: Peripherals, trouble: &mut impl FnMut(&str)) -> Self {
        let Peripherals { bus, pwm } = chip;
        let mut parts = Self {
            bus: None,
            pwm: Pwm::new(pwm),
            bound: Vec::new(),
            told: Vec::new(),
            measure_at: Instant::now(),
            values: Vec::new(),
        };
        let mut bus = Some(bus);
        for binding in &definition.firmware {
            match parts.part(binding, &mut bus) {
                Ok(part) => parts.bound.push((binding.channel, part)),
                Err(why) => trouble(&format!("{} is simulated: {why}", binding.driver.name())),
            }
        }
        // What is set is set from the start.
        for (id, channel) in definition.channels() {
            parts.moved(id, &channel.starts);
        }
        parts
    }

    fn part(&mut self, binding: &Binding, bus: &mut Option<I2C0<'static>>) -> Result<Part, String> {
        let number = |name| binding.pin(name).ok_or_else(|| format!("it has no {name}"));
        let is_low_on = binding.pin("low") == Some(1);
        let contact = || {
            let pull = if is_low_on { Pull::Up } else { Pull::Down };
            let pin = Pin::new(pin_of(number("pin")?), InputConfig::default().with_pull(pull));
            Ok::<_, String>((pin, Contact::new(is_low_on)))
        };
        Ok(match binding.driver {
            Driver::Bmp180Temperature | Driver::Bmp180Pressure => {
                if let Some(bus) = bus.take() {
                    let started = I2c::new(bus, Config::default()).map_err(|error| format!("{error:?}"))?;
                    let pins = (pin_of(number("sda")?), pin_of(number("scl")?));
                    self.bus = Some(started.with_sda(pins.0).with_scl(pins.1));
                }
                let is_temperature = binding.driver == Driver::Bmp180Temperature;
                if is_temperature { Part::Temperature } else { Part::Pressure }
            }
            Driver::GpioInput => {
                let (pin, contact) = contact()?;
                Part::Input(pin, contact)
            }
            Driver::GpioButton => {
                let (pin, contact) = contact()?;
                Part::Button(pin, contact)
            }
            Driver::GpioOutput => {
                let off = Level::from(is_low_on);
                Part::Switch(Output::new(pin_of(number("pin")?), off, OutputConfig::default()), is_low_on)
            }
            Driver::PwmTone => Part::Tone(self.pwm.add(number("pin")?)?),
            Driver::PwmRgb => {
                let mut light = |name| self.pwm.add(number(name)?);
                Part::Rgb([light("red")?, light("green")?, light("blue")?], is_low_on)
            }
            Driver::Adc => Part::Analog(analog::meter(number("pin")?).ok_or("the pin cannot be measured")?),
        })
    }

    /// A channel has this value.
    pub(crate) fn moved(&mut self, id: ChannelId, value: &Value) {
        for (_, part) in self.bound.iter_mut().filter(|(bound, _)| *bound == id) {
            match part {
                Part::Switch(output, is_low_on) => output.set_level(Level::from(level(value, *is_low_on))),
                // What could be set once can be set again.
                Part::Tone(pulse) => _ = self.pwm.sound(*pulse, pitch(value)),
                Part::Rgb(pulses, is_low_on) => {
                    for (pulse, percent) in pulses.iter().zip(colour(value)) {
                        _ = self.pwm.shine(*pulse, if *is_low_on { 100 - percent } else { percent });
                    }
                }
                Part::Button(..) => {
                    self.values.retain(|(known, _)| *known != id);
                    self.values.push((id, value.is_truthy()));
                }
                Part::Temperature | Part::Pressure | Part::Input(..) | Part::Analog(_) => {}
            }
        }
    }

    /// Looks at everything that is read, and gives what is to be told next. To be called every 20 ms.
    pub(crate) fn look(&mut self, definition: &Definition) -> Option<Input> {
        if self.told.is_empty() {
            self.read_contacts(definition);
            if Instant::now() >= self.measure_at {
                self.measure_at = Instant::now() + MEASURE;
                self.measure(definition);
            }
        }
        self.told.pop()
    }

    fn read_contacts(&mut self, definition: &Definition) {
        for (id, part) in &mut self.bound {
            match part {
                Part::Input(pin, contact) => {
                    let changed = contact.look(pin.is_high());
                    self.told.extend(changed.map(|is_on| Input::Hold(*id, Some(Value::Boolean(is_on)))));
                }
                Part::Button(pin, contact) => {
                    if contact.look(pin.is_high()) == Some(true) {
                        let is_on = self.values.iter().any(|(known, is_on)| known == id && *is_on);
                        self.told.push(input(*id, definition.channel(*id), is_on));
                    }
                }
                Part::Temperature
                | Part::Pressure
                | Part::Switch(..)
                | Part::Tone(_)
                | Part::Rgb(..)
                | Part::Analog(_) => {}
            }
        }
    }

    fn measure(&mut self, definition: &Definition) {
        let weather = self.bus.as_mut().map(|bus| barometer::measure(bus, &mut Delay::new()));
        for (id, part) in &self.bound {
            // While a sensor is silent, its channel keeps its last value.
            let value = match (part, &weather) {
                (Part::Temperature, Some(Ok(weather))) => Value::Float(weather.celsius),
                (Part::Pressure, Some(Ok(weather))) => Value::Float(weather.hectopascal),
                (Part::Analog(meter), _) => match meter() {
                    Some(share) => measured(share, definition.channel(*id)),
                    None => continue,
                },
                _ => continue,
            };
            self.told.push(Input::Hold(*id, Some(value)));
        }
    }
}

/// A pin by its number, which `thingfleet-pack` looked at: the chip has it, and nothing else needs it.
pub(crate) fn pin_of(number: u8) -> AnyPin<'static> {
    // SAFETY: each pin is asked for once, when the board is put together.
    unsafe { AnyPin::steal(number) }
}
