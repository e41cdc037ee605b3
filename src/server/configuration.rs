//! Prosody's configuration for a private server.
//!
//! Debian's own throttles every connection to 10 kB/s and forbids registration (docs/PROTOCOL.md); here nothing is
//! limited and anyone who reaches the loopback port may register.

use std::path::Path;

/// The domain cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the private server cannot serve {0:?}: a domain is made of letters, digits, hyphens and dots")]
pub struct UnusableDomain(pub String);

/// Checks that `domain` is a host name (RFC 1123 section 2.1), which also makes it safe inside the configuration.
///
/// # Errors
/// [`UnusableDomain`] where it is none.
pub(super) fn check_domain(domain: &str) -> Result<(), UnusableDomain> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // Room for the `pubsub.` in front, within the 253 characters of a host name.
    if domain.len() <= 240 && domain.split('.').all(label) {
        Ok(())
    } else {
        Err(UnusableDomain(domain.to_owned()))
    }
}

/// The name of the pubsub service of `domain`.
pub(super) fn pubsub(domain: &str) -> String {
    format!("pubsub.{domain}")
}

/// Writes the configuration for a server with all its files in `directory`.
pub(super) fn render(domain: &str, port: u16, directory: &Path) -> String {
    let path = |name: &str| lua_string(&directory.join(name).to_string_lossy());
    let (data, log) = (path(super::directory::DATA), path(super::directory::LOG));
    let (key, certificate) = (path(super::directory::KEY), path(super::directory::CERTIFICATE));
    let pubsub = pubsub(domain);
    format!(
        r#"-- Written by thingfleet for one run; changes are lost.
daemonize = false
data_path = {data}
log = {{ {{ levels = {{ min = "warn" }}, to = "file", filename = {log} }} }}
network_backend = "epoll"
network_settings = {{ tcp_backlog = 4096, nagle = false }}
use_ipv6 = false
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{}}
legacy_ssl_ports = {{}}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
component_ports = {{}}
statistics = false

modules_enabled = {{
    "roster", "saslauth", "tls", "disco", "ping", "pep", "register_ibr", "smacks", "version", "time",
    "carbons", "private", "blocklist",
}}
modules_disabled = {{ "s2s" }}

default_storage = "internal"
authentication = "internal_hashed"
-- RFC 5802 section 5.1 asks for at least 4096; passwords here are random and live for one run.
default_iteration_count = 4096
allow_registration = true
c2s_require_encryption = true
certificates = {directory}

pep_max_items = 256
pep_service_cache_size = 20000
pep_info_cache_size = 50000
smacks_max_queue_size = 20000

VirtualHost "{domain}"
    ssl = {{ key = {key}, certificate = {certificate} }}

Component "{pubsub}" "pubsub"
    pubsub_max_items = 256
    expose_publisher = true
"#,
        directory = lua_string(&directory.to_string_lossy()),
    )
}

/// A Lua string literal (Lua 5.2 reference manual, section 3.1).
fn lua_string(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\0' => literal.push_str("\\0"),
            c => literal.push(c),
        }
    }
    literal + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_names_are_served() {
        for domain in ["thingfleet.localhost", "example.org", "a", "x-1.example"] {
            assert_eq!(check_domain(domain), Ok(()), "{domain}");
        }
        for domain in ["", ".", "a..b", "-a", "a-", "a b", "a\"b", "a/b", "ä.org", &"a".repeat(64)] {
            assert_eq!(check_domain(domain), Err(UnusableDomain(domain.to_owned())), "{domain}");
        }
    }

    #[test]
    fn paths_cannot_leave_their_string() {
        assert_eq!(lua_string("/tmp/a\" .. os.exit() .. \"\\"), r#""/tmp/a\" .. os.exit() .. \"\\""#);
    }
}
