//! Passwords for a command: from a file, the environment or a person at the terminal, and never from its arguments,
//! which everybody on the machine can read.

use super::Failure;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::{
    env,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::Path,
};
use thingfleet_device::value::Secret;

/// Where a password may stand.
pub(super) struct Source<'s> {
    /// A file, first.
    pub(super) file: Option<&'s Path>,
    /// A variable of the environment, second.
    pub(super) variable: &'static str,
}

/// Reads a password. One that stands nowhere is asked for with `prompt`, or is empty where nobody would ask.
///
/// # Errors
/// [`Failure`] if the file cannot be read, or if nobody is there to be asked.
pub(super) fn read(source: &Source<'_>, prompt: Option<&str>) -> Result<Secret, Failure> {
    if let Some(path) = source.file {
        let text = std::fs::read_to_string(path);
        let text =
            text.map_err(|error| Failure::environment(format!("cannot read {}: {error}", path.display())))?;
        // Editors end a file with a line break; a password does not.
        return Ok(Secret::new(text.trim_end_matches(['\r', '\n'])));
    }
    match (env::var(source.variable), prompt) {
        (Ok(password), _) => Ok(Secret::new(password)),
        (Err(env::VarError::NotUnicode(_)), _) => {
            Err(Failure::input(format!("{} is not UTF-8", source.variable)))
        }
        (Err(env::VarError::NotPresent), None) => Ok(Secret::new("")),
        (Err(env::VarError::NotPresent), Some(prompt)) => ask(prompt, source.variable),
    }
}

fn ask(prompt: &str, variable: &str) -> Result<Secret, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::input(format!("no {prompt}"))
            .help(format!("put it into a file or into {variable}; there is no terminal to ask at")));
    }
    eprint!("{prompt}: ");
    io::stderr().flush()?;
    let silence = Silence::begin();
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    drop(silence);
    eprintln!();
    read.map_err(|error| Failure::environment(format!("cannot read from the terminal: {error}")))?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

/// A terminal that does not show what is typed, until it is dropped.
struct Silence(Option<Termios>);

impl Silence {
    fn begin() -> Self {
        // A terminal that cannot do it shows the password, which its owner will notice.
        let Ok(before) = tcgetattr(io::stdin()) else { return Self(None) };
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        let is_silent = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent).is_ok();
        Self(is_silent.then_some(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: &str = "THINGFLEET_A_VARIABLE_THAT_NOBODY_SETS";

    #[test]
    fn a_file_gives_its_text_without_the_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        std::fs::write(&path, "correct horse\n").unwrap();
        let source = Source { file: Some(&path), variable: NOWHERE };
        assert_eq!(read(&source, None).unwrap().reveal(), "correct horse");
    }

    #[test]
    fn what_nobody_asks_for_is_empty() {
        let source = Source { file: None, variable: NOWHERE };
        assert_eq!(read(&source, None).unwrap().reveal(), "");
    }
}
