//! `thingfleet-pack`: puts the firmware's program and a device definition together to an image that a board is flashed
//! with, and says how large it is.
//!
//! `make firmware` calls it. The definition is checked as everywhere; what comes out is [`thingfleet_firmware::carried`]
//! in a partition of its own, beside a program that is the same for every device.

mod budget;
mod chip;
mod identity;
mod image;
mod memory;

use budget::Budget;
use chip::Chip;
use clap::Parser;
use std::{
    env,
    error::Error as _,
    fs, io,
    iter::successors,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};
use thingfleet_device::{
    commissioning::qr::QrCode,
    definition::{Binding, Definition},
    time::UnixMillis,
};
use thingfleet_firmware::carried::{Carried, Front};

/// Puts a program and a device definition together to an image for an ESP32.
///
/// Without a program it writes what lies in the partition `device` only: with that, a board that has the program becomes
/// another device.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The device definition
    definition: PathBuf,
    /// The chip of the board
    #[arg(long, value_enum)]
    chip: Chip,
    /// The program that was built for that chip
    #[arg(long, value_name = "ELF", requires = "partitions")]
    program: Option<PathBuf>,
    /// The partition table
    #[arg(long, value_name = "CSV", requires = "program")]
    partitions: Option<PathBuf>,
    /// Directory that the image is written to
    #[arg(long)]
    out: PathBuf,
    /// Name of the device; without it that of its kind with `-1`
    #[arg(long)]
    name: Option<String>,
    /// Serial number; without it the name
    #[arg(long)]
    serial: Option<String>,
    /// What the behaviours begin from, with the name
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The authorities that the device believes
    #[arg(long, value_name = "PEM")]
    authority: PathBuf,
    /// Where the XMPP server is, if that is not where its domain is
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: Option<SocketAddrV4>,
    /// Who is asked for the time
    #[arg(long, value_name = "HOST")]
    time_server: Option<String>,
    /// Pins of the status light: red, green and blue, or one
    #[arg(long, value_delimiter = ',')]
    light: Option<Vec<u8>>,
    /// The light shines while its pins are low
    #[arg(long)]
    light_is_low: bool,
    /// Pin of the button; without it that of the boot button
    #[arg(long)]
    button: Option<u8>,
    /// Hold the image to this budget
    #[arg(long, value_name = "TXT", requires = "program")]
    budget: Option<PathBuf>,
    /// Another pin for a driver of the definition, such as `temp.sda=4`
    #[arg(long = "pin", value_name = "CHANNEL.PIN=NUMBER", value_parser = moved)]
    pins: Vec<Moved>,
}

