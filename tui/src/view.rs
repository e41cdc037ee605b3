//! The picture: a pure function of the state. One file a screen below.

mod code;
mod device;
mod faults;
mod fleet;
mod help;
mod load;
mod log;
mod map;
mod paint;
mod prompt;
mod ribbon;
mod scale;
mod traffic;

use crate::{
    app::{App, Hit, Screen, Shown},
    keys::{Action, BINDINGS},
    theme::Theme,
    words,
};
use paint::Paint;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
};

/// Keys in the last line of each screen, with the fewest words that do.
const HINTS: [(Screen, &[(Action, &str)]); 7] = [
    (
        Screen::Fleet,
        &[
            (Action::Help, "help"),
            (Action::Palette, "find"),
            (Action::Open, "open"),
            (Action::Filter, "filter"),
            (Action::Sort, "sort"),
            (Action::Group, "group"),
            (Action::Map, "map"),
            (Action::Mark, "mark"),
            (Action::Inject, "inject"),
            (Action::Offline, "cut off"),
            (Action::Undo, "undo"),
            (Action::Freeze, "freeze"),
            (Action::Quit, "leave"),
        ],
    ),
    (
        Screen::Device,
        &[
            (Action::Help, "help"),
            (Action::Back, "back"),
            (Action::Inject, "type"),
            (Action::More, "more"),
            (Action::Less, "less"),
            (Action::Toggle, "switch"),
            (Action::Hold, "hold"),
            (Action::Undo, "undo"),
            (Action::Clear, "end faults"),
            (Action::Offline, "cut off"),
            (Action::NextDevice, "next"),
            (Action::Freeze, "freeze"),
        ],
    ),
    (
        Screen::Traffic,
        &[
            (Action::Help, "help"),
            (Action::Back, "back"),
            (Action::Filter, "filter"),
            (Action::Open, "whole"),
            (Action::Copy, "copy"),
            (Action::Bottom, "latest"),
            (Action::Freeze, "freeze"),
        ],
    ),
    (
        Screen::Log,
        &[
            (Action::Help, "help"),
            (Action::Back, "back"),
            (Action::Filter, "filter"),
            (Action::Open, "open"),
            (Action::Copy, "copy"),
            (Action::Bottom, "latest"),
            (Action::Freeze, "freeze"),
        ],
    ),
    (
        Screen::Faults,
        &[
            (Action::Help, "help"),
            (Action::Back, "back"),
            (Action::Filter, "search"),
            (Action::Open, "let it happen"),
            (Action::Undo, "undo"),
            (Action::Export, "write a plan"),
        ],
    ),
    (Screen::Code, &[(Action::Help, "help"), (Action::Back, "back"), (Action::Copy, "copy")]),
    (
        Screen::Load,
        &[
            (Action::Help, "help"),
            (Action::Show(Screen::Fleet), "the fleet"),
            (Action::Show(Screen::Log), "the log"),
            (Action::Down, "the next operation"),
            (Action::Copy, "copy"),
            (Action::Freeze, "freeze"),
            (Action::Quit, "leave"),
        ],
    ),
];

/// Draws everything, and tells what is where.
pub fn view(app: &App, frame: &mut Frame) -> Shown {
    let mut shown = Shown::default();
    let area = frame.area();
    let theme = Theme::new(app.options.has_colour);
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(area);
    let mut paint = Paint::new(frame.buffer_mut(), theme);
    if app.screen == Screen::Code && code::needs_all(app, body) {
        code::view(app, &mut paint, area);
    } else {
        header(app, &mut paint, head, &mut shown);
        match app.screen {
            Screen::Fleet => fleet::view(app, &mut paint, body, &mut shown),
            Screen::Device => device::view(app, frame, theme, body, &mut shown),
            Screen::Traffic => traffic::view(app, &mut paint, body, &mut shown),
            Screen::Log => log::view(app, &mut paint, body, &mut shown),
            Screen::Faults => faults::view(app, &mut paint, body, &mut shown),
            Screen::Code => code::view(app, &mut paint, body),
            Screen::Load => load::view(app, frame, theme, body, &mut shown),
        }
        let mut paint = Paint::new(frame.buffer_mut(), theme);
        footer(app, &mut paint, foot, &mut shown);
    }
    prompt::view(app, frame, theme);
    shown
}

fn header(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let theme = paint.theme;
    let world = app.world();
    let mut at = paint.words(area, " ", theme.strong());
    match &world.fleet {
        Some(fleet) => {
            at = paint.words(at, &fleet.name, theme.accent());
            at = paint.words(at, &format!(" on {}", fleet.domain), theme.faint());
            at = paint.words(at, &format!("  ×{}", fleet.speed), theme.strong());
            if fleet.paused {
                at = paint.words(at, "  paused", theme.odd());
            }
        }
        None => at = paint.words(at, "thingfleet", theme.accent()),
    }
    if app.is_frozen() {
        at = paint.words(at, "  frozen", theme.odd());
    }
    if app.options.is_read_only {
        at = paint.words(at, "  read-only", theme.odd());
    }
    match &world.connection {
        Some(Ok(())) => {}
        Some(Err(why)) => at = paint.words(at, &format!("  gone, trying again: {why}"), theme.bad()),
        None => at = paint.words(at, "  connecting", theme.odd()),
    }
    let screens = || Screen::ALL.into_iter().filter(|screen| *screen != Screen::Load || app.is_load());
    let width = screens().map(|screen| screen.name().len() + 4).sum::<usize>();
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    if at.width < width {
        return;
    }
    let mut tabs = Rect { x: area.right() - width, width, ..area };
    for (place, screen) in screens().enumerate() {
        let style = if screen == app.screen { theme.cursor() } else { theme.faint() };
        let rest = paint.words(tabs, &format!(" {} {} ", place + 1, screen.name()), style);
        shown.hits.push((Rect { width: tabs.width - rest.width, ..tabs }, Hit::Screen(screen)));
        tabs = rest;
    }
}

fn footer(app: &App, paint: &mut Paint, area: Rect, shown: &mut Shown) {
    let theme = paint.theme;
    if let Some(notice) = &app.notice {
        let style = if notice.is_bad { theme.bad() } else { theme.good() };
        paint.words(area, &format!(" {}", notice.text), style);
        return;
    }
    let hints = HINTS.iter().find(|(screen, _)| *screen == app.screen);
    let mut at = paint.words(area, " ", theme.faint());
    for (action, words) in hints.into_iter().flat_map(|(_, hints)| hints.iter()) {
        let binding = BINDINGS.iter().find(|one| one.action == *action && one.scope.is_on(app.screen));
        let Some(binding) = binding.filter(|binding| !binding.steers || !app.options.is_read_only) else {
            continue;
        };
        let key = binding.keys[0].to_string();
        let width = u16::try_from(key.chars().count() + words.chars().count() + 3).unwrap_or(u16::MAX);
        if at.width < width {
            break;
        }
        let rest = paint.words(at, &key, theme.accent());
        let rest = paint.words(rest, &format!(" {words}  "), theme.faint());
        shown.hits.push((Rect { width: at.width - rest.width, ..at }, Hit::Key(*action)));
        at = rest;
    }
    let done = app.deeds.done.len();
    if done > 0 {
        let last = app.deeds.done.back().map(|deed| words::command(&deed.command)).unwrap_or_default();
        let text = format!("{done} done, last: {last} ");
        let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        if at.width > width {
            paint.words(Rect { x: area.right() - width, width, ..area }, &text, theme.faint());
        }
    }
}
