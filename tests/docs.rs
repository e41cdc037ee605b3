//! What the documentation shows is what happens: commands of README.md and docs/ run here and print what stands there.
//!
//! In a block ```` ```console ```` a line `$ thingfleet …` is run among the blocks of YAML of the same page, each saved
//! under its own name, and the lines below are its output; `...` stands for any lines, at the end for whatever may
//! follow. A block ```` ```console demo ```` is run beside the demo, which needs Prosody. The commands in blocks
//! ```` ```sh ```` of the catalogue have to be good.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};
use thingfleet_device::commissioning::{
    gatt::Characteristic,
    qr::{Address, QrCode},
    seal::DeviceKey,
};
use thingfleet_schema::catalogue;

/// The first keys of files, under which they are named.
const NAMES: [&str; 3] = ["device", "fleet", "name"];

#[test]
fn the_console_shows_what_it_does() {
    let mut count = 0;
    for page in pages() {
        let blocks = blocks(&page);
        let directory = tempfile::tempdir().unwrap();
        for Block { text, .. } in blocks.iter().filter(|block| block.kind == "yaml") {
            let kind = text.lines().next().unwrap_or_default();
            if let Some(name) =
                kind.split_once(": ").filter(|(key, _)| NAMES.contains(key)).map(|(_, name)| name)
            {
                let name = name.split('#').next().unwrap_or_default().trim();
                fs::write(directory.path().join(format!("{name}.yaml")), text).unwrap();
            }
        }
        for example in blocks.iter().filter(|block| block.kind == "console").flat_map(Block::examples) {
            // What is kept of a fleet is kept where nobody else looks.
            let state = directory.path().join("state");
            example.holds(thingfleet().current_dir(directory.path()).env("XDG_STATE_HOME", state));
            count += 1;
        }
    }
    assert!(count >= 4, "only {count} examples");
}

#[test]
fn the_console_beside_the_demo_shows_what_it_does() {
    let demo = Demo::start();
    for block in pages().iter().flat_map(|page| blocks(page)).filter(|block| block.kind == "console demo") {
        for example in block.examples() {
            // Said in full, since other tests have private servers too.
            let mut command = thingfleet();
            command.env("THINGFLEET_PASSWORD", &demo.password);
            example.followed_by(&demo.place).holds(&mut command);
        }
    }
}

#[test]
fn the_catalogue_has_every_shipped_definition_and_its_picture() {
    let page = root().join("docs/CATALOGUE.md");
    let text = fs::read_to_string(&page).unwrap();
    let headings: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(headings, catalogue::all().iter().map(|entry| entry.name).collect());
    for entry in catalogue::all() {
        let definition = entry.definition();
        let section = text.split("\n## ").find(|section| section.lines().next() == Some(entry.name)).unwrap();
        assert!(section.contains(&format!("(img/catalogue/{}.svg)", entry.name)), "{}", entry.name);
        for channel in &definition.channels {
            let row = format!("| `{}` | {} |", channel.name, channel.label);
            assert!(section.contains(&row), "{}: run `make docs-pictures`; there is no {row}", entry.name);
        }
    }
    for Block { text, .. } in blocks(&page).iter().filter(|block| block.kind == "sh") {
        let command = text.replace("\\\n", "");
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let status = thingfleet().args(&words).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{command}");
    }
}

#[test]
fn the_guide_to_commissioning_has_the_table_and_its_sealed_values_open() {
    let text = fs::read_to_string(root().join("docs/COMMISSIONING.md")).unwrap();
    let row = |characteristic: Characteristic| {
        let uuid = characteristic.uuid();
        let uuid = uuid.short().map_or_else(|| format!("`{uuid}`"), |short| format!("0x{short:04X}"));
        text.lines().any(|line| line.contains(characteristic.name()) && line.contains(&uuid))
    };
    for characteristic in Characteristic::ALL {
        assert!(row(characteristic), "{characteristic:?}");
    }
    let key = DeviceKey::from_seed([7; 32]);
    let address = Address([0xC0, 0xFF, 0xEE, 0, 0, 1]);
    assert!(text.contains(&QrCode { address, key: key.public() }.to_string()));
    assert!(text.contains(&format!("`{:?}`", key.public())));
    for (characteristic, value) in [
        (Characteristic::Ssid, "home"),
        (Characteristic::NetworkPassword, ""),
        (Characteristic::Jid, "kettle-1@example.org"),
    ] {
        let start = format!("| {} | `", characteristic.name());
        let sealed = text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().trim_end_matches("` |");
        let byte = |place| u8::from_str_radix(&sealed[place..place + 2], 16).unwrap();
        let sealed: Vec<u8> = (0..sealed.len()).step_by(2).map(byte).collect();
        assert_eq!(key.open(characteristic, &sealed).as_deref(), Some(value.as_bytes()));
    }
}

