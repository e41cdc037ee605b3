#!/usr/bin/env bash
# Runs the benchmarks; docs/PERFORMANCE.md says what their figures mean.
set -euo pipefail
cd "$(dirname "$0")/.."

# Commissioning is measured over the air of the tests, which is Python; it takes --json, --samples and --crowds.
commissioning() {
    cargo build --release --quiet --bin thingfleet
    THINGFLEET_BIN=${CARGO_TARGET_DIR:-target}/release/thingfleet .venv/bin/python bench/commissioning.py "$@"
}

# The same over bluetoothd, in the guest of `make test-ble`; it takes --samples.
bluez() {
    [ "${1:-}" = --samples ] && export THINGFLEET_SAMPLES=$2
    scripts/setup.sh test-ble
    THINGFLEET_PROFILE=release scripts/test-ble.sh -q bench.py
}

# The program itself is one of the engines, and stands beside the benchmark.
engines() {
    cargo build --release --quiet --bin thingfleet
}

bench() {
    cargo run --release --quiet --package thingfleet-bench -- "$@"
}

# A whole device as firmware, in an emulator; it takes --json.
firmware() {
    scripts/firmware.sh >&2
    cargo build --quiet --workspace --bin thingfleet-pack
    .venv/bin/python bench/firmware.py "$@"
}

# The dashboard is measured without a terminal; it takes --json.
dashboard() {
    cargo bench --quiet --package thingfleet-tui --bench frames -- "$@"
}

case " $* " in
*" --only bluez "*) bluez "${@:3}" ;;
*" --only firmware "*) firmware "${@:3}" ;;
*" --only dashboard "*) dashboard "${@:3}" ;;
*" --only commissioning "*) commissioning "${@:3}" ;;
*" --only engines "*) engines && bench "$@" ;;
*" --only "*) bench "$@" ;;
*" --json "*) engines && bench "$@" && commissioning --json && dashboard --json ;;
*) engines && bench "$@" && commissioning && dashboard && firmware && bluez ;;
esac
