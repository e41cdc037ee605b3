//! Showing a server who one is (RFC 6120 section 6): the mechanisms, and which of them is used.

use super::{
    prepare::{Unprepared, prepared},
    salted::{Derivation, Salted},
    scram::{Hash as _, Scram, ScramError, Sha1, Sha256},
};
use alloc::{boxed::Box, format, vec::Vec};
use core::fmt;
use thingfleet_device::instance::Account;

/// Why an exchange cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaslError {
    /// SCRAM broke off.
    Scram(ScramError),
    /// A challenge came where the mechanism has none.
    Challenge,
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scram(error) => error.fmt(f),
            Self::Challenge => f.write_str("it asked for more than the mechanism has"),
        }
    }
}

impl core::error::Error for SaslError {}

impl From<ScramError> for SaslError {
    fn from(error: ScramError) -> Self {
        Self::Scram(error)
    }
}

/// What follows from a challenge.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// This is sent.
    Response(Vec<u8>),
    /// [`Mechanism::work`] has to be done first, and gives what is sent.
    Later,
}

/// A mechanism at work.
pub(super) trait Mechanism: Send {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What it begins with.
    fn initial(&mut self) -> Vec<u8>;

    /// Takes a challenge.
    fn challenge(&mut self, data: &[u8]) -> Result<Reply, SaslError>;

    /// Whether [`Self::work`] has something to do.
    fn is_computing(&self) -> bool {
        false
    }

    /// Computes for a moment; gives what is sent once that is known.
    fn work(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// What [`Self::work`] goes on with, which may be done elsewhere before that.
    fn derivation(&mut self) -> Option<&mut Derivation> {
        None
    }

    /// The key that was used, for the next time.
    fn take_salted(&mut self) -> Option<Salted> {
        None
    }

    /// Takes what came with success, and says whether it is one.
    fn success(&mut self, data: &[u8]) -> Result<(), SaslError>;
}

/// The best mechanism that is offered. SCRAM goes first, since it shows the password to nobody; PLAIN does, and is for
/// inside TLS alone, which is where this is called. It leaves preparing the password to the server (RFC 4616 section 2).
/// `salted` is what signing on before has left.
///
/// # Errors
/// [`Unprepared`] where SCRAM is offered and does not take the password; PLAIN is no way around that.
pub(super) fn choose(
    account: &Account,
    nonce: &[u8],
    salted: Option<Salted>,
    is_offered: impl Fn(&str) -> bool,
) -> Result<Option<Box<dyn Mechanism>>, Unprepared> {
    let (user, password) = (account.jid.local(), &account.password);
    if is_offered(Sha256::MECHANISM) {
        let password = prepared(password)?;
        return Ok(Some(Box::new(Scram::<Sha256>::new(user, &password, nonce, salted))));
    }
    if is_offered(Sha1::MECHANISM) {
        let password = prepared(password)?;
        return Ok(Some(Box::new(Scram::<Sha1>::new(user, &password, nonce, salted))));
    }
    if !is_offered(Plain::NAME) {
        return Ok(None);
    }
    // What ends a password there must not be in it.
    if password.reveal().contains('\0') {
        return Err(Unprepared('\0'));
    }
    Ok(Some(Box::new(Plain(format!("\0{user}\0{}", password.reveal()).into_bytes()))))
}

/// PLAIN (RFC 4616), with its message.
struct Plain(Vec<u8>);

impl Plain {
    const NAME: &str = "PLAIN";
}

impl Mechanism for Plain {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn initial(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.0)
    }

    fn challenge(&mut self, _data: &[u8]) -> Result<Reply, SaslError> {
        Err(SaslError::Challenge)
    }

    fn success(&mut self, _data: &[u8]) -> Result<(), SaslError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_device::{jid::BareJid, value::Secret};

    fn chosen(offered: &[&str]) -> Option<Box<dyn Mechanism>> {
        with_password("geheim", offered).unwrap()
    }

    fn with_password(password: &str, offered: &[&str]) -> Result<Option<Box<dyn Mechanism>>, Unprepared> {
        let account = Account {
            jid: BareJid::parse("kettle@example.org").unwrap(),
            password: Secret::new(password),
            resource: "kettle".into(),
        };
        choose(&account, b"nonce", None, |name| offered.contains(&name))
    }

    #[test]
    fn the_best_mechanism_is_taken_whatever_the_order() {
        let name = |offered: &[&str]| chosen(offered).map(|mechanism| mechanism.name());
        assert_eq!(name(&["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"]), Some("SCRAM-SHA-256"));
        assert_eq!(name(&["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"]), Some("SCRAM-SHA-1"));
        assert_eq!(name(&["X-OAUTH2", "PLAIN"]), Some("PLAIN"));
        assert_eq!(name(&["SCRAM-SHA-512", "EXTERNAL"]), None);
    }

    #[test]
    fn a_password_that_cannot_be_prepared_is_refused_by_scram_and_left_to_the_server_by_plain() {
        let refused = |password, offered: &[&str]| with_password(password, offered).err();
        assert_eq!(refused("a\u{7}", &["PLAIN", "SCRAM-SHA-1"]), Some(Unprepared('\u{7}')));
        assert_eq!(refused("Küche", &["PLAIN", "SCRAM-SHA-1"]), None);
        assert_eq!(refused("a\u{7}", &["PLAIN"]), None);
        assert_eq!(refused("a\0b", &["PLAIN"]), Some(Unprepared('\0')));
        assert_eq!(refused("a\u{7}", &["EXTERNAL"]), None, "nothing is chosen");
    }

    #[test]
    fn plain_is_one_message_and_takes_no_challenge() {
        let mut plain = chosen(&["PLAIN"]).unwrap();
        assert_eq!(plain.initial(), b"\0kettle\0geheim");
        assert_eq!(plain.challenge(b"and?"), Err(SaslError::Challenge));
    }
}
