//! The server's side of SCRAM (RFC 5802 section 5), without channel binding.

use crate::accounts::{Accounts, Keys, Mechanism};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::{digest, hmac};
use std::sync::Arc;

/// Bytes of randomness in the server's part of the nonce.
const NONCE: usize = 18;

/// Why somebody is not let in, as a condition of RFC 6120 section 6.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    MalformedRequest,
    NotAuthorized,
    TemporaryAuthFailure,
}

/// An exchange that waits for the client's last message.
#[derive(Debug)]
pub(crate) struct Exchange {
    mechanism: Mechanism,
    user: String,
    keys: Arc<Keys>,
    header: String,
    nonce: String,
    /// The first two messages of what is signed.
    messages: String,
}

impl Refusal {
    pub(crate) const fn condition(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed-request",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }
}

impl Exchange {
    /// Takes the client's first message; gives the server's.
    pub(crate) fn begin(
        accounts: &Accounts,
        mechanism: Mechanism,
        message: &[u8],
    ) -> Result<(Self, String), Refusal> {
        let message = std::str::from_utf8(message).map_err(|_| Refusal::MalformedRequest)?;
        let (header, bare) = split_header(message).ok_or(Refusal::MalformedRequest)?;
        let user = attribute(bare, 'n').ok_or(Refusal::MalformedRequest)?;
        let user = user.replace("=2C", ",").replace("=3D", "=");
        let theirs = attribute(bare, 'r').ok_or(Refusal::MalformedRequest)?;
        let keys = accounts.keys(&user, mechanism).ok_or(Refusal::NotAuthorized)?;
        let mut ours = [0; NONCE];
        getrandom::fill(&mut ours).map_err(|_| Refusal::TemporaryAuthFailure)?;
        let nonce = format!("{theirs}{}", BASE64_STANDARD.encode(ours));
        let challenge = format!("r={nonce},s={},i={}", BASE64_STANDARD.encode(keys.salt), keys.iterations);
        let messages = format!("{bare},{challenge}");
        Ok((Self { mechanism, user, keys, header: header.to_owned(), nonce, messages }, challenge))
    }

    /// Takes the client's last message; gives who it is, and the server's signature.
    pub(crate) fn end(self, message: &[u8]) -> Result<(String, String), Refusal> {
        let message = std::str::from_utf8(message).map_err(|_| Refusal::MalformedRequest)?;
        let (unproven, proof) = message.rsplit_once(",p=").ok_or(Refusal::MalformedRequest)?;
        let proof = BASE64_STANDARD.decode(proof).map_err(|_| Refusal::MalformedRequest)?;
        let binding = attribute(unproven, 'c').ok_or(Refusal::MalformedRequest)?;
        let is_ours = attribute(unproven, 'r') == Some(&self.nonce)
            && BASE64_STANDARD.decode(binding).is_ok_and(|it| it == self.header.as_bytes());
        let signed = format!("{},{unproven}", self.messages);
        let stored = hmac::Key::new(self.mechanism.hmac(), self.keys.stored.as_ref());
        let signature = hmac::sign(&stored, signed.as_bytes());
        if !is_ours || proof.len() != signature.as_ref().len() {
            return Err(Refusal::NotAuthorized);
        }
        let client: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        if digest::digest(self.mechanism.digest(), &client).as_ref() != self.keys.stored.as_ref() {
            return Err(Refusal::NotAuthorized);
        }
        let ours = hmac::sign(&self.keys.server, signed.as_bytes());
        Ok((self.user, format!("v={}", BASE64_STANDARD.encode(ours))))
    }
}

/// The GS2 header (section 7) and what follows. Without channel binding it starts with `n` or `y`.
fn split_header(message: &str) -> Option<(&str, &str)> {
    if !message.starts_with(['n', 'y']) {
        return None;
    }
    let second = message.match_indices(',').nth(1)?.0;
    Some(message.split_at(second + 1))
}

fn attribute(message: &str, name: char) -> Option<&str> {
    message.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sasl::{
        client::{Mechanism as _, mechanisms::Scram},
        common::{
            ChannelBinding, Credentials,
            scram::{ScramProvider, Sha1, Sha256},
        },
    };
    use std::num::NonZeroU32;

    fn accounts() -> Accounts {
        let both = vec![Mechanism::ScramSha256, Mechanism::ScramSha1];
        let accounts = Accounts::new(None, both, NonZeroU32::new(4096).unwrap()).unwrap();
        accounts.register("ju=li,et", "secret");
        accounts
    }

    fn sign_on<S: ScramProvider>(
        mechanism: Mechanism,
        password: &str,
        binding: ChannelBinding,
    ) -> Result<(), Refusal> {
        let credentials = Credentials::default()
            .with_username("ju=3Dli=2Cet")
            .with_password(password)
            .with_channel_binding(binding);
        let mut client = Scram::<S>::from_credentials(credentials).unwrap();
        let (exchange, challenge) = Exchange::begin(&accounts(), mechanism, &client.initial())?;
        let response = client.response(challenge.as_bytes()).unwrap();
        let (user, signature) = exchange.end(&response)?;
        assert_eq!(user, "ju=li,et");
        client.success(signature.as_bytes()).unwrap();
        Ok(())
    }

    #[test]
    fn another_implementation_signs_on_and_believes_the_signature() {
        for binding in [ChannelBinding::None, ChannelBinding::Unsupported] {
            assert_eq!(sign_on::<Sha256>(Mechanism::ScramSha256, "secret", binding.clone()), Ok(()));
            assert_eq!(sign_on::<Sha1>(Mechanism::ScramSha1, "secret", binding), Ok(()));
        }
    }

    #[test]
    fn a_wrong_password_is_not_authorized() {
        let refused = sign_on::<Sha256>(Mechanism::ScramSha256, "guess", ChannelBinding::None);
        assert_eq!(refused, Err(Refusal::NotAuthorized));
    }

    #[test]
    fn what_is_no_message_is_malformed() {
        for message in ["", "n", "n,,", "p=tls-unique,,n=a,r=b", "n,,n=a", "\u{fffd}"] {
            let begun = Exchange::begin(&accounts(), Mechanism::ScramSha1, message.as_bytes());
            assert_eq!(begun.err(), Some(Refusal::MalformedRequest), "{message}");
        }
        for message in ["", "c=biws", "c=biws,r=x,p=!"] {
            let (exchange, _) =
                Exchange::begin(&accounts(), Mechanism::ScramSha1, b"n,,n=ju=3Dli=2Cet,r=x").unwrap();
            assert_eq!(exchange.end(message.as_bytes()).err(), Some(Refusal::MalformedRequest), "{message}");
        }
    }
}
