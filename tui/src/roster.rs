//! All devices of a fleet in one line each, kept up to date by events.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};
use thingfleet_control::{
    event::{Event, What},
    snapshot::{Entry, State},
    value::Value,
};

/// All devices of a fleet.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    rows: Vec<Row>,
    places: HashMap<Arc<str>, usize>,
    counts: [usize; State::ALL.len()],
    /// How many devices have a fault.
    faulty: usize,
    /// Changes whenever lists made of it have to be made anew.
    generation: u64,
}

/// A device in one line.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: Arc<str>,
    /// Short name of its definition.
    pub kind: Arc<str>,
    /// Where it stands.
    pub state: State,
    /// Short name of what is wrong.
    pub trouble: Option<String>,
    /// The ids of its faults.
    faults: Vec<u32>,
    /// The channel and value it sent last.
    pub latest: Option<(String, Value)>,
    /// Events it told since it is watched.
    pub events: u64,
    /// Its place among all names in order, numbers in them as numbers; lists are sorted too often to compare texts.
    pub rank: usize,
    /// What filters look at: name, kind and tags, then state, trouble, and `faulty` if it has a fault.
    text: String,
    /// Bytes of `text` that never change.
    fixed: usize,
}

impl Roster {
    /// The devices, in the order of the fleet.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The place of the device with this name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The device with this name.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.place(name).map(|place| &self.rows[place])
    }

    /// How many devices are in a state.
    pub fn count(&self, state: State) -> usize {
        self.counts[place_of(state)]
    }

    /// How many devices have a fault.
    pub fn faulty(&self) -> usize {
        self.faulty
    }

    /// Changes whenever lists made of it have to be made anew.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes over a new list; what is known of devices that stay is kept.
    pub fn replace(&mut self, entries: Vec<Entry>) {
        let mut before = std::mem::take(self);
        self.generation = before.generation + 1;
        self.rows.reserve(entries.len());
        for entry in entries {
            let known = before.places.get(&*entry.name).map(|place| &mut before.rows[*place]);
            let (latest, events) = known.map_or((None, 0), |row| (row.latest.take(), row.events));
            let row = Row { latest, events, ..Row::new(entry) };
            self.counts[place_of(row.state)] += 1;
            self.faulty += usize::from(row.faults() > 0);
            self.places.insert(Arc::clone(&row.name), self.rows.len());
            self.rows.push(row);
        }
        let mut by_name: Vec<usize> = (0..self.rows.len()).collect();
        by_name.sort_by(|&one, &other| natural(&self.rows[one].name, &self.rows[other].name));
        for (rank, place) in by_name.into_iter().enumerate() {
            self.rows[place].rank = rank;
        }
    }

    /// Notes what a device told; whether the list is still as good as the fleet's own.
    pub fn tell(&mut self, event: &Event) -> bool {
        if let What::Pace { .. } = event.what {
            return true;
        }
        let Some(place) = self.place(&event.device) else { return false };
        let row = &mut self.rows[place];
        row.events += 1;
        match &event.what {
            What::Session { state, kind, .. } => {
                let trouble = kind.clone();
                self.generation += 1;
                self.counts[place_of(row.state)] -= 1;
                self.counts[place_of(*state)] += 1;
                row.stand(*state, trouble);
                if *state == State::Stopped {
                    self.suffer(place, Vec::clear);
                }
            }
            What::SetupFailed { .. } => {
                self.generation += 1;
                row.stand(row.state, Some("setup".to_owned()));
            }
            What::NodesReady { .. } if row.trouble.is_some() => {
                self.generation += 1;
                row.stand(row.state, None);
            }
            What::Reading { channel, value } | What::Actuated { channel, value, .. } => {
                row.latest = Some((channel.clone(), value.clone()));
            }
            What::FaultBegan(active) => self.suffer(place, |faults| {
                // The list may have come later than what began meanwhile.
                if !faults.contains(&active.id) {
                    faults.push(active.id);
                }
            }),
            What::FaultEnded { id } => self.suffer(place, |faults| faults.retain(|fault| fault != id)),
            What::NodesReady { .. }
            | What::Published { .. }
            | What::PublishFailed { .. }
            | What::Refused { .. }
            | What::Rule { .. }
            | What::Handshake { .. }
            | What::Commissioning(_)
            | What::Led { .. }
            | What::Bluetooth(_)
            | What::Steered { .. }
            | What::Lagging { .. }
            | What::Pace { .. } => {}
            // Places move, so the whole list is fetched again.
            What::Added | What::Removed => return false,
        }
        true
    }

    /// Changes which faults a device has.
    fn suffer(&mut self, place: usize, change: impl FnOnce(&mut Vec<u32>)) {
        let row = &mut self.rows[place];
        let before = row.faults.len();
        change(&mut row.faults);
        if row.faults.len() != before {
            self.generation += 1;
            self.faulty -= usize::from(before > 0);
            self.faulty += usize::from(row.faults() > 0);
            let trouble = row.trouble.take();
            row.stand(row.state, trouble);
        }
    }
}

