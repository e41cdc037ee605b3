//! Pulses on pins: a buzzer's pitch, a light's strength. The chip makes them by itself once they are set.

use crate::parts::pin_of;
use alloc::string::String;
use esp_hal::{
    gpio::DriveMode,
    ledc::{
        LSGlobalClkSource, Ledc, LowSpeed,
        channel::{self, ChannelIFace},
        timer::{self, LSClockSource, TimerIFace, config::Duty},
    },
    peripherals::LEDC,
    time::Rate,
};

/// How often a light shines in a second, which nobody sees.
const LIGHT: u32 = 5_000;
/// From this pitch on, a coarser duty lets the timer be fast enough.
const COARSE: u32 = 1_000;

const CHANNELS: [channel::Number; 6] = [
    channel::Number::Channel0,
    channel::Number::Channel1,
    channel::Number::Channel2,
    channel::Number::Channel3,
    channel::Number::Channel4,
    channel::Number::Channel5,
];

/// The chip's pulses.
pub(crate) struct Pwm {
    ledc: Ledc<'static>,
    used: usize,
}

/// One pin with pulses. Buzzers share a pitch, and lights their frequency.
#[derive(Clone, Copy)]
pub(crate) struct Pulse {
    channel: channel::Number,
    pin: u8,
}

impl Pwm {
    pub(crate) fn new(peripheral: LEDC<'static>) -> Self {
        let mut ledc = Ledc::new(peripheral);
        ledc.set_global_slow_clock(LSGlobalClkSource::APBClk);
        Self { ledc, used: 0 }
    }

    /// Takes a pin.
    pub(crate) fn add(&mut self, pin: u8) -> Result<Pulse, String> {
        let channel = *CHANNELS.get(self.used).ok_or("the chip has six pins with pulses")?;
        self.used += 1;
        Ok(Pulse { channel, pin })
    }

    /// Lets a buzzer sound, or be silent.
    pub(crate) fn sound(&self, pulse: Pulse, hertz: Option<u32>) -> Result<(), String> {
        let duty = if hertz.is_some_and(|hertz| hertz < COARSE) { Duty::Duty14Bit } else { Duty::Duty10Bit };
        let half = if hertz.is_some() { 50 } else { 0 };
        self.set(pulse, timer::Number::Timer0, (hertz.unwrap_or(COARSE), duty), half)
    }

    /// Lets a light shine this strongly, in hundredths.
    pub(crate) fn shine(&self, pulse: Pulse, percent: u8) -> Result<(), String> {
        self.set(pulse, timer::Number::Timer1, (LIGHT, Duty::Duty8Bit), percent)
    }

    /// What is set stays in the chip; the values that set it are not needed any more.
    fn set(
        &self,
        pulse: Pulse,
        number: timer::Number,
        (hertz, duty): (u32, Duty),
        percent: u8,
    ) -> Result<(), String> {
        let mut timer = self.ledc.timer::<LowSpeed>(number);
        let frequency = Rate::from_hz(hertz);
        let set = timer::config::Config { duty, clock_source: LSClockSource::APBClk, frequency };
        timer.configure(set).map_err(|error| alloc::format!("{error:?}"))?;
        let mut channel = channel::Channel::new(pulse.channel, pin_of(pulse.pin));
        let drive_mode = DriveMode::PushPull;
        let config = channel::config::Config { timer: &timer, duty_pct: percent, drive_mode };
        channel.configure(config).map_err(|error| alloc::format!("{error:?}"))
    }
}
