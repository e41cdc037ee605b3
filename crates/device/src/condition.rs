//! Conditions over channels: `temp >= 100 and not powerOn`.

use crate::definition::{ChannelId, Operand};
use alloc::{boxed::Box, string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// A condition over the channels of one definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// The channel is on, pressed, non-zero or non-empty.
    Is(ChannelId),
    /// The channel compares so with a number (or the index of an option) or another channel.
    Compare(ChannelId, Comparison, Operand),
    /// The text channel equals (true) or differs from (false) this text.
    TextIs(ChannelId, bool, String),
    /// The opposite.
    Not(Box<Condition>),
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
}

/// A comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}
