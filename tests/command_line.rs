//! The command line as a shell sees it: output, streams, exit codes, and what is left behind. Needs Prosody.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_mins(1);

#[test]
fn every_command_has_help_and_it_goes_to_stdout() {
    for command in [
        "run",
        "demo",
        "check",
        "load",
        "report",
        "trace",
        "list",
        "faults",
        "show",
        "schema",
        "qr",
        "reset",
        "client",
        "ctl",
        "attach",
        "completions",
        "man",
    ] {
        let output = thingfleet(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(text(&output.stdout).contains("Examples:"), "{command}");
    }
}

#[test]
fn bad_input_is_two_and_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kettle.yaml");
    std::fs::write(&file, "device: kettle\nsensors:\n  temp: { type: flaot }\n").unwrap();
    let output = thingfleet(&["check", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("float"),
        "it should offer the right word: {}",
        text(&output.stderr)
    );

    assert_eq!(thingfleet(&["run", "no-such-profile.yaml"]).status.code(), Some(2));
    assert_eq!(thingfleet(&["run", "kitchen", "--faults", "no-such-plan"]).status.code(), Some(2));
    assert_eq!(thingfleet(&["demo", "--faults", "commissioning-from-hell"]).status.code(), Some(2));
    assert_eq!(thingfleet(&["faults", "no-such-fault"]).status.code(), Some(2));
    assert_eq!(thingfleet(&["show", "no-such-thing"]).status.code(), Some(2));
    assert_eq!(thingfleet(&["no-such-command"]).status.code(), Some(2));
    assert_eq!(thingfleet(&["--log", "a=b=c", "list"]).status.code(), Some(2));
}

#[test]
fn all_shipped_files_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = ["devices", "profiles", "profiles/faults"].map(|name| root.join(name));
    let files = directories.iter().flat_map(|directory| std::fs::read_dir(directory).unwrap());
    let files: Vec<PathBuf> =
        files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    let output = command().arg("check").args(&files).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), files.len());
}

#[test]
fn faults_and_plans_are_listed_for_people_and_for_programs() {
    let library = thingfleet(&["faults", "--json"]).stdout;
    let kinds: Vec<serde_json::Value> =
        text(&library).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(kinds.len() >= 40, "{}", kinds.len());
    let listed = thingfleet(&["faults"]).stdout;
    for kind in &kinds {
        let name = kind["fault"].as_str().unwrap();
        assert_eq!(kind["type"], "fault");
        assert!(text(&listed).lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}");
        assert!(text(&thingfleet(&["faults", name]).stdout).starts_with(name));
    }
    assert!(text(&thingfleet(&["list"]).stdout).contains("flaky-wifi"));
    let completions = thingfleet(&["completions", "bash"]).stdout;
    assert!(text(&completions).contains("sensor-drift") && text(&completions).contains("--faults"));
}

#[test]
fn a_trace_is_the_same_every_time() {
    let trace = || thingfleet(&["trace", "kettle", "--for", "1h", "--seed", "7"]).stdout;
    let first = trace();
    assert!(text(&first).starts_with("seconds,channel,value,why\n"));
    assert_eq!(first, trace());
}

#[test]
fn a_trace_takes_settings_in_the_order_of_time_and_no_others_than_a_client_could_send() {
    let trace = |settings: &[&str]| thingfleet(&[&["trace", "kettle", "--for", "1h"], settings].concat());
    let output = trace(&["--set", "00:20:powerOn=on", "--set", "00:10:00:target=80"]);
    let rows: Vec<&str> = text(&output.stdout).lines().collect();
    let place = |row: &str| rows.iter().position(|one| *one == row).unwrap_or_else(|| panic!("no {row}"));
    assert!(place("600.000,target,80,change") < place("1200.000,powerOn,1,change"));
    assert!(rows.iter().any(|row| row.ends_with(",powerOn,0,change")), "the water boils");
    for setting in ["00:10:target=300", "00:10:temp=99", "00:10:lid=1", "target=80"] {
        let output = trace(&["--set", setting]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{setting}");
    }
}

#[test]
fn a_server_that_is_not_there_is_three_with_advice() {
    let mut client = command();
    client.args([
        "client",
        "--jid",
        "you@127.0.0.1",
        "--host",
        "127.0.0.1",
        "--port",
        "1",
        "watch",
        "kettle",
    ]);
    let output = client.env("THINGFLEET_PASSWORD", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("help:"));
}

#[test]
fn a_demo_with_an_end_is_good_and_leaves_nothing_behind() {
    let mut demo = Demo::start(&["--for", "5s"]);
    let mut lines = Vec::new();
    while let Some(line) = demo.line() {
        lines.push(line);
    }
    let code = demo.wait();
    assert_eq!(code, Some(0), "{lines:?}");
    assert!(lines.last().unwrap().contains("\"type\":\"summary\""));
    demo.is_gone();
}

#[test]
fn a_demo_leaves_nothing_behind_whatever_ends_it() {
    for (signal, code) in [("TERM", Some(0)), ("INT", Some(0)), ("KILL", None)] {
        let mut demo = Demo::start(&[]);
        while !demo.line().expect("devices come online").contains("\"online\":7") {}
        let id = demo.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
        assert_eq!(demo.wait(), code, "{signal}");
        demo.is_gone();
    }
}

/// A running `thingfleet demo --json`.
struct Demo {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    directory: PathBuf,
}

impl Demo {
    /// Starts it and reads where its server lives.
    fn start(arguments: &[&str]) -> Self {
        let mut command = command();
        command.args(["demo", "--json"]).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let started: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let ca_file = started["server"]["ca_file"].as_str().unwrap();
        let directory = Path::new(ca_file).parent().unwrap().to_owned();
        assert!(directory.exists());
        Self { child, lines, directory }
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Waits until neither the directory nor a process that names it is there.
    fn is_gone(&self) {
        let begun = Instant::now();
        while self.directory.exists() || is_named_by_a_process(&self.directory) {
            assert!(begun.elapsed() < DEADLINE, "{} is still there", self.directory.display());
            std::thread::yield_now();
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Only of use when an assertion has failed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn is_named_by_a_process(directory: &Path) -> bool {
    let needle = directory.to_str().unwrap().as_bytes().to_vec();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .any(|words| words.windows(needle.len()).any(|window| window == needle))
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thingfleet"));
    command.env_remove("THINGFLEET_LOG").env_remove("THINGFLEET_PASSWORD").stdin(Stdio::null());
    command
}

fn thingfleet(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
