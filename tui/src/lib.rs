//! The dashboard: a fleet in a terminal, seen and steered through its control interface.
//!
//! [`app`] is the state and the one function that changes it, [`view`] draws it, [`feed`] brings news and takes
//! requests, and [`terminal`] is the thin shell around them. [`keys`] is the one table of keys.

pub mod air;
pub mod app;
pub mod feed;
pub mod filter;
pub mod keys;
pub mod listing;
pub mod plan;
pub mod roster;
pub mod run;
pub mod terminal;
pub mod theme;
pub mod view;
pub mod words;
pub mod world;
pub mod xml;
