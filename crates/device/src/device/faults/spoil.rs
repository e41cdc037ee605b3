//! What faults keep from a device, and what they make of what it says.

use crate::{
    agent::Agent,
    commissioning::gatt::{AttError, Write},
    definition::Definition,
    device::{Device, Session},
    fault::{Fault, Kind},
    faults::{Incoming, Lately, Parties},
    instance::Instance,
    io::{Input, Output},
};
use core::{mem::take, ops::Deref};

/// What a device that hangs is told at most. A radio waits for the answer to each write, so it is a client's coming and
/// going that counts.
const UNHEARD: usize = 256;

impl<D: Deref<Target = Definition>> Device<D> {
    pub(super) fn spoil(&mut self, input: Input) -> Option<Input> {
        if self.is_out() {
            return match input {
                Input::Stop | Input::Fault(..) | Input::ClearFault(_) | Input::Clock(_) | Input::Pace(_) => {
                    Some(input)
                }
                // A device that is out has no say in it; what it is told then is lost.
                Input::StreamDown(_) if self.session != Session::Off => Some(input),
                // But what it is told once and waits for, and what somebody waits for an answer to, it finds when it goes on.
                Input::SetupGranted
                | Input::NetworkUp
                | Input::NetworkDown(_)
                | Input::ClientConnected
                | Input::ClientGone
                | Input::PairingFailed(_)
                | Input::GattWrite(_)
                    if self.session != Session::Off && self.unheard.len() < UNHEARD =>
                {
                    self.unheard.push(input);
                    None
                }
                _ => None,
            };
        }
        match input {
            Input::Stanza(stanza) => {
                let parties = parties(&self.instance, &self.definition, &self.agent);
                match self.faults.spoil_incoming(self.now, stanza, &parties) {
                    Incoming::Take(stanza) => Some(Input::Stanza(stanza)),
                    Incoming::Drop => None,
                    Incoming::Answer(answer) => {
                        self.outputs.push_back(Output::Send(answer));
                        None
                    }
                }
            }
            Input::ClientConnected if self.faults.has(Kind::ConnectionRefused) => {
                self.outputs.push_back(Output::DisconnectClient);
                None
            }
            Input::GattWrite(write) => self.spoil_write(write),
            other => Some(other),
        }
    }

    fn spoil_write(&mut self, write: Write) -> Option<Input> {
        let at = |kind| self.faults.get(kind).filter(|fault| fault.at(write.characteristic));
        let is_dropped = at(Kind::DropsDuringWrite).is_some();
        let refused = at(Kind::AttError)
            .map(|fault| AttError::with_name(fault.text()).unwrap_or(AttError::WriteNotPermitted));
        let slow = at(Kind::SlowGatt).map(Fault::delay);
        if is_dropped {
            self.outputs.push_back(Output::DisconnectClient);
            self.outputs.push_back(Output::GattAnswer(Err(AttError::WriteNotPermitted)));
            return None;
        }
        if let Some(error) = refused {
            self.outputs.push_back(Output::GattAnswer(Err(error)));
            return None;
        }
        match slow {
            Some(delay) => {
                let late = Lately::Input(Input::GattWrite(write));
                match self.faults.late.hold(self.now.plus(delay), late) {
                    Some(Lately::Input(input)) => Some(input),
                    _ => None,
                }
            }
            None => Some(Input::GattWrite(write)),
        }
    }

    pub(super) fn spoil_outputs(&mut self) {
        let parties = parties(&self.instance, &self.definition, &self.agent);
        for output in take(&mut self.outputs) {
            match output {
                // What was held back once has its time behind it.
                Output::Send(_) if self.faults.has(Kind::Hang) => {}
                Output::Send(stanza) => {
                    let sent = self.faults.spoil_outgoing(self.now, stanza, &parties);
                    self.outputs.extend(sent.into_iter().map(Output::Send));
                }
                Output::StartPeripheral if self.faults.has(Kind::NotAdvertising) => {}
                Output::JoinNetwork(mut network) => {
                    if let Some(fault) = self.faults.get(Kind::WrongNetwork) {
                        network.ssid = fault.text().into();
                    }
                    self.outputs.push_back(Output::JoinNetwork(network));
                }
                Output::GattAnswer(answer) => {
                    self.writing = None;
                    self.outputs.push_back(Output::GattAnswer(answer));
                }
                other => self.outputs.push_back(other),
            }
        }
        self.outputs.extend(take(&mut self.on_time));
    }
}

fn parties<'a>(instance: &'a Instance, definition: &'a Definition, agent: &Agent) -> Parties<'a> {
    Parties {
        own: instance.account.as_ref().map(|account| &account.jid),
        hello: &definition.hello,
        is_mirroring: agent.is_mirroring(),
    }
}
