//! Units of measurement: a closed list, so that a typo is found before a client meets it.

use serde::{Deserialize, Serialize};

macro_rules! units {
    ($($variant:ident $name:literal $symbol:literal),* $(,)?) => {
        /// A unit of measurement, or [`Unit::None`] for a bare number.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Unit {
            /// No unit: a count, a ratio, a state.
            #[default]
            None,
            $(#[doc = concat!("`", $name, "` (", $symbol, ")")] $variant,)*
        }

        impl Unit {
            /// Every unit there is, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name used in definitions and in the `unit` attribute on the wire; empty for [`Unit::None`].
            pub const fn name(self) -> &'static str {
                match self { Self::None => "", $(Self::$variant => $name),* }
            }

            /// The symbol shown to people; empty for [`Unit::None`].
            pub const fn symbol(self) -> &'static str {
                match self { Self::None => "", $(Self::$variant => $symbol),* }
            }

            /// The unit with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { "" => Some(Self::None), $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

units! {
    Celsius "celsius" "°C", Fahrenheit "fahrenheit" "°F", Kelvin "kelvin" "K",
    Percent "percent" "%", Ppm "ppm" "ppm", Ppb "ppb" "ppb",
    Pascal "pascal" "Pa", Hectopascal "hectopascal" "hPa", Bar "bar" "bar",
    Volt "volt" "V", Ampere "ampere" "A", Watt "watt" "W", Kilowatt "kilowatt" "kW",
    WattHour "watt-hour" "Wh", KilowattHour "kilowatt-hour" "kWh", Hertz "hertz" "Hz",
    Lux "lux" "lx", MicrogramPerCubicMetre "microgram-per-cubic-metre" "µg/m³",
    MetrePerSecond "metre-per-second" "m/s", KilometrePerHour "kilometre-per-hour" "km/h",
    Degree "degree" "°", Millimetre "millimetre" "mm", Centimetre "centimetre" "cm", Metre "metre" "m",
    MillimetrePerHour "millimetre-per-hour" "mm/h",
    Millisecond "millisecond" "ms", Second "second" "s", Minute "minute" "min", Hour "hour" "h",
    Millilitre "millilitre" "ml", Litre "litre" "l", LitrePerMinute "litre-per-minute" "l/min",
    CubicMetre "cubic-metre" "m³", Gram "gram" "g", Kilogram "kilogram" "kg",
    Decibel "decibel" "dB", DecibelMilliwatt "decibel-milliwatt" "dBm", Rpm "rpm" "rpm",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_found_by_its_own_name() {
        for &unit in Unit::ALL {
            assert_eq!(Unit::from_name(unit.name()), Some(unit), "{}", unit.name());
        }
    }
}