#[test]
fn every_link_and_picture_of_the_pages_is_there() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") {
                assert!(page.parent().unwrap().join(path).exists(), "{}: {target}", page.display());
            }
        }
    }
}

/// A fenced block of a page.
struct Block {
    /// What stands behind the fence.
    kind: String,
    /// Page and line, for complaints.
    place: String,
    text: String,
}

/// A command and the output it has.
struct Example {
    place: String,
    words: Vec<String>,
    expected: Vec<String>,
}

impl Block {
    fn examples(&self) -> Vec<Example> {
        let mut examples: Vec<Example> = Vec::new();
        for line in self.text.lines() {
            if let Some(command) = line.strip_prefix("$ thingfleet ") {
                let words = command.split_whitespace().map(str::to_owned).collect();
                examples.push(Example { place: self.place.clone(), words, expected: Vec::new() });
            } else {
                examples.last_mut().expect("a command comes first").expected.push(line.to_owned());
            }
        }
        examples
    }
}

impl Example {
    fn followed_by(mut self, options: &[String]) -> Self {
        self.words.extend_from_slice(options);
        self
    }

    /// Runs the command and compares line by line; does not wait for the end of a command whose end is left open.
    fn holds(&self, command: &mut Command) {
        let mut child = Running::start(command.args(&self.words));
        let mut is_open = false;
        for expected in &self.expected {
            if expected == "..." {
                is_open = true;
                continue;
            }
            let found = loop {
                match child.line() {
                    Some(line) if is_open && line != *expected => {}
                    line => break line,
                }
            };
            assert_eq!(found.as_ref(), Some(expected), "{}: {:?}", self.place, self.words);
            is_open = false;
        }
        if !is_open {
            assert_eq!(child.line(), None, "{}: {:?}", self.place, self.words);
            assert!(child.child.wait().unwrap().success(), "{}: {:?}", self.place, self.words);
        }
    }
}

/// A command whose output is read; ended when dropped.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A running demo whose devices are online.
struct Demo {
    _running: Running,
    /// Options of `client` that lead to it.
    place: Vec<String>,
    password: String,
}

impl Demo {
    fn start() -> Self {
        let mut running = Running::start(thingfleet().args(["demo", "--json", "--for", "2min"]));
        let started: serde_json::Value = serde_json::from_str(&running.line().unwrap()).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let (server, person) = (&started["server"], &started["person"]);
        let options = [
            ("--jid", text(&person["jid"])),
            ("--host", text(&server["host"])),
            ("--port", server["port"].to_string()),
            ("--ca-file", text(&server["ca_file"])),
        ];
        let place = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        while !running.line().expect("devices come online").contains("\"online\":7") {}
        Self { _running: running, place, password: text(&person["password"]) }
    }
}

fn blocks(page: &Path) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in fs::read_to_string(page).unwrap().lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                let place = format!("{}:{}", page.display(), index + 1);
                open = Some(Block { kind: kind.to_owned(), place, text: String::new() });
            }
            (None, None) => {}
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
        }
    }
    blocks
}

fn pages() -> Vec<PathBuf> {
    let guides = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let guides = guides.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    [root().join("README.md"), root().join("CONTRIBUTING.md")].into_iter().chain(guides).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn thingfleet() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thingfleet"));
    command.env_remove("THINGFLEET_LOG").env_remove("THINGFLEET_PASSWORD").stdin(Stdio::null());
    command
}
