//! The session of a device: its whole transition table.

use std::fmt::Write as _;
use thingfleet_device::{
    device::Device,
    io::{FailureKind, Input, Output, Session, StreamFailure},
    time::Instant,
};

type Kettle = Device<Box<thingfleet_device::definition::Definition>>;

fn up() -> Input {
    Input::StreamUp { jid: "kettle-1@example.org/thingfleet".into(), resumed: false }
}

fn down(kind: FailureKind) -> Input {
    Input::StreamDown(StreamFailure { kind, text: String::new() })
}

/// A device in each state, made by what leads there.
fn states() -> Vec<Kettle> {
    let kettle = || Device::new(Box::new(thingfleet_simulated::kettle()), thingfleet_simulated::instance());
    let after = |inputs: Vec<Input>| {
        let mut device = kettle();
        for input in inputs {
            device.handle_input(Instant::START, input);
        }
        device
    };
    vec![
        kettle(),
        after(vec![up()]),
        thingfleet_simulated::Rig::online("Prosody").device,
        after(vec![down(FailureKind::Lost)]),
        after(vec![down(FailureKind::Authentication)]),
        after(vec![Input::Offline]),
        after(vec![Input::Stop]),
    ]
}

fn name(session: &Session) -> &'static str {
    match session {
        Session::Commissioning => "Commissioning",
        Session::Joining => "Joining",
        Session::Connecting => "Connecting",
        Session::SettingUp => "SettingUp",
        Session::Online => "Online",
        Session::Waiting { .. } => "Waiting",
        Session::Failed(_) => "Failed",
        Session::Offline => "Offline",
        Session::Off => "Off",
        Session::Stopped => "Stopped",
    }
}

/// What a body sees of the outputs that concern the stream.
fn stream_outputs(device: &mut Kettle) -> &'static str {
    let mut seen = "";
    loop {
        match device.poll_output() {
            Output::WaitUntil(_) => return seen,
            Output::OpenStream(_) => seen = "+open",
            Output::CloseStream => seen = "+close",
            Output::Send(_)
            | Output::RequestSetup
            | Output::ReleaseSetup
            | Output::StartPeripheral
            | Output::StopPeripheral
            | Output::DisconnectClient
            | Output::GattAnswer(_)
            | Output::JoinNetwork(_)
            | Output::LeaveNetwork
            | Output::Store(_)
            | Output::Erase
            | Output::CutStream(_)
            | Output::SendRaw(_)
            | Output::Impair(_)
            | Output::ServerTime(_)
            | Output::Led(_)
            | Output::Event(_) => {}
        }
    }
}

#[test]
fn the_transition_table_is_this_one() {
    let inputs: [fn() -> Input; 6] = [
        up,
        || down(FailureKind::Lost),
        || down(FailureKind::Authentication),
        || Input::Offline,
        || Input::Online,
        || Input::Stop,
    ];
    let mut table = String::from(
        "state: up | down, transient | down, needs a person | offline | online | stop | a minute later\n",
    );
    for row in 0..states().len() {
        let fresh = || {
            let mut device = states().swap_remove(row);
            stream_outputs(&mut device);
            device
        };
        write!(table, "{}:", name(fresh().session())).unwrap();
        for input in inputs {
            let mut device = fresh();
            device.handle_input(Instant::START, input());
            let outputs = stream_outputs(&mut device);
            write!(table, " {}{outputs} |", name(device.session())).unwrap();
        }
        let mut device = fresh();
        device.handle_input(Instant::from_micros(60_000_000), Input::Timeout);
        let outputs = stream_outputs(&mut device);
        writeln!(table, " {}{outputs}", name(device.session())).unwrap();
    }
    assert_eq!(
        table,
        "\
state: up | down, transient | down, needs a person | offline | online | stop | a minute later
Connecting: SettingUp | Waiting | Failed | Offline+close | Connecting | Stopped+close | Connecting
SettingUp: SettingUp | Waiting | Failed | Offline+close | SettingUp | Stopped+close | SettingUp
Online: Online | Waiting | Failed | Offline+close | Online | Stopped+close | Online
Waiting: Waiting+close | Waiting | Waiting | Offline+close | Waiting | Stopped+close | Connecting+open
Failed: Failed+close | Failed | Failed | Offline+close | Connecting+open | Stopped+close | Failed
Offline: Offline+close | Offline | Offline | Offline | Connecting+open | Stopped+close | Offline
Stopped: Stopped+close | Stopped | Stopped | Stopped | Stopped | Stopped | Stopped
"
    );
}
