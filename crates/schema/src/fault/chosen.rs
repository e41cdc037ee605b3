//! Which devices a fault is for.

use crate::{context::Context, diagnostic::Span, profile::Device, suggest};
use std::collections::BTreeSet;
use thingfleet_device::{pattern, random::Stream};

/// Some devices: those to which everything given applies, so all of them if nothing is given.
pub(super) struct Chosen<'n> {
    /// Where that stands.
    pub(super) place: Option<Span>,
    /// A pattern of their names.
    pub(super) name: Option<&'n str>,
    /// The short name of their definition.
    pub(super) definition: Option<&'n str>,
    /// One of their tags.
    pub(super) tag: Option<&'n str>,
    /// How many of them, from 0 to 1.
    pub(super) share: f64,
}

impl Default for Chosen<'_> {
    fn default() -> Self {
        Self { place: None, name: None, definition: None, tag: None, share: 1.0 }
    }
}

impl Chosen<'_> {
    /// Whether it says by name or by definition which devices it means, so that what does not fit them is a mistake.
    pub(super) fn names_them(&self) -> bool {
        self.name.is_some() || self.definition.is_some()
    }

    /// The places of those devices, before the share is taken; none after a complaint.
    pub(super) fn among(&self, context: &mut Context, devices: &[Device]) -> Vec<usize> {
        let takes = |device: &Device| {
            self.name.is_none_or(|wanted| pattern::takes(wanted, &device.name))
                && self.definition.is_none_or(|wanted| wanted == device.definition.kind)
                && self.tag.is_none_or(|wanted| device.tags.iter().any(|tag| tag == wanted))
        };
        let places: Vec<usize> =
            devices.iter().enumerate().filter(|(_, device)| takes(device)).map(|(place, _)| place).collect();
        if let (true, Some(place)) = (places.is_empty(), self.place) {
            context.mistake(place, "the fleet has no such device").label("nobody").help(self.advice(devices));
        }
        places
    }

    /// The first of the things given that no device has, and what it could be.
    fn advice(&self, devices: &[Device]) -> String {
        let names: BTreeSet<&str> = devices.iter().map(|device| device.name.as_str()).collect();
        let kinds: BTreeSet<&str> = devices.iter().map(|device| device.definition.kind.as_str()).collect();
        let tags: BTreeSet<&str> =
            devices.iter().flat_map(|device| &device.tags).map(String::as_str).collect();
        let unknown = |word: Option<&str>, known: &BTreeSet<&str>| match word {
            Some(word) if !known.iter().any(|one| pattern::takes(word, one)) => {
                let few = known.iter().take(20).copied();
                Some(match suggest::closest(word, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => suggest::advice(word, few),
                })
            }
            Some(_) | None => None,
        };
        unknown(self.name, &names)
            .or_else(|| unknown(self.definition, &kinds).map(|help| format!("as the definition, {help}")))
            .or_else(|| unknown(self.tag, &tags).map(|help| format!("as the tag, {help}")))
            .unwrap_or_else(|| "each of these is there, but no device has all of them".to_owned())
    }

    /// The share of these devices: which ones follows from the fleet's seed, the plan and their names, so that other
    /// devices change nothing, and two faults of a plan with the same share meet the same devices. At least one.
    pub(super) fn drawn(
        &self,
        mut places: Vec<usize>,
        devices: &[Device],
        seed: u64,
        plan: &str,
    ) -> Vec<usize> {
        if self.share >= 1.0 {
            return places;
        }
        let draw = |place: &usize| Stream::new(seed, &devices[*place].name, plan, "fault-share").uniform();
        let least = places.iter().copied().min_by(|a, b| draw(a).total_cmp(&draw(b)));
        places.retain(|place| draw(place) < self.share);
        if places.is_empty() { least.into_iter().collect() } else { places }
    }
}
