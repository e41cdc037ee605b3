//! The control interface of a fleet on a private Prosody, through its client and over bare HTTP.

mod devices;
mod doors;
mod faults;
mod feeds;
mod numbers;
mod stage;
mod steering;
