//! The loop: whatever comes first changes the state, and the picture follows at most thirty times a second.

use crate::{
    app::{App, Effect, Message, Options},
    feed::Feed,
    terminal::Taken,
    view::view,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crossterm::{
    event::{DisableMouseCapture, EnableMouseCapture, Event, EventStream, KeyEventKind},
    execute,
};
use futures::{Stream, StreamExt as _};
use ratatui::{Terminal, backend::Backend};
use std::{
    fs::File,
    io::{self, Write},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// Shortest distance between two pictures.
const FRAME: Duration = Duration::from_millis(33);
/// How often the state learns what time it is.
const TICK: Duration = Duration::from_millis(100);
/// News that are taken at a time before the picture is looked at.
const BATCH: usize = 1024;
/// Files of one kind that are written next to each other.
const MOST_FILES: usize = 1000;

/// Shows a fleet on this terminal until a person leaves. Dropping the future gives the terminal back too.
///
/// # Errors
/// Those of the terminal.
pub async fn run(mut feed: Feed, options: Options) -> io::Result<()> {
    let mut taken = Taken::new(options.has_mouse)?;
    let mut app = App::new(options);
    drive(&mut taken.terminal, EventStream::new(), &mut feed, &mut app, &mut io::stdout()).await
}

/// Shows a fleet on any terminal until a person leaves or `input` ends; `out` takes what is no picture.
///
/// # Errors
/// Those of the terminal.
pub async fn drive<B: Backend>(
    terminal: &mut Terminal<B>,
    mut input: impl Stream<Item = io::Result<Event>> + Unpin,
    feed: &mut Feed,
    app: &mut App,
    out: &mut impl Write,
) -> io::Result<()> {
    let begun = Instant::now();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_frame = begun;
    let mut has_feed = true;
    let mut news = Vec::with_capacity(BATCH);
    loop {
        let mut effects = Vec::new();
        tokio::select! {
            biased;
            event = input.next() => match event {
                Some(event) => effects = message(event?).map_or_else(Vec::new, |message| app.update(message)),
                None => return Ok(()),
            },
            () = sleep_until(next_frame), if app.is_stale() => {
                app.update(Message::Frame);
                draw(terminal, app)?;
                next_frame = Instant::now() + FRAME;
            }
            taken = feed.news.recv_many(&mut news, BATCH), if has_feed => {
                has_feed = taken > 0;
                for one in news.drain(..) {
                    effects.extend(app.update(Message::News(one)));
                }
            }
            _ = tick.tick() => effects = app.update(Message::Time(begun.elapsed())),
        }
        for effect in effects {
            if carry_out(effect, terminal, feed, app, out)? {
                return Ok(());
            }
        }
    }
}

/// Draws a picture of the state.
///
/// # Errors
/// Those of the terminal.
pub fn draw<B: Backend>(terminal: &mut Terminal<B>, app: &mut App) -> io::Result<()> {
    let mut shown = None;
    terminal
        .draw(|frame| shown = Some(view(app, frame)))
        .map_err(|error| io::Error::other(error.to_string()))?;
    app.drawn(shown.unwrap_or_default());
    Ok(())
}

fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Message::Key(key)),
        Event::Mouse(mouse) => Some(Message::Mouse(mouse)),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Resize(..) => Some(Message::Resized),
        Event::Key(_) | Event::FocusGained | Event::FocusLost => None,
    }
}

/// Does what is to be done; whether it was the last thing.
fn carry_out<B: Backend>(
    effect: Effect,
    terminal: &mut Terminal<B>,
    feed: &Feed,
    app: &mut App,
    out: &mut impl Write,
) -> io::Result<bool> {
    match effect {
        Effect::Ask(request) => {
            if feed.requests.try_send(request).is_err() {
                tell(app, Err("the fleet is too busy to be asked; try again".to_owned()));
            }
        }
        // OSC 52, which terminals and tmux pass on to the clipboard, also through SSH.
        Effect::Copy(text) => {
            write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
            out.flush()?;
        }
        Effect::Mouse(true) => execute!(out, EnableMouseCapture)?,
        Effect::Mouse(false) => execute!(out, DisableMouseCapture)?,
        Effect::Save { stem, text } => {
            let saved = save(&stem, &text).map_err(|error| format!("cannot write {stem}: {error}"));
            tell(app, saved);
        }
        Effect::Redraw => terminal.clear().map_err(|error| io::Error::other(error.to_string()))?,
        Effect::Quit => return Ok(true),
    }
    Ok(false)
}

fn tell(app: &mut App, saved: Result<String, String>) {
    // It asks for nothing.
    app.update(Message::Saved(saved));
}

/// Writes a file that was not there before, and gives its name.
fn save(stem: &str, text: &str) -> io::Result<String> {
    for number in 1..MOST_FILES {
        let name = format!("{stem}-{number}.yaml");
        match File::create_new(&name) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                return Ok(name);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are too many of them"))
}
