//! What a device's session and its Bluetooth peripheral did over time: a ribbon each, over the same span, the present at
//! the right.

use super::paint::{Paint, line};
use crate::{air::Air, app::App, theme, world::Timeline};
use ratatui::{layout::Rect, style::Style};
use thingfleet_control::snapshot::{Device, State};

/// Columns of what a ribbon is of, and of the present state's name.
const TITLE: u16 = 11;
const NAME: u16 = 14;
/// Width from which on the present state is named.
const NAMED: u16 = 60;

/// A ribbon: what it is of, its changes, how the present one is called, and how each looks.
struct Ribbon<'t, T> {
    title: &'static str,
    timeline: &'t Timeline<T>,
    present: T,
    name: &'static str,
    look: fn(theme::Theme, T) -> (&'static str, Style),
}

/// Draws the ribbons of the device that is shown, and gives how many lines they take.
pub(super) fn view(app: &App, paint: &mut Paint, area: Rect) -> u16 {
    let Some(device) = app.looked_at() else { return 0 };
    let followed = &app.world().followed;
    let begun = [followed.sessions.front().map(|(at, _)| *at), followed.air.front().map(|(at, _)| *at)];
    let from = begun.into_iter().flatten().fold(device.device_seconds, f64::min);
    let span = (from, device.device_seconds.max(from + 1.0));
    let session = Ribbon {
        title: "session",
        timeline: &followed.sessions,
        present: device.state,
        name: device.state.name(),
        look: |theme, state| {
            let sign = if state == State::Online { "▬" } else { theme::sign(state) };
            (sign, theme.state(state))
        },
    };
    session.draw(paint, line(area, 0), span);
    if !has_bluetooth(device) && followed.air.is_empty() {
        return area.height.min(1);
    }
    let looked = device.bluetooth.as_ref().map_or(Air::Silent, Air::of);
    let present = followed.air.back().map_or(looked, |(_, air)| *air);
    let bluetooth = Ribbon {
        title: "Bluetooth",
        timeline: &followed.air,
        present,
        name: present.name(),
        look: |theme, air| (theme::sign_on_air(air), theme.air(air)),
    };
    bluetooth.draw(paint, line(area, 1), span);
    area.height.min(2)
}

/// Whether it is commissioned over Bluetooth, or was.
fn has_bluetooth(device: &Device) -> bool {
    device.stage.is_some() || device.bluetooth.is_some()
}

impl<T: Copy> Ribbon<'_, T> {
    fn draw(&self, paint: &mut Paint, area: Rect, (from, to): (f64, f64)) {
        let theme = paint.theme;
        let at = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let mut at = paint.column(at, TITLE, self.title, theme.faint());
        if area.width >= NAMED {
            let (_, style) = (self.look)(theme, self.present);
            let name = Rect { x: at.right().saturating_sub(NAME - 1), width: NAME - 1, ..at };
            paint.words(name, self.name, style);
            at.width = at.width.saturating_sub(NAME);
        }
        for column in 0..at.width {
            let moment = from + (to - from) * f64::from(column + 1) / f64::from(at.width);
            let begun = self.timeline.partition_point(|(since, _)| *since <= moment);
            let (sign, style) = match begun.checked_sub(1) {
                Some(latest) => (self.look)(theme, self.timeline[latest].1),
                None if self.timeline.is_empty() => (self.look)(theme, self.present),
                // Nothing is known of that time.
                None => (" ", Style::new()),
            };
            paint.words(Rect { x: at.x + column, width: 1, ..at }, sign, style);
        }
    }
}
