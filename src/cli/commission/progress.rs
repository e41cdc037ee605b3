//! How a commissioning is shown while it goes: a line a step on stderr, a moving one on a terminal, objects with `--json`.

use crate::cli::{Global, output};
use serde_json::{Value, json};
use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use thingfleet::commission::{Deviation, Step, Told, Took, Weight};

/// Columns of a step's title.
const TITLE: usize = 26;
/// The moving part of the line.
const FRAMES: [char; 4] = ['|', '/', '-', '\\'];

/// Shows it.
pub(super) struct Progress {
    is_json: bool,
    is_terminal: bool,
    colour: bool,
    moving: Mutex<Option<Moving>>,
}

struct Moving {
    step: Step,
    since: Instant,
    frame: usize,
}

/// What a line begins with.
#[derive(Clone, Copy)]
enum Sign {
    Done,
    Failed,
    Noticed,
}

impl Progress {
    pub(super) fn new(global: &Global) -> Self {
        Self {
            is_json: global.json,
            is_terminal: io::stderr().is_terminal() && !global.json,
            colour: global.colour(),
            moving: Mutex::default(),
        }
    }

    /// Shows something that happened.
    pub(super) fn tell(&self, told: &Told<'_>) {
        if self.is_json {
            if let Some(object) = object(told) {
                // A reader that went away is noticed with the summary.
                _ = output::json(&object);
            }
            return;
        }
        match told {
            Told::Begun(step) => {
                *self.moving() = Some(Moving { step: *step, since: Instant::now(), frame: 0 });
                self.beat();
            }
            Told::Ended(took, words) => self.line(Sign::Done, &line(*took, words)),
            Told::Failed(took, error) => self.line(Sign::Failed, &line(*took, &error.to_string())),
            Told::Noticed(deviation) => {
                let Deviation { code, text } = deviation;
                let weight = code.weight().name();
                self.print(Sign::Noticed, &format!("{weight}: {text} [{}]", code.name()));
            }
        }
    }

    /// Moves the moving line.
    pub(super) fn beat(&self) {
        let mut moving = self.moving();
        let Some(moving) = moving.as_mut().filter(|_| self.is_terminal) else { return };
        moving.frame = (moving.frame + 1) % FRAMES.len();
        let (frame, title) = (FRAMES[moving.frame], moving.step.title());
        let seconds = moving.since.elapsed().as_secs();
        write(&format!("\r\x1b[K{frame} {title:TITLE$} {seconds:>4} s"));
    }

    /// Takes the moving line away.
    pub(super) fn clear(&self) {
        if self.moving().take().is_some() && self.is_terminal {
            write("\r\x1b[K");
        }
    }

    /// Ends the moving line as this one.
    fn line(&self, sign: Sign, text: &str) {
        *self.moving() = None;
        self.print(sign, text);
    }

    fn print(&self, sign: Sign, text: &str) {
        let clear = if self.is_terminal { "\r\x1b[K" } else { "" };
        write(&format!("{clear}{} {text}\n", self.sign(sign)));
    }

    fn sign(&self, sign: Sign) -> &'static str {
        match (sign, self.colour) {
            (Sign::Done, true) => "\x1b[32m+\x1b[0m",
            (Sign::Done, false) => "+",
            (Sign::Failed, true) => "\x1b[31mx\x1b[0m",
            (Sign::Failed, false) => "x",
            (Sign::Noticed, true) => "\x1b[33m!\x1b[0m",
            (Sign::Noticed, false) => "!",
        }
    }

    fn moving(&self) -> MutexGuard<'_, Option<Moving>> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(text: &str) {
    let mut err = io::stderr().lock();
    // Progress that cannot be shown is no reason to stop.
    _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// A step that is over, in a line.
fn line(took: Took, words: &str) -> String {
    let (title, seconds) = (took.step.title(), took.time.as_secs_f64());
    format!("{title:TITLE$} {seconds:>6.2} s  {words}").trim_end().to_owned()
}

/// A deviation, for programs.
pub(super) fn deviation(deviation: &Deviation) -> Value {
    let Deviation { code, text } = deviation;
    json!({ "code": code.name(), "weight": code.weight().name(), "text": text })
}

/// Milliseconds with a thousandth's precision.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn object(told: &Told<'_>) -> Option<Value> {
    let step = |took: &Took, outcome: &str, text: &str| {
        json!({
            "type": "step",
            "step": took.step.name(),
            "ms": milliseconds(took.time),
            "outcome": outcome,
            "text": text,
        })
    };
    match told {
        Told::Begun(_) => None,
        Told::Ended(took, words) => Some(step(took, "done", words)),
        Told::Failed(took, error) => Some(step(took, "failed", &error.to_string())),
        Told::Noticed(one) => {
            let mut object = deviation(one);
            object["type"] = match one.code.weight() {
                Weight::Note => "note".into(),
                Weight::Deviation => "deviation".into(),
            };
            Some(object)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet::commission::Code;

    #[test]
    fn a_step_is_a_line_or_an_object() {
        let took = Took { step: Step::Find, time: Duration::from_micros(312_345) };
        assert_eq!(line(took, "Kettle, -50 dBm"), "find the device              0.31 s  Kettle, -50 dBm");
        let object = object(&Told::Ended(took, "Kettle")).unwrap();
        assert_eq!(object["step"], "find");
        assert_eq!(object["ms"], 312.345);
    }

    #[test]
    fn a_deviation_is_data() {
        let one = Deviation { code: Code::NoName, text: "no name".into() };
        let object = object(&Told::Noticed(&one)).unwrap();
        assert_eq!(
            object,
            json!({ "type": "deviation", "code": "no-name", "weight": "deviation", "text": "no name" })
        );
    }
}
