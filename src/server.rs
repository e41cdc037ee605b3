//! The private server: a real Prosody of the program's own, on loopback, gone without a trace at the end.
//!
//! This module starts it, says how to reach it, hears when it dies and stops it. It knows nothing about devices;
//! accounts are registered over XMPP like on any other server. Whoever holds the [`PrivateServer`] owns the process.

mod certificates;
mod configuration;
mod directory;
mod discovery;
mod guardian;
mod person;
mod privilege;
mod probe;

use directory::Directory;
use guardian::Guardian;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};
use thingfleet_schema::profile::{Remote, Security, Trust};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

pub use configuration::UnusableDomain;
pub use discovery::{Card, running};
pub use person::Person;

/// Where XMPP clients look when nobody tells them a port, so it is taken if it is free.
const USUAL_PORT: u16 = 5222;
/// Prosody is up within 0.2 s on an idle machine; a loaded one gets a hundred times that.
const START_DEADLINE: Duration = Duration::from_secs(20);
/// Distance between two looks at a server that is not up yet.
const PROBE_GAP: Duration = Duration::from_millis(20);
/// How often another program may snatch the port between finding it free and binding it.
const PORT_ATTEMPTS: u8 = 5;
/// Whatever still runs this long after the order to stop is left to the guardian.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// A running Prosody. Dropping it stops the server too, without waiting for it.
#[derive(Debug)]
pub struct PrivateServer {
    domain: String,
    port: u16,
    person: Person,
    child: Child,
    guardian: Guardian,
    directory: Directory,
}

/// Why the private server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no Prosody on this machine.
    #[error("the private server needs Prosody, and `prosody` is not installed")]
    NotInstalled,
    /// The domain cannot be served.
    #[error(transparent)]
    Domain(#[from] UnusableDomain),
    /// The private directory could not be made.
    #[error("cannot prepare a directory for the private server")]
    Directory(#[source] io::Error),
    /// The certificates could not be made.
    #[error("cannot make a certificate for the private server")]
    Certificates(#[source] rcgen::Error),
    /// The process could not be started.
    #[error("cannot start `{program}`")]
    Spawn {
        /// The program.
        program: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No port on 127.0.0.1 is free.
    #[error("no free port on 127.0.0.1")]
    NoPort(#[source] io::Error),
    /// It ended before it answered.
    #[error("Prosody ended with {status} while starting; it said:\n{log}")]
    Ended {
        /// How it ended.
        status: String,
        /// Its last words.
        log: String,
    },
    /// It never answered.
    #[error("Prosody did not answer within {} s ({last}); it said:\n{log}", START_DEADLINE.as_secs())]
    NoAnswer {
        /// What the last attempt to talk to it met.
        last: String,
        /// Its last words.
        log: String,
    },
}

impl StartError {
    /// What a person can do about it.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NotInstalled => {
                "install it: `apt install prosody` (Debian, Ubuntu), `dnf install prosody` (Fedora), \
                 `brew install prosody` (macOS); or name a server of your own in the profile"
            }
            Self::Domain(_) => "choose another `domain` for the private server",
            Self::Directory(_) => "check that the directory for temporary files can be written (TMPDIR)",
            Self::Certificates(_) => "report this as a bug",
            Self::Spawn { .. } => "check that the program can be executed by this user",
            Self::NoPort(_) => "check that the loopback interface is up",
            Self::Ended { .. } | Self::NoAnswer { .. } => {
                "see Prosody's words above; `prosodyctl check` may know more"
            }
        }
    }
}

impl PrivateServer {
    /// Starts a server for `domain` and waits until it answers over TLS with its own certificate.
    ///
    /// # Errors
    /// [`StartError`] says what is missing; nothing is left behind.
    pub async fn start(domain: &str) -> Result<Self, StartError> {
        configuration::check_domain(domain)?;
        let program = privilege::find_program("prosody").ok_or(StartError::NotInstalled)?;
        directory::sweep();
        let user = privilege::unprivileged();
        let directory = Directory::create(user.as_ref()).map_err(StartError::Directory)?;
        let mut guardian = Guardian::start(directory.path())
            .map_err(|source| StartError::Spawn { program: "sh", source })?;
        let certificates = certificates::make(domain).map_err(StartError::Certificates)?;
        for (name, content) in [
            (directory::CA, &certificates.ca),
            (directory::CERTIFICATE, &certificates.chain),
            (directory::KEY, &certificates.key),
        ] {
            directory.write(name, content).map_err(StartError::Directory)?;
        }

        let mut preferred = Some(USUAL_PORT);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let port = free_port(preferred.take()).map_err(StartError::NoPort)?;
            directory
                .write(directory::CONFIGURATION, &configuration::render(domain, port, directory.path()))
                .map_err(StartError::Directory)?;
            let mut child = spawn(&program, &directory, user.as_ref())
                .map_err(|source| StartError::Spawn { program: "prosody", source })?;
            guardian.watch(child.id());
            match ready(&mut child, port, domain, &certificates.ca, &directory).await {
                Ok(()) => {
                    let person = Person::at(domain);
                    let card = Card::new(domain, port, &person.account);
                    directory.write(directory::CARD, &card.to_text()).map_err(StartError::Directory)?;
                    return Ok(Self { domain: domain.to_owned(), port, person, child, guardian, directory });
                }
                Err(NotReady::Stranger) if attempt < PORT_ATTEMPTS => {
                    tracing::debug!(port, "another program took the port first");
                    _ = child.kill().await;
                }
                Err(NotReady::Stranger) => {
                    return Err(StartError::NoAnswer {
                        last: "other programs keep taking the port".into(),
                        log: directory.last_words(),
                    });
                }
                Err(NotReady::Failed(error)) => return Err(error),
            }
        }
    }

    /// The domain it serves.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The CA certificate its certificate was signed with, as a PEM file. Its key is kept nowhere.
    pub fn ca_file(&self) -> std::path::PathBuf {
        self.directory.path().join(directory::CA)
    }

    /// The account that is meant for a person; register it before use.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// Its pubsub service, on which only its administrator may create nodes.
    pub fn pubsub(&self) -> String {
        configuration::pubsub(&self.domain)
    }

    /// How a client reaches it.
    pub fn remote(&self) -> Remote {
        Remote {
            domain: self.domain.clone(),
            host: Some(Ipv4Addr::LOCALHOST.to_string()),
            port: Some(self.port),
            from: Vec::new(),
            security: Security::StartTls,
            trust: Trust::CaFile(self.ca_file()),
        }
    }

    /// Waits until the process ends by itself, and gives its last words. Cancel-safe.
    pub async fn died(&mut self) -> String {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.guardian.forget();
        format!("Prosody ended with {status}; it said:\n{}", self.directory.last_words())
    }

    /// Stops it and waits until process and directory are gone. Its data is thrown away, so nothing has to be saved.
    pub async fn stop(mut self) {
        self.guardian.dismiss();
        let gone = async {
            _ = self.child.wait().await;
            self.guardian.finished().await;
        };
        if tokio::time::timeout(STOP_DEADLINE, gone).await.is_err() {
            tracing::warn!(directory = %self.directory.path().display(), "the private server is slow to stop");
        }
    }
}

