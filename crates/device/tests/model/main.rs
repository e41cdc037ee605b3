//! Facts about the model: behaviours, rules, buttons and publishing, on examples and over generated definitions.

mod anything;
mod behaviour;
mod bench;
mod publish;
mod rules;
