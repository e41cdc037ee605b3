#!/usr/bin/env bash
# Runs the benchmarks; docs/PERFORMANCE.md says what their figures mean.
set -euo pipefail
cd "$(dirname "$0")/.."

# Commissioning is measured over the air of the tests, which is Python; it takes --json, --samples and --crowds.
commissioning() {
    cargo build --release --quiet --bin thingfleet
    THINGFLEET_BIN=${CARGO_TARGET_DIR:-target}/release/thingfleet .venv/bin/python bench/commissioning.py "$@"
}

case " $* " in
*" --only commissioning "*) commissioning "${@:3}" ;;
*" --only "*) cargo run --release --quiet --package thingfleet-bench -- "$@" ;;
*" --json "*) cargo run --release --quiet --package thingfleet-bench -- "$@" && commissioning --json ;;
*) cargo run --release --quiet --package thingfleet-bench -- "$@" && commissioning ;;
esac
