//! Which devices a list shows, and in which order: filtered, sorted, grouped.

use crate::{
    filter::Filter,
    roster::{Roster, Row},
};
use std::{cmp::Ordering, collections::BTreeSet};

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The order of the fleet.
    #[default]
    Fleet,
    /// Names, numbers in them as numbers.
    Name,
    /// Short names of definitions.
    Kind,
    /// States, those in trouble first.
    State,
    /// Events since the dashboard watches, most first.
    Events,
    /// Faults, most first.
    Faults,
}

/// What a list is grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Group {
    /// Nothing.
    #[default]
    None,
    /// Definitions.
    Kind,
    /// States.
    State,
}

/// How a list is made.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// What passes.
    pub filter: Filter,
    /// What comes first.
    pub sort: Sort,
    /// Whether the last comes first.
    pub is_reversed: bool,
    /// What stands together.
    pub group: Group,
    /// Groups that are folded.
    pub folded: BTreeSet<String>,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The head of a group.
    Group {
        /// What they have in common.
        title: String,
        /// How many they are.
        count: usize,
        /// Whether they are hidden.
        is_folded: bool,
    },
    /// The device at this place of the roster.
    Device(usize),
}

/// A list as it is shown.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    lines: Vec<Line>,
    /// Places of all devices that pass, folded ones too.
    matches: Vec<usize>,
    made_of: Option<u64>,
}

impl Sort {
    /// The next one, in the order in which a key goes through them.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Fleet => Self::Name,
            Self::Name => Self::Kind,
            Self::Kind => Self::State,
            Self::State => Self::Events,
            Self::Events => Self::Faults,
            Self::Faults => Self::Fleet,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Name => "name",
            Self::Kind => "kind",
            Self::State => "state",
            Self::Events => "events",
            Self::Faults => "faults",
        }
    }
}

impl Group {
    /// The next one, in the order in which a key goes through them.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::None => Self::Kind,
            Self::Kind => Self::State,
            Self::State => Self::None,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Kind => "kind",
            Self::State => "state",
        }
    }
}

impl Listing {
    /// The lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Places of all devices that pass the filter, folded ones too.
    pub fn matches(&self) -> &[usize] {
        &self.matches
    }

    /// The line of the device at this place of the roster.
    pub fn line_of(&self, place: usize) -> Option<usize> {
        self.lines.iter().position(|line| *line == Line::Device(place))
    }

    /// Has it made anew the next time.
    pub fn forget(&mut self) {
        self.made_of = None;
    }

    /// Makes it anew if it has to be.
    pub fn refresh(&mut self, roster: &Roster, recipe: &Recipe) {
        // Counts of events change without a change of the roster.
        let is_fresh = self.made_of == Some(roster.generation()) && recipe.sort != Sort::Events;
        if is_fresh {
            return;
        }
        self.made_of = Some(roster.generation());
        let rows = roster.rows();
        self.matches.clear();
        self.matches.extend((0..rows.len()).filter(|place| recipe.filter.takes(rows[*place].text())));
        let by_group = |a: usize, b: usize| match recipe.group {
            Group::None => Ordering::Equal,
            Group::Kind => rows[a].kind.cmp(&rows[b].kind),
            Group::State => severity(rows[a].state).cmp(&severity(rows[b].state)),
        };
        let by_sort = |a: usize, b: usize| match recipe.sort {
            Sort::Fleet => Ordering::Equal,
            Sort::Name => rows[a].rank.cmp(&rows[b].rank),
            Sort::Kind => rows[a].kind.cmp(&rows[b].kind),
            Sort::State => severity(rows[a].state).cmp(&severity(rows[b].state)),
            Sort::Events => rows[b].events.cmp(&rows[a].events),
            Sort::Faults => rows[b].faults().cmp(&rows[a].faults()),
        };
        if recipe.group != Group::None || recipe.sort != Sort::Fleet || recipe.is_reversed {
            self.matches.sort_by(|&a, &b| {
                let inner = by_sort(a, b).then(a.cmp(&b));
                by_group(a, b).then(if recipe.is_reversed { inner.reverse() } else { inner })
            });
        }
        self.lines.clear();
        let title = |place: usize| match recipe.group {
            Group::None => String::new(),
            Group::Kind => rows[place].kind.to_string(),
            Group::State => rows[place].state.to_string(),
        };
        if recipe.group == Group::None {
            self.lines.extend(self.matches.iter().copied().map(Line::Device));
            return;
        }
        for group in self.matches.chunk_by(|&a, &b| by_group(a, b) == Ordering::Equal) {
            let title = title(group[0]);
            let is_folded = recipe.folded.contains(&title);
            self.lines.push(Line::Group { title, count: group.len(), is_folded });
            if !is_folded {
                self.lines.extend(group.iter().copied().map(Line::Device));
            }
        }
    }
}

