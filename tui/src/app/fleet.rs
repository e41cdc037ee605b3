//! The fleet's screen: a table or a map, with a cursor that stays on its device while lines move.

use crate::{
    filter::Filter,
    listing::{Line, Listing, Recipe},
    roster::Roster,
};
use std::{collections::BTreeSet, sync::Arc};

/// The fleet's screen.
#[derive(Debug, Default)]
pub struct FleetScreen {
    /// How the list is made.
    pub recipe: Recipe,
    /// The list.
    pub listing: Listing,
    /// The line the cursor is on.
    pub cursor: usize,
    /// The first line that is shown.
    pub offset: usize,
    /// Whether it is a map.
    pub is_map: bool,
    /// Devices that are marked.
    pub marked: BTreeSet<Arc<str>>,
    /// The device the cursor is on.
    on: Option<Arc<str>>,
}

impl FleetScreen {
    /// Makes the list anew if it has to be, and keeps the cursor on its device.
    pub fn refresh(&mut self, roster: &Roster) {
        self.listing.refresh(roster, &self.recipe);
        if self.marked.iter().any(|name| roster.place(name).is_none()) {
            self.marked.retain(|name| roster.place(name).is_some());
        }
        let lines = self.listing.lines();
        let is_there = |line: usize, place| lines.get(line) == Some(&Line::Device(place));
        if let Some(place) = self.on.as_ref().and_then(|name| roster.place(name))
            && !is_there(self.cursor, place)
            && let Some(line) = self.listing.line_of(place)
        {
            self.cursor = line;
        }
        self.cursor = self.cursor.min(lines.len().saturating_sub(1));
        self.note(roster);
    }

    /// Puts the cursor on a line.
    pub fn move_to(&mut self, line: usize, roster: &Roster) {
        self.cursor = line.min(self.listing.lines().len().saturating_sub(1));
        self.note(roster);
    }

    /// Puts the cursor on a device, if it is in the list.
    pub fn move_to_device(&mut self, name: &str, roster: &Roster) {
        let line = roster.place(name).and_then(|place| self.listing.line_of(place));
        if let Some(line) = line {
            self.move_to(line, roster);
        }
    }

    /// Filters by something else.
    pub fn filter(&mut self, filter: Filter) {
        self.recipe.filter = filter;
        self.listing.forget();
    }

    /// The device the cursor is on.
    pub fn on(&self) -> Option<&Arc<str>> {
        self.on.as_ref()
    }

    /// The group the cursor is on or in.
    pub fn group(&self) -> Option<&str> {
        let lines = self.listing.lines().get(..=self.cursor)?;
        lines.iter().rev().find_map(|line| match line {
            Line::Group { title, .. } => Some(&**title),
            Line::Device(_) => None,
        })
    }

    /// Names of everything that passes the filter.
    pub fn filtered(&self, roster: &Roster) -> Vec<Arc<str>> {
        let name = |place: &usize| roster.rows().get(*place).map(|row| Arc::clone(&row.name));
        self.listing.matches().iter().filter_map(name).collect()
    }

    fn note(&mut self, roster: &Roster) {
        self.on = match self.listing.lines().get(self.cursor) {
            Some(Line::Device(place)) => roster.rows().get(*place).map(|row| Arc::clone(&row.name)),
            Some(Line::Group { .. }) | None => None,
        };
    }
}
