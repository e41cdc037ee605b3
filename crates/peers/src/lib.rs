//! Real servers for tests and benchmarks: a Prosody and an ejabberd of Debian's, on loopback, gone with their owner.
//!
//! Nothing that is shipped uses this; the program's own private server is `thingfleet::server`.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use thingfleet::xmpp::{
    connect::Connector,
    register::{Registrar, Registration},
};
use thingfleet_device::{instance::Account, jid::BareJid, value::Secret};
use thingfleet_schema::profile::{Remote, Security, Trust};

/// The domain they serve.
pub const DOMAIN: &str = "things.example";
const PASSWORD: &str = "correct horse";

/// How to reach a server of [`DOMAIN`] on loopback, whose authority is in that file.
pub fn remote(port: u16, ca: PathBuf) -> Remote {
    Remote {
        domain: DOMAIN.to_owned(),
        host: Some("127.0.0.1".to_owned()),
        port: Some(port),
        from: Vec::new(),
        security: Security::StartTls,
        trust: Trust::CaFile(ca),
    }
}

/// Limits of Debian's ejabberd that a load meets first.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One account in ten minutes.
    pub registrations: bool,
    /// 3,000 bytes a second from each session.
    pub shaper: bool,
}

/// A server of one test or benchmark alone.
#[derive(Debug)]
pub struct Server {
    child: Child,
    dir: PathBuf,
    /// `prosody` or `ejabberd`.
    pub name: &'static str,
    /// Its port for clients, on loopback.
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The child may be gone already; the directory is a temporary one.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            for file in ["output", "log"] {
                let said = fs::read_to_string(self.dir.join(file)).unwrap_or_default();
                eprintln!("---- {} of {}\n{said}", file, self.name);
            }
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Server {
    /// Starts a Prosody.
    pub async fn prosody() -> Self {
        let (dir, port) = (directory(), free_port());
        let d = dir.display();
        let config = format!(
            r#"run_as_root = true
daemonize = false
pidfile = "{d}/prosody.pid"
data_path = "{d}"
certificates = "{d}"
interfaces = {{ "127.0.0.1" }}
network_settings = {{ tcp_backlog = 4096, nagle = false }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{}}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
authentication = "internal_hashed"
allow_registration = true
c2s_require_encryption = true
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping", "register", "smacks", "pep", "time" }}
modules_disabled = {{ "s2s" }}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{d}/log" }} }}
VirtualHost "{DOMAIN}"
  ssl = {{ key = "{d}/key.pem", certificate = "{d}/cert.pem" }}
"#
        );
        fs::write(dir.join("prosody.cfg.lua"), config).unwrap();
        let mut command = Command::new("prosody");
        command.arg("-F").arg("--config").arg(dir.join("prosody.cfg.lua"));
        Self::start("prosody", command, dir, port).await
    }

    /// Starts an ejabberd without limits.
    pub async fn ejabberd() -> Self {
        Self::ejabberd_with(Limits { registrations: false, shaper: false }).await
    }

    /// Starts an ejabberd with some of the limits that Debian's configuration has.
    pub async fn ejabberd_with(limits: Limits) -> Self {
        let (timeout, shaper) = (
            if limits.registrations { "600" } else { "infinity" },
            if limits.shaper { "c2s_shaper" } else { "none" },
        );
        let (dir, port) = (directory(), free_port());
        let d = dir.display();
        let pem = [fs::read(dir.join("cert.pem")).unwrap(), fs::read(dir.join("key.pem")).unwrap()].concat();
        fs::write(dir.join("both.pem"), pem).unwrap();
        let config = format!(
            r#"loglevel: warning
hosts: [{DOMAIN}]
certfiles: ["{d}/both.pem"]
auth_password_format: scram
registration_timeout: {timeout}
shaper: {{normal: {{rate: 3000, burst_size: 20000}}}}
shaper_rules: {{c2s_shaper: {{normal: all}}}}
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, starttls_required: true, shaper: {shaper}, access: all, backlog: 1024}}
modules:
  mod_caps: {{}}
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_register: {{ip_access: all}}
  mod_pubsub: {{plugins: [flat, pep], last_item_cache: false, max_items_node: 256}}
  mod_stream_mgmt: {{resume_timeout: 60}}
"#
        );
        fs::write(dir.join("ejabberd.yml"), config).unwrap();
        // Not asked for by name resolution, and not found by other nodes of this machine.
        fs::write(dir.join("inetrc"), "{lookup, [file]}.\n").unwrap();
        let node = format!("test{port}@localhost");
        let mut command = Command::new("erl");
        command
            .args(["-sname", &node, "-setcookie", "test", "-start_epmd", "false"])
            .args(["-erl_epmd_port", &free_port().to_string()])
            .args([
                "-kernel",
                "inet_dist_use_interface",
                "{127,0,0,1}",
                "-noshell",
                "-noinput",
                "-mnesia",
                "dir",
            ])
            .arg(format!("\"{d}/spool\""))
            .args(["-s", "ejabberd"])
            .env("HOME", &dir)
            .env("ERL_LIBS", "/usr/lib/x86_64-linux-gnu")
            .env("ERL_INETRC", dir.join("inetrc"))
            .env("ERL_CRASH_DUMP_BYTES", "0")
            .env("EJABBERD_CONFIG_PATH", dir.join("ejabberd.yml"))
            .env("EJABBERD_LOG_PATH", dir.join("log"));
        Self::start("ejabberd", command, dir, port).await
    }

    async fn start(name: &'static str, mut command: Command, dir: PathBuf, port: u16) -> Self {
        let output = fs::File::create(dir.join("output")).unwrap();
        command.current_dir(&dir).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let server = Self { child, dir, name, port };
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let said = || fs::read_to_string(server.dir.join("output")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{name} does not listen: {}", said());
            tick.tick().await;
        }
        server
    }

    /// How to reach it.
    pub fn remote(&self) -> Remote {
        remote(self.port, self.dir.join("ca.pem"))
    }

    /// A connector to it.
    pub fn connector(&self) -> Arc<Connector> {
        Arc::new(Connector::new(self.remote()).unwrap())
    }

    /// Makes an account.
    pub async fn account(&self, name: &str) -> Account {
        let account = account(name);
        let mut registrar = Registrar::new(self.connector(), DOMAIN);
        let done = registrar.register(&account.jid, &account.password).await.unwrap();
        assert_eq!(done, Registration::Created, "{name} on {}", self.name);
        registrar.close().await;
        account
    }
}

/// An account that may not exist yet.
pub fn account(name: &str) -> Account {
    Account {
        jid: BareJid::parse(&format!("{name}@{DOMAIN}")).unwrap(),
        password: Secret::new(PASSWORD),
        resource: "test".to_owned(),
    }
}

/// A directory with a CA and a certificate for [`DOMAIN`].
fn directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("thingfleet-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir).unwrap();
    certificates(&dir, DOMAIN, |_| {});
    dir
}

/// Writes `ca.pem`, `cert.pem` and `key.pem` for `domain`.
pub fn certificates(dir: &Path, domain: &str, change: impl FnOnce(&mut CertificateParams)) {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "CA of the tests");
    ca.not_after = date_time_ymd(2099, 1, 1);
    let ca_key = KeyPair::generate().unwrap();
    fs::write(dir.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let mut leaf = CertificateParams::new(vec![domain.to_owned()]).unwrap();
    leaf.distinguished_name.push(DnType::CommonName, domain);
    leaf.not_after = date_time_ymd(2050, 1, 1);
    change(&mut leaf);
    let key = KeyPair::generate().unwrap();
    fs::write(dir.join("cert.pem"), leaf.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
}

/// A port nobody listens on at this moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
