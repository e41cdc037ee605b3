#!/usr/bin/env bash
# Draws every picture of the documentation, and the pages made with them, from what the program says.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --release --bin thingfleet
program=${CARGO_TARGET_DIR:-target}/release/thingfleet
python3 scripts/catalogue.py "$program"
python3 scripts/terminal.py "$program"
cargo run --quiet --package thingfleet-tui --example pictures -- docs/img/dashboard
# The test that compares docs/FAULTS.md with the catalogue of faults writes it, too.
THINGFLEET_WRITE_DOCS=1 cargo test --quiet -p thingfleet-schema --test docs -- the_guide_to_faults_has_every_kind
git status --short docs
