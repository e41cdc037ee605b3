#!/usr/bin/env bash
# Runs the benchmarks; docs/PERFORMANCE.md says what their figures mean.
set -euo pipefail
cd "$(dirname "$0")/.."

# Commissioning is measured over the air of the tests, which is Python; it takes --json and --samples.
commissioning() {
    cargo build --release --quiet --bin thingfleet
    THINGFLEET_BIN=${CARGO_TARGET_DIR:-target}/release/thingfleet .venv/bin/python bench/commissioning.py "$@"
}

# The dashboard is measured without a terminal; it takes --json.
dashboard() {
    cargo bench --quiet --package thingfleet-tui --bench frames -- "$@"
}

case " $* " in
*" --only dashboard "*) dashboard "${@:3}" ;;
*" --only commissioning "*) commissioning "${@:3}" ;;
*" --only "*) cargo run --release --quiet --package thingfleet-bench -- "$@" ;;
*" --json "*) cargo run --release --quiet --package thingfleet-bench -- "$@" && commissioning --json && dashboard --json ;;
*) cargo run --release --quiet --package thingfleet-bench -- "$@" && commissioning && dashboard ;;
esac
