//! `ctl traffic`: what a device exchanges, as it happens.

use super::{Failure, Global, print_json};
use crate::cli::output;
use std::io;
use thingfleet_control::{
    client::{Client, Told},
    traffic::{Direction, Exchange, Gatt, Operation, Stanza, What},
};

pub(super) async fn traffic(client: &Client, device: &str, global: &Global) -> Result<(), Failure> {
    let mut stream = client.traffic(device).await?;
    while let Some(told) = stream.next().await? {
        match &told {
            Told::Event(exchange) if global.json => print_json("exchange", exchange)?,
            Told::Event(exchange) => line(exchange)?,
            Told::Gap(gap) if global.json => print_json("gap", gap)?,
            Told::Gap(gap) => output::line(&format!("… {} to {} came too fast", gap.from, gap.to))?,
        }
    }
    Ok(())
}

fn line(exchange: &Exchange) -> io::Result<()> {
    let words = match &exchange.what {
        What::Stanza(stanza) => of_stanza(stanza),
        What::Gatt(gatt) => of_gatt(gatt),
    };
    output::line(&format!("{:>9.3} s  {words}", exchange.device_seconds))
}

fn of_stanza(stanza: &Stanza) -> String {
    let arrow = match stanza.direction {
        Direction::Sent => "→",
        Direction::Received => "←",
    };
    let rest = if stanza.is_whole() { String::new() } else { format!(" … of {} bytes", stanza.length) };
    format!("{arrow} {}{rest}", stanza.xml)
}

fn of_gatt(gatt: &Gatt) -> String {
    let Gatt { operation, characteristic, length, value, refused, .. } = gatt;
    let operation = match operation {
        Operation::Connect => "connects",
        Operation::Disconnect => "goes",
        Operation::Read => "reads",
        Operation::Write => "writes",
    };
    let mut words = format!("a client {operation}");
    for word in characteristic.iter().chain(value) {
        words = format!("{words} {word}");
    }
    if let (Some(length), None) = (length, value) {
        words = format!("{words} ({length} bytes)");
    }
    match refused {
        Some(refused) => format!("{words}: {} (0x{:02x})", refused.text, refused.code),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thingfleet_control::traffic::Refused;

    #[test]
    fn an_operation_reads_like_a_sentence() {
        let gatt = Gatt {
            characteristic: Some("JID password".into()),
            length: Some(7),
            refused: Some(Refused { code: 0x81, text: "not sealed".into() }),
            ..Gatt::new(Operation::Write)
        };
        assert_eq!(of_gatt(&gatt), "a client writes JID password (7 bytes): not sealed (0x81)");
        assert_eq!(of_gatt(&Gatt::new(Operation::Disconnect)), "a client goes");
    }
}
