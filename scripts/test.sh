#!/usr/bin/env bash
# Every test there is: Rust, the riscv32 trace in QEMU, and the journeys of an independent client on both servers.
# Prints the closing line of each runner again at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_PROGRESS_WHEN=never
log=$(mktemp)
closing=$(mktemp)
trap 'rm -f "$log" "$closing"' EXIT

# run NAME PATTERN COMMAND...: runs a command and keeps the last line that matches the pattern.
run() {
    local name=$1 pattern=$2
    shift 2
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$log"
    printf '%-10s %s\n' "$name" "$(grep -aE "$pattern" "$log" | tail -n 1)" >>"$closing"
}

# run_cargo_test NAME ARGUMENTS...: cargo test closes once for each crate, so the lines are added up.
run_cargo_test() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    cargo test --workspace "$@" 2>&1 | tee "$log"
    awk -v name="$name" '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
        END { printf "%-10s test result: %d passed; %d failed; %d ignored\n", name, passed, failed, ignored }' \
        "$log" >>"$closing"
}

if command -v cargo-nextest >/dev/null; then
    run rust 'Summary' cargo nextest run --workspace --no-fail-fast
    run_cargo_test examples --doc
else
    run_cargo_test rust
fi
run riscv32 '.' tests/riscv.sh
cargo build --quiet --bin thingfleet
run journeys '(passed|failed|error).* in [0-9]' .venv/bin/python -m pytest tests/journeys

printf '\n== closing lines\n'
cat "$closing"
printf 'test: all passed in %s s\n' "$SECONDS"
