//! What is held back: stanzas both ways, writes of clients, values for actuators, each until its time.

use crate::{
    definition::ChannelId,
    io::{Input, Output},
    time::Instant,
    value::Value,
};
use alloc::{string::String, vec::Vec};

/// Most things that are held back; what comes beyond is not held back any more.
const MOST: usize = 512;

/// Something that comes late.
#[derive(Debug)]
pub(crate) enum Lately {
    /// Something comes to the device.
    Input(Input),
    /// Something goes out of it.
    Output(Output),
    /// An actuator takes a value.
    Actuate {
        /// The actuator.
        channel: ChannelId,
        /// The value.
        value: Value,
        /// Who set it.
        by: Option<String>,
    },
}

/// What is held back, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Late {
    things: Vec<(Instant, Lately)>,
}

impl Late {
    pub(crate) fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// Holds something back until `at`; gives it back where too much is held back already.
    pub(crate) fn hold(&mut self, at: Instant, thing: Lately) -> Option<Lately> {
        if self.things.len() >= MOST {
            return Some(thing);
        }
        self.things.push((at, thing));
        None
    }

    /// The earliest thing whose time has come; of those of one moment the one that came first.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Lately> {
        let (place, _) = self.things.iter().enumerate().min_by_key(|(_, (at, _))| *at)?;
        (self.things[place].0 <= now).then(|| self.things.remove(place).1)
    }

    /// The moment before which nothing that goes this way may be let through, so that the order stays.
    pub(crate) fn last_output(&self) -> Option<Instant> {
        self.last(|thing| matches!(thing, Lately::Output(_)))
    }

    /// The same for what comes in.
    pub(crate) fn last_input(&self) -> Option<Instant> {
        self.last(|thing| matches!(thing, Lately::Input(Input::Stanza(_))))
    }

    /// Forgets stanzas: their stream is gone.
    pub(crate) fn forget_stanzas(&mut self) {
        self.things.retain(|(_, thing)| {
            !matches!(thing, Lately::Output(Output::Send(_)) | Lately::Input(Input::Stanza(_)))
        });
    }

    /// Forgets writes: their client is gone.
    pub(crate) fn forget_writes(&mut self) {
        self.things.retain(|(_, thing)| !matches!(thing, Lately::Input(Input::GattWrite(_))));
    }

    /// Forgets everything: the power is gone.
    pub(crate) fn clear(&mut self) {
        self.things.clear();
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.things.iter().map(|(at, _)| *at).min()
    }

    fn last(&self, goes_there: impl Fn(&Lately) -> bool) -> Option<Instant> {
        self.things.iter().filter(|(_, thing)| goes_there(thing)).map(|(at, _)| *at).max()
    }
}
