//! What a device that is commissioned over Bluetooth has besides its session: a radio, a network and a memory.
//!
//! The others have none of it, and pay nothing for it.

use crate::{
    ble::{Pool, Radio, RadioEvent, State, Wanted},
    memory::Memory,
    network::{Networks, Station},
};
use std::sync::Arc;
use thingfleet_device::{
    commissioning::{
        gatt::{Characteristic, Peripheral},
        qr::Address,
    },
    io::{Input, Output},
};

/// What such a device is given when it is switched on.
#[derive(Debug, Clone)]
pub struct Equipment {
    /// The adapters of its fleet.
    pub pool: Arc<Pool>,
    /// The networks it finds.
    pub networks: Networks,
    /// Its memory.
    pub memory: Memory,
    /// Its address on controllers that have none of their own.
    pub address: Address,
}

/// That equipment at work.
pub(super) struct Wireless {
    radio: Radio,
    station: Station,
    memory: Memory,
    address: Address,
}

/// Something of it has happened.
pub(super) enum Happened {
    /// For the device.
    Input(Input),
    /// For those who watch.
    State(State),
    /// For those who listen: a client read this.
    Read(Characteristic),
}

impl Wireless {
    pub(super) fn new(equipment: Equipment) -> Self {
        let Equipment { pool, networks, memory, address } = equipment;
        Self { radio: Radio::new(pool), station: Station::new(networks), memory, address }
    }

    /// Carries out what the device wants of it.
    pub(super) fn carry_out(
        &mut self,
        output: Output,
        device: &str,
        peripheral: impl FnOnce() -> Peripheral,
    ) {
        match output {
            Output::StartPeripheral => self.radio.start(Wanted {
                device: device.to_owned(),
                peripheral: peripheral(),
                address: self.address,
            }),
            Output::StopPeripheral => self.radio.stop(),
            Output::DisconnectClient => self.radio.disconnect_client(),
            Output::GattAnswer(answer) => self.radio.answer(answer),
            Output::JoinNetwork(network) => self.station.join(&network),
            Output::LeaveNetwork => self.station.leave(),
            Output::Store(stored) => self.memory.store(&stored),
            Output::Erase => self.memory.erase(),
            Output::OpenStream(_)
            | Output::CloseStream
            | Output::CutStream(_)
            | Output::SendRaw(_)
            | Output::Impair(_)
            | Output::Send(_)
            | Output::RequestSetup
            | Output::ReleaseSetup
            | Output::ServerTime(_)
            | Output::Led(_)
            | Output::Event(_)
            | Output::WaitUntil(_) => {}
        }
    }

    /// Waits for the next thing to happen. Cancel-safe.
    pub(super) async fn next(&mut self) -> Happened {
        tokio::select! {
            event = self.radio.next() => match event {
                RadioEvent::State(state) => {
                    if let State::Advertising { address, .. } = &state {
                        self.memory.seen(*address);
                    }
                    Happened::State(state)
                }
                RadioEvent::ClientConnected => Happened::Input(Input::ClientConnected),
                RadioEvent::ClientGone => Happened::Input(Input::ClientGone),
                RadioEvent::Read(characteristic) => Happened::Read(characteristic),
                RadioEvent::PairingFailed(why) => Happened::Input(Input::PairingFailed(why)),
                RadioEvent::Write(write, answer) => {
                    self.radio.owes(answer);
                    Happened::Input(Input::GattWrite(write))
                }
            },
            joined = self.station.joined() => Happened::Input(match joined {
                Ok(()) => Input::NetworkUp,
                Err(failure) => Input::NetworkDown(failure),
            }),
        }
    }

    /// Waits until it is off the air.
    pub(super) async fn closed(self) {
        self.radio.closed().await;
    }
}
