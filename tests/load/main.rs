//! `thingfleet load` as a process of its own, against a sink in this one and an ejabberd: numbers that cannot lie.

mod given;
mod honesty;
mod limits;
mod shards;
mod soak;
mod stage;
mod watched;
