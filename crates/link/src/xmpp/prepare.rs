//! Preparing of a password (RFC 4013, `SASLprep`), as SCRAM wants it (RFC 5802 section 2.2).
//!
//! Full preparation needs tables of some hundred kilobytes for normalisation, which a microcontroller has no room for; the
//! feature `saslprep` has them, for hosts. Without, there is a list of characters that stay what they are in any order:
//! letters of Latin, Greek and Cyrillic scripts, and ASCII. A password with any other is refused, and never sent in a form
//! that a server may not recognise.

use core::fmt;
use thingfleet_device::value::Secret;

/// A password cannot be prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unprepared(pub char);

impl fmt::Display for Unprepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = u32::from(self.0);
        if self.0.is_control() {
            write!(f, "no password may have the control character U+{code:04X} (RFC 4013)")
        } else {
            write!(
                f,
                "the password has the character U+{code:04X}, which cannot be prepared here (RFC 4013); \
                 ASCII, and letters of Latin, Greek and Cyrillic scripts can"
            )
        }
    }
}

impl core::error::Error for Unprepared {}

/// Prepares a password.
///
/// # Errors
/// [`Unprepared`] names the first character that is in the way, or of which it is not known here.
pub(super) fn prepared(password: &Secret) -> Result<Secret, Unprepared> {
    match password.reveal().chars().find(|character| !stays(*character)) {
        None => Ok(password.clone()),
        Some(character) => normalised(password.reveal()).ok_or(Unprepared(character)),
    }
}

#[cfg(feature = "saslprep")]
fn normalised(password: &str) -> Option<Secret> {
    stringprep::saslprep(password).ok().map(|prepared| Secret::new(&*prepared))
}

#[cfg(not(feature = "saslprep"))]
fn normalised(_password: &str) -> Option<Secret> {
    None
}

/// Characters that are allowed (RFC 4013 section 2.3), written from left to right or without direction, of Unicode 3.2, not
/// changed by NFKC and not joined with one before them: from, to.
const STAYS: [(char, char); 22] = [
    (' ', '~'),
    // Latin-1, without what is a form of something else.
    ('¡', '§'),
    ('©', '©'),
    ('«', '¬'),
    ('®', '®'),
    ('°', '±'),
    ('¶', '·'),
    ('»', '»'),
    ('¿', 'ÿ'),
    // Latin Extended-A, without ĳ, ŀ, ŉ and ſ.
    ('Ā', 'ı'),
    ('Ĵ', 'ľ'),
    ('Ł', 'ň'),
    ('Ŋ', 'ž'),
    // Greek.
    ('Ά', 'Ά'),
    ('Έ', 'Ί'),
    ('Ό', 'Ό'),
    ('Ύ', 'Ρ'),
    ('Σ', 'ώ'),
    // Cyrillic, without what is put on other letters.
    ('Ѐ', 'Я'),
    ('а', 'ҁ'),
    ('Ҋ', 'ӎ'),
    ('€', '€'),
];

fn stays(character: char) -> bool {
    STAYS.iter().any(|(from, to)| (*from..=*to).contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(password: &str) -> Result<alloc::string::String, Unprepared> {
        prepared(&Secret::new(password)).map(|prepared| prepared.reveal().into())
    }

    #[test]
    fn what_is_left_as_it_is_is_taken() {
        for password in ["", "pencil", "correct horse ~!", "Küche-1", "Łódź", "Σ12 Ά", "Пароль", "5 €"]
        {
            assert_eq!(outcome(password).as_deref(), Ok(password));
        }
    }

    /// The examples of RFC 4013 section 3 are among them: a soft hyphen, ª and Ⅸ.
    const CHANGED: [(&str, char, &str); 8] = [
        ("I\u{AD}X", '\u{AD}', "IX"),
        ("\u{AA}", '\u{AA}', "a"),
        ("\u{2168}", '\u{2168}', "IX"),
        ("a\u{A0}b", '\u{A0}', "a b"),
        ("u\u{308}", '\u{308}', "ü"),
        ("½", '½', "1⁄2"),
        ("ĳ", 'ĳ', "ij"),
        ("秘密", '秘', "秘密"),
    ];

    #[cfg(not(feature = "saslprep"))]
    #[test]
    fn what_would_become_something_else_is_refused() {
        for (password, character, _) in CHANGED {
            assert_eq!(outcome(password), Err(Unprepared(character)));
        }
    }

    #[cfg(feature = "saslprep")]
    #[test]
    fn what_becomes_something_else_is_prepared() {
        for (password, _, becomes) in CHANGED {
            assert_eq!(outcome(password).as_deref(), Ok(becomes));
        }
    }

    #[test]
    fn what_is_prohibited_is_refused_and_named() {
        for (password, character) in [("a\u{7}b", '\u{7}'), ("\u{7F}", '\u{7F}'), ("\u{627}1", '\u{627}')] {
            assert_eq!(outcome(password), Err(Unprepared(character)));
        }
        let said = |character| alloc::format!("{}", Unprepared(character));
        assert!(said('\u{7}').contains("control character U+0007"), "{}", said('\u{7}'));
        assert!(said('秘').contains("U+79D8") && said('秘').contains("RFC 4013"), "{}", said('秘'));
    }
}
