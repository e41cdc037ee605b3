//! The terminal: taken for the dashboard, and given back as it was, also after a panic.

use crossterm::{
    cursor,
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};
use std::{
    io::{self, Stdout, Write as _},
    panic::{self, PanicHookInfo},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// A terminal that belongs to the dashboard until this is dropped.
pub struct Taken {
    /// What is drawn on.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
    before: Arc<Hook>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_given_back: AtomicBool,
    /// What threads said that panicked meanwhile.
    held: Mutex<Vec<String>>,
}

impl Taken {
    /// Takes the terminal. A panic of this thread gives it back before anything is printed; what other threads print as
    /// they panic is held back until then.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn new(has_mouse: bool) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        enable_raw_mode()?;
        let terminal = enter(has_mouse).inspect_err(|_| shared.give_back())?;
        let before: Arc<Hook> = Arc::new(panic::take_hook());
        let (hook, panics, owner) = (Arc::clone(&before), Arc::clone(&shared), thread::current().id());
        panic::set_hook(Box::new(move |info| {
            if thread::current().id() == owner || panics.is_given_back.load(Relaxed) {
                panics.give_back();
                hook(info);
            } else {
                panics.hold(info.to_string());
            }
        }));
        Ok(Self { terminal, before, shared })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.shared.give_back();
        if !thread::panicking() {
            let before = Arc::clone(&self.before);
            panic::set_hook(Box::new(move |info| before(info)));
        }
    }
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Taken").finish_non_exhaustive()
    }
}

impl Shared {
    fn hold(&self, text: String) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Gives the terminal back, once. There is nothing to be done about what fails.
    fn give_back(&self) {
        if self.is_given_back.swap(true, Relaxed) {
            return;
        }
        let mut out = io::stdout();
        _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
        _ = disable_raw_mode();
        _ = out.flush();
        for text in self.held.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            eprintln!("{text}");
        }
    }
}

fn enter(has_mouse: bool) -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste)?;
    if has_mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Terminal::new(CrosstermBackend::new(out))
}
