//! `thingfleet load` as a process of its own, against a sink in this one: numbers that cannot lie.

mod honesty;
mod shards;
mod soak;
mod stage;
mod watched;
