//! The one loop per device: drain what it wants, wait for the next thing to happen, feed that back.
//!
//! The driver owns the device, its session and its clock. It translates and never decides: what is said, when to
//! connect again and how to answer is the device's own business.

mod setup;
mod wireless;

pub use wireless::Equipment;

use crate::{
    fleet::{clock::Clock, health::Reporter},
    xmpp::{
        connect::Connector,
        session::{Session, SessionEvent},
    },
};
use setup::SetupTurn;
use std::{future::pending, pin::pin, sync::Arc};
use thingfleet_device::{
    definition::{ChannelId, Definition},
    device::Device,
    instance::Instance,
    io::{Input, Output, Session as SessionState},
    time::Instant,
    value::Value,
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::sleep_until,
};
use wireless::{Happened, Wireless};

/// What somebody outside does to a device. The channel is bounded; whoever sends waits while it is full.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Sets an actuator by hand at the device.
    Operate(ChannelId, Value),
    /// Replaces a reading until the behaviour moves it on.
    Inject(ChannelId, Value),
    /// Presses (`true`) or releases the button on the device; held for five seconds it resets the device.
    Button(bool),
    /// Says goodbye and leaves.
    Stop,
}

/// What a device has around it.
pub struct Surroundings {
    /// The way to its server.
    pub connector: Arc<Connector>,
    /// Its time.
    pub clock: Clock,
    /// The fleet's permits to create nodes.
    pub gate: Arc<Semaphore>,
    /// Radio, network and memory of one that is commissioned over Bluetooth.
    pub equipment: Option<Equipment>,
}

/// A switched-on device with everything around it.
pub struct Driver {
    device: Device<Arc<Definition>>,
    session: Session,
    clock: Clock,
    setup: SetupTurn,
    /// Only with a device that is commissioned over Bluetooth.
    wireless: Option<Box<Wireless>>,
    commands: mpsc::Receiver<Command>,
    reporter: Reporter,
}

impl Driver {
    /// Switches a device on. When all senders of `commands` are gone the device leaves.
    pub fn new(
        definition: Arc<Definition>,
        instance: Instance,
        surroundings: Surroundings,
        commands: mpsc::Receiver<Command>,
        reporter: Reporter,
    ) -> Self {
        let Surroundings { connector, clock, gate, equipment } = surroundings;
        Self {
            device: Device::new(definition, instance),
            session: Session::new(connector),
            clock,
            setup: SetupTurn::new(gate),
            wireless: equipment.map(|equipment| Box::new(Wireless::new(equipment))),
            commands,
            reporter,
        }
    }

    /// Runs the device until it has stopped and its stream is closed.
    pub async fn run(mut self) {
        let mut alarm = pin!(sleep_until(self.clock.real(Instant::START)));
        loop {
            let wake = self.drain();
            if *self.device.session() == SessionState::Stopped {
                self.session.closed().await;
                if let Some(wireless) = self.wireless {
                    wireless.closed().await;
                }
                return;
            }
            alarm.as_mut().reset(self.clock.real(wake));
            let input = tokio::select! {
                () = &mut alarm => Input::Timeout,
                event = self.session.next() => self.translate(event),
                command = self.commands.recv() => command.map_or(Input::Stop, Input::from),
                () = self.setup.granted() => Input::SetupGranted,
                happened = next_of(&mut self.wireless) => match happened {
                    Happened::Input(input) => input,
                    Happened::State(state) => {
                        self.reporter.bluetooth(self.clock.now(), state);
                        continue;
                    }
                },
            };
            self.device.handle_input(self.clock.now(), input);
        }
    }

    /// Carries out everything the device wants, and returns when it wants to be asked again.
    fn drain(&mut self) -> Instant {
        let now = self.clock.now();
        loop {
            match self.device.poll_output() {
                Output::OpenStream(account) => self.session.open(&account),
                Output::CloseStream => self.session.close(),
                Output::Send(stanza) => {
                    self.reporter.sent();
                    self.session.send(stanza);
                }
                Output::RequestSetup => self.setup.request(),
                Output::ReleaseSetup => self.setup.release(),
                output @ (Output::StartPeripheral
                | Output::StopPeripheral
                | Output::DisconnectClient
                | Output::GattAnswer(_)
                | Output::JoinNetwork(_)
                | Output::LeaveNetwork
                | Output::Store(_)
                | Output::Erase) => {
                    if let Some(wireless) = &mut self.wireless {
                        let device = &self.device;
                        wireless.carry_out(output, &device.instance().name, || device.peripheral());
                    }
                }
                Output::Led(colour) => self.reporter.led(now, colour),
                Output::Event(event) => self.reporter.event(now, event),
                Output::WaitUntil(moment) => return moment,
            }
        }
    }

    fn translate(&mut self, event: SessionEvent) -> Input {
        match event {
            SessionEvent::Up { jid, resumed } => Input::StreamUp { jid, resumed },
            SessionEvent::Down(failure) => Input::StreamDown(failure),
            SessionEvent::Stanza(stanza) => {
                self.reporter.received();
                Input::Stanza(stanza)
            }
        }
    }
}

async fn next_of(wireless: &mut Option<Box<Wireless>>) -> Happened {
    match wireless {
        Some(wireless) => wireless.next().await,
        None => pending().await,
    }
}

impl From<Command> for Input {
    fn from(command: Command) -> Self {
        match command {
            Command::Operate(channel, value) => Self::Operate(channel, value),
            Command::Inject(channel, value) => Self::Inject(channel, value),
            Command::Button(is_down) => Self::Button(is_down),
            Command::Stop => Self::Stop,
        }
    }
}