impl Row {
    fn new(entry: Entry) -> Self {
        let text =
            [&[entry.name.clone(), entry.kind.clone()], &*entry.tags].concat().join(" ").to_lowercase();
        let mut row = Self {
            name: entry.name.into(),
            kind: entry.kind.into(),
            state: entry.state,
            trouble: None,
            faults: entry.faults,
            latest: None,
            events: 0,
            rank: 0,
            fixed: text.len(),
            text,
        };
        row.stand(entry.state, entry.trouble);
        row
    }

    /// How many faults it has.
    pub fn faults(&self) -> usize {
        self.faults.len()
    }

    /// What filters look at, in lower case.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn stand(&mut self, state: State, trouble: Option<String>) {
        self.text.truncate(self.fixed);
        self.text.push(' ');
        self.text.push_str(state.name());
        if let Some(trouble) = &trouble {
            self.text.push(' ');
            self.text.push_str(trouble);
        }
        if !self.faults.is_empty() {
            self.text.push_str(" faulty");
        }
        (self.state, self.trouble) = (state, trouble);
    }
}

/// The place of a state in [`State::ALL`], which is in the order of their declaration.
const fn place_of(state: State) -> usize {
    state as usize
}

/// Compares names with the numbers in them as numbers: `lamp-9` before `lamp-10`.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (number, rest) = digits(left);
        let (second, second_rest) = digits(right);
        if !number.is_empty() && !second.is_empty() {
            let value = |digits: &str| {
                let digits = digits.trim_start_matches('0').to_owned();
                (digits.len(), digits)
            };
            match value(number).cmp(&value(second)) {
                Ordering::Equal => (left, right) = (rest, second_rest),
                unequal => return unequal,
            }
            continue;
        }
        let (mut letters, mut second_letters) = (left.chars(), right.chars());
        match (letters.next(), second_letters.next()) {
            (None, None) => return one.cmp(other),
            (letter, second) if letter == second => {
                (left, right) = (letters.as_str(), second_letters.as_str());
            }
            (letter, second) => return letter.cmp(&second),
        }
    }
}

/// The digits at the beginning of a text, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_control::fault::{ActiveFault, FaultSpec};

    fn roster(names: &[&str]) -> Roster {
        let entry = |name: &&str| Entry {
            name: (*name).to_owned(),
            kind: "kettle".into(),
            tags: vec!["Kitchen".into()],
            state: State::Online,
            trouble: None,
            faults: Vec::new(),
        };
        let mut roster = Roster::default();
        roster.replace(names.iter().map(entry).collect());
        roster
    }

    fn event(device: &str, what: What) -> Event {
        Event { seq: 1, device: device.into(), device_seconds: 0.0, what }
    }

    #[test]
    fn states_are_counted_as_they_change() {
        for state in State::ALL {
            assert_eq!(State::ALL[place_of(state)], state);
        }
        let mut roster = roster(&["a", "b"]);
        let lost = What::Session {
            state: State::Waiting,
            kind: Some("lost".into()),
            text: None,
            next_step: None,
            retry_in_ms: None,
        };
        let before = roster.generation();
        assert!(roster.tell(&event("b", lost)));
        assert_eq!((roster.count(State::Online), roster.count(State::Waiting)), (1, 1));
        assert_eq!(roster.row("b").unwrap().text(), "b kettle kitchen waiting lost");
        assert_ne!(roster.generation(), before);
        assert!(!roster.tell(&event("c", What::Rule { rule: 0 })), "it is not known");
    }

    #[test]
    fn a_new_list_keeps_what_is_known_of_those_that_stay() {
        let mut roster = roster(&["a", "b"]);
        let reading = What::Reading { channel: "temp".into(), value: Value::Integer(3) };
        roster.tell(&event("b", reading));
        let entries = ["b", "c"].map(|name| Entry {
            name: name.into(),
            kind: "kettle".into(),
            tags: Vec::new(),
            state: State::Off,
            trouble: None,
            faults: vec![7],
        });
        roster.replace(entries.into());
        assert_eq!(roster.row("b").unwrap().latest, Some(("temp".into(), Value::Integer(3))));
        assert_eq!((roster.place("a"), roster.place("c"), roster.count(State::Off)), (None, Some(1), 2));
        assert_eq!(roster.faulty(), 2);
    }

    #[test]
    fn faults_are_counted_as_they_come_and_go() {
        let mut roster = roster(&["a", "b"]);
        let began = |id| {
            What::FaultBegan(ActiveFault {
                id,
                since_seconds: 0.0,
                left_seconds: None,
                fault: FaultSpec { fault: "latency".into(), ..FaultSpec::default() },
            })
        };
        for id in [1, 2, 2] {
            roster.tell(&event("b", began(id)));
        }
        assert_eq!((roster.row("b").unwrap().faults(), roster.faulty()), (2, 1), "one was told twice");
        assert_eq!(roster.row("b").unwrap().text(), "b kettle kitchen online faulty");
        let before = roster.generation();
        for id in [1, 9, 2] {
            roster.tell(&event("b", What::FaultEnded { id }));
        }
        assert_eq!((roster.row("b").unwrap().faults(), roster.faulty()), (0, 0));
        assert_eq!(roster.row("b").unwrap().text(), "b kettle kitchen online");
        assert_eq!(roster.generation(), before + 2);
    }
}
