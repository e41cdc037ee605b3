//! `thingfleet qr`: the codes that are printed on devices which wait to be commissioned.

mod code;
mod picture;
mod sheet;
mod terminal;

use super::{Failure, Global, output, profile};
use clap::{Args, ValueHint};
use code::{Code, Correction};
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};
use terminal::{Ink, Style};
use thingfleet::label::{self, Label, Whereabouts};

const EXAMPLES: &str = "\
Examples:
  thingfleet qr unboxing
  thingfleet qr unboxing lamp --png lamp.png
  thingfleet qr home.yaml --sheet labels.html
  thingfleet qr unboxing lamp --text | qrencode -t utf8

A code has the device's address and its key, and no secret. It stays the same from run to run, except on BlueZ, where
a device takes the address of the adapter that it gets.";

/// Help where a device has no address yet.
const NO_ADDRESS: &str = "on BlueZ a device has the address of its adapter: run the fleet, and ask again when the \
    device advertises; with `adapters: virtual` it has its own";

/// Arguments of `qr`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct QrArguments {
    /// A fleet profile, or the name of a shipped one
    profile: PathBuf,
    /// Some of its devices; all that are commissioned over Bluetooth unless given
    #[arg(value_name = "DEVICE")]
    devices: Vec<String>,
    #[command(flatten)]
    form: Form,
    /// Draw with nothing but ASCII
    #[arg(long, conflicts_with = "Form")]
    ascii: bool,
    /// Swap light and dark, for a terminal without colours that is dark on light
    #[arg(long, conflicts_with = "Form")]
    invert: bool,
}

/// What becomes of the codes, instead of being drawn.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Form {
    /// Print what the codes say, one a line
    #[arg(long)]
    text: bool,
    /// Write one device's code as a PNG
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    png: Option<PathBuf>,
    /// Write one device's code as an SVG
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    svg: Option<PathBuf>,
    /// Write a sheet of labels to print, with name, serial number and address: .html or .svg
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    sheet: Option<PathBuf>,
}

pub(super) fn qr(arguments: &QrArguments, global: &Global) -> Result<(), Failure> {
    let fleet = profile::read(&arguments.profile)?;
    let names = profile::commissioned(&fleet, &arguments.devices)?;
    let devices = profile::devices_with_keys(&fleet, &names)?;
    let kept = |_, name: &str| {
        let key = devices.key(name).filter(|_| names.contains(&name))?.public();
        Some(label::Kept { key, address: devices.address(name) })
    };
    let labels = label::labels(&fleet, kept);
    let Form { text, png, svg, sheet } = &arguments.form;
    if let Some(path) = sheet {
        let sheet = drawn_sheet(path, &fleet.name, &labels)?;
        write(path, global, |out| out.write_all(sheet.as_bytes()))
    } else if let Some(path) = png {
        let code = single(&labels)?;
        write(path, global, |out| picture::png(&code, out))
    } else if let Some(path) = svg {
        let code = single(&labels)?;
        write(path, global, |out| writeln!(out, "{}", picture::svg(&code, "")))
    } else {
        print(&labels, *text, arguments, global)
    }
}

/// Prints the codes that are there, and says which are not; a failure if none is.
fn print(labels: &[Label], only_text: bool, arguments: &QrArguments, global: &Global) -> Result<(), Failure> {
    let has_colours = global.colour_on(&io::stdout());
    let ink = match (arguments.ascii, has_colours) {
        (true, _) => Ink::Ascii,
        (false, true) => Ink::Coloured,
        (false, false) => Ink::Blocks,
    };
    let style = Style { ink, invert: arguments.invert };
    for label in labels {
        let text = label.code().map(|code| code.to_string());
        match text {
            text if global.json => output::json(&label_json(label, text.as_deref()))?,
            Some(text) if only_text => output::line(&text)?,
            Some(text) => draw(label, &text, style)?,
            None => {}
        }
    }
    let unknown: Vec<_> = labels.iter().filter(|label| label.code().is_none()).collect();
    let names = unknown.iter().map(|label| label.device.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!("no address is known yet of {names}");
    if unknown.len() == labels.len() {
        return Err(Failure::environment(message).help(NO_ADDRESS));
    }
    if !unknown.is_empty() && !global.json {
        note(&format!("{message}\nhelp: {NO_ADDRESS}"));
    }
    Ok(())
}

fn draw(label: &Label, text: &str, style: Style) -> io::Result<()> {
    output::line(&format!("{} ({}), serial number {}", label.device, label.title, label.serial))?;
    for line in terminal::draw(&Code::new(text, Correction::Low), style) {
        output::line(&line)?;
    }
    output::line(text)?;
    if let Whereabouts::LastSeen(address) = label.address {
        note(&format!(
            "{address} is the adapter's on which it advertised last; on another one its code is another"
        ));
    }
    output::line("")
}

fn label_json(label: &Label, text: Option<&str>) -> serde_json::Value {
    let known = match label.address {
        Whereabouts::Own(_) => "own",
        Whereabouts::LastSeen(_) => "last-seen",
        Whereabouts::Unknown => "unknown",
    };
    json!({
        "type": "code",
        "device": label.device,
        "title": label.title,
        "serial": label.serial,
        "security": label.security,
        "address": label.address.address().map(|address| address.to_string()),
        "address_is": known,
        "code": text,
    })
}

/// Remarks go to stderr, as complaints do.
fn note(text: &str) {
    eprintln!("note: {text}");
}

/// The code for a picture, which has room for one.
fn single(labels: &[Label]) -> Result<Code, Failure> {
    let [label] = labels else {
        return Err(Failure::input(format!(
            "a picture has room for one device, and these are {}",
            labels.len()
        ))
        .help("name one behind the profile, or take `--sheet labels.html`"));
    };
    let code = label.code().ok_or_else(|| {
        Failure::environment(format!("no address is known yet of {}", label.device)).help(NO_ADDRESS)
    })?;
    Ok(Code::new(&code.to_string(), Correction::Medium))
}

fn drawn_sheet(path: &Path, fleet: &str, labels: &[Label]) -> Result<String, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => Ok(sheet::html(fleet, labels)),
        Some("svg") => Ok(sheet::svg(fleet, labels)),
        Some(_) | None => Err(Failure::input(format!("{} is no name of a sheet", path.display()))
            .help("it ends in .html, over any number of pages, or in .svg")),
    }
}

/// Writes a file and says so.
fn write(
    path: &Path,
    global: &Global,
    contents: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Failure> {
    let written = File::create(path).and_then(|file| {
        let mut out = BufWriter::new(file);
        contents(&mut out)?;
        out.flush()
    });
    written.map_err(|error| {
        Failure::environment(format!("cannot write {}: {error}", path.display()))
            .help("check the directory and its permissions, or give another file")
    })?;
    if global.json {
        return Ok(output::json(&json!({ "type": "written", "path": path }))?);
    }
    Ok(output::line(&format!("written: {}", path.display()))?)
}
