//! A sink, profiles of loads on it, and the program that puts them there.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value as Json;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};
use tempfile::TempDir;
use thingfleet::load::report::Report;
use thingfleet_peers::Server;
use thingfleet_schema::profile::Trust;
use thingfleet_sink::{Options, Sink};
use tokio::runtime::Runtime;

/// The password of every account of the sink.
const PASSWORD: &str = "secret";

/// A sink with a runtime of its own, and a directory for everything that runs leave behind.
pub(crate) struct Stage {
    pub(crate) sink: Sink,
    runtime: Runtime,
    directory: TempDir,
}

/// Where a server is.
pub(crate) struct Place {
    pub(crate) domain: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) ca_file: PathBuf,
}

/// The program at work.
pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    report: PathBuf,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { password: Some(PASSWORD.to_owned()), ..Options::default() };
        let sink = runtime.block_on(async { Sink::start(options).unwrap() });
        Self { sink, runtime, directory: tempfile::tempdir().unwrap() }
    }

    /// A profile of so many devices of a definition, with this load.
    pub(crate) fn profile(&self, definition: &str, devices: usize, load: &str) -> PathBuf {
        let place = Place {
            domain: self.sink.domain().to_owned(),
            host: self.sink.address().ip().to_string(),
            port: self.sink.address().port(),
            ca_file: self.sink.ca_file().to_owned(),
        };
        let path = self.directory.path().join("load.yaml");
        fs::write(&path, place.profile(definition, devices, load)).unwrap();
        path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts `thingfleet load`; `name` tells its report and its state from those of others.
    pub(crate) fn start(&self, profile: &Path, name: &str, arguments: &[&str]) -> Running {
        let report = self.file(&format!("{name}.json"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_thingfleet"))
            .env("XDG_STATE_HOME", self.file(&format!("{name}-state")))
            .args(["load", "--json", "--report"])
            .arg(&report)
            .arg(profile)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out, report }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, profile: &Path, name: &str, arguments: &[&str]) -> (ExitStatus, Report) {
        self.start(profile, name, arguments).end()
    }

    /// Waits for something.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Has the sink answer nobody for a while.
    pub(crate) fn stall(&self, duration: std::time::Duration) {
        let _runtime = self.runtime.enter();
        self.sink.stall(duration);
    }
}

impl Place {
    /// That of a real server.
    pub(crate) fn of(server: &Server) -> Self {
        let remote = server.remote();
        let Trust::CaFile(ca_file) = remote.trust else { panic!("it has an authority of its own") };
        Self { domain: remote.domain, host: remote.host.unwrap(), port: remote.port.unwrap(), ca_file }
    }

    /// The text of a profile of so many devices of a definition there, with this load.
    pub(crate) fn profile(&self, definition: &str, devices: usize, load: &str) -> String {
        let Self { domain, host, port, ca_file } = self;
        format!(
            "fleet: load\nserver: {{ domain: {domain}, host: {host}, port: {port}, ca_file: {} }}\n\
             setup_concurrency: 1\ngroups:\n  - {{ definition: {definition}, count: {devices}, names: \"device-{{n}}\" }}\n\
             {load}",
            ca_file.display()
        )
    }
}

impl Running {
    /// Reads its lines until one is as wanted, and gives that.
    pub(crate) fn until(&mut self, is_wanted: impl Fn(&Json) -> bool) -> Json {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "it ended before that");
            let told: Json = serde_json::from_str(&line).unwrap();
            if is_wanted(&told) {
                return told;
            }
        }
    }

    /// Its number.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits until it has ended; gives how, and its report.
    pub(crate) fn end(mut self) -> (ExitStatus, Report) {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            line.clear();
        }
        let status = self.child.wait().unwrap();
        let report = serde_json::from_slice(&fs::read(&self.report).unwrap()).unwrap();
        (status, report)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, unless a test has failed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
