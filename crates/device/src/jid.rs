//! Addresses (RFC 7622), as far as a device needs them.
//!
//! The server has the last word on stringprep; here addresses are split, bounded, lower-cased in ASCII and compared.

use alloc::{borrow::ToOwned, format, string::String};
use core::fmt;
use serde::{Deserialize, Serialize};

/// `local@domain`, without a resource.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BareJid(String);

/// Why a text is no bare JID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JidError {
    /// It has no `@`, or nothing before it.
    NoLocalPart,
    /// Nothing stands after the `@`.
    NoDomain,
    /// It has a `/resource`, where none belongs.
    HasResource,
    /// A part is longer than 1,023 bytes.
    TooLong,
    /// This character may not stand in a JID.
    Forbidden(char),
}

impl fmt::Display for JidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLocalPart => f.write_str("a JID needs a name before the '@', as in kettle@example.org"),
            Self::NoDomain => f.write_str("a JID needs a server after the '@', as in kettle@example.org"),
            Self::HasResource => f.write_str("a bare JID has no '/resource'"),
            Self::TooLong => f.write_str("a part of a JID has at most 1023 bytes"),
            Self::Forbidden(c) => write!(f, "a JID may not contain {c:?}"),
        }
    }
}

impl core::error::Error for JidError {}

impl BareJid {
    /// Reads a bare JID.
    ///
    /// # Errors
    /// [`JidError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, JidError> {
        if text.contains('/') {
            return Err(JidError::HasResource);
        }
        let (local, domain) = text.split_once('@').ok_or(JidError::NoLocalPart)?;
        if local.is_empty() {
            return Err(JidError::NoLocalPart);
        }
        if domain.is_empty() {
            return Err(JidError::NoDomain);
        }
        if local.len() > 1023 || domain.len() > 1023 {
            return Err(JidError::TooLong);
        }
        // RFC 7622 section 3.3.1 forbids these in a localpart; white space and controls nowhere make sense.
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\"&'<>".contains(c);
        if let Some(c) = text.chars().find(|&c| forbidden(c)) {
            return Err(JidError::Forbidden(c));
        }
        if let Some(c) = local.chars().find(|&c| c == ':').or_else(|| domain.chars().find(|&c| c == '@')) {
            return Err(JidError::Forbidden(c));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The part before the `@`.
    pub fn local(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This address with a resource.
    pub fn with_resource(&self, resource: &str) -> String {
        format!("{}/{resource}", self.0)
    }

    /// Whether `address`, bare or full, belongs to this account.
    pub fn covers(&self, address: &str) -> bool {
        bare(address).eq_ignore_ascii_case(&self.0)
    }
}

impl fmt::Display for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address without its resource.
pub fn bare(address: &str) -> &str {
    address.split_once('/').map_or(address, |(bare, _)| bare)
}

/// The bare JID behind a `from` attribute, if it is one of an account.
pub fn account(address: &str) -> Option<BareJid> {
    BareJid::parse(bare(address)).ok()
}

/// The resource of a full JID.
pub fn resource(address: &str) -> Option<String> {
    address.split_once('/').map(|(_, resource)| resource.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_jid_is_lower_case_and_compared_without_its_resource() {
        let jid = BareJid::parse("Kettle@Example.org").unwrap();
        assert_eq!((jid.local(), jid.domain()), ("kettle", "example.org"));
        assert!(jid.covers("kettle@EXAMPLE.org/Kitchen"));
        assert!(!jid.covers("kettle@example.orgy"));
    }

    #[test]
    fn what_is_no_bare_jid_is_refused_with_its_reason() {
        for (text, error) in [
            ("kettle", JidError::NoLocalPart),
            ("@example.org", JidError::NoLocalPart),
            ("kettle@", JidError::NoDomain),
            ("kettle@example.org/kitchen", JidError::HasResource),
            ("ket tle@example.org", JidError::Forbidden(' ')),
            ("a@b@c", JidError::Forbidden('@')),
        ] {
            assert_eq!(BareJid::parse(text), Err(error), "{text}");
        }
    }
}
