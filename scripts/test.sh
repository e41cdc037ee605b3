#!/usr/bin/env bash
# Every test there is: Rust, the riscv32 trace and a whole device in QEMU, the editors' schema, the journeys of an
# independent client on both servers and over Bluetooth, the control interface against its own document, the dashboard in
# a terminal, every fault as clients see it, and a fleet of five hundred.
# Goes through all of them whatever fails, and prints the closing line of each runner again at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TERM_PROGRESS_WHEN=never
riscv=
logs=$(mktemp -d)
trap '[ -z "$riscv" ] || kill -- -"$riscv" 2>/dev/null || true; kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT
failed=()
took=

# run NAME COMMAND...: runs a command, keeps its output under that name and remembers whether it failed.
run() {
    local name=$1 begun=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$logs/$name" || failed+=("$name")
    took+=" $name $((SECONDS - begun)) s,"
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

# reasons: one line for each test that failed, and why; what a machine keeps of a run is often its end only.
reasons() {
    grep -ahE '^(FAILED|ERROR) |^ +(FAIL|SIG[A-Z]+|TIMEOUT|LEAK-FAIL) \[|^test .* FAILED$|^error(\[E[0-9]+\])?: ' "$logs"/* |
        cut -c1-300 | sort -u | head -n 12 || true
}

# python_tests ARGUMENT...: pytest, so wide that its summary says why a test failed.
python_tests() {
    COLUMNS=300 .venv/bin/python -m pytest "$@"
}

journeys() {
    python_tests -q tests/journeys --server "$1"
}

# beside NAME COMMAND...: starts a command beside the next run, for what waits more than it computes; `joined` ends it.
beside() {
    local name=$1
    shift
    "$@" >"$logs/$name" 2>&1 &
    other=$!
}

# joined NAME: waits for what was started beside, and shows what it said.
joined() {
    wait "$other" || failed+=("$1")
    printf '\n== %s\n' "$1"
    cat "$logs/$1"
}

# The images for riscv32 while there is nothing else to do; nobody needs them before the end.
scripts/aside.sh scripts/firmware.sh >/dev/null 2>&1 &
riscv=$!

if command -v cargo-nextest >/dev/null; then
    run rust cargo nextest run --workspace --no-fail-fast --test-threads $((2 * $(nproc))) -E 'not test(/^soak::/)'
    run examples cargo test --workspace --doc
else
    run rust cargo test --workspace --no-fail-fast -- --skip soak::
fi
# Of the whole workspace, here and below: with the features that its tests have, so that nothing is built twice.
if cargo build --workspace --bin thingfleet --bin thingfleet-pack --example panic; then
    run schema python_tests -q tests/schema
    # Both servers at the same time.
    beside ejabberd journeys ejabberd
    run prosody journeys prosody
    joined ejabberd
    # They wait more than they compute: for devices that give up, and for controllers that do not answer.
    run bluetooth python_tests -q -n 4 --dist worksteal tests/bluetooth
    run control python_tests -q tests/control
    run dashboard python_tests -q tests/dashboard
    run faults python_tests -q -n 3 --dist worksteal tests/faults
    # Without the others: five hundred devices beside them make storms of faults last longer than they may.
    beside soak cargo test --quiet --workspace --test load -- soak::
    run fleet python_tests -q tests/fleet
    joined soak
else
    failed+=(journeys)
fi

# Whatever ended those images, here they are built or it is said why not.
wait "$riscv" || true
riscv=
run riscv32 scripts/riscv-trace.sh
run firmware python_tests -q tests/firmware

printf '\n== closing lines\n'
if [ -e "$logs/examples" ]; then
    closing rust 'Summary'
    cargo_closing examples
else
    cargo_closing rust
fi
[ ! -e "$logs/soak" ] || cargo_closing soak
closing riscv32 .
for name in firmware schema prosody ejabberd bluetooth control dashboard faults fleet; do
    [ ! -e "$logs/$name" ] || closing $name '(passed|failed|error).* in [0-9]'
done
printf 'with what was built for each:%s\n' "${took%,}"
if [ ${#failed[@]} -gt 0 ]; then
    reasons
    printf 'test: FAILED: %s (%s s)\n' "${failed[*]}" "$SECONDS"
    exit 1
fi
printf 'test: all passed in %s s\n' "$SECONDS"
