//! Which device an image is, from a command line.

use super::*;
use tempfile::TempDir;
use thingfleet_device::binding::Driver;

/// The thesis's board, with these options.
fn board(out: &TempDir, chip: &str, options: &[&str]) -> Arguments {
    let out = out.path().to_str().expect("a path in UTF-8");
    let fixed = ["thingfleet-pack", "../../devices/board.yaml", "--chip", chip];
    let rest = ["--authority", "../esp/roots.pem", "--out", out];
    Arguments::parse_from(fixed.iter().chain(&rest).chain(options))
}

fn packed(chip: &str, options: &[&str]) -> Result<(Carried, Vec<String>), String> {
    let out = tempfile::tempdir().expect("a directory");
    carried(&board(&out, chip, options)).map_err(|error| error.to_string())
}

#[test]
fn the_thesiss_board_is_bound_on_an_esp32_and_simulated_on_a_c3() {
    let (bound, simulated) = packed("esp32", &[]).expect("it fits");
    assert_eq!((bound.definition.firmware.len(), simulated.len()), (4, 0));
    let (bound, simulated) = packed("esp32c3", &[]).expect("it fits");
    assert_eq!(bound.definition.firmware, []);
    assert_eq!(simulated[0], "temp is simulated: pin 22 is none of this chip's (bmp180.temperature)");
    assert_eq!(simulated[2], "led is simulated: pin 18 is the serial line's (gpio.output)");
}

#[test]
fn a_binding_gets_the_pins_that_it_has_on_this_board() {
    let options = ["--pin", "led.pin=6", "--pin", "temp.sda=4", "--pin", "temp.scl=5"];
    let (bound, simulated) = packed("esp32c3", &options).expect("it fits");
    let drivers: Vec<Driver> = bound.definition.firmware.iter().map(|binding| binding.driver).collect();
    assert_eq!(drivers, [Driver::Bmp180Temperature, Driver::GpioOutput]);
    assert_eq!(bound.definition.firmware[1].pin("pin"), Some(6));
    assert_eq!(simulated.len(), 2);
    assert_eq!(packed("esp32c3", &["--pin", "fan.pin=6"]), Err("the definition binds no `fan.pin`".into()));
}

#[test]
fn no_pin_has_two_uses() {
    let twice = packed("esp32c3", &["--pin", "led.pin=6", "--light", "6"]);
    assert_eq!(twice, Err("pin 6: has another use".into()));
    let flash = packed("esp32c3", &["--light", "3,4,12"]);
    assert_eq!(flash, Err("light 12: is the flash's".into()));
}

#[test]
fn a_device_has_the_name_the_server_and_the_authorities_that_it_is_given() {
    let options = ["--name", "desk", "--serial", "D-1", "--seed", "9", "--server", "10.0.0.2:5222"];
    let (desk, _) = packed("esp32", &options).expect("it fits");
    assert_eq!((desk.name.as_str(), desk.serial.as_str(), desk.seed), ("desk", "D-1", 9));
    assert_eq!(desk.server.map(|server| server.port()), Some(5222));
    assert!(desk.roots.contains("BEGIN CERTIFICATE") && desk.built > UnixMillis(1_700_000_000_000));
    let (other, _) = packed("esp32", &[]).expect("it fits");
    assert_eq!((other.name.as_str(), other.serial.as_str()), ("board-1", "board-1"));
}

#[test]
fn without_a_program_only_what_the_board_is_is_written() {
    let out = tempfile::tempdir().expect("a directory");
    pack(&board(&out, "virt", &[])).expect("there is nothing else to put in");
    let written = fs::read(out.path().join("board-1-virt.device.bin")).expect("it is written");
    assert!(written.starts_with(b"TFD1") && written.len() < 0x1_0000, "{} bytes", written.len());
}

#[test]
fn qemus_machine_has_no_pins_and_no_image() {
    let (simulated, said) = packed("virt", &[]).expect("it fits");
    assert_eq!((simulated.definition.firmware, said.len(), simulated.front), (vec![], 4, Front::default()));
    let out = tempfile::tempdir().expect("a directory");
    let program = ["--program", "../esp/roots.pem", "--partitions", "../esp/partitions.csv"];
    let refused = pack(&board(&out, "virt", &program)).expect_err("it has no image");
    assert!(matches!(refused, PackError::Image(image::ImageError::Virt)), "{refused}");
}