/// How much a device asks for a person's eye; the least asks most.
pub(crate) fn urgency(row: &Row) -> (u8, bool) {
    (severity(row.state), row.faults() == 0)
}

/// How much a state asks for a person's eye; the least number asks most.
const fn severity(state: thingfleet_control::snapshot::State) -> u8 {
    use thingfleet_control::snapshot::State;
    match state {
        State::Failed => 0,
        State::Restarting => 1,
        State::Waiting => 2,
        State::Offline => 3,
        State::Commissioning => 4,
        State::Joining => 5,
        State::Connecting => 6,
        State::SettingUp => 7,
        State::Off => 8,
        State::Stopped => 9,
        State::Online => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_control::snapshot::{Entry, State};

    fn roster() -> Roster {
        let mut roster = Roster::default();
        let entry = |(name, kind, state): (&str, &str, State)| Entry {
            name: name.into(),
            kind: kind.into(),
            tags: Vec::new(),
            state,
            trouble: None,
            faults: Vec::new(),
        };
        roster.replace(
            [
                ("lamp-10", "lamp", State::Online),
                ("kettle", "kettle", State::Failed),
                ("lamp-9", "lamp", State::Waiting),
            ]
            .map(entry)
            .into(),
        );
        roster
    }

    fn lines(recipe: &Recipe) -> Vec<String> {
        let roster = roster();
        let mut listing = Listing::default();
        listing.refresh(&roster, recipe);
        let words = |line: &Line| match line {
            Line::Group { title, count, is_folded } => format!("{title} {count} {is_folded}"),
            Line::Device(place) => roster.rows()[*place].name.to_string(),
        };
        listing.lines().iter().map(words).collect()
    }

    #[test]
    fn numbers_in_names_are_numbers() {
        let recipe = Recipe { sort: Sort::Name, ..Recipe::default() };
        assert_eq!(lines(&recipe), ["kettle", "lamp-9", "lamp-10"]);
        assert_eq!(lines(&Recipe { is_reversed: true, ..recipe }), ["lamp-10", "lamp-9", "kettle"]);
    }

    #[test]
    fn what_is_in_trouble_comes_first() {
        let recipe = Recipe { sort: Sort::State, ..Recipe::default() };
        assert_eq!(lines(&recipe), ["kettle", "lamp-9", "lamp-10"]);
    }

    #[test]
    fn groups_have_heads_and_can_be_folded() {
        let mut recipe = Recipe { group: Group::Kind, ..Recipe::default() };
        assert_eq!(lines(&recipe), ["kettle 1 false", "kettle", "lamp 2 false", "lamp-10", "lamp-9"]);
        recipe.folded.insert("lamp".into());
        assert_eq!(lines(&recipe), ["kettle 1 false", "kettle", "lamp 2 true"]);
    }

    #[test]
    fn a_filter_looks_at_names_kinds_and_states() {
        let filter = Filter::parse("lamp !online").unwrap();
        assert_eq!(lines(&Recipe { filter, ..Recipe::default() }), ["lamp-9"]);
    }
}
