//! A contact that bounces.

/// A button or a switch, looked at again and again.
#[derive(Clone, Copy, Debug)]
pub struct Contact {
    is_low_on: bool,
    last_look: bool,
    is_on: bool,
}

impl Contact {
    /// A contact that is off; `is_low_on` if its pin is low while it is on.
    pub const fn new(is_low_on: bool) -> Self {
        Self { is_low_on, last_look: false, is_on: false }
    }

    /// Looks at the pin, some 20 ms after the last look; gives what the contact has become, if it has. What two looks agree
    /// on counts.
    pub fn look(&mut self, is_high: bool) -> Option<bool> {
        let now = is_high != self.is_low_on;
        let is_sure = core::mem::replace(&mut self.last_look, now) == now;
        if is_sure && now != self.is_on {
            self.is_on = now;
            return Some(now);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_contact_that_bounces_changes_once() {
        let mut contact = Contact::new(true);
        let looks = [true, false, true, false, false, false, true, false, true, true, true];
        let changes: Vec<bool> = looks.into_iter().filter_map(|is_high| contact.look(is_high)).collect();
        assert_eq!(changes, [true, false]);
    }

    #[test]
    fn a_contact_that_is_on_from_the_start_is_told_of() {
        let mut contact = Contact::new(false);
        assert_eq!([contact.look(true), contact.look(true), contact.look(true)], [None, Some(true), None]);
    }
}
