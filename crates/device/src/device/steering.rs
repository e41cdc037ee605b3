//! Cut off and brought back from outside: what a device gives up when it goes offline, and where it goes on.

use super::Device;
use crate::{
    backoff::Backoff,
    definition::Definition,
    io::{Output, Session},
};
use core::ops::Deref;

impl<D: Deref<Target = Definition>> Device<D> {
    /// Leaves server, network and air, with a goodbye where there is somebody to take it.
    pub(super) fn go_offline(&mut self) {
        match self.session {
            Session::Offline | Session::Off | Session::Stopped => return,
            Session::Commissioning => {
                self.client_gone();
                self.outputs.push_back(Output::StopPeripheral);
            }
            Session::Joining => self.outputs.push_back(Output::LeaveNetwork),
            Session::Connecting
            | Session::SettingUp
            | Session::Online
            | Session::Waiting { .. }
            | Session::Failed(_) => {
                self.hang_up();
                if self.journey.is_some() {
                    self.outputs.push_back(Output::LeaveNetwork);
                }
            }
        }
        self.lose_network();
        self.enter(Session::Offline);
    }

    /// Goes on where it can: with its account, with its network, or waiting for a client.
    pub(super) fn go_online(&mut self) {
        match self.session {
            Session::Offline | Session::Failed(_) => {}
            Session::Commissioning
            | Session::Joining
            | Session::Connecting
            | Session::SettingUp
            | Session::Online
            | Session::Waiting { .. }
            | Session::Off
            | Session::Stopped => return,
        }
        self.backoff = Backoff::default();
        if self.journey.is_some() {
            self.return_to_network();
        } else {
            self.connect();
        }
    }
}
