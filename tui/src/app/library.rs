//! The library of faults, and the form in which one is set up.

use super::{App, Effect, overlay::Overlay, steer::Reach};
use crate::filter::Filter;
use thingfleet_control::{
    command::Command,
    fault::{FaultKind, FaultSpec, Setting},
};
use tui_input::Input;

/// The library's screen.
#[derive(Debug)]
pub struct LibraryScreen {
    /// What passes.
    pub filter: Filter,
    /// All there is.
    kinds: Vec<FaultKind>,
    /// Places of those that pass.
    matches: Vec<usize>,
    /// The one the cursor is on, among those that pass.
    pub cursor: usize,
}

/// A fault that is being set up.
#[derive(Debug)]
pub struct FaultForm {
    /// The kind.
    pub kind: FaultKind,
    /// Its settings, as far as they were typed.
    pub fields: Vec<Field>,
    /// The one that is being typed.
    pub at: usize,
    /// Which devices are meant.
    pub reach: Reach,
    /// Why it cannot be done.
    pub error: Option<String>,
}

/// A setting that is being typed; empty for its default.
#[derive(Debug)]
pub struct Field {
    /// The setting.
    pub setting: Setting,
    /// What was typed.
    pub input: Input,
}

impl Default for LibraryScreen {
    fn default() -> Self {
        let kinds = FaultKind::library();
        Self { filter: Filter::default(), matches: (0..kinds.len()).collect(), kinds, cursor: 0 }
    }
}

impl LibraryScreen {
    /// The kinds that pass the filter.
    pub fn shown(&self) -> impl ExactSizeIterator<Item = &FaultKind> {
        self.matches.iter().map(|place| &self.kinds[*place])
    }

    /// The kind the cursor is on.
    pub fn on(&self) -> Option<&FaultKind> {
        self.matches.get(self.cursor).map(|place| &self.kinds[*place])
    }

    /// Filters by something else.
    pub fn filter(&mut self, filter: Filter) {
        let text = |kind: &FaultKind| {
            format!("{} {} {} {}", kind.fault, kind.family, kind.title, kind.effect).to_lowercase()
        };
        let kinds = &self.kinds;
        self.matches = (0..kinds.len()).filter(|place| filter.takes(&text(&kinds[*place]))).collect();
        self.filter = filter;
        self.cursor = 0;
    }
}

impl FaultForm {
    fn new(kind: FaultKind, reach: Reach) -> Self {
        let lasts = Setting {
            name: "for_seconds".to_owned(),
            help: "how long; until it is cleared unless given".to_owned(),
            unit: Some("s".to_owned()),
            min: Some(0.0),
            ..Setting::default()
        };
        let lasts = (!kind.is_instant).then_some(lasts);
        let field = |setting| Field { setting, input: Input::default() };
        let fields = kind.settings.iter().cloned().chain(lasts).map(field).collect();
        Self { kind, fields, at: 0, reach, error: None }
    }

    /// The fault as it was set up.
    ///
    /// # Errors
    /// What is wrong with a setting, for people.
    pub fn spec(&self) -> Result<FaultSpec, String> {
        let mut spec = FaultSpec { fault: self.kind.fault.clone(), ..FaultSpec::default() };
        for Field { setting, input } in &self.fields {
            let text = input.value().trim();
            if text.is_empty() {
                continue;
            }
            if !setting.options.is_empty() && !setting.options.iter().any(|option| option == text) {
                return Err(format!("{} is one of {}", setting.name, setting.options.join(", ")));
            }
            let word = || Some(text.to_owned());
            match setting.name.as_str() {
                "channel" => spec.channel = word(),
                "direction" => spec.direction = word(),
                "characteristic" => spec.characteristic = word(),
                "text" => spec.text = word(),
                "amount" => spec.amount = Some(number(setting, text)?),
                "delay" => spec.delay = Some(number(setting, text)?),
                "jitter" => spec.jitter = Some(number(setting, text)?),
                "share" => spec.share = Some(number(setting, text)?),
                "for_seconds" => spec.for_seconds = Some(number(setting, text)?),
                other => return Err(format!("this dashboard is too old to set {other}")),
            }
        }
        Ok(spec)
    }
}

impl App {
    /// Opens the form of the fault under the cursor.
    pub(super) fn open_form(&mut self) {
        let Some(kind) = self.library.on().cloned() else { return };
        let reach = if self.fleet.marked.is_empty() { Reach::One } else { Reach::Marked };
        if self.reached(reach).is_empty() {
            return self.complain("there is no device it could happen to");
        }
        self.overlay = Some(Overlay::Fault(FaultForm::new(kind, reach)));
    }

    /// Lets happen what was set up, or says what is wrong with it.
    pub(super) fn begin_fault(&mut self, mut form: FaultForm) -> Vec<Effect> {
        match form.spec() {
            Ok(fault) => self.steer(self.reached(form.reach), Command::Fault { fault }),
            Err(why) => {
                form.error = Some(why);
                self.overlay = Some(Overlay::Fault(form));
                Vec::new()
            }
        }
    }
}

fn number(setting: &Setting, text: &str) -> Result<f64, String> {
    let (min, max) = (setting.min.unwrap_or(f64::NEG_INFINITY), setting.max.unwrap_or(f64::INFINITY));
    match text.parse::<f64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        Ok(_) | Err(_) if max.is_infinite() => Err(format!("{} is a number from {min} on", setting.name)),
        Ok(_) | Err(_) => Err(format!("{} is a number from {min} to {max}", setting.name)),
    }
}
