//! How what a device says is written down: a line for each stanza, after the seconds since it was switched on.

use core::fmt::{self, Write};
use thingfleet_device::{definition::Definition, ns, time::Instant, xml::Element};

/// Writes what stands above a device's stanzas.
///
/// # Errors
/// Those of `out`.
pub fn heading(out: &mut impl Write, definition: &Definition) -> fmt::Result {
    writeln!(out, "# {}", definition.kind)
}

/// Writes a stanza that the device sent. Signs of life that a body asks for belong to the connection and not to the device.
///
/// # Errors
/// Those of `out`.
pub fn line(out: &mut impl Write, at: Instant, stanza: &Element) -> fmt::Result {
    if stanza.get(ns::PING, "ping").is_some() {
        return Ok(());
    }
    let millis = at.as_micros() / 1000;
    write!(out, "{}.{:03} ", millis / 1000, millis % 1000)?;
    write!(out, "{stanza}")?;
    out.write_char('\n')
}

/// This moment, or the next that is a whole millisecond.
pub fn whole(moment: Instant) -> Instant {
    match moment.as_micros().checked_next_multiple_of(1000) {
        Some(micros) => Instant::from_micros(micros),
        None => moment,
    }
}

/// The first line in which two traces differ, with its number, as each has it.
pub fn difference<'t>(one: &'t str, other: &'t str) -> Option<(usize, &'t str, &'t str)> {
    let (mut ones, mut others) = (one.lines(), other.lines());
    for number in 1.. {
        match (ones.next(), others.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => return Some((number, one.unwrap_or("(the end)"), other.unwrap_or("(the end)"))),
        }
    }
    None
}