fn free_port(preferred: Option<u16>) -> io::Result<u16> {
    if let Some(port) = preferred
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    {
        return Ok(port);
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn spawn(program: &Path, directory: &Directory, user: Option<&privilege::User>) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .arg("-F")
        .arg("--config")
        .arg(directory.path().join(directory::CONFIGURATION))
        .current_dir(directory.path())
        // Whatever secrets the environment holds are none of the server's business.
        .env_clear()
        .env("PATH", privilege::SEARCH_PATH)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(directory.create_file(directory::SPOKEN)?)
        .stderr(directory.create_file(directory::COMPLAINED)?)
        // Ctrl-C at the terminal is meant for the program, which stops the server when the devices have left.
        .process_group(0);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command.spawn()
}

enum NotReady {
    /// Something else listens on the port.
    Stranger,
    Failed(StartError),
}

async fn ready(
    child: &mut Child,
    port: u16,
    domain: &str,
    ca: &str,
    directory: &Directory,
) -> Result<(), NotReady> {
    let deadline = Instant::now() + START_DEADLINE;
    let address = (Ipv4Addr::LOCALHOST, port).into();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(NotReady::Failed(StartError::Ended {
                status: status.to_string(),
                log: directory.last_words(),
            }));
        }
        let last = match tokio::time::timeout_at(deadline, probe::probe(address, domain, ca)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(probe::ProbeError::Stranger(_))) => return Err(NotReady::Stranger),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it accepts connections and stays silent".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(NotReady::Failed(StartError::NoAnswer { last, log: directory.last_words() }));
        }
        sleep(PROBE_GAP).await;
    }
}
