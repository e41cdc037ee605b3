#!/usr/bin/env bash
# Every test there is: Rust, the riscv32 trace and a whole device in QEMU, the editors' schema, the journeys of an
# independent client on both servers and over Bluetooth, the control interface against its own document, the dashboard in
# a terminal, every fault as clients see it, and a fleet of five hundred.
# Goes through all of them whatever fails, and prints the closing line of each runner again at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_PROGRESS_WHEN=never
logs=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT
failed=()

# run NAME COMMAND...: runs a command, keeps its output under that name and remembers whether it failed.
run() {
    local name=$1
    shift
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$logs/$name" || failed+=("$name")
}

# closing NAME PATTERN: the last line of that output that matches.
closing() {
    printf '%-9s %s\n' "$1" "$(grep -aE "$2" "$logs/$1" | tail -n 1)"
}

# cargo_closing NAME: `cargo test` closes once for each crate, so those lines are added up.
cargo_closing() {
    awk -v name="$1" '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
        END { printf "%-9s %d passed; %d failed; %d ignored\n", name, passed, failed, ignored }' "$logs/$1"
}

journeys() {
    .venv/bin/python -m pytest tests/journeys --server "$1"
}

if command -v cargo-nextest >/dev/null; then
    run rust cargo nextest run --workspace --no-fail-fast
    run examples cargo test --workspace --doc
else
    run rust cargo test --workspace --no-fail-fast
fi
run riscv32 scripts/riscv-trace.sh
run image scripts/firmware.sh
run firmware .venv/bin/python -m pytest -q tests/firmware

if cargo build --bin thingfleet && cargo build --package thingfleet-tui --example panic; then
    run schema .venv/bin/python -m pytest -q tests/schema
    # The journeys wait more than they compute, so both servers go at the same time.
    journeys ejabberd >"$logs/ejabberd" 2>&1 &
    ejabberd=$!
    run prosody journeys prosody
    wait $ejabberd || failed+=(ejabberd)
    printf '\n== ejabberd\n'
    cat "$logs/ejabberd"
    # They wait more than they compute: for devices that give up, and for controllers that do not answer.
    run bluetooth .venv/bin/python -m pytest -q -n 4 --dist worksteal tests/bluetooth
    run control .venv/bin/python -m pytest -q tests/control
    run dashboard .venv/bin/python -m pytest -q tests/dashboard
    run faults .venv/bin/python -m pytest -q -n 3 --dist worksteal tests/faults
    # Alone: five hundred devices beside them make storms of faults last longer than they may.
    run fleet .venv/bin/python -m pytest -q tests/fleet
else
    failed+=(journeys)
fi

printf '\n== closing lines\n'
if [ -e "$logs/examples" ]; then
    closing rust 'Summary'
    cargo_closing examples
else
    cargo_closing rust
fi
closing riscv32 .
for name in firmware schema prosody ejabberd bluetooth control dashboard faults fleet; do
    [ ! -e "$logs/$name" ] || closing $name '(passed|failed|error).* in [0-9]'
done
if [ ${#failed[@]} -gt 0 ]; then
    printf 'test: FAILED: %s (%s s)\n' "${failed[*]}" "$SECONDS"
    exit 1
fi
printf 'test: all passed in %s s\n' "$SECONDS"
