//! The device: everything one thing does, as one state machine.
//!
//! The contract: call [`Device::handle_input`] when something happens, then [`Device::poll_output`] until it answers
//! [`Output::WaitUntil`]; carry out each output as it comes. Come back when the next thing happens, or at that
//! moment with [`Input::Timeout`]. Time never runs backwards; a call with an earlier `now` is taken as the latest one.

use crate::{
    definition::{ChannelId, Definition},
    instance::Instance,
    io::{Input, Output, Session},
    time::Instant,
    value::Value,
};
use core::ops::Deref;

/// One device. `D` is however the body shares definitions: `Arc`, a plain reference, a box.
#[derive(Debug)]
pub struct Device<D> {
    definition: D,
    instance: Instance,
    session: Session,
}

impl<D: Deref<Target = Definition>> Device<D> {
    /// Switches a device on, at [`Instant::START`].
    pub fn new(definition: D, instance: Instance) -> Self {
        Self { definition, instance, session: Session::Connecting }
    }

    /// Takes what happened.
    pub fn handle_input(&mut self, _now: Instant, _input: Input) {}

    /// Gives the next thing to do.
    pub fn poll_output(&mut self, now: Instant) -> Output {
        Output::WaitUntil(now)
    }

    /// What it is.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Which one it is.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The present value of a channel.
    pub fn value(&self, channel: ChannelId) -> &Value {
        &self.definition.channel(channel).starts
    }

    /// The state of its session.
    pub fn session(&self) -> &Session {
        &self.session
    }
}
