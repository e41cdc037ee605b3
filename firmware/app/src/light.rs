//! The status light on pins that are only on or off: red, green and blue, or one colour that blinks instead.

use thingfleet_device::io::Colour;

/// Which of the pins shine, `millis` after the board was switched on: red, green and blue if there are three, and else
/// the first. One light shines while the device is online, flickers while something is wrong, blinks slowly while it
/// waits for its owner, and is on with short breaks while it connects.
pub fn lit(colour: Colour, pins: usize, millis: u64) -> [bool; 3] {
    if pins == 3 {
        return match colour {
            Colour::Red => [true, false, false],
            Colour::Green => [false, true, false],
            Colour::Blue => [false, false, true],
            Colour::Yellow => [true, true, false],
        };
    }
    let is_lit = match colour {
        Colour::Red => millis % 200 < 100,
        Colour::Blue => millis % 2000 < 1000,
        Colour::Yellow => millis % 500 < 400,
        Colour::Green => true,
    };
    [is_lit, false, false]
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURS: [Colour; 4] = [Colour::Red, Colour::Blue, Colour::Yellow, Colour::Green];

    /// How many of a second's hundredths one light shines.
    fn share(colour: Colour) -> usize {
        (0..200).filter(|hundredth| lit(colour, 1, hundredth * 10)[0]).count()
    }

    #[test]
    fn three_pins_show_each_colour_and_do_not_blink() {
        for millis in [0, 150, 450, 1500] {
            let shown = COLOURS.map(|colour| lit(colour, 3, millis));
            assert_eq!(
                shown,
                [[true, false, false], [false, false, true], [true, true, false], [false, true, false]]
            );
        }
    }

    #[test]
    fn one_pin_tells_the_colours_apart_by_its_rhythm() {
        assert_eq!(COLOURS.map(share), [100, 100, 160, 200]);
        let changes = |colour| {
            let looks = (0..200).map(|hundredth| lit(colour, 1, hundredth * 10)[0]);
            looks.clone().zip(looks.skip(1)).filter(|(before, after)| before != after).count()
        };
        assert!(changes(Colour::Red) > 4 * changes(Colour::Blue));
    }
}
