//! docs/DASHBOARD.md has every key, as the table of keys has it.

use std::{fmt::Write as _, fs, path::Path};
use thingfleet_tui::keys::{BINDINGS, Scope};

#[test]
fn the_guide_has_every_key() {
    let mut wanted = String::from("| where | keys | what they do |\n|---|---|---|\n");
    for scope in Scope::ALL {
        for binding in BINDINGS.iter().filter(|binding| binding.scope == scope) {
            let keys: Vec<_> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
            let slant = if binding.steers { "*" } else { "" };
            writeln!(wanted, "| {} | {slant}{}{slant} | {} |", scope.title(), keys.join(" "), binding.title)
                .unwrap();
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/DASHBOARD.md");
    let guide = fs::read_to_string(file).unwrap();
    assert!(guide.contains(&wanted), "docs/DASHBOARD.md should have this table:\n{wanted}");
}
