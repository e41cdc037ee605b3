//! Faults that take power, link or radio from a device, and how it comes back.

use crate::{
    agent::Agent,
    backoff::Backoff,
    definition::Definition,
    device::{Device, Session},
    fault::{Kind, link::Cut},
    io::Output,
};
use core::{ops::Deref, time::Duration};

/// How soon a device comes back once the network does; a random part of it is taken off.
const BACK: Duration = Duration::from_secs(2);

impl<D: Deref<Target = Definition>> Device<D> {
    /// Is gone at once, and comes back after so long, or when the fault ends.
    pub(super) fn lose_power(&mut self, boots_in: Option<Duration>) {
        if self.session == Session::Stopped {
            return;
        }
        self.boot_at = boots_in.map(|span| self.now.plus(span));
        if self.session == Session::Off {
            return;
        }
        let was_advertising = self.session == Session::Commissioning;
        self.with_agent(Agent::stream_down);
        self.enter(Session::Off);
        self.tell_link();
        self.outputs.push_back(Output::CutStream(Cut::Silent));
        if was_advertising {
            self.outputs.push_back(Output::StopPeripheral);
        } else if self.journey.is_some() {
            self.outputs.push_back(Output::LeaveNetwork);
        }
        self.forget_in_ram();
    }

    /// What is not in its non-volatile memory is gone.
    fn forget_in_ram(&mut self) {
        self.reconnect_at = None;
        self.backoff = Backoff::default();
        self.faults.late.clear();
        self.unheard.clear();
        self.agent = Agent::new(&self.definition);
        self.unset_out();
    }

    /// Starts from scratch, once there is power again.
    pub(super) fn boot(&mut self) {
        if self.boot_at.take_if(|at| *at <= self.now).is_none() || self.session != Session::Off {
            return;
        }
        if self.faults.has(Kind::BrownOut) {
            return;
        }
        self.world = self.world.restarted(&self.definition, &self.instance, self.now);
        self.renew_readings(|_| true);
        self.tell_link();
        self.switch_on();
    }

    pub(super) fn cut(&mut self, how: Cut) {
        if matches!(self.session, Session::Connecting | Session::SettingUp | Session::Online) {
            self.outputs.push_back(Output::CutStream(how));
        }
    }

    pub(super) fn say_raw(&mut self, what: &'static str) {
        if self.has_stream() {
            self.outputs.push_back(Output::SendRaw(what));
        }
    }

    /// Tries again soon: what kept it away is over.
    pub(super) fn come_back(&mut self) {
        self.backoff = Backoff::default();
        if matches!(self.session, Session::Waiting { .. }) {
            self.reconnect_at = Some(self.now.plus(BACK.mul_f64(self.random.uniform())));
        }
    }

    pub(super) fn tell_link(&mut self) {
        if let Some(link) = self.faults.link(self.session == Session::Off) {
            self.outputs.push_back(Output::Impair(link));
        }
    }

    pub(super) fn show_peripheral_anew(&mut self) {
        if self.session == Session::Commissioning {
            self.outputs.extend([Output::StopPeripheral, Output::StartPeripheral]);
        }
    }
}
