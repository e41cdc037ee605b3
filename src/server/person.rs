//! The account of the person in front of the screen.

use thingfleet_device::{instance::Account, jid::BareJid, value::Secret};

const LOCAL_PART: &str = "me";
const RESOURCE: &str = "thingfleet";
/// Syllables of a password: 8 of 80, 50 bits.
const SYLLABLES: usize = 8;
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 5] = b"aeiou";

/// A person's account on a private server.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account, with a password made for this run that can be read out and typed.
    pub account: Account,
}

impl Person {
    /// Makes up the person of `domain`, a host name.
    pub(super) fn at(domain: &str) -> Self {
        let jid = BareJid::parse(&format!("{LOCAL_PART}@{domain}")).expect("a checked host name makes a JID");
        let account = Account { jid, password: Secret::new(readable_password()), resource: RESOURCE.into() };
        Self { account }
    }
}

/// Syllables in pairs: `bami-kodu-lera-ziso`.
fn readable_password() -> String {
    let mut password = String::new();
    for syllable in 0..SYLLABLES {
        if syllable > 0 && syllable % 2 == 0 {
            password.push('-');
        }
        password.push(char::from(CONSONANTS[below(CONSONANTS.len())]));
        password.push(char::from(VOWELS[below(VOWELS.len())]));
    }
    password
}

/// A number below `limit` from the system's randomness; the remainder's bias is below one in 2³².
fn below(limit: usize) -> usize {
    let random = getrandom::u64().expect("the system has randomness");
    usize::try_from(random % limit as u64).expect("it is below a usize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_readable_and_differ() {
        let (one, other) = (readable_password(), readable_password());
        assert_ne!(one, other);
        assert_eq!(one.len(), 19);
        assert!(one.split('-').all(|word| word.len() == 4 && word.bytes().all(|b| b.is_ascii_lowercase())));
    }
}
