//! Why a request was not carried out, as a problem document (RFC 9457).

use crate::{command::Refusal, snapshot::Device};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was not carried out, and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What kind of problem: `urn:thingfleet:problem:unauthorized`.
    pub r#type: String,
    /// The same for people, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here.
    pub detail: String,
    /// What a person can do about it.
    pub next_step: String,
    /// The device's last state, where a condition did not come to hold in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Box<Device>>,
    /// The devices that did not do what they were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
