//! The one loop per device: drain what it wants, wait for the next thing to happen, feed that back.
//!
//! The driver owns the device, its session and its clock. It translates and never decides: what is said, when to
//! connect again and how to answer is the device's own business.

#[cfg(test)]
mod bodies;
mod request;
mod setup;
mod wireless;

pub use request::Command;
pub(crate) use request::{Look, Order, Request, Wanted, Watch};
pub use wireless::Equipment;

use crate::{
    ble,
    fleet::{clock::Clock, health::Reporter, tap::exchange},
    load::meters::Probe,
    xmpp::{
        connect::Connector,
        session::{Session, SessionEvent},
    },
};
use setup::SetupTurn;
use std::{future::pending, pin::pin, sync::Arc};
use thingfleet_control::traffic::Operation;
use thingfleet_device::{
    commissioning::gatt::{AttError, Characteristic, Write},
    definition::Definition,
    device::Device,
    instance::Instance,
    io::{Input, Output, Session as SessionState},
    time::Instant,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::yield_now,
    time::sleep_until,
};
use wireless::{Happened, Wireless};

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
    /// Where what it does is measured, if it is.
    pub(crate) probe: Option<Probe>,
}

/// A switched-on device with everything around it.
pub struct Driver {
    device: Device<Arc<Definition>>,
    session: Session,
    clock: Clock,
    setup: SetupTurn,
    /// Only with a device that is commissioned over Bluetooth.
    wireless: Option<Box<Wireless>>,
    /// Where its peripheral stands, while it has one.
    bluetooth: Option<ble::State>,
    /// The write that is being answered, while somebody listens.
    writing: Option<Write>,
    requests: mpsc::Receiver<Box<Request>>,
    /// Those who wait for a condition.
    watches: Vec<Watch>,
    reporter: Reporter,
    /// Only of a device that is measured.
    probe: Option<Box<Probe>>,
}

impl Driver {
    /// Switches a device on. When all senders of `requests` are gone the device leaves. It is boxed, so that the task it
    /// runs in is small and holds it once.
    pub(crate) fn new(
        definition: Arc<Definition>,
        instance: Instance,
        surroundings: Surroundings,
        requests: mpsc::Receiver<Box<Request>>,
        reporter: Reporter,
    ) -> Box<Self> {
        let Surroundings { connector, clock, gate, equipment, probe } = surroundings;
        Box::new(Self {
            device: Device::new(definition, instance),
            session: Session::new(connector),
            clock,
            setup: SetupTurn::new(gate),
            wireless: equipment.map(|equipment| Box::new(Wireless::new(equipment))),
            bluetooth: None,
            writing: None,
            requests,
            watches: Vec::new(),
            reporter,
            probe: probe.map(Box::new),
        })
    }

    /// Runs the device until it has stopped and its stream is closed.
    pub async fn run(mut self: Box<Self>) {
        let mut alarm = pin!(sleep_until(self.clock.real(Instant::START)));
        loop {
            let wake = self.drain();
            // Whoever is told must find everything else told that came before.
            self.tell_watches();
            if *self.device.session() == SessionState::Stopped {
                self.session.closed().await;
                if let Some(wireless) = self.wireless {
                    wireless.closed().await;
                }
                return;
            }
            if wake <= self.clock.now() {
                // Its world is behind, and would keep the thread for itself.
                yield_now().await;
            }
            alarm.as_mut().reset(self.clock.real(wake));
            let input = tokio::select! {
                () = &mut alarm => {
                    if let Some(probe) = &mut self.probe {
                        probe.woken(alarm.deadline());
                    }
                    self.device.handle_input(self.clock.now(), Input::Timeout);
                    continue;
                }
                event = self.session.next() => self.translate(event),
                request = self.requests.recv() => match self.requested(request) {
                    Some(input) => input,
                    None => continue,
                },
                () = self.setup.granted() => Input::SetupGranted,
                happened = next_of(&mut self.wireless) => match happened {
                    Happened::Input(input) => self.on_the_air(input),
                    Happened::State(state) => {
                        self.bluetooth = Some(state.clone());
                        self.reporter.bluetooth(self.clock.now(), state);
                        continue;
                    }
                    Happened::Read(characteristic) => {
                        self.read(characteristic);
                        continue;
                    }
                },
            };
            if let Some(probe) = &mut self.probe {
                probe.stirred();
            }
            self.device.handle_input(self.clock.now(), input);
        }
    }

