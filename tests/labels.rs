//! `qr` and `reset` as a shell sees them, and the codes as the reference client and a camera see them.

use regex::Regex;
use rqrr::PreparedImage;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

/// The reference client's filter of what it scans (docs/PROTOCOL.md).
const CLIENT: &str =
    r"(xmpp)\:(iot-register)\?(mac)=(([0-9A-Fa-f]{2}[:-]){5}([0-9A-Fa-f]{2}))&(algo)=([0-9a-z-]+)&(key)=(.+)";

/// A fleet whose devices have their own addresses, and which reaches no server.
const FLEET: &str = "\
fleet: boxes
server: { domain: nowhere.test, host: 127.0.0.1, port: 1 }
adapters: { virtual: \"127.0.0.1:1\" }
commissioning: bluetooth
groups:
  - { definition: lamp, count: 3, serials: \"L<{n}>\" }
  - { definition: smoke-alarm }
  - { definition: door, commissioning: preset }
";

#[test]
fn what_a_code_says_is_what_the_reference_client_looks_for() {
    let filter = Regex::new(&format!("^{CLIENT}$")).unwrap();
    let home = Home::new(FLEET);
    let codes = home.codes();
    assert_eq!(codes.keys().collect::<Vec<_>>(), ["lamp-1", "lamp-2", "lamp-3", "smoke-alarm"]);
    for (device, code) in codes {
        let found = filter.captures(&code).unwrap_or_else(|| panic!("{device}: {code}"));
        assert_eq!(&found[8], "ed25519");
        // The client reads the rest as a web form, in which a `+` is a space.
        assert!(found[10].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'%'), "{code}");
    }
}

#[test]
fn every_picture_of_a_code_is_read_by_a_camera() {
    let home = Home::new(FLEET);
    let code = home.codes()["lamp-1"].clone();

    home.good(&["qr", "fleet.yaml", "lamp-1", "--png", "lamp.png"]);
    let mut reader =
        png::Decoder::new(BufReader::new(File::open(home.path("lamp.png")).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let light = |x: usize, y: usize| pixels[y * frame.line_size + x / 8] & 0x80 >> (x % 8) != 0;
    let shade = |x, y| if light(x, y) { 255 } else { 0 };
    assert_eq!(read(frame.width as usize, shade), code);

    home.good(&["qr", "fleet.yaml", "lamp-1", "--svg", "lamp.svg"]);
    assert_eq!(drawn(&fs::read_to_string(home.path("lamp.svg")).unwrap()), [code.as_str()]);

    let drawn = home.good(&["qr", "fleet.yaml", "lamp-1", "--ascii", "--invert"]);
    let rows: Vec<&[u8]> =
        drawn.lines().skip(1).take_while(|line| !line.starts_with("xmpp:")).map(str::as_bytes).collect();
    let shade = |x: usize, y: usize| if rows[y / 6].get(x / 3) == Some(&b'#') { 0 } else { 255 };
    assert_eq!(read(rows.len() * 6, shade), code);
}

#[test]
fn a_sheet_has_the_label_of_each_device() {
    let home = Home::new(FLEET);
    let codes: Vec<String> = home.codes().into_values().collect();
    for sheet in ["labels.html", "labels.svg"] {
        home.good(&["qr", "fleet.yaml", "--sheet", sheet]);
        let text = fs::read_to_string(home.path(sheet)).unwrap();
        assert_eq!(drawn(&text), codes, "{sheet}");
        for words in [
            "Dimmable lamp",
            "Smoke alarm",
            "name lamp-3",
            "serial L&lt;3&gt;",
            "writes are sealed",
            &codes[0][22..39],
        ] {
            assert!(text.contains(words), "{sheet} lacks {words}");
        }
    }
    let refused = home.thingfleet(&["qr", "fleet.yaml", "--sheet", "labels.pdf"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_code_is_the_same_until_the_key_is_made_anew() {
    let home = Home::new(FLEET);
    let codes = home.codes();
    assert_eq!(home.codes(), codes);
    home.good(&["reset", "fleet.yaml", "--yes"]);
    assert_eq!(home.codes(), codes);
    home.good(&["reset", "fleet.yaml", "lamp-2", "--keys", "--yes"]);
    let after = home.codes();
    let changed: Vec<_> = codes.iter().filter(|(device, code)| after[*device] != **code).collect();
    assert_eq!(changed, [(&"lamp-2".to_owned(), &codes["lamp-2"])]);
}

#[test]
fn a_reset_forgets_what_the_device_was_given_and_nothing_else() {
    let home = Home::new(FLEET);
    home.codes();
    let given = serde_json::json!({
        "ssid": "Home", "network_password": "hunter2", "jid": "lamp@nowhere.test", "password": "hunter2",
        "owner": "juliet@nowhere.test", "done": true,
    });
    home.change_devices(|devices| {
        devices["lamp-1"]["given"] = given.clone();
        devices["lamp-2"]["given"] = given.clone();
    });
    let unasked = home.thingfleet(&["reset", "fleet.yaml", "lamp-1"]);
    assert_eq!(unasked.status.code(), Some(2), "nobody can be asked");
    let told = home.good(&["reset", "fleet.yaml", "lamp-1", "lamp-3", "--yes"]);
    assert_eq!(told, "lamp-1: forgot what it was given\nlamp-3: had been given nothing\n");
    let devices = home.devices();
    assert!(devices["lamp-1"].get("given").is_none());
    assert_eq!(devices["lamp-2"]["given"], given);
}

#[test]
fn on_bluez_a_code_is_there_once_the_device_had_its_turn() {
    let home = Home::new(&FLEET.replace("{ virtual: \"127.0.0.1:1\" }", "auto"));
    let unknown = home.thingfleet(&["qr", "fleet.yaml", "lamp-1"]);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(text(&unknown.stderr).contains("run the fleet"), "{}", text(&unknown.stderr));

    home.change_devices(|devices| devices["lamp-1"]["address"] = "00:1A:7D:DA:71:13".into());
    let both = home.thingfleet(&["qr", "fleet.yaml", "lamp-1", "lamp-2", "--text"]);
    assert_eq!(both.status.code(), Some(0));
    assert!(text(&both.stdout).starts_with("xmpp:iot-register?mac=00:1A:7D:DA:71:13&"));
    assert_eq!(text(&both.stdout).lines().count(), 1);
    assert!(text(&both.stderr).contains("lamp-2"), "{}", text(&both.stderr));
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let home = Home::new(FLEET);
    for (arguments, code, reason) in [
        (&["qr", "kitchen"][..], 2, "no device of the fleet kitchen"),
        (&["qr", "fleet.yaml", "door"], 2, "door is not commissioned"),
        (&["qr", "fleet.yaml", "lamp"], 2, "it has lamp-1"),
        (&["qr", "fleet.yaml", "--png", "all.png"], 2, "one device"),
        (&["qr", "fleet.yaml", "lamp-1", "--png", "no/such/directory.png"], 3, "cannot write"),
        (&["reset", "kitchen", "--yes"], 2, "no device of the fleet kitchen"),
    ] {
        let output = home.thingfleet(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(reason), "{arguments:?}: {}", text(&output.stderr));
    }
    fs::create_dir_all(home.state()).unwrap();
    fs::write(home.state().join("devices.json"), "{").unwrap();
    for arguments in [&["qr", "fleet.yaml"][..], &["reset", "fleet.yaml", "--yes"]] {
        let output = home.thingfleet(arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert!(text(&output.stderr).contains("devices.json is damaged"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_fleet_that_runs_shows_its_codes_and_is_not_reset() {
    // The others need no server before somebody commissions them.
    let home = Home::new(&FLEET.replace("  - { definition: door, commissioning: preset }\n", ""));
    let mut run = Run::start(&home);
    let started = run.line();
    let codes = home.codes();
    for device in started["devices"].as_array().unwrap() {
        let name = device["name"].as_str().unwrap();
        assert_eq!(device["code"].as_str(), codes.get(name).map(String::as_str), "{name}");
    }
    let refused = home.thingfleet(&["reset", "fleet.yaml", "--yes"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("stop that run first"), "{}", text(&refused.stderr));
}

/// A directory with a fleet's profile in it, and the state of that fleet.
struct Home(TempDir);

impl Home {
    fn new(profile: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("fleet.yaml"), profile).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state/thingfleet/boxes")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thingfleet"));
        command.current_dir(self.0.path()).env("XDG_STATE_HOME", self.path("state"));
        command.env_remove("THINGFLEET_LOG").stdin(Stdio::null());
        command
    }

    fn thingfleet(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a command that has to succeed, and gives what it printed.
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.thingfleet(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    }

    /// The text of each device's code.
    fn codes(&self) -> BTreeMap<String, String> {
        let printed = self.good(&["qr", "fleet.yaml", "--json"]);
        let lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let word = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        lines.map(|line| (word(&line, "device"), word(&line, "code"))).collect()
    }

    fn devices(&self) -> Value {
        let text = fs::read_to_string(self.state().join("devices.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["devices"].take()
    }

    fn change_devices(&self, change: impl FnOnce(&mut Value)) {
        let mut devices = self.devices();
        change(&mut devices);
        let document = serde_json::json!({ "version": 1, "devices": devices });
        fs::write(self.state().join("devices.json"), document.to_string()).unwrap();
    }
}

/// A run of the fleet.
struct Run {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Run {
    fn start(home: &Home) -> Self {
        let mut command = home.command();
        let mut child = command.args(["run", "fleet.yaml", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("it runs").unwrap()).unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Reads the one code in a square picture.
fn read(side: usize, shade: impl Fn(usize, usize) -> u8) -> String {
    let mut picture = PreparedImage::prepare_from_greyscale(side, side, shade);
    let grids = picture.detect_grids();
    let [grid] = grids.as_slice() else { panic!("{} codes", grids.len()) };
    grid.decode().unwrap().1
}

/// Draws the codes in an SVG or in HTML and reads them.
fn drawn(text: &str) -> Vec<String> {
    const SCALE: usize = 4;
    let runs = Regex::new(r"M([0-9]+) ([0-9]+)h([0-9]+)v1h-[0-9]+z").unwrap();
    let number = |text: &str| text.parse::<usize>().unwrap();
    let codes = text.split("shape-rendering=\"crispEdges\"").skip(1).map(|part| {
        let part = part.split("</svg>").next().unwrap();
        let side = number(part.split("d=\"M0 0h").nth(1).unwrap().split('v').next().unwrap());
        let mut dark = vec![false; side * side];
        for run in runs.captures_iter(part) {
            let (column, row, length) = (number(&run[1]), number(&run[2]), number(&run[3]));
            dark[row * side + column..][..length].fill(true);
        }
        read(side * SCALE, |x, y| if dark[y / SCALE * side + x / SCALE] { 0 } else { 255 })
    });
    codes.collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
