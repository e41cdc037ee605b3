//! A fleet as a load for its server: phases, open-loop traffic, and numbers of what became of it.

pub mod recorder;
pub mod report;
