//! What happens to a device in that hour: what its owner asks and sets, and that the connection breaks once.
//!
//! It follows from the definition alone. Nothing happens at a moment at which the device does something by itself.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;
use thingfleet_device::{
    definition::{Channel, Definition, Kind},
    instance::Instance,
    ns,
    time::Instant,
    value::Value,
    wire,
    xml::Element,
};
use thingfleet_simulated::{OWNER, chat, written};

/// How long the device lives: an hour, but for its last moment, at which it would do something.
pub const SPAN: Duration = Duration::from_millis(3_599_999);

/// Past every full second: devices do things on a grid of their ticks.
const OFF_GRID: Duration = Duration::from_millis(377);
/// When the connection breaks, in minutes.
const BREAK: u64 = 30;

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A stanza comes in.
    Stanza(Element),
    /// The connection breaks.
    Break,
}

/// The device that lives that hour.
pub fn instance() -> Instance {
    thingfleet_simulated::instance()
}

/// What happens, in order: each minute the owner asks for all values, each other minute sets an actuator, and asks other
/// things in between.
pub fn script(definition: &Definition) -> Vec<(Instant, Act)> {
    let mut acts = Vec::new();
    let mut settings = Settings { definition, round: 0, next: 0 };
    for minute in 1..60 {
        let at = |second| Instant::START.plus(Duration::from_secs(minute * 60 + second) + OFF_GRID);
        acts.push((at(0), Act::Stanza(chat(OWNER, "status"))));
        let question = match minute {
            7 => Some(chat(OWNER, "help")),
            9 => Some(ask(Element::new(ns::DISCO_INFO, "query"))),
            11 => Some(ask(Element::new(ns::TIME, "time"))),
            13 => Some(ask(Element::new(ns::VERSION, "query"))),
            15 => Some(chat(OWNER, "what is that?")),
            _ => None,
        };
        acts.extend(question.map(|question| (at(10), Act::Stanza(question))));
        if minute == BREAK {
            acts.push((at(20), Act::Break));
        } else if minute % 2 == 0
            && let Some((name, text)) = settings.next()
        {
            acts.push((at(20), Act::Stanza(written(OWNER, &name, &text))));
        }
    }
    acts
}

fn ask(payload: Element) -> Element {
    let iq = Element::new(ns::CLIENT, "iq").attr("type", "get").attr("id", payload.namespace().to_string());
    iq.attr("from", OWNER).attr("to", thingfleet_simulated::DEVICE).child(payload)
}

/// Settings of one actuator after the other, over and over, each time to another value; every fifth is none it takes.
struct Settings<'d> {
    definition: &'d Definition,
    round: u16,
    next: usize,
}

impl Settings<'_> {
    fn next(&mut self) -> Option<(String, String)> {
        let settable = self.definition.channels.iter().filter(|channel| channel.settable);
        let settable: Vec<&Channel> = settable.collect();
        let channel = settable.get(self.next % settable.len().max(1))?;
        self.next += 1;
        if self.next.is_multiple_of(settable.len()) {
            self.round += 1;
        }
        let text = if self.next.is_multiple_of(5) {
            "\u{2620} no value".to_string()
        } else {
            wire::to_text(channel, &value(channel, self.round + 1))
        };
        Some((channel.name.clone(), text))
    }
}

/// A value that a channel takes.
fn value(channel: &Channel, round: u16) -> Value {
    match &channel.kind {
        Kind::Boolean => Value::Boolean(round % 2 == 1),
        Kind::Button => Value::Integer(1),
        Kind::Choice(options) => {
            Value::Choice(round % u16::try_from(options.len()).unwrap_or(u16::MAX).max(1))
        }
        Kind::Text(_) => Value::Text(round.to_string()),
        Kind::Integer | Kind::Float => {
            let (min, max) = channel.range.map_or((0.0, 100.0), |range| (range.min, range.max));
            let step = channel.step.unwrap_or(1.0);
            let steps = (max - min) / step * f64::from(round % 4) / 4.0;
            // Whole steps, without a function of std's.
            #[allow(clippy::cast_possible_truncation, reason = "a definition has fewer steps")]
            Value::Float(min + f64::from(steps as i32) * step)
        }
    }
}
