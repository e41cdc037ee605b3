//! Prints that hour of every device of the catalogue in simulated time; `scripts/riscv-trace.sh` compares it with what an
//! image prints.

fn main() {
    let mut out = String::new();
    for entry in thingfleet_schema::catalogue::all() {
        thingfleet_bodies::simulated::write(&mut out, &entry.definition()).expect("a text takes everything");
    }
    print!("{out}");
}
