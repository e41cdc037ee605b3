//! What a person sees and touches: the status light, the button, and the log on the serial line.

use crate::parts::{Parts, Peripherals, pin_of};
use alloc::vec::Vec;
use embassy_time::{Duration, Instant, Timer};
use esp_hal::{
    gpio::{Input as Pin, InputConfig, Level, Output, OutputConfig, Pull},
    peripherals::TIMG1,
    timer::timg::{MwdtStage, Wdt},
};
use esp_println::println;
use thingfleet_device::{
    definition::Definition,
    io::{Colour, Event, Input},
};
use thingfleet_drivers::Contact;
use thingfleet_firmware::{
    carried::Carried,
    light,
    platform::{BEAT, Panel},
};

/// Time between two looks at the button and at everything else.
const LOOK: Duration = Duration::from_millis(20);
/// The loop may be late by so many beats: a TLS handshake computes for seconds.
const PATIENCE: u32 = 6;

/// The front of the board.
pub(crate) struct Front<'c> {
    definition: &'c Definition,
    parts: Parts,
    lights: Vec<Output<'static>>,
    light_is_low: bool,
    colour: Colour,
    button: Option<Pin<'static>>,
    contact: Contact,
    watchdog: Wdt<TIMG1<'static>>,
}

impl<'c> Front<'c> {
    pub(crate) fn new(
        carried: &'c Carried,
        soldered: Peripherals,
        mut watchdog: Wdt<TIMG1<'static>>,
    ) -> Self {
        watchdog.set_timeout(
            MwdtStage::Stage0,
            esp_hal::time::Duration::from_millis((BEAT * PATIENCE).as_millis()),
        );
        watchdog.enable();
        let front = &carried.front;
        let off = Level::from(front.light_is_low);
        let light = |pin: &u8| Output::new(pin_of(*pin), off, OutputConfig::default());
        let button = |pin: u8| Pin::new(pin_of(pin), InputConfig::default().with_pull(Pull::Up));
        let definition = &carried.definition;
        Self {
            definition,
            parts: Parts::new(definition, soldered, &mut |what: &str| println!("trouble {what}")),
            lights: front.light.iter().map(light).collect(),
            light_is_low: front.light_is_low,
            colour: Colour::Red,
            button: front.button.map(button),
            contact: Contact::new(true),
            watchdog,
        }
    }

    fn shine(&mut self) {
        let lit = light::lit(self.colour, self.lights.len(), Instant::now().as_millis());
        for (light, is_lit) in self.lights.iter_mut().zip(lit) {
            light.set_level(Level::from(is_lit != self.light_is_low));
        }
    }
}

impl Panel for Front<'_> {
    fn show(&mut self, colour: Colour) {
        println!("light {colour:?}");
        self.colour = colour;
        self.shine();
    }

    fn happened(&mut self, event: &Event) {
        println!("event {event:?}");
        if let Event::Reading(id, value) | Event::Actuated { channel: id, value, .. } = event {
            self.parts.moved(*id, value);
        }
    }

    fn trouble(&mut self, what: &str) {
        println!("trouble {what}");
    }

    fn alive(&mut self) {
        self.watchdog.feed();
    }

    async fn input(&mut self) -> Input {
        loop {
            Timer::after(LOOK).await;
            self.shine();
            let pressed = self.button.as_ref().and_then(|pin| self.contact.look(pin.is_high()));
            let input = pressed.map(Input::Button).or_else(|| self.parts.look(self.definition));
            if let Some(input) = input {
                return input;
            }
        }
    }
}
