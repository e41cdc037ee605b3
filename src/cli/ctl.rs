//! `thingfleet ctl`: looks at a running fleet, steers it and waits for it, through its control interface.

mod act;
mod add;
mod events;
mod faults;
mod place;
mod table;
mod traffic;

pub(super) use place::Place;

use super::{Failure, Global, duration, output, runtime, signals::Signals};
use clap::{Args, Subcommand};
use std::time::Duration;
use thingfleet_control::{
    client::{Client, ClientError},
    command::{FleetChange, Selection, Wait},
};

const EXAMPLES: &str = "\
Examples:
  thingfleet ctl list
  thingfleet ctl inject kettle temp=95
  thingfleet ctl wait 'temp > 90 and state == online' kettle --timeout 1min
  thingfleet ctl fault 'lamp-*' offline --for 10s
  thingfleet ctl events --follow --json

It finds the running fleet by itself; where several run, say which with --fleet. A fleet elsewhere is reached
with --url and its token in THINGFLEET_TOKEN.";

/// Arguments of `ctl`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CtlArguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

/// Some devices.
#[derive(Debug, Clone, Args)]
struct Devices {
    /// Names of devices; * stands for any characters, ? for one
    #[arg(value_name = "DEVICES")]
    name: Option<String>,
    /// Only devices of this definition
    #[arg(long)]
    kind: Option<String>,
    /// Only devices with this tag
    #[arg(long)]
    tag: Option<String>,
}

/// Some devices that have to be named, so that nobody commands all of them by accident.
#[derive(Debug, Clone, Args)]
struct Named {
    /// Names of devices; * stands for any characters, ? for one
    #[arg(value_name = "DEVICES")]
    name: String,
    /// Only devices of this definition
    #[arg(long)]
    kind: Option<String>,
    /// Only devices with this tag
    #[arg(long)]
    tag: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the fleet as a whole
    #[command(after_help = "Examples:\n  thingfleet ctl fleet --json")]
    Fleet,
    /// List devices
    #[command(after_help = "Examples:\n  thingfleet ctl list\n  thingfleet ctl list 'lamp-*'\n  \
        thingfleet ctl list --kind kettle --json")]
    List(Devices),
    /// Show a device with its sensors and actuators
    #[command(after_help = "Examples:\n  thingfleet ctl show kettle")]
    Show {
        /// Name of the device
        device: String,
    },
    /// Replace a reading until the behaviour moves it on
    #[command(after_help = "Examples:\n  thingfleet ctl inject kettle temp=95")]
    Inject(act::Assignment),
    /// Hold a reading at a value, or where it is, until it is released or set
    #[command(
        after_help = "Examples:\n  thingfleet ctl hold kettle temp=95\n  thingfleet ctl hold 'kettle-*' temp"
    )]
    Hold(act::Assignment),
    /// Let a held reading go
    #[command(after_help = "Examples:\n  thingfleet ctl release kettle temp")]
    Release(act::Assignment),
    /// Set an actuator, as a person at the device does
    #[command(after_help = "Examples:\n  thingfleet ctl set kettle powerOn=on")]
    Set(act::Assignment),
    /// Press the button on a device; held for five seconds it resets a device that is commissioned
    #[command(after_help = "Examples:\n  thingfleet ctl press kettle\n  thingfleet ctl press kettle --hold")]
    Press(act::Press),
    /// Reset to factory settings, for devices that are commissioned over Bluetooth
    #[command(after_help = "Examples:\n  thingfleet ctl reset kettle")]
    Reset(Named),
    /// Cut devices off from the network and from the air
    #[command(after_help = "Examples:\n  thingfleet ctl offline 'lamp-*'")]
    Offline(Named),
    /// Let devices come back, or try again after giving up
    #[command(after_help = "Examples:\n  thingfleet ctl online '*'")]
    Online(Named),
    /// Let something go wrong
    #[command(after_help = "Examples:\n  thingfleet ctl fault kettle sensor-offset channel=temp amount=12 \
        --for 1min\n  thingfleet ctl fault 'lamp-*' offline --for 10s\n  \
        thingfleet ctl fault '*' latency delay=500ms --tag attic")]
    Fault(faults::Begin),
    /// End what goes wrong: all of it, a kind, or one fault
    #[command(
        after_help = "Examples:\n  thingfleet ctl clear '*'\n  thingfleet ctl clear kettle latency\n  \
        thingfleet ctl clear kettle --id 3"
    )]
    Clear(faults::Clear),
    /// Show what goes wrong with a device
    #[command(after_help = "Examples:\n  thingfleet ctl faults kettle")]
    Faults {
        /// Name of the device
        device: String,
    },
    /// Add a device and switch it on
    #[command(after_help = "Examples:\n  thingfleet ctl add kettle-9 kettle --start temp=60\n  \
        thingfleet ctl add lamp-x lamp --tag attic --commissioning bluetooth")]
    Add(add::Add),
    /// Remove a device, which says goodbye first
    #[command(after_help = "Examples:\n  thingfleet ctl remove kettle-9")]
    Remove {
        /// Name of the device
        device: String,
    },
    /// Let the devices' world stand still; they go on answering
    #[command(after_help = "Examples:\n  thingfleet ctl pause")]
    Pause,
    /// Let it go on
    #[command(after_help = "Examples:\n  thingfleet ctl resume")]
    Resume,
    /// Change how fast time passes in the devices' world
    #[command(after_help = "Examples:\n  thingfleet ctl speed 60")]
    Speed {
        /// Seconds there in each second of real time, 0.001 to 100000
        factor: f64,
    },
    /// Print events
    #[command(
        after_help = "Examples:\n  thingfleet ctl events --follow\n  thingfleet ctl events kettle --since 0 --json"
    )]
    Events(events::EventsArguments),
    /// Print what a device exchanges, from now on: its stanzas, and what clients do over Bluetooth; without secrets
    #[command(
        after_help = "Examples:\n  thingfleet ctl traffic kettle\n  thingfleet ctl traffic kettle --json"
    )]
    Traffic {
        /// Name of the device
        device: String,
    },
    /// Wait until a condition holds over a device
    #[command(after_help = "Examples:\n  thingfleet ctl wait 'temp > 90' kettle --timeout 1min\n  \
        thingfleet ctl wait 'state == online' lamp\n\nBesides sensors and actuators a condition knows state, \
        stage and led.")]
    Wait {
        /// The condition, as in definitions
        condition: String,
        /// Name of the device
        device: String,
        /// How long to wait
        #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
        timeout: Duration,
    },
}

