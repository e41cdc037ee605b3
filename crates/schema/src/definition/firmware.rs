//! Bindings of channels to the drivers of a real board.

use super::known;
use crate::{
    context::{Context, Fields},
    diagnostic::Span,
    grammar::definition::BINDING,
    suggest,
    yaml::{Entry, Node},
};
use thingfleet_device::{
    binding::Driver,
    definition::{Binding, Channel},
};

/// Pins that are spoken for, with the line in which they are.
#[derive(Default)]
struct Taken(Vec<(u8, Use, Span)>);

/// What a pin is used for. A bus is shared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Bus(&'static str),
    Alone,
}

/// Reads them.
pub(super) fn read(context: &mut Context, node: &Node, channels: &[Channel]) -> Vec<Binding> {
    let mut taken = Taken::default();
    let entries = context.entries(node, "driver bindings");
    entries.iter().filter_map(|entry| binding(context, entry, channels, &mut taken)).collect()
}

fn binding(context: &mut Context, entry: &Entry, channels: &[Channel], taken: &mut Taken) -> Option<Binding> {
    let channel = known(context, entry.key_span, &entry.key, channels);
    let fields = context.fields(&entry.value, &BINDING)?;
    let node = fields.get("driver")?;
    let names = Driver::ALL.map(|driver| (driver.name(), driver));
    let driver = context.word(node, "a driver", &names)?;
    let pins = pins(context, entry, fields, driver, taken);
    let channel = channel?;
    if !driver.fits(&channels[usize::from(channel.0)]) {
        context
            .mistake(node.span, format!("`{}` does not fit `{}`", driver.name(), entry.key))
            .label("for another kind of value")
            .help(format!("it wants {}", driver.wants()));
    }
    Some(Binding { channel, driver, pins })
}

fn pins(
    context: &mut Context,
    entry: &Entry,
    fields: Fields,
    driver: Driver,
    taken: &mut Taken,
) -> Vec<(String, u8)> {
    let names: Vec<&str> = driver.pins().iter().map(|pin| pin.name).collect();
    for written in fields.all().iter().filter(|field| field.key != "driver") {
        if !names.contains(&written.key.as_str()) {
            context
                .mistake(written.key_span, format!("`{}` has no `{}`", driver.name(), written.key))
                .label("unknown key")
                .help(suggest::advice(&written.key, names.iter().copied()));
        }
    }
    let mut pins = Vec::new();
    for pin in driver.pins() {
        // The driver says which keys there are, not the grammar's table.
        let field = fields.all().iter().find(|field| field.key == pin.name);
        let Some(node) = field.map(|field| &field.value) else {
            if pin.is_needed {
                context
                    .mistake(entry.value.span, format!("`{}` needs `{}`", driver.name(), pin.name))
                    .label("missing here")
                    .help(format!("`{}: 4`, or whichever pin is {}", pin.name, pin.what));
            }
            continue;
        };
        let most = if pin.is_pin { 48 } else { 1 };
        let number = context.integer(node, 0, most).and_then(|number| u8::try_from(number).ok());
        let Some(number) = number else { continue };
        if pin.is_pin {
            let purpose = if matches!(pin.name, "sda" | "scl") { Use::Bus(pin.name) } else { Use::Alone };
            taken.take(context, number, purpose, node.span);
        }
        pins.push((pin.name.to_owned(), number));
    }
    pins
}

impl Taken {
    fn take(&mut self, context: &mut Context, pin: u8, purpose: Use, span: Span) {
        let same = |(other, used, _): &&(u8, Use, Span)| {
            *other == pin && (*used != purpose || purpose == Use::Alone)
        };
        if let Some((.., first)) = self.0.iter().find(same) {
            let line = context.line_of(first.start);
            context
                .mistake(span, format!("pin {pin} is taken"))
                .label("a second use")
                .help(format!("line {line} has it; only a bus is shared"));
        }
        let other_bus = |(other, used, _): &&(u8, Use, Span)| *other != pin && *used == purpose;
        if let (Use::Bus(name), Some((other, ..))) = (purpose, self.0.iter().find(other_bus)) {
            context
                .mistake(span, format!("there is one I²C bus, and its {name} is pin {other}"))
                .label("another pin")
                .help("everything on the bus has the same pins");
        }
        self.0.push((pin, purpose, span));
    }
}