/// A pin that is another one on this board.
#[derive(Clone)]
struct Moved {
    channel: String,
    pin: String,
    number: u8,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
enum PackError {
    #[error("{0}")]
    Definition(String),
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} has no certificate in it")]
    Authority { path: PathBuf },
    #[error("{pin} {number}: {why}")]
    Pin { pin: String, number: u8, why: &'static str },
    #[error("the definition binds no `{0}`")]
    Unbound(String),
    #[error("the device cannot be written as bytes")]
    Encoding,
    #[error("{path} is not a device's identity")]
    Identity { path: PathBuf, source: serde_json::Error },
    #[error("the system has no randomness")]
    Randomness(#[source] getrandom::Error),
    #[error(transparent)]
    Budget(#[from] budget::BudgetError),
    #[error(transparent)]
    Image(#[from] image::ImageError),
    #[error(transparent)]
    Memory(#[from] memory::MemoryError),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match pack(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = successors(error.source(), |cause| (*cause).source());
            let causes: Vec<_> = causes.map(ToString::to_string).collect();
            eprintln!("{}", [vec![error.to_string()], causes].concat().join(": "));
            ExitCode::FAILURE
        }
    }
}

fn pack(arguments: &Arguments) -> Result<(), PackError> {
    let chip = arguments.chip;
    let (carried, simulated) = carried(arguments)?;
    let device = carried.to_bytes().ok_or(PackError::Encoding)?;
    if let (Some(program), Some(partitions)) = (&arguments.program, &arguments.partitions) {
        let elf = read(program)?;
        let image = image::build(chip, &elf, partitions, &device)?;
        let memory = memory::look(&elf)?;
        write(arguments, &format!("{}-{chip}.bin", carried.name), &image.bytes)?;
        for part in &image.parts {
            println!("  {:<12}{:>9} bytes at {:#08x}{}", part.name, part.size, part.start, part.room());
        }
        print!("{memory}");
        if let Some(path) = &arguments.budget {
            let budget = Budget::read(&String::from_utf8_lossy(&read(path)?))?;
            print!("{}", budget.hold(chip, &carried.definition.kind, image.program(), &memory)?);
        }
    } else {
        write(arguments, &format!("{}-{chip}.device.bin", carried.name), &device)?;
    }
    for what in simulated {
        println!("  {what}");
    }
    let code = QrCode { address: carried.address(), key: carried.key.public() };
    println!("  label: {code}");
    Ok(())
}

/// Writes a file of this name, and says so.
fn write(arguments: &Arguments, name: &str, bytes: &[u8]) -> Result<(), PackError> {
    let path = arguments.out.join(name);
    fs::write(&path, bytes).map_err(|source| PackError::Write { path: path.clone(), source })?;
    println!("{} ({} bytes)", path.display(), bytes.len());
    Ok(())
}

/// Which device it is, and which of its channels are simulated although the definition binds them.
fn carried(arguments: &Arguments) -> Result<(Carried, Vec<String>), PackError> {
    let chip = arguments.chip;
    let mut definition = thingfleet_schema::definition::read_file(&arguments.definition)
        .map_err(|mistakes| PackError::Definition(mistakes.render(false, 100)))?;
    move_pins(&mut definition, &arguments.pins)?;
    let simulated = leave_out(&mut definition, chip);
    let name = arguments.name.clone().unwrap_or_else(|| definition.kind.clone() + "-1");
    let identity = identity::of(&arguments.out, &name)?;
    let roots = String::from_utf8_lossy(&read(&arguments.authority)?).into_owned();
    if !roots.contains("-----BEGIN CERTIFICATE-----") {
        return Err(PackError::Authority { path: arguments.authority.clone() });
    }
    let front = Front {
        light: arguments.light.clone().unwrap_or_default(),
        light_is_low: arguments.light_is_low,
        button: arguments.button.or(chip.boot_button()),
    };
    check_pins(chip, &front, &definition)?;
    let carried = Carried {
        serial: arguments.serial.clone().unwrap_or_else(|| name.clone()),
        name,
        definition,
        seed: arguments.seed,
        address: identity.address,
        key: identity.key,
        built: built(),
        roots,
        server: arguments.server,
        time_server: arguments.time_server.clone(),
        front,
    };
    Ok((carried, simulated))
}

/// Looks whether the chip has the pins of the light and the button, and no pin two uses.
fn check_pins(chip: Chip, front: &Front, definition: &Definition) -> Result<(), PackError> {
    let refused = |pin: &str, number, why| PackError::Pin { pin: pin.to_owned(), number, why };
    let lights = front.light.iter().map(|pin| ("light", *pin, true));
    let mut taken = Vec::new();
    for (name, number, is_output) in lights.chain(front.button.map(|pin| ("button", pin, false))) {
        chip.check(number, is_output).map_err(|why| refused(name, number, why))?;
        taken.push((name, number));
    }
    for binding in &definition.firmware {
        for pin in binding.driver.pins().iter().filter(|pin| pin.is_pin) {
            let Some(number) = binding.pin(pin.name) else { continue };
            let is_bus = matches!(pin.name, "sda" | "scl");
            let other = |(name, used): &(&str, u8)| *used == number && !(is_bus && *name == pin.name);
            if taken.iter().any(other) {
                return Err(refused(pin.name, number, "has another use"));
            }
            taken.push((pin.name, number));
        }
    }
    Ok(())
}

/// Now, or what whoever builds reproducibly says.
fn built() -> UnixMillis {
    let said = env::var("SOURCE_DATE_EPOCH").ok().and_then(|said| said.parse::<u64>().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    UnixMillis(said.unwrap_or_else(now) * 1000)
}

/// Gives drivers the pins that they have on this board.
fn move_pins(definition: &mut Definition, moves: &[Moved]) -> Result<(), PackError> {
    for Moved { channel, pin, number } in moves {
        let unbound = || PackError::Unbound(format!("{channel}.{pin}"));
        let (id, _) = definition.find(channel).ok_or_else(unbound)?;
        let mut bound = definition.firmware.iter_mut().filter(|binding| binding.channel == id);
        let binding = bound.next().ok_or_else(unbound)?;
        let there = binding.pins.iter_mut().find(|(name, _)| name == pin);
        there.ok_or_else(unbound)?.1 = *number;
    }
    Ok(())
}

/// Leaves out the bindings whose pins this chip does not have: those channels are simulated. Says which.
fn leave_out(definition: &mut Definition, chip: Chip) -> Vec<String> {
    let mut simulated = Vec::new();
    let bindings = std::mem::take(&mut definition.firmware);
    let (bound, unbound): (Vec<_>, Vec<_>) =
        bindings.into_iter().partition(|binding| refusal(binding, chip).is_none());
    for binding in unbound {
        let name = &definition.channel(binding.channel).name;
        let why = refusal(&binding, chip).unwrap_or_default();
        simulated.push(format!("{name} is simulated: {why}"));
    }
    definition.firmware = bound;
    simulated
}

fn refusal(binding: &Binding, chip: Chip) -> Option<String> {
    binding.driver.pins().iter().filter(|pin| pin.is_pin).find_map(|pin| {
        let number = binding.pin(pin.name)?;
        let why = chip.check_for(binding.driver, number).err()?;
        Some(format!("pin {number} {why} ({})", binding.driver.name()))
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PackError> {
    fs::read(path).map_err(|source| PackError::Read { path: path.to_owned(), source })
}

fn moved(text: &str) -> Result<Moved, String> {
    let form = "write it as CHANNEL.PIN=NUMBER";
    let (place, number) = text.split_once('=').ok_or(form)?;
    let (channel, pin) = place.split_once('.').ok_or(form)?;
    let number = number.parse().map_err(|_| format!("`{number}` is not a pin"))?;
    Ok(Moved { channel: channel.to_owned(), pin: pin.to_owned(), number })
}

#[cfg(test)]
mod tests;
