//! Where a server is: the host and port of the profile, or DNS SRV records (RFC 6120 section 3.2), and their addresses.

use super::failure::OpenError;
use hickory_resolver::{ResolverBuilder, TokioResolver, proto::rr::RData};
use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    net::{IpAddr, SocketAddr},
};
use thingfleet_schema::profile::{Remote, Security};

/// Finds servers. Keeps the resolver and its cache for a whole fleet.
pub(super) struct Dns {
    /// `None` if the system has no name server: then only `/etc/hosts` and addresses are left.
    resolver: Option<TokioResolver>,
}

/// A host and a port that may serve the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Srv {
    priority: u16,
    weight: u16,
    target: Target,
}

impl Dns {
    /// Reads the system's configuration.
    pub(super) fn new() -> Self {
        let resolver = TokioResolver::builder_tokio().and_then(ResolverBuilder::build);
        let resolver = resolver.inspect_err(|error| tracing::debug!("no DNS resolver: {error}"));
        Self { resolver: resolver.ok() }
    }

    /// The addresses to try for `domain`, best first.
    pub(super) async fn addresses(
        &self,
        remote: &Remote,
        domain: &str,
    ) -> Result<Vec<SocketAddr>, OpenError> {
        let default_port = if remote.security == Security::DirectTls { 5223 } else { 5222 };
        let targets = if let Some(host) = &remote.host {
            vec![Target { host: host.clone(), port: remote.port.unwrap_or(default_port) }]
        } else if domain.parse::<IpAddr>().is_ok() {
            vec![Target { host: domain.to_owned(), port: default_port }]
        } else {
            self.services(remote.security, domain, default_port).await?
        };
        let mut addresses = Vec::new();
        let mut why = "no address".to_owned();
        for Target { host, port } in &targets {
            // The system's own resolver, so that /etc/hosts and local names work.
            match tokio::net::lookup_host((host.trim_matches(['[', ']']), *port)).await {
                Ok(found) => addresses.extend(found),
                Err(error) => why = error.to_string(),
            }
        }
        if addresses.is_empty() {
            let host = targets.first().map_or_else(|| domain.to_owned(), |target| target.host.clone());
            return Err(OpenError::Unresolved { host, why });
        }
        Ok(addresses)
    }

    /// The hosts that serve `domain`; the domain itself where there are no records (RFC 6120 section 3.2.2).
    async fn services(&self, security: Security, domain: &str, port: u16) -> Result<Vec<Target>, OpenError> {
        let service = if security == Security::DirectTls { "_xmpps-client" } else { "_xmpp-client" };
        let fallback = || vec![Target { host: domain.to_owned(), port }];
        let Some(resolver) = &self.resolver else { return Ok(fallback()) };
        let Ok(found) = resolver.srv_lookup(format!("{service}._tcp.{domain}.")).await else {
            return Ok(fallback());
        };
        let records = found.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                target: Target { host: srv.target.to_ascii(), port: srv.port },
            }),
            _ => None,
        });
        let records: Vec<_> = records.collect();
        if records.is_empty() {
            return Ok(fallback());
        }
        let targets = in_order(records, || RandomState::new().hash_one(0_u8));
        if targets.is_empty() {
            let why = format!("its DNS says that it has no {service} service");
            return Err(OpenError::Unresolved { host: domain.to_owned(), why });
        }
        Ok(targets)
    }
}

/// Puts records in the order in which to try them: by priority, and within one by chance in proportion to weight
/// (RFC 2782). A lone `.` means that there is no such service.
fn in_order(mut records: Vec<Srv>, mut random: impl FnMut() -> u64) -> Vec<Target> {
    records.retain(|record| record.target.host != ".");
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut targets = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let alike = records.iter().take_while(|record| record.priority == first.priority);
        let total: u64 = alike.map(|record| u64::from(record.weight)).sum();
        let mut left = random() % (total + 1);
        let mut chosen = 0;
        while u64::from(records[chosen].weight) < left {
            left -= u64::from(records[chosen].weight);
            chosen += 1;
        }
        targets.push(records.remove(chosen).target);
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, host: &str) -> Srv {
        Srv { priority, weight, target: Target { host: host.to_owned(), port: 5222 } }
    }

    fn hosts(targets: &[Target]) -> Vec<&str> {
        targets.iter().map(|target| target.host.as_str()).collect()
    }

    #[test]
    fn records_are_tried_by_priority_then_by_weighted_chance() {
        let records = vec![record(10, 5, "c"), record(5, 90, "b"), record(5, 10, "a")];
        assert_eq!(hosts(&in_order(records.clone(), || 10)), ["a", "b", "c"]);
        assert_eq!(hosts(&in_order(records, || 11)), ["b", "a", "c"]);
    }

    #[test]
    fn a_lone_dot_means_no_service() {
        assert_eq!(in_order(vec![record(0, 0, ".")], || 0), []);
    }

    #[tokio::test]
    async fn host_and_port_of_the_profile_win() {
        let dns = Dns { resolver: None };
        let mut remote = Remote {
            domain: "example.org".into(),
            host: Some("127.0.0.1".into()),
            port: None,
            from: Vec::new(),
            security: Security::DirectTls,
            trust: thingfleet_schema::profile::Trust::System,
        };
        let found = dns.addresses(&remote, "example.org").await.unwrap();
        assert_eq!(found, ["127.0.0.1:5223".parse().unwrap()]);
        remote.host = Some("[::1]".into());
        remote.port = Some(15_222);
        let found = dns.addresses(&remote, "example.org").await.unwrap();
        assert_eq!(found, ["[::1]:15222".parse().unwrap()]);
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_unresolved() {
        let dns = Dns { resolver: None };
        let remote = Remote {
            domain: "nowhere.invalid".into(),
            host: None,
            port: None,
            from: Vec::new(),
            security: Security::StartTls,
            trust: thingfleet_schema::profile::Trust::System,
        };
        let error = dns.addresses(&remote, "nowhere.invalid").await.unwrap_err();
        assert!(error.to_string().starts_with("nowhere.invalid cannot be found: "), "{error}");
    }
}
