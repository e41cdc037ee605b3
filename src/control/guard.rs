//! Who may come in: programs of this machine that know the token. Pages in a browser may not, wherever they are from.

use super::answer::Refused;
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HOST, HeaderName, ORIGIN},
};
use std::net::SocketAddr;
use subtle::ConstantTimeEq as _;
use thingfleet_device::value::Secret;

/// What is looked at before anything else of a request.
#[derive(Debug)]
pub(super) struct Guard {
    /// The names under which the listener may be asked.
    hosts: [String; 2],
    token: Secret,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, token: Secret) -> Self {
        Self { hosts: [address.to_string(), format!("localhost:{}", address.port())], token }
    }

    /// Lets a request pass.
    ///
    /// # Errors
    /// [`Refused::Host`], [`Refused::Origin`], [`Refused::Unauthorized`].
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let only = |name: HeaderName| {
            let mut values = headers.get_all(name).iter();
            let value = values.next().and_then(|value| value.to_str().ok());
            if values.next().is_some() { None } else { value }
        };
        let host = only(HOST).unwrap_or_default();
        if !self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
            return Err(Refused::Host);
        }
        // Only browsers send it, and no page of this listener's exists that could.
        if headers.contains_key(ORIGIN) {
            return Err(Refused::Origin);
        }
        let (scheme, token) = only(AUTHORIZATION).and_then(|value| value.split_once(' ')).unwrap_or_default();
        let is_known = bool::from(token.as_bytes().ct_eq(self.token.reveal().as_bytes()));
        if scheme.eq_ignore_ascii_case("bearer") && is_known { Ok(()) } else { Err(Refused::Unauthorized) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)]) -> &'static str {
        let guard = Guard::new("127.0.0.1:4040".parse().unwrap(), Secret::new("s3cret"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        match guard.check(&map) {
            Ok(()) => "passes",
            Err(Refused::Host) => "host",
            Err(Refused::Origin) => "origin",
            Err(Refused::Unauthorized) => "token",
            Err(_) => "else",
        }
    }

    #[test]
    fn only_a_program_with_the_token_passes() {
        let (host, token) = (("host", "127.0.0.1:4040"), ("authorization", "Bearer s3cret"));
        for (headers, outcome) in [
            (vec![host, token], "passes"),
            (vec![("host", "LocalHost:4040"), ("authorization", "bearer s3cret")], "passes"),
            (vec![token], "host"),
            (vec![("host", "evil.example:4040"), token], "host"),
            (vec![("host", "127.0.0.1"), token], "host"),
            (vec![host, ("host", "evil.example"), token], "host"),
            (vec![host, token, ("origin", "http://evil.example")], "origin"),
            (vec![host, token, ("origin", "null")], "origin"),
            (vec![host], "token"),
            (vec![host, ("authorization", "Bearer s3cre")], "token"),
            (vec![host, ("authorization", "Bearer s3cretx")], "token"),
            (vec![host, ("authorization", "Bearer ")], "token"),
            (vec![host, ("authorization", "Basic s3cret")], "token"),
            (vec![host, token, token], "token"),
        ] {
            assert_eq!(check(&headers), outcome, "{headers:?}");
        }
    }
}
