//! What a value means for what is soldered to a board, and the other way round.

use thingfleet_device::{
    definition::{Channel, ChannelId, Kind, Range},
    io::Input,
    value::Value,
};

/// Pitch of a buzzer that is only on or off, in hertz.
const TONE: u32 = 2700;
/// Lowest and highest pitch that can be heard and made.
const PITCHES: (f64, f64) = (20.0, 20_000.0);
/// A light of three colours that is only on or off.
const WHITE: [u8; 3] = [100; 3];

/// Whether something that is on or off is on.
pub fn is_on(value: &Value) -> bool {
    value.is_truthy()
}

/// Whether the pin of something that is on or off is high.
pub fn level(value: &Value, is_low_on: bool) -> bool {
    is_on(value) != is_low_on
}

/// How high a buzzer sounds, in hertz, if it does.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 20 and 20,000")]
pub fn pitch(value: &Value) -> Option<u32> {
    match value {
        Value::Boolean(is_on) => is_on.then_some(TONE),
        other => {
            let hertz = other.as_f64();
            (hertz > 0.0).then(|| hertz.clamp(PITCHES.0, PITCHES.1) as u32)
        }
    }
}

/// How strong red, green and blue shine, in hundredths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of 24 bits")]
pub fn colour(value: &Value) -> [u8; 3] {
    match value {
        Value::Boolean(is_on) => {
            if *is_on {
                WHITE
            } else {
                [0; 3]
            }
        }
        other => {
            let [_, red, green, blue] = (other.as_f64().clamp(0.0, 16_777_215.0) as u32).to_be_bytes();
            [red, green, blue].map(|byte| (u16::from(byte) * 100 / 255) as u8)
        }
    }
}

/// A measured share of the whole, from 0 to 1, as a value of a sensor with that range.
#[allow(clippy::cast_possible_truncation, reason = "within a channel's range")]
pub fn measured(share: f64, channel: &Channel) -> Value {
    let Range { min, max } = channel.range.unwrap_or(Range { min: 0.0, max: 1.0 });
    let number = min + share.clamp(0.0, 1.0) * (max - min);
    match channel.kind {
        Kind::Integer => Value::Integer((number + 0.5) as i64),
        Kind::Float | Kind::Boolean | Kind::Choice(_) | Kind::Text(_) | Kind::Button => Value::Float(number),
    }
}

/// What a button of an actuator does when it is pressed: it turns what is on or off, and pushes what is pushed.
pub fn input(id: ChannelId, channel: &Channel, is_on: bool) -> Input {
    let value = match channel.kind {
        Kind::Button => Value::Integer(1),
        Kind::Boolean | Kind::Integer | Kind::Float | Kind::Choice(_) | Kind::Text(_) => {
            Value::Boolean(!is_on)
        }
    };
    Input::Operate(id, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use thingfleet_device::{
        definition::{Behaviour, PublishPolicy, Role},
        unit::Unit,
    };

    fn channel(kind: Kind) -> Channel {
        Channel {
            name: "level".into(),
            role: Role::Sensor,
            label: "Level".into(),
            group: None,
            kind,
            unit: Unit::Percent,
            range: Some(Range { min: 10.0, max: 110.0 }),
            precision: None,
            step: None,
            starts: Value::Integer(0),
            settable: false,
            behaviour: Behaviour::HOLD,
            publish: PublishPolicy { every: None, change: None, gap: Duration::ZERO, heartbeat: None },
        }
    }

    #[test]
    fn a_pin_is_high_while_it_is_on_unless_low_means_on() {
        let (on, off) = (Value::Boolean(true), Value::Boolean(false));
        assert_eq!([level(&on, false), level(&off, false)], [true, false]);
        assert_eq!([level(&on, true), level(&off, true)], [false, true]);
    }

    #[test]
    fn a_buzzer_sounds_as_high_as_it_is_told_within_what_can_be_heard() {
        let pitches = [
            Value::Boolean(true),
            Value::Boolean(false),
            Value::Integer(440),
            Value::Float(0.0),
            Value::Float(-5.0),
            Value::Integer(5),
            Value::Float(1e9),
        ];
        let heard = [Some(2700), None, Some(440), None, None, Some(20), Some(20_000)];
        assert_eq!(pitches.map(|value| pitch(&value)), heard);
    }

    #[test]
    fn a_light_has_the_colour_of_its_number() {
        assert_eq!(colour(&Value::Integer(0xFF_80_05)), [100, 50, 1]);
        assert_eq!(colour(&Value::Integer(-1)), [0, 0, 0]);
        assert_eq!(colour(&Value::Integer(0x1_00_00_00)), [100; 3]);
        assert_eq!([colour(&Value::Boolean(true)), colour(&Value::Boolean(false))], [[100; 3], [0; 3]]);
    }

    #[test]
    fn what_is_measured_lies_in_the_range_of_its_sensor() {
        assert_eq!(measured(0.5, &channel(Kind::Float)), Value::Float(60.0));
        assert_eq!(measured(0.5, &channel(Kind::Integer)), Value::Integer(60));
        assert_eq!(measured(1.7, &channel(Kind::Integer)), Value::Integer(110));
        assert_eq!(measured(-0.1, &channel(Kind::Float)), Value::Float(10.0));
    }

    #[test]
    fn a_pressed_button_turns_a_switch_and_pushes_a_button() {
        let id = ChannelId(3);
        assert_eq!(input(id, &channel(Kind::Boolean), true), Input::Operate(id, Value::Boolean(false)));
        assert_eq!(input(id, &channel(Kind::Button), false), Input::Operate(id, Value::Integer(1)));
    }
}
