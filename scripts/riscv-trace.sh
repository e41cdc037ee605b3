#!/bin/sh
# Proves that a device does the same on a microcontroller: builds for the instruction set of the ESP32-C3 (no atomics, no
# floating-point unit), runs the golden trace on QEMU and compares it with the file the native test holds; and lets the
# firmware's body live one hour of every device of the catalogue, which has to say what it says in simulated time.
set -eu
cd "$(dirname "$0")/.."
target=riscv32imc-unknown-none-elf
golden=crates/device/tests/golden/trace.csv
command -v qemu-system-riscv32 >/dev/null || {
    echo "qemu-system-riscv32 is missing: apt-get install qemu-system-misc" >&2
    exit 3
}
hour=$(mktemp)
trap 'rm -f "$hour"' EXIT
cargo build --quiet --workspace --example hour
"${CARGO_TARGET_DIR:-target}/debug/examples/hour" >"$hour"
environment=$(scripts/riscv-sysroot.sh)
eval "$environment"
build=${CARGO_TARGET_DIR:-$PWD/target}/riscv
export CARGO_TARGET_DIR="$build"

(cd firmware/virt && cargo build --quiet --locked --release --target "$target")
# Its timers are not the other images', so it is built by itself.
(cd firmware/virt && cargo build --quiet --locked --release --features bodies --bin bodies --target "$target")

# QEMU runs in its own time; the limit is there for an image that hangs.
run() {
    timeout 120 qemu-system-riscv32 -M virt -cpu rv32,a=off,f=off,d=off -m 16M -bios none -display none -monitor none \
        -serial stdio -kernel "$build/$target/release/$1" </dev/null
}

# same FILE EXPECTED: or the first lines that differ.
same() {
    cmp -s "$1" "$2" || {
        echo "$1 is not as $2; first:" >&2
        diff "$1" "$2" | head -n 4 >&2
        exit 1
    }
}

run trace >"$build/trace.csv"
same "$build/trace.csv" "$golden"
echo "riscv32 prints the golden trace: $(wc -l <"$golden") lines, $(sha1sum <"$golden" | cut -c1-40)"
run bodies >"$build/hour.txt"
same "$build/hour.txt" "$hour"
echo "the firmware's body says the same as in simulated time: $(grep -c '^# ' "$hour") devices, $(wc -l <"$hour") lines," \
    "$(sha1sum <"$hour" | cut -c1-40)"