pub(super) fn ctl(arguments: &CtlArguments, global: &Global) -> Result<(), Failure> {
    let client = arguments.place.client()?;
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            done = act(&client, &arguments.action, global) => done,
            () = signals.asked() => Ok(()),
        }
    })
}

async fn act(client: &Client, action: &Action, global: &Global) -> Result<(), Failure> {
    match action {
        Action::Fleet => table::fleet(&client.fleet().await?, global)?,
        Action::List(devices) => table::devices(&client.devices(&devices.into()).await?, global)?,
        Action::Show { device } => table::device(&client.device(device).await?, global)?,
        Action::Inject(assignment) => act::inject(client, assignment, global).await?,
        Action::Hold(assignment) => act::hold(client, assignment, global).await?,
        Action::Release(assignment) => act::release(client, assignment, global).await?,
        Action::Set(assignment) => act::set(client, assignment, global).await?,
        Action::Press(press) => act::press(client, press, global).await?,
        Action::Reset(named) => act::reset(client, named, global).await?,
        Action::Offline(named) => act::offline(client, named, global).await?,
        Action::Online(named) => act::online(client, named, global).await?,
        Action::Fault(begin) => faults::begin(client, begin, global).await?,
        Action::Clear(clear) => faults::clear(client, clear, global).await?,
        Action::Faults { device } => faults::faults(&client.device(device).await?, global)?,
        Action::Add(add) => table::device(&client.add(&add.device()).await?, global)?,
        Action::Remove { device } => client.remove(device).await?,
        Action::Pause => change(client, FleetChange { paused: Some(true), speed: None }, global).await?,
        Action::Resume => change(client, FleetChange { paused: Some(false), speed: None }, global).await?,
        Action::Speed { factor } => {
            change(client, FleetChange { paused: None, speed: Some(*factor) }, global).await?;
        }
        Action::Events(arguments) => events::events(client, arguments, global).await?,
        Action::Traffic { device } => traffic::traffic(client, device, global).await?,
        Action::Wait { condition, device, timeout } => {
            let wait = Wait { condition: condition.clone(), timeout_seconds: timeout.as_secs_f64() };
            match client.wait(device, &wait).await {
                Ok(device) => table::device(&device, global)?,
                Err(ClientError::Refused(problem)) => {
                    if let Some(device) = &problem.device {
                        table::device(device, global)?;
                    }
                    return Err(ClientError::Refused(problem).into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

async fn change(client: &Client, change: FleetChange, global: &Global) -> Result<(), Failure> {
    Ok(table::fleet(&client.change(change).await?, global)?)
}

/// Prints a value of the vocabulary as one JSON object with its kind.
fn print_json(kind: &str, value: &impl serde::Serialize) -> std::io::Result<()> {
    let mut value = serde_json::to_value(value).expect("the vocabulary is plain data");
    value["type"] = kind.into();
    output::json(&value)
}

impl From<&Devices> for Selection {
    fn from(devices: &Devices) -> Self {
        let Devices { name, kind, tag } = devices.clone();
        Self { name, kind, tag, ..Self::default() }
    }
}

impl From<&Named> for Selection {
    fn from(named: &Named) -> Self {
        let Named { name, kind, tag } = named.clone();
        Self { name: Some(name), kind, tag, ..Self::default() }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(problem) => {
                let failure = match problem.status {
                    401 | 403 => Self::environment(problem.detail),
                    408 | 409 => Self::run(problem.detail),
                    _ => Self::input(problem.detail),
                };
                failure.help(problem.next_step)
            }
            ClientError::Address(_) => Self::input(error.to_string()),
            ClientError::Unreachable { .. } => Self::environment(super::failure::with_causes(&error))
                .help("check that the fleet still runs; it printed its address at its start"),
            ClientError::Broken(_) | ClientError::Late | ClientError::Nonsense(_) => {
                Self::environment(super::failure::with_causes(&error))
            }
        }
    }
}
