//! The `thingfleet` program.
fn main() {}