    /// Gives what a request makes of the device, if it does.
    fn requested(&mut self, request: Option<Box<Request>>) -> Option<Input> {
        match request.map(|request| *request) {
            None => Some(Input::Stop),
            Some(Request::Do(command)) => Some(command.into()),
            Some(Request::Steer(order)) => {
                self.reporter.steered(self.clock.now(), order.command);
                for act in order.acts {
                    self.device.handle_input(self.clock.now(), act.into());
                }
                None
            }
            Some(Request::Look(reply)) => {
                self.device.handle_input(self.clock.now(), Input::Timeout);
                self.drain();
                // It fails only if nobody wants to know any more.
                _ = reply.send(self.look());
                None
            }
            Some(Request::Watch(watch)) => {
                self.watches.push(watch);
                Some(Input::Timeout)
            }
            Some(Request::Publish(channel, intended)) => {
                if let Some(probe) = &self.probe {
                    probe.asked(channel, intended);
                }
                Some(Input::Inject(channel, self.device.value(channel).clone()))
            }
        }
    }

    /// Tells those who wait for what is so now, and forgets those who wait no longer.
    fn tell_watches(&mut self) {
        if self.watches.is_empty() {
            return;
        }
        for watch in std::mem::take(&mut self.watches) {
            if watch.wanted.holds_for(&self.device) {
                // As above.
                _ = watch.reply.send(self.look());
            } else if !watch.reply.is_closed() {
                self.watches.push(watch);
            }
        }
    }

    fn look(&self) -> Look {
        Look::at(&self.device, self.clock.now(), self.bluetooth.clone())
    }

    /// Carries out everything the device wants, and returns when it wants to be asked again.
    fn drain(&mut self) -> Instant {
        let now = self.clock.now();
        loop {
            match self.device.poll_output() {
                Output::OpenStream(account) => {
                    if let Some(probe) = &self.probe {
                        probe.opening();
                    }
                    self.session.open(&account);
                }
                Output::CloseStream => self.session.close(),
                Output::CutStream(how) => self.session.cut(how),
                Output::SendRaw(text) => self.session.send_raw(text),
                Output::Impair(link) => self.session.impair(link),
                Output::Send(stanza) => {
                    self.reporter.sent(now, &stanza);
                    if let Some(probe) = &self.probe {
                        probe.sent(&stanza);
                    }
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
                    if let Output::GattAnswer(answer) = output {
                        self.written(now, answer);
                    }
                    if let Some(wireless) = &mut self.wireless {
                        let device = &self.device;
                        wireless.carry_out(output, &device.instance().name, || device.peripheral());
                    }
                }
                // This machine has a clock of its own, and nobody asks.
                Output::ServerTime(_) => {}
                Output::Led(colour) => self.reporter.led(now, colour),
                Output::Event(event) => {
                    if let Some(probe) = &self.probe {
                        probe.told(&event);
                    }
                    self.reporter.event(now, event);
                }
                Output::WaitUntil(moment) => {
                    if let Some(probe) = &self.probe {
                        probe.waiting(self.device.unsent());
                    }
                    return moment;
                }
            }
        }
    }

    fn translate(&mut self, event: SessionEvent) -> Input {
        if let Some(probe) = &self.probe {
            match &event {
                SessionEvent::Up { resumed, .. } => probe.signed_on(self.session.attempt(), *resumed),
                SessionEvent::Down(failure) => probe.down(failure.kind, self.session.attempt()),
                SessionEvent::Stanza(stanza) => probe.received(stanza),
            }
        }
        match event {
            SessionEvent::Up { jid, resumed } => Input::StreamUp { jid, resumed },
            SessionEvent::Down(failure) => Input::StreamDown(failure),
            SessionEvent::Stanza(stanza) => {
                self.reporter.received(self.clock.now(), &stanza);
                Input::Stanza(stanza)
            }
        }
    }

    /// Tells whoever listens what a client does.
    fn on_the_air(&mut self, input: Input) -> Input {
        let now = self.clock.now();
        if let Input::GattWrite(write) = &input {
            self.writing = self.reporter.is_heard().then(|| write.clone());
        } else if input == Input::ClientConnected {
            self.reporter.exchanged(now, || exchange::operation(Operation::Connect));
        } else if input == Input::ClientGone {
            self.reporter.exchanged(now, || exchange::operation(Operation::Disconnect));
        }
        input
    }

    fn read(&self, characteristic: Characteristic) {
        self.reporter.exchanged(self.clock.now(), || {
            let peripheral = self.device.peripheral();
            exchange::read(characteristic, peripheral.value(characteristic).unwrap_or_default())
        });
    }

    fn written(&mut self, now: Instant, answer: Result<(), AttError>) {
        if let Some(write) = self.writing.take() {
            let security = self.device.definition().bluetooth.security;
            self.reporter.exchanged(now, || exchange::write(&write, security, answer));
        }
    }
}

async fn next_of(wireless: &mut Option<Box<Wireless>>) -> Happened {
    match wireless {
        Some(wireless) => wireless.next().await,
        None => pending().await,
    }
}
